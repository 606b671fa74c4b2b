/**
 * The fold "events → RunView": what a panel shows, from the log alone.
 *
 * The twin of kgnb/protocol/view.py; the golden files under tests/wire hold both to
 * the same answers. Lists that a long run would grow without end keep their newest
 * entries and count what they dropped.
 *
 * @import * as wire from "./wire.d.ts"
 */

import { decider, showDecision, showQuestion, showVotes } from "./reduce-approvals.js";
import {
  NODE_ENDED,
  itemsDone,
  markVisit,
  retireStreams,
  tellVisit,
  visitOf,
} from "./reduce-visits.js";
import { added, dropInner, own, put, showMessage, showProgress, showToken } from "./reduce-live.js";

const MAX_LOGS = 1000;
const MAX_TIMELINE = 1000;
const MAX_CUSTOM = 200;
const MAX_INTERRUPTIONS = 100;

/** Statuses after which a run does nothing more. */
export const ENDED = new Set(["completed", "failed", "cancelled", "lost"]);

/** @param {{status: string, resumable?: boolean}} view @returns {boolean} it has ended, and will not go on */
export function isOver({ status, resumable }) {
  return ENDED.has(status) && !resumable;
}

/**
 * A view of a run of which nothing is known yet.
 * @returns {wire.RunView}
 */
export function emptyView() {
  return {
    run_id: "",
    workflow: "",
    status: "running",
    seq: 0,
    started_at: null,
    ended_at: null,
    params: {},
    session_id: null,
    message: null,
    graph: { name: "", start: null, nodes: [], edges: [], svg: null },
    nodes: {},
    edges: [],
    active_edge: null,
    streams: [],
    approvals: [],
    messages: [],
    results: {},
    logs: [],
    logs_dropped: 0,
    timeline: [],
    timeline_dropped: 0,
    custom: [],
    custom_dropped: 0,
    usage: null,
    paused: null,
    durable: false,
    resumable: false,
    interruptions: [],
    forked_from: null,
    result: null,
    error: null,
  };
}

/**
 * Bring `view` up to date with `event`, which must be the next one, and return it.
 *
 * The view is changed in place: a token frame must not cost a copy of the run. An
 * event whose seq the view already has is passed over, so a reader may replay with
 * overlap.
 *
 * @param {wire.RunView} view
 * @param {wire.AnyEvent} event
 * @returns {wire.RunView}
 */
export function reduce(view, event) {
  const seq = event.seq ?? 0;
  if (seq && seq <= view.seq) return view;
  if (seq) view.seq = seq;
  if (view.status === "stalled") view.status = view.paused ? "paused" : "running";
  (FOLD.get(event.type) ?? custom)(view, /** @type {any} */ (event));
  if (view.status === "running" || view.status === "waiting") {
    const isWaiting = view.approvals.some((approval) => approval.state === "open");
    view.status = isWaiting ? "waiting" : "running";
  }
  return view;
}

/**
 * @template T
 * @param {T[]} entries
 * @param {T} entry
 * @param {number} limit
 * @returns {number} how many old entries made room
 */
function bounded(entries, entry, limit) {
  entries.push(entry);
  return entries.splice(0, Math.max(0, entries.length - limit)).length;
}

/**
 * @param {wire.Problem | null | undefined} error
 * @returns {wire.Problem | null}
 */
function problem(error) {
  if (!error) return null;
  const { code, message, node_id } = error;
  return node_id == null ? { code, message } : { code, message, node_id };
}

/** @param {wire.RunView} view @param {wire.AnyEvent} event */
function custom(view, event) {
  const entry = {
    type: event.type,
    node_id: event.node_id ?? "",
    data: event.data ?? null,
  };
  view.custom_dropped += bounded(view.custom, entry, MAX_CUSTOM);
}

/** @param {wire.RunView} view @param {wire.WorkflowStarted} event */
function started(view, event) {
  if (event.resumed_from && ENDED.has(view.status)) interrupted(view, event.timestamp ?? "");
  view.run_id = event.run_id;
  view.workflow = event.workflow ?? "";
  view.status = "running";
  view.started_at = view.started_at || (event.timestamp ?? "");
  view.ended_at = null;
  view.paused = null;
  view.params = event.params ?? {};
  view.session_id = event.session_id ?? null;
  view.message = event.message ?? null;
  view.error = null;
  view.durable = event.durable ?? false;
  view.resumable = false;
  view.forked_from = event.forked_from ?? view.forked_from;
  draw(view, event);
}

/** @param {wire.RunView} view @param {string} resumed_at */
function interrupted(view, resumed_at) {
  const entry = {
    status: /** @type {wire.InterruptionView["status"]} */ (view.status),
    at: view.ended_at || resumed_at,
    reason: view.error?.message ?? null,
    resumed_at,
  };
  bounded(view.interruptions, entry, MAX_INTERRUPTIONS);
}

/** @param {wire.RunView} view @param {wire.WorkflowStarted | wire.GraphChanged} event */
function draw(view, event) {
  view.graph = graphSpec(event.graph ?? {});
  for (const node of view.graph.nodes) nodeOf(view, node.id);
}

/**
 * A graph with every field in its place, from what came over the wire.
 * @param {Partial<wire.GraphSpec>} graph
 * @returns {wire.GraphSpec}
 */
export function graphSpec(graph) {
  return {
    name: graph.name ?? "",
    start: graph.start ?? null,
    nodes: (graph.nodes ?? []).map((node) => ({
      id: node.id,
      label: node.label,
      kind: node.kind ?? "node",
      path: node.path ?? [],
    })),
    edges: (graph.edges ?? []).map((edge) => ({
      source: edge.source,
      target: edge.target,
      action: edge.action ?? "default",
    })),
    svg: graph.svg ?? null,
  };
}

/**
 * @param {wire.RunView} view
 * @param {string} id
 * @returns {wire.NodeView}
 */
function nodeOf(view, id) {
  return own(view.nodes, id) ?? put(view.nodes, id, emptyNode());
}

/** @returns {wire.NodeView} */
export function emptyNode() {
  return {
    status: "idle",
    visits: 0,
    active: 0,
    task_id: null,
    attempt: 0,
    progress: null,
    items: {},
    tracks: {},
    usage: null,
    message: null,
    duration: null,
    action: null,
    error: null,
  };
}

/** @param {wire.RunView} view @param {wire.NodeUpdate} event */
function nodeUpdate(view, event) {
  const node = nodeOf(view, event.node_id);
  if (event.progress != null) {
    node.message = event.message ?? null;
    return;
  }
  const task = event.task_id ?? null;
  const hasEnded = NODE_ENDED.has(event.status);
  let visit = lastVisit(view, task);
  if (visit?.ended_at && !hasEnded && view.interruptions.length) {
    visit = visitAgain(view, node, event);
  }
  if (task !== node.task_id && !visit) {
    if (hasEnded && view.timeline_dropped) {
      node.active = Math.max(0, node.active - 1); // it began too long ago
      return;
    }
    visit = visitBegan(view, node, event);
  }
  if (visit) tellVisit(visit, event);
  if (hasEnded) node.active = Math.max(0, node.active - 1);
  if (task !== node.task_id) {
    // Beside the visit that is shown. It is shown in its turn if that one is over.
    if (node.status === "failed" || !NODE_ENDED.has(node.status)) return;
    node.task_id = task;
    node.attempt = 0;
  }
  showVisit(node, event);
  if (hasEnded && node.active && event.status !== "failed") {
    showAnother(view, node, event.node_id);
  }
}

/** @param {wire.RunView} view @param {string | null} task */
function lastVisit(view, task) {
  return view.timeline.findLast((entry) => entry.task_id === task);
}

/** @param {wire.NodeView} node @param {wire.NodeUpdate} event */
function showVisit(node, event) {
  node.status = event.status;
  // The end of a visit names its first attempt; how far it came is not unsaid.
  node.attempt = Math.max(node.attempt, event.attempt ?? 0);
  node.message = event.message ?? null;
  node.error = problem(event.error);
  if (NODE_ENDED.has(event.status)) {
    dropInner(node.tracks);
    node.duration = event.duration ?? null;
    node.action = event.action ?? null;
  }
}

/**
 * The shown visit is over, but another of the node is under way.
 *
 * @param {wire.RunView} view
 * @param {wire.NodeView} node
 * @param {string} id
 */
function showAnother(view, node, id) {
  const visit = view.timeline.findLast(
    (entry) => entry.node_id === id && entry.ended_at === null,
  );
  if (!visit) return;
  node.task_id = visit.task_id;
  node.status = visit.status;
  node.attempt = visit.attempts;
  node.message = null;
  node.error = null;
  node.duration = null;
  node.action = null;
}

/** @param {wire.RunView} view @param {wire.NodeView} node @param {wire.NodeUpdate} event */
function visitBegan(view, node, event) {
  node.visits += 1;
  node.items = {};
  if (event.via) {
    traverse(view, event.via.node_id, event.via.action ?? "default", event.node_id);
  }
  return newVisit(view, node, event);
}

/**
 * One that was cut off begins again, under the number that it had.
 *
 * @param {wire.RunView} view
 * @param {wire.NodeView} node
 * @param {wire.NodeUpdate} event
 */
function visitAgain(view, node, event) {
  const task = event.task_id ?? null;
  node.items = node.task_id === task ? itemsDone(node.items) : {};
  retireStreams(view.streams, task, node.items, view.interruptions.length);
  return newVisit(view, node, { ...event, via: null });
}

/** @param {wire.RunView} view @param {wire.NodeView} node @param {wire.NodeUpdate} event */
function newVisit(view, node, event) {
  const visit = visitOf(event);
  node.task_id = visit.task_id;
  node.active += 1;
  node.attempt = event.attempt || 1;
  node.progress = null;
  node.tracks = {};
  node.duration = null;
  node.action = null;
  view.timeline_dropped += bounded(view.timeline, visit, MAX_TIMELINE);
  return visit;
}

/**
 * @param {wire.RunView} view
 * @param {string} source
 * @param {string} action
 * @param {string} target
 */
function traverse(view, source, action, target) {
  view.active_edge = { source, action, target };
  const known = view.edges.find(
    (edge) => edge.source === source && edge.action === action && edge.target === target,
  );
  if (known) known.count += 1;
  else view.edges.push({ source, action, target, count: 1 });
}

/** @param {wire.RunView} view @param {wire.Progress} event */
function progress(view, event) {
  const node = nodeOf(view, event.node_id);
  const shown = showProgress(node, event);
  if (!shown) return;
  node.progress = shown;
  markVisit(lastVisit(view, event.task_id ?? null), shown.percent, event.timestamp);
}

/** @param {wire.RunView} view @param {wire.Token} event */
function token(view, event) {
  const usage = showToken(view.streams, event);
  if (!usage) return;
  const node = nodeOf(view, event.node_id);
  node.usage = added(node.usage, usage);
  view.usage = added(view.usage, usage);
}

/** @param {wire.RunView} view @param {wire.Message} event */
function message(view, event) {
  showMessage(view.streams, view.messages, event);
}

/** @param {wire.RunView} view @param {wire.ApprovalRequest} event */
function asked(view, event) {
  showQuestion(view.approvals, event);
}

/** @param {wire.RunView} view @param {wire.ApprovalVote} event */
function voted(view, event) {
  showVotes(view.approvals, event);
}

/** @param {wire.RunView} view @param {wire.ApprovalResolved} event */
function resolved(view, event) {
  showDecision(view.approvals, event);
}

/** @param {wire.RunView} view @param {wire.ResultEvent} event */
function result(view, event) {
  put(view.results, event.node_id, event.data ?? null);
}

/** @param {wire.RunView} view @param {wire.Log} event */
function log(view, event) {
  const entry = {
    node_id: event.node_id,
    task_id: event.task_id ?? null,
    stream: event.data.stream,
    level: event.data.level ?? null,
    text: event.data.text,
  };
  view.logs_dropped += bounded(view.logs, entry, MAX_LOGS);
}

/**
 * The run is over: nothing in it may look alive any more. In one that can be resumed
 * what was under way is not given up, and what was asked may be answered.
 * @param {wire.RunView} view
 * @param {wire.RunStatus} status
 * @param {string | undefined} at
 */
function ended(view, status, at) {
  const over = view.resumable ? "interrupted" : "cancelled";
  view.status = status;
  view.ended_at = at ?? "";
  view.paused = null;
  view.active_edge = null;
  for (const node of Object.values(view.nodes)) {
    node.active = 0;
    if (["running", "waiting", "retrying"].includes(node.status)) {
      node.status = over;
    }
  }
  for (const visit of view.timeline) {
    if (visit.ended_at !== null) continue;
    visit.ended_at = at ?? "";
    visit.status = over;
  }
  for (const approval of view.approvals) {
    if (approval.state === "open" && !view.resumable) approval.state = "cancelled";
  }
}

/** @param {wire.RunView} view @param {wire.WorkflowCompleted} event */
function completed(view, event) {
  view.result = event.data ?? null;
  ended(view, "completed", event.timestamp);
}

/** @param {wire.RunView} view @param {wire.WorkflowFailed} event */
function failed(view, event) {
  view.error = problem(event.error);
  ended(view, "failed", event.timestamp);
}

/** @param {wire.RunView} view @param {wire.WorkflowCancelled} event */
function cancelled(view, event) {
  if (event.reason) view.error = { code: "conflict", message: event.reason };
  view.resumable = false; // where a lost run is given up
  ended(view, "cancelled", event.timestamp);
}

/** @param {wire.RunView} view @param {wire.WorkflowLost} event */
function lost(view, event) {
  view.error = { code: "unavailable", message: event.reason ?? "" };
  view.resumable = event.resumable ?? false;
  ended(view, "lost", event.timestamp);
}

/** @param {wire.RunView} view @param {wire.WorkflowPaused} event */
function paused(view, event) {
  view.status = "paused";
  // Said again when a silent link is back, without what only the kernel knows.
  view.paused ??= { before: event.before ?? null, by: decider(event.by) };
}

/** @param {wire.RunView} view */
function resumed(view) {
  view.status = "running";
  view.paused = null;
}

/** @param {wire.RunView} view */
function stalled(view) {
  if (!ENDED.has(view.status)) view.status = "stalled";
}

/** @type {Map<string, (view: wire.RunView, event: any) => void>} */
const FOLD = new Map(
  Object.entries({
    workflow_started: started,
    graph_changed: draw,
    node_update: nodeUpdate,
    step: () => {}, // repeats what other events said
    progress,
    token,
    message,
    approval_request: asked,
    approval_vote: voted,
    approval_resolved: resolved,
    result,
    log,
    workflow_completed: completed,
    workflow_failed: failed,
    workflow_cancelled: cancelled,
    workflow_paused: paused,
    workflow_resumed: resumed,
    workflow_stalled: stalled,
    workflow_lost: lost,
  }),
);
