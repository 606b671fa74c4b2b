/**
 * Looking back at a run: the moments at which something in its picture changed, and the
 * picture as it was then. Pure functions of a view; nothing is fetched for it.
 *
 * `moments` is the twin of kgnb/protocol/moments.py, which tells what a moment holds.
 *
 * @import * as wire from "./wire.d.ts"
 */

import { IDLE_BAR } from "./record.js";
import { emptyNode } from "./reduce.js";
import { own, put } from "./reduce-live.js";

/**
 * @typedef {object} Moment
 * @property {number} at seconds since the run began
 * @property {"begin" | "mark" | "ask" | "answer" | "end" | "break" | "resume"} kind
 * @property {string} [node_id]
 * @property {string | null} [task_id]
 * @property {wire.Via | null} [via]
 * @property {boolean} [again]
 * @property {number} [percent]
 * @property {string} [status]
 * @property {string} [action]
 * @property {number} [duration]
 */

const MAX_MOMENTS = 1000;

/** @param {string | null | undefined} stamp @returns {number} 0 for what is no time */
const time = (stamp) => Date.parse(stamp ?? "") / 1000 || 0;

/** @param {Moment} one @param {Moment} other */
const earlier = (one, other) => one.at - other.at;

/**
 * All of them in order, of more than a thousand the latest.
 * @param {wire.RunView} view
 * @returns {Moment[]}
 */
export function moments(view) {
  const { timeline } = view;
  const origin = time(view.started_at) || time(timeline[0]?.started_at);
  /** @type {Map<string | null, wire.ApprovalView[]>} */
  const asked = new Map();
  for (const approval of view.approvals) {
    asked.set(approval.task_id, [...(asked.get(approval.task_id) ?? []), approval]);
  }
  const last = new Map(timeline.map((visit) => [visit.task_id, visit]));
  const seen = new Set();
  /** @type {Moment[]} */
  const found = [];
  for (const visit of timeline) {
    const { task_id: task } = visit;
    const mine = last.get(task) === visit ? (asked.get(task) ?? []) : [];
    found.push(...ofVisit(visit, mine, seen.has(task)));
    seen.add(task);
  }
  if (!found.length) return [];
  for (const { at, status, resumed_at } of view.interruptions) {
    found.push({ at: time(at), kind: "break", status }, { at: time(resumed_at), kind: "resume" });
  }
  if (view.status === "lost") {
    found.push({ at: time(view.ended_at), kind: "break", status: "lost" });
  }
  for (const moment of found) {
    moment.at = Math.max(0, Math.round((moment.at - origin) * 1000) / 1000);
  }
  return found.sort(earlier).slice(-MAX_MOMENTS);
}

/**
 * A visit's own, in an order that no other clock can upset.
 * @param {wire.VisitView} visit
 * @param {wire.ApprovalView[]} asked
 * @param {boolean} again
 * @returns {Moment[]}
 */
function ofVisit({ node_id, task_id, via, ...visit }, asked, again) {
  const of = { node_id, task_id };
  /** @type {Moment[]} */
  const inner = visit.marks.map(({ at, percent }) => ({ at: time(at), kind: "mark", ...of, percent }));
  for (const { opened_at, state, by } of asked) {
    const opened = time(opened_at);
    inner.push({ at: opened, kind: "ask", ...of });
    if (state === "open" || !by?.at) continue;
    inner.push({ at: Math.max(opened, time(by.at)), kind: "answer", ...of });
  }
  /** @type {Moment} */
  const begin = { at: time(visit.started_at), kind: "begin", ...of };
  if (via) begin.via = via;
  if (again) begin.again = true;
  const found = [begin, ...inner.sort(earlier)];
  const until = visit.ended_at === null ? Infinity : Math.max(begin.at, time(visit.ended_at));
  if (visit.ended_at !== null) {
    const { status, action, duration } = visit;
    /** @type {Moment} */
    const end = { at: until, kind: "end", ...of, status };
    if (action !== null) end.action = action;
    if (duration !== null) end.duration = duration;
    found.push(end);
  }
  let latest = 0;
  for (const moment of found) latest = moment.at = Math.min(Math.max(latest, moment.at), until);
  return found;
}

/**
 * The view with its graph, nodes, edges and progress as they were; texts, questions and
 * the rest are those of now.
 * @param {wire.RunView} view
 * @param {Moment[]} all its moments
 * @param {number} count how many of them had been
 * @returns {wire.RunView}
 */
export function viewAt(view, all, count) {
  /** @type {wire.RunView} */
  const past = { ...view, nodes: {}, active_edge: null, paused: null, ended_at: null };
  const begun = all.filter(({ kind, again }) => kind === "begin" && !again);
  // What came before the first moment that is kept: all of it was over.
  past.edges = view.edges.map((edge) => ({
    ...edge,
    count: edge.count - begun.filter((moment) => isAlong(edge, moment)).length,
  }));
  for (const [id, node] of Object.entries(view.nodes)) {
    const visits = node.visits - begun.filter(({ node_id }) => node_id === id).length;
    const status = visits > 0 ? "completed" : "idle";
    put(past.nodes, id, { ...emptyNode(), status, visits });
  }
  for (const moment of all.slice(0, count)) turn(past, view, moment);
  return past;
}

/** @param {wire.EdgeView} edge @param {Moment} moment */
function isAlong({ source, action, target }, { via, node_id }) {
  return via?.node_id === source && via.action === action && node_id === target;
}

/** @param {wire.RunView} past is changed @param {wire.RunView} now @param {Moment} moment */
function turn(past, now, moment) {
  const id = moment.node_id ?? "";
  const node = own(past.nodes, id);
  const task = moment.task_id ?? null;
  if (!node) {
    past.active_edge = null; // a break between processes: all that ran has ended with it
    return;
  }
  if (moment.kind === "begin") {
    const { visits, active } = node;
    Object.assign(node, emptyNode(), {
      status: "running",
      visits: visits + (moment.again ? 0 : 1),
      active: active + 1,
      task_id: task,
    });
    const edge = past.edges.find((known) => isAlong(known, moment));
    if (edge) past.active_edge = edge;
    if (edge) edge.count += 1;
  }
  if (moment.kind === "end") {
    node.active = Math.max(0, node.active - 1);
    const isFailed = node.status === "failed" && task !== node.task_id; // it stays
    if (node.active && moment.status !== "failed") node.status = "running";
    else if (!isFailed) showEnd(node, own(now.nodes, id), moment);
  }
  if (task !== node.task_id) return;
  if (moment.kind === "ask") node.status = "waiting";
  if (moment.kind === "answer") node.status = "running";
  if (moment.kind === "mark") node.progress = { ...IDLE_BAR, percent: moment.percent ?? 0 };
}

/** @param {wire.NodeView} node @param {wire.NodeView | undefined} now @param {Moment} moment */
function showEnd(node, now, { status, action, duration }) {
  node.status = /** @type {wire.NodeStatus} */ (status);
  node.action = action ?? null;
  node.duration = duration ?? null;
  // Of the latest visit all is known.
  if (!now || now.visits !== node.visits || now.status !== status) return;
  const { progress, items, tracks, usage, message, error } = now;
  Object.assign(node, { progress, items, tracks, usage, message, error });
}
