import assert from "node:assert/strict";
import test from "node:test";

import { Talk } from "../../kgnb/web/src/pages/talk.js";
import { CommandError } from "../../kgnb/web/src/connect.js";

function shelfOf(kept = {}) {
  const items = new Map(Object.entries(kept));
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    items,
  };
}

function talkOf(shelf, reply = () => new Promise(() => {})) {
  const sent = [];
  const accepted = [];
  const command = (frame) => {
    sent.push(frame);
    return reply(frame);
  };
  const events = { onChange: () => {}, onAccepted: (said, runId) => accepted.push([said.text, runId]) };
  return { talk: new Talk("chat", command, events, shelf), sent, accepted };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test("session of a tab is the same after a reload, and another one in another tab", () => {
  const shelf = shelfOf();
  const first = talkOf(shelf).talk;
  assert.match(first.sessionId, /^[0-9a-f]{32}$/);
  assert.equal(talkOf(shelf).talk.sessionId, first.sessionId);
  assert.notEqual(talkOf(shelfOf()).talk.sessionId, first.sessionId);
});

test("message that was not taken is sent again after a reload under its own id", async () => {
  const shelf = shelfOf();
  const before = talkOf(shelf);
  before.talk.say("hello");
  const after = talkOf(shelf, async () => ({ run_id: "r1" }));
  after.talk.resume();
  await settle();
  assert.deepEqual(after.sent, before.sent);
  assert.deepEqual(after.accepted, [["hello", "r1"]]);
  assert.equal(talkOf(shelf).talk.outbox.length, 0);
});

test("refused message says why, and is sent anew or discarded", async () => {
  let isRefusing = true;
  const reply = async () => {
    if (isRefusing) throw new CommandError({ code: "conflict", message: "16 wait already" });
    return { run_id: "r1" };
  };
  const { talk, sent } = talkOf(shelfOf(), reply);
  talk.say("hello");
  await settle();
  assert.deepEqual([talk.outbox[0].state, talk.outbox[0].error], ["refused", "16 wait already"]);
  isRefusing = false;
  talk.retry(talk.outbox[0]);
  await settle();
  assert.notEqual(sent[1].id, sent[0].id);
  assert.equal(talk.outbox[0].state, "accepted");
  talk.discard(talk.outbox[0]);
  assert.equal(talk.outbox.length, 0);
});

test("new session forgets what waits, and replies to the old one", async () => {
  let answer = () => {};
  const { talk, accepted } = talkOf(shelfOf(), () => new Promise((resolve) => (answer = resolve)));
  const old = talk.sessionId;
  talk.say("hello");
  talk.restart();
  answer({ run_id: "r1" });
  await settle();
  assert.notEqual(talk.sessionId, old);
  assert.deepEqual([talk.outbox, accepted], [[], []]);
});

for (const kept of ["no json", "[]", "{\"session_id\": 1, \"outbox\": 2}", "null"]) {
  test(`shelf that holds ${kept} begins a session`, () => {
    assert.match(talkOf(shelfOf({ chat: kept })).talk.sessionId, /^[0-9a-f]{32}$/);
  });
}

test("browser that keeps nothing still talks", async () => {
  const shelf = { getItem: () => { throw new Error("no"); }, setItem: () => { throw new Error("no"); } };
  const { talk, accepted } = talkOf(shelf, async () => ({ run_id: "r1" }));
  talk.say("hello");
  await settle();
  assert.deepEqual(accepted, [["hello", "r1"]]);
});
