/**
 * What is left of a run when all that chance decided is taken out; the twin of
 * kgnb/protocol/record.py. And the way back: a record as a view, for drawing.
 *
 * @import * as wire from "./wire.d.ts"
 */

import { moments } from "./moments.js";
import { emptyNode, emptyView, graphSpec } from "./reduce.js";
import { approvalView } from "./reduce-approvals.js";
import { newStream, put } from "./reduce-live.js";

/**
 * @typedef {object} RecordNode
 * @property {wire.NodeStatus} status
 * @property {number} visits
 * @property {string} [action]
 * @property {Pick<wire.ProgressView, "percent" | "current" | "total" | "message">
 *   & {label?: string | null}} [progress]
 * @property {wire.Problem | null} [error]
 * @property {wire.Usage} [usage]
 */

/**
 * One text; what it leaves out says nothing.
 * @typedef {object} RecordStream
 * @property {string} node_id
 * @property {number} visit
 * @property {string} [stream] which of its visit, item and attempt
 * @property {wire.TokenKind} kind
 * @property {string} text
 * @property {string} [name]
 * @property {string} [item]
 * @property {number} [call]
 * @property {string} [tool]
 * @property {wire.OutcomeView} [outcome]
 * @property {number} [missing]
 * @property {boolean} [superseded]
 * @property {wire.Usage} [usage]
 * @property {number} [attempt]
 */

/**
 * @typedef {object} RunRecord
 * @property {string} workflow
 * @property {wire.RunStatus} status
 * @property {wire.GraphSpec} graph
 * @property {Record<string, RecordNode>} nodes
 * @property {wire.EdgeView[]} edges
 * @property {RecordStream[]} streams
 * @property {(Pick<wire.ApprovalView, "node_id" | "message" | "options" | "payload"
 *   | "kind" | "state" | "value" | "reason">
 *   & Partial<Pick<wire.ApprovalView, "edited_payload" | "need" | "approvers" | "veto">>)[]} approvals
 * @property {Record<string, wire.Json>} results
 * @property {(Pick<wire.MessageView, "node_id" | "role" | "content">
 *   & {name?: string})[]} messages
 * @property {wire.CustomView[]} [custom]
 * @property {Omit<wire.LogView, "task_id">[]} logs
 * @property {wire.Json} result
 * @property {wire.Problem | null} error
 * @property {wire.Usage} [usage]
 */

/**
 * What a record leaves out and the output's metadata may hold.
 * @typedef {object} RunMetadata
 * @property {string | null} [run_id]
 * @property {string | null} [kernel_id]
 * @property {string | null} [base_url]
 * @property {"server" | "kernel"} [log]
 * @property {string[]} [transports]
 * @property {boolean} [replay] whether it is a recorded run, shown again
 * @property {string | null} [started_at]
 * @property {string | null} [ended_at]
 * @property {Record<string, number>} [durations]
 * @property {Record<string, wire.By>} [answered_by]
 * @property {Record<string, Omit<wire.CastVote, "voter">[]>} [votes]
 * @property {import("./moments.js").Moment[]} [moments] for looking back
 */

/**
 * The reproducible part of a run; the view is only read, but its values are shared.
 * @param {wire.RunView} view
 * @returns {RunRecord}
 */
export function staticRecord(view) {
  const order = new Order(view);
  return {
    workflow: view.workflow,
    status: view.status,
    graph: view.graph,
    nodes: Object.fromEntries(
      order
        .sorted(Object.entries(view.nodes), ([id]) => order.ofNode(id))
        .map(([id, node]) => [id, recordNode(view, node)]),
    ),
    edges: order
      .sorted(view.edges, (edge) => order.ofEdge(edge))
      .map(({ source, action, target, count }) => ({ source, action, target, count })),
    streams: order
      .sorted(view.streams, (stream) => order.ofStream(stream))
      .map(recordStream),
    approvals: orderedApprovals(view, order).map(recordApproval),
    results: Object.fromEntries(
      order.sorted(Object.entries(view.results), ([id]) => order.ofNode(id)),
    ),
    messages: order
      .sorted(loneMessages(view), (message) => order.ofNode(message.node_id))
      .map((message) => {
        const { node_id, role, content } = message;
        return { node_id, role, content, ...told(message, "name") };
      }),
    ...(view.custom.length ? { custom: recordCustom(view, order) } : {}),
    logs: recordLogs(view, order),
    result: view.result,
    error: recordProblem(view, view.error),
    ...told(view, "usage"),
  };
}

/** @param {wire.RunView} view @param {Order} order @returns {wire.CustomView[]} */
function recordCustom(view, order) {
  return order
    .sorted(view.custom, (event) => order.ofNode(event.node_id))
    .map(({ node_id, type, data }) => ({ node_id, type, data }));
}

/** @param {wire.ApprovalView} approval @returns {RunRecord["approvals"][number]} */
function recordApproval(approval) {
  const { node_id, message, options, payload, kind, state, value, reason } = approval;
  const { edited_payload, need, approvers, veto } = approval;
  return {
    node_id,
    message,
    options,
    payload,
    kind,
    state,
    value,
    reason,
    ...(need === 1 ? {} : { need }),
    ...(approvers == null ? {} : { approvers }),
    ...(veto == null ? {} : { veto }),
    ...(edited_payload == null ? {} : { edited_payload }),
  };
}

/**
 * What goes into the output's metadata beside the record.
 * @param {wire.RunView} view
 * @returns {RunMetadata}
 */
export function recordMetadata(view) {
  /** @type {Record<string, number>} */
  const durations = {};
  for (const [id, node] of Object.entries(view.nodes)) {
    if (node.duration !== null) durations[id] = node.duration;
  }
  /** @type {Record<string, wire.By>} */
  const answeredBy = {};
  /** @type {NonNullable<RunMetadata["votes"]>} */
  const votesBy = {};
  orderedApprovals(view, new Order(view)).forEach(({ by, votes }, index) => {
    if (by && Object.keys(by).length) answeredBy[String(index)] = by;
    // A voter's mark is for telling votes apart while they are cast.
    const cast = votes.map(({ voter, ...vote }) => vote);
    if (cast.length) votesBy[String(index)] = cast;
  });
  const told = moments(view).slice(-MAX_MOMENTS);
  return {
    started_at: view.started_at,
    ended_at: view.ended_at,
    durations,
    answered_by: answeredBy,
    ...(Object.keys(votesBy).length ? { votes: votesBy } : {}),
    ...(told.length ? { moments: told } : {}),
  };
}

/**
 * A record as a view, so that one panel draws both. Ids are made up; nothing of it
 * may be sent anywhere.
 * @param {RunRecord} record
 * @param {RunMetadata} [metadata]
 * @returns {wire.RunView}
 */
export function recordView(record, metadata = {}) {
  const view = emptyView();
  view.run_id = metadata.run_id ?? "";
  view.workflow = record.workflow;
  view.status = record.status;
  view.started_at = metadata.started_at ?? null;
  view.ended_at = metadata.ended_at ?? null;
  view.graph = graphSpec(record.graph);
  for (const [id, node] of Object.entries(record.nodes)) {
    const duration = metadata.durations?.[id] ?? null;
    const progress = node.progress ? { ...IDLE_BAR, ...node.progress } : null;
    put(view.nodes, id, { ...emptyNode(), error: null, ...node, progress, duration });
  }
  view.edges = record.edges;
  view.streams = record.streams.map(streamView);
  view.usage = record.usage ?? null;
  view.approvals = record.approvals.map((approval, index) => ({
    ...BLANK,
    ...approval,
    approval_id: `recorded-${index}`,
    args_hash: "",
    votes: (metadata.votes?.[String(index)] ?? []).map((vote) => ({ ...vote, voter: "" })),
    by: metadata.answered_by?.[String(index)] ?? null,
  }));
  view.results = record.results;
  view.messages = record.messages.map((message) => ({ name: null, tool_call_id: null, ...message }));
  view.custom = record.custom ?? [];
  view.logs = record.logs.map((log) => ({ ...log, task_id: null }));
  view.result = record.result;
  view.error = record.error;
  return view;
}

/** @type {wire.ProgressView} */
export const IDLE_BAR = {
  percent: 0,
  current: null,
  total: null,
  message: null,
  label: null,
  rate: null,
  remaining: null,
  elapsed: null,
  closed: true,
  failed: false,
  attempt: null,
};

/** A question of which nothing is known. */
const BLANK = approvalView(/** @type {any} */ ({ data: {} }));

/** @param {RecordStream} recorded @param {number} index @returns {wire.StreamView} */
function streamView(recorded, index) {
  const { node_id, visit, stream = String(index), text, ...more } = recorded;
  const { item = null, attempt = 1 } = more;
  const task_id = `${node_id}:${visit}`;
  const of = { node_id, task_id, item, attempt };
  return {
    ...newStream(/** @type {any} */ (of), more.kind, null),
    ...more,
    ...of,
    stream: `${task_id}.${attempt}/${item === null ? "" : `${item}.`}${stream}`,
    text,
    length: text.length,
    final: true,
  };
}

/**
 * @param {string | null} taskId
 * @returns {number} the visit, from 1, that an id such as "Draft:2" names; else 0
 */
export function visitOf(taskId) {
  const visit = (taskId ?? "").split(":").at(-1) ?? "";
  return /^[0-9]+$/.test(visit) ? Number(visit) : 0;
}

/** Of those that a notebook keeps; each is some 100 bytes. */
const MAX_MOMENTS = 300;

/** @typedef {(string | number)[]} Key */

const LOG_RANK = new Map([
  ["stdout", 0],
  ["stderr", 1],
  ["logging", 2],
]);

/** Sort keys; a node that the graph does not list comes after, by its id. */
class Order {
  #place;
  #batches;

  /** @param {wire.RunView} view */
  constructor(view) {
    const { nodes } = view.graph;
    this.#place = new Map(nodes.map((node, place) => [node.id, place]));
    this.#batches = new Set(
      nodes.filter((node) => node.kind === "batch").map((node) => node.id),
    );
  }

  /**
   * @template T
   * @param {T[]} entries
   * @param {(entry: T) => Key} keyOf
   * @returns {T[]}
   */
  sorted(entries, keyOf) {
    return entries
      .map((entry) => ({ entry, key: keyOf(entry) }))
      .sort((one, other) => compareKeys(one.key, other.key))
      .map(({ entry }) => entry);
  }

  /** @param {string} id @returns {Key} */
  ofNode(id) {
    return [this.#place.get(id) ?? this.#place.size, id];
  }

  /** @param {{node_id: string, task_id: string | null}} entry @returns {Key} */
  ofVisit(entry) {
    return [...this.ofNode(entry.node_id), visitOf(entry.task_id)];
  }

  /** @param {wire.StreamView} stream @returns {Key} */
  ofStream(stream) {
    return [
      ...this.ofVisit(stream),
      ...(stream.item === null ? [-1, 0, ""] : natural(stream.item)),
      stream.attempt ?? 0,
      ...natural(localId(stream)),
      stream.kind,
      stream.call ?? 0,
    ];
  }

  /** @param {wire.ApprovalView} approval @returns {Key} */
  ofApproval(approval) {
    const isBatch = this.#batches.has(approval.node_id);
    return [...this.ofVisit(approval), isBatch ? approval.message : ""];
  }

  /** @param {wire.EdgeView} edge @returns {Key} */
  ofEdge(edge) {
    return [...this.ofNode(edge.source), ...this.ofNode(edge.target), edge.action];
  }

  /** @param {wire.LogView} log @returns {Key} */
  ofLog(log) {
    return [...this.ofVisit(log), LOG_RANK.get(log.stream) ?? 3];
  }
}

/** @param {Key} one @param {Key} other @returns {number} as Python compares tuples */
function compareKeys(one, other) {
  for (let index = 0; index < one.length; index++) {
    const a = one[index] ?? "";
    const b = other[index] ?? "";
    if (a === b) continue;
    if (typeof a === "string" && typeof b === "string") return compareTexts(a, b);
    return Number(a) - Number(b);
  }
  return 0;
}

/** @param {string} one @param {string} other @returns {number} by code point */
function compareTexts(one, other) {
  const a = Array.from(one);
  const b = Array.from(other);
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const x = a[index]?.codePointAt(0) ?? 0;
    const y = b[index]?.codePointAt(0) ?? 0;
    if (x !== y) return x - y;
  }
  return a.length - b.length;
}

/** @param {string} name @returns {Key} numbers by size, and before all other names */
function natural(name) {
  return /^[0-9]+$/.test(name) ? [0, Number(name), ""] : [1, 0, name];
}

/**
 * @param {wire.StreamView} stream
 * @returns {string} what tells it from the others of its visit, item and attempt
 */
function localId({ stream, task_id, attempt, item }) {
  const name = withoutPrefix(stream, `${task_id}.${attempt}/`);
  return item === null ? name : withoutPrefix(name, `${item}.`);
}

/** @param {string} text @param {string} prefix */
function withoutPrefix(text, prefix) {
  return text.startsWith(prefix) ? text.slice(prefix.length) : text;
}

/**
 * @template {object} T
 * @template {keyof T} K
 * @param {T} entry
 * @param {...K} names
 * @returns {{[name in K]?: NonNullable<T[name]>}} the fields that say something
 */
function told(entry, ...names) {
  /** @type {{[name in K]?: NonNullable<T[name]>}} */
  const kept = {};
  for (const name of names) {
    const value = entry[name];
    if (value) kept[name] = value;
  }
  return kept;
}

/** @param {wire.StreamView} stream @returns {RecordStream} */
function recordStream(stream) {
  const { node_id, task_id, kind, text, attempt } = stream;
  /** @type {RecordStream} */
  const kept = {
    node_id,
    visit: visitOf(task_id),
    stream: localId(stream),
    kind,
    text,
    ...told(stream, "name", "item", "call", "tool", "outcome", "missing", "superseded", "usage"),
  };
  if ((attempt ?? 1) > 1) kept.attempt = attempt ?? 1;
  return kept;
}

/** @param {wire.RunView} view those that do not stand with the tool call that they answer */
export function loneMessages({ messages, streams }) {
  const calls = new Set(streams.map(({ call_id }) => call_id));
  return messages.filter(({ tool_call_id }) => tool_call_id == null || !calls.has(tool_call_id));
}

/** @param {wire.RunView} view @param {wire.NodeView} node @returns {RecordNode} */
function recordNode(view, node) {
  /** @type {RecordNode} */
  const kept = { status: node.status, visits: node.visits };
  if (node.action !== null) kept.action = node.action;
  if (node.progress !== null) {
    const { percent, current, total, message } = node.progress;
    // How fast it went is chance.
    kept.progress = { percent, current, total, message, ...told(node.progress, "label") };
  }
  Object.assign(kept, told(node, "usage"));
  if (node.error !== null) kept.error = recordProblem(view, node.error);
  return kept;
}

/**
 * An error without the run's id, which its sentence may name.
 * @param {wire.RunView} view
 * @param {wire.Problem | null} problem
 */
function recordProblem(view, problem) {
  if (!problem || !view.run_id) return problem;
  return { ...problem, message: problem.message.replaceAll(view.run_id, "…") };
}

/** @param {wire.RunView} view @param {Order} order */
function orderedApprovals(view, order) {
  return order.sorted(view.approvals, (approval) => order.ofApproval(approval));
}

/**
 * Output per node, visit and stream; how it was cut into pieces is chance.
 * @param {wire.RunView} view
 * @param {Order} order
 */
function recordLogs(view, order) {
  /** @type {RunRecord["logs"]} */
  const merged = [];
  let openKey = "";
  for (const log of order.sorted(view.logs, (entry) => order.ofLog(entry))) {
    const { node_id, stream, level, text } = log;
    const key = JSON.stringify(order.ofLog(log));
    const last = merged.at(-1);
    if (last && key === openKey && stream !== "logging") last.text += text;
    else merged.push({ node_id, stream, level, text });
    openKey = key;
  }
  return merged;
}
