/**
 * Nodes' visits, and the breaks between processes. A part of the fold in reduce.js; the
 * twin of kgnb/protocol/visit_view.py.
 *
 * @import * as wire from "./wire.d.ts"
 */

export const NODE_ENDED = new Set(["completed", "failed", "skipped", "cancelled"]);

/** Per cent from one mark of a visit to the next: there are few, however long it is. */
const MARK_EVERY = 10;

/**
 * A visit that begins with `event`.
 * @param {wire.NodeUpdate} event
 * @returns {wire.VisitView}
 */
export function visitOf({ node_id, task_id, status, timestamp, via }) {
  return {
    node_id,
    task_id: task_id ?? null,
    status,
    started_at: timestamp ?? "",
    ended_at: null,
    attempts: 1,
    duration: null,
    action: null,
    via: via ? { node_id: via.node_id, action: via.action ?? "default" } : null,
    marks: [],
  };
}

/** @param {wire.VisitView} visit @param {wire.NodeUpdate} event */
export function tellVisit(visit, event) {
  visit.attempts = Math.max(visit.attempts, event.attempt || 1);
  visit.status = event.status;
  if (!NODE_ENDED.has(event.status)) return;
  visit.ended_at = event.timestamp ?? "";
  visit.duration = event.duration ?? null;
  visit.action = event.action ?? null;
}

/**
 * Remember when a visit had come how far.
 * @param {wire.VisitView | undefined} visit
 * @param {number} percent
 * @param {string | undefined} at
 */
export function markVisit(visit, percent, at) {
  if (!visit || percent - (visit.marks.at(-1)?.percent ?? 0) < MARK_EVERY) return;
  visit.marks.push({ at: at ?? "", percent });
}

/**
 * Those that a visit which begins again does not repeat.
 * @param {Record<string, wire.ProgressView>} items
 */
export function itemsDone(items) {
  const done = Object.entries(items).filter(([, bar]) => bar.percent >= 100 && !bar.failed);
  return Object.fromEntries(done);
}

/**
 * A visit begins again: what it said is no more, but for the items that are done.
 * @param {wire.StreamView[]} streams
 * @param {string | null} task
 * @param {object} kept the items done
 * @param {number} nth the interruption, from 1: the visit speaks anew under the same ids,
 *   so that the old texts get others
 */
export function retireStreams(streams, task, kept, nth) {
  for (const known of streams) {
    if (known.task_id !== task || Object.hasOwn(kept, known.item ?? "")) continue;
    if (!(known.superseded && known.stream.startsWith("~"))) {
      known.stream = `~${nth}~${known.stream}`;
    }
    known.superseded = true;
  }
}
