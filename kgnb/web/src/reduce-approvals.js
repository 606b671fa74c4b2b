/**
 * Questions to people: open, voted on, decided. A part of the fold in reduce.js; the
 * twin of kgnb/protocol/approval_view.py.
 *
 * @import * as wire from "./wire.d.ts"
 */

/**
 * @param {wire.By | null | undefined} by
 * @returns {wire.By | null} without the fields that say nothing, as the wire leaves them out
 */
export function decider(by) {
  if (!by) return null;
  /** @type {wire.By} */
  const shown = {};
  if (by.user != null) shown.user = by.user;
  if (by.via) shown.via = by.via;
  if (by.at) shown.at = by.at;
  if (by.kind && by.kind !== "human") shown.kind = by.kind;
  return shown;
}

/**
 * @param {wire.CastVote} vote
 * @returns {wire.CastVote} likewise
 */
function castVote({ voter, user, value, at, reason, approver }) {
  /** @type {wire.CastVote} */
  const shown = { voter, user };
  if (value != null) shown.value = value;
  if (at) shown.at = at;
  if (reason != null) shown.reason = reason;
  if (approver != null) shown.approver = approver;
  return shown;
}

/**
 * A question as a view holds it, before anybody has answered.
 * @param {wire.ApprovalRequest} event
 * @returns {wire.ApprovalView}
 */
export function approvalView(event) {
  const { data } = event;
  return {
    approval_id: data.approval_id,
    node_id: event.node_id,
    task_id: event.task_id ?? null,
    args_hash: data.args_hash,
    message: data.message,
    options: data.options ?? null,
    payload: data.payload ?? null,
    schema: data.schema ?? null,
    kind: data.kind ?? "choice",
    name: data.name ?? null,
    expires_at: data.expires_at ?? null,
    on_timeout: data.on_timeout ?? null,
    need: data.need ?? 1,
    approvers: data.approvers ?? null,
    veto: data.veto ?? null,
    opened_at: event.timestamp ?? "",
    correction: data.correction ?? null,
    votes: [],
    state: "open",
    value: null,
    edited_payload: null,
    by: null,
    reason: null,
  };
}

/**
 * Open a question, in the place that it had if it was asked before.
 * @param {wire.ApprovalView[]} approvals
 * @param {wire.ApprovalRequest} event
 */
export function showQuestion(approvals, event) {
  const entry = approvalView(event);
  const index = approvals.findIndex((known) => known.approval_id === entry.approval_id);
  const known = approvals[index];
  if (!known) return void approvals.push(entry);
  // Asked again alike while it is open, it keeps the votes it has.
  if (known.state === "open" && known.args_hash === entry.args_hash) entry.votes = known.votes;
  approvals[index] = entry;
}

/**
 * Show who has voted for what.
 * @param {wire.ApprovalView[]} approvals
 * @param {wire.ApprovalVote} event
 */
export function showVotes(approvals, { data }) {
  for (const approval of approvals) {
    if (approval.approval_id !== data.approval_id) continue;
    if (approval.args_hash === data.args_hash) approval.votes = data.votes.map(castVote);
  }
}

/**
 * Close a question.
 * @param {wire.ApprovalView[]} approvals
 * @param {wire.ApprovalResolved} event
 */
export function showDecision(approvals, { data }) {
  for (const approval of approvals) {
    if (approval.approval_id !== data.approval_id) continue;
    approval.state = data.outcome;
    approval.value = shown(approval.kind, data.value ?? null);
    approval.edited_payload = data.edited_payload ?? null;
    approval.by = decider(data.by);
    approval.reason = data.reason ?? null;
    if (data.votes != null) approval.votes = data.votes.map(castVote);
  }
}

/**
 * Of a file, what it is without its content: a view is sent whole.
 * @param {string} kind
 * @param {wire.Json} value
 * @returns {wire.Json}
 */
function shown(kind, value) {
  if (kind !== "file" || !value || typeof value !== "object" || Array.isArray(value)) return value;
  const { content, ...rest } = value;
  return rest;
}
