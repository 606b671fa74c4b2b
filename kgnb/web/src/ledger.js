/**
 * What is known of runs and questions over all kernels.
 *
 * @import * as wire from "./wire.d.ts"
 */

import { isOver } from "./reduce.js";
import { approvalView, showVotes } from "./reduce-approvals.js";

/**
 * @typedef {object} RunRow
 * @property {string} run_id
 * @property {string} workflow
 * @property {wire.RunStatus} status
 * @property {string | null} started_at
 * @property {string | null} kernel_id
 * @property {boolean} [resumable] lost, and able to go on: its questions stay open
 */

/** @type {Record<string, wire.RunStatus>} */
const STATUS_OF = {
  workflow_started: "running",
  workflow_resumed: "running",
  workflow_paused: "paused",
  workflow_stalled: "stalled",
  workflow_completed: "completed",
  workflow_failed: "failed",
  workflow_cancelled: "cancelled",
  workflow_lost: "lost",
};

/**
 * What is known of runs and questions; folded by ids, so that events may come twice
 * and in any order.
 */
export class Ledger {
  /** @type {Map<string, RunRow>} */
  runs = new Map();
  /** @type {Map<string, {run_id: string, request: wire.ApprovalRequest, seq: number}>} */
  open = new Map();
  /** @type {Map<string, number>} by run, the seq of what its status was last told by */
  #heard = new Map();
  /** @type {Map<string, number>} by question, the seq at which it was decided last */
  #resolved = new Map();
  /** @type {Map<string, wire.ApprovalVote>} by question; votes are only ever added */
  #votes = new Map();

  /** @param {RunRow[]} rows */
  list(rows) {
    for (const row of rows) {
      const known = this.runs.get(row.run_id);
      if (known && isOver(known)) {
        known.kernel_id ??= row.kernel_id;
        continue;
      }
      this.runs.set(row.run_id, row);
      if (isOver(row)) this.#close(row.run_id);
    }
  }

  /** @param {wire.AnyEvent} event */
  take(event) {
    const { run_id } = event;
    const status = STATUS_OF[event.type];
    if (status) this.#note(event, status);
    const run = this.runs.get(run_id);
    if (status && run && isOver(run)) this.#close(run_id);
    const { seq = 0 } = event;
    if (event.type === "approval_request") {
      const request = /** @type {wire.ApprovalRequest} */ (/** @type {unknown} */ (event));
      const key = keyOf(request.data);
      if (this.#isSince(key, seq) && !(run && isOver(run))) this.open.set(key, { run_id, request, seq });
    } else if (event.type === "approval_vote") {
      const vote = /** @type {wire.ApprovalVote} */ (/** @type {unknown} */ (event));
      const key = keyOf(vote.data);
      const known = this.#votes.get(key)?.data.votes.length ?? 0;
      if (vote.data.votes.length > known && this.#isSince(key, seq)) this.#votes.set(key, vote);
    } else if (event.type === "approval_resolved") {
      this.#decide(event.data, seq);
    }
  }

  /**
   * Whether a question was not decided after that: a later attempt may ask it alike.
   * @param {string} key
   * @param {number} seq
   */
  #isSince(key, seq) {
    return seq > (this.#resolved.get(key) ?? -1);
  }

  /** @param {{approval_id: string, args_hash: string}} decided @param {number} seq */
  #decide(decided, seq) {
    const asked = [...this.open].filter(([, { request, seq: at }]) => {
      return request.data.approval_id === decided.approval_id && at <= seq;
    });
    for (const key of [keyOf(decided), ...asked.map(([key]) => key)]) {
      if (!this.#isSince(key, seq)) continue; // told again
      this.#resolved.set(key, seq);
    }
    for (const [key] of asked) {
      this.open.delete(key);
      this.#votes.delete(key);
    }
  }

  /** @param {string} key @returns {wire.ApprovalView | null} an open question, as it stands */
  approval(key) {
    const entry = this.open.get(key);
    if (!entry) return null;
    const approvals = [approvalView(entry.request)];
    const votes = this.#votes.get(key);
    if (votes) showVotes(approvals, votes);
    return approvals[0] ?? null;
  }

  /** @param {wire.AnyEvent} event @param {wire.RunStatus} status */
  #note(event, status) {
    const known = this.runs.get(event.run_id);
    const { seq = 0 } = event;
    if (known && isOver(known) && !("resumed_from" in event)) return;
    if (seq < (this.#heard.get(event.run_id) ?? 0)) return; // told again, and gone on since
    this.#heard.set(event.run_id, seq);
    this.runs.set(event.run_id, {
      run_id: event.run_id,
      workflow: event.workflow || known?.workflow || "run",
      started_at: known?.started_at ?? event.timestamp ?? null,
      kernel_id: known?.kernel_id ?? null,
      status,
      resumable: "resumable" in event && event.resumable === true,
    });
  }

  /** @param {string} runId */
  #close(runId) {
    for (const [key, entry] of this.open) {
      if (entry.run_id !== runId) continue;
      this.open.delete(key);
      this.#votes.delete(key);
    }
  }
}

/** @param {{approval_id: string, args_hash: string}} question @returns {string} another text is another one */
function keyOf({ approval_id, args_hash }) {
  return `${approval_id} ${args_hash}`;
}

/**
 * A question that a view knows, as the events that asked and closed it.
 * @param {wire.RunView} view
 * @param {wire.ApprovalView} approval
 * @returns {wire.AnyEvent[]}
 */
export function asEvents({ run_id, workflow, seq }, approval) {
  const { state, node_id, opened_at, ...data } = approval;
  const types = state === "open" ? ["approval_request", "approval_vote"] : ["approval_resolved"];
  return types.map((type) => ({
    type,
    run_id,
    workflow,
    seq,
    node_id,
    data,
    timestamp: opened_at,
  }));
}
