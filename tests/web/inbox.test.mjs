import assert from "node:assert/strict";
import test from "node:test";

import { Ledger } from "../../kgnb/web/src/ledger.js";

const ask = (id, run = "r1", hash = "h") => ({
  type: "approval_request",
  run_id: run,
  node_id: "Review",
  data: { approval_id: id, args_hash: hash, message: "?" },
});
const resolve = (id, run = "r1") => ({
  type: "approval_resolved",
  run_id: run,
  node_id: "Review",
  data: { approval_id: id, outcome: "answered" },
});
const open = (ledger) => [...ledger.open.values()].map(({ request }) => request.data.approval_id);

function ledgerOf(...events) {
  const ledger = new Ledger();
  for (const event of events) ledger.take(event);
  return ledger;
}

test("a question is open until it is resolved", () => {
  assert.deepEqual(open(ledgerOf(ask("a"), ask("b"), resolve("a"))), ["b"]);
});

test("a question that comes twice is one, and once resolved stays so", () => {
  assert.deepEqual(open(ledgerOf(ask("a"), ask("a"))), ["a"]);
  assert.deepEqual(open(ledgerOf(ask("a"), resolve("a"), ask("a"))), []);
});

test("a question asked anew with other words is open again", () => {
  const ledger = ledgerOf(ask("a"), resolve("a"), ask("a", "r1", "other"));
  assert.deepEqual(open(ledger), ["a"]);
});

test("a question that a later attempt asks alike is open again", () => {
  const asked = { ...ask("a"), seq: 5 };
  const cancelled = { ...resolve("a"), seq: 9 };
  const again = { ...ask("a"), seq: 12 };
  assert.deepEqual(open(ledgerOf(asked, cancelled, again)), ["a"]);
  assert.deepEqual(open(ledgerOf(asked, cancelled, again, asked, cancelled)), ["a"], "told again");
  assert.deepEqual(open(ledgerOf(asked, cancelled, again, { ...cancelled, seq: 14 })), []);
});

test("a question that is told after its decision stays closed", () => {
  const decided = { ...resolve("a"), seq: 9 };
  decided.data = { ...decided.data, args_hash: "h" };
  assert.deepEqual(open(ledgerOf(decided, { ...ask("a"), seq: 5 })), []);
  assert.deepEqual(open(ledgerOf(decided, { ...ask("a"), seq: 12 })), ["a"]);
});

test("the end of a run closes its questions and no other's", () => {
  const ledger = ledgerOf(ask("a"), ask("b", "r2"), {
    type: "workflow_lost",
    run_id: "r1",
    workflow: "w",
  });
  assert.deepEqual(open(ledger), ["b"]);
  assert.equal(ledger.runs.get("r1").status, "lost");
});

const lost = { type: "workflow_lost", run_id: "r1", workflow: "w", seq: 5, resumable: true };
const resumed = { type: "workflow_started", run_id: "r1", workflow: "w", seq: 6, resumed_from: "r1" };

test("a lost run that can go on keeps its questions", () => {
  const ledger = ledgerOf(ask("a"), lost, ask("b"));
  assert.deepEqual(open(ledger), ["a", "b"]);
  assert.equal(ledger.runs.get("r1").resumable, true);
});

test("a listed run that can go on keeps its questions", () => {
  const ledger = ledgerOf(ask("a"));
  ledger.list([{ run_id: "r1", workflow: "w", status: "lost", started_at: null, resumable: true }]);
  assert.deepEqual(open(ledger), ["a"]);
});

test("a run that goes on is not lost again by what was told before", () => {
  const ledger = ledgerOf(lost, resumed, lost);
  assert.equal(ledger.runs.get("r1").status, "running");
});

test("a run that had failed goes on too", () => {
  const ledger = ledgerOf({ type: "workflow_failed", run_id: "r1", workflow: "w", seq: 5 }, resumed);
  assert.equal(ledger.runs.get("r1").status, "running");
});

test("a list of runs does not bring an ended one back to life", () => {
  const ledger = ledgerOf({ type: "workflow_completed", run_id: "r1", workflow: "w" });
  ledger.list([{ run_id: "r1", workflow: "w", status: "running", started_at: null }]);
  assert.equal(ledger.runs.get("r1").status, "completed");
});

test("a listed run that has ended closes its questions", () => {
  const ledger = ledgerOf(ask("a"));
  ledger.list([{ run_id: "r1", workflow: "w", status: "cancelled", started_at: null }]);
  assert.deepEqual(open(ledger), []);
});

test("a list tells an ended run's kernel, which no event tells", () => {
  const ended = { type: "workflow_completed", run_id: "r1", workflow: "w" };
  const ledger = ledgerOf(ended);
  ledger.list([{ run_id: "r1", workflow: "w", status: "running", kernel_id: "k" }]);
  assert.equal(ledger.runs.get("r1").kernel_id, "k");
  assert.equal(ledger.runs.get("r1").status, "completed");
});

const vote = (id, ...users) => ({
  type: "approval_vote",
  run_id: "r1",
  node_id: "Review",
  data: {
    approval_id: id,
    args_hash: "h",
    votes: users.map((user) => ({ voter: user, user, value: "yes" })),
  },
});
const voters = (ledger) => ledger.approval("a h").votes.map(({ user }) => user);

test("votes are shown with their question, whichever comes first", () => {
  assert.deepEqual(voters(ledgerOf(ask("a"), vote("a", "Ada"))), ["Ada"]);
  assert.deepEqual(voters(ledgerOf(vote("a", "Ada"), ask("a"))), ["Ada"]);
});

test("votes that come late or twice take none away", () => {
  const events = [vote("a", "Ada", "Grace"), vote("a", "Ada"), vote("a", "Ada", "Grace")];
  assert.deepEqual(voters(ledgerOf(ask("a"), ...events)), ["Ada", "Grace"]);
});

test("votes for another text of the question do not count", () => {
  const ledger = ledgerOf(vote("a", "Ada"), ask("a", "r1", "other"));
  assert.deepEqual(ledger.approval("a other").votes, []);
});
