import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { connect } from "../../kgnb/web/src/client.js";

/** A server that grants whatever is asked for, or refuses it. */
class Socket {
  static OPEN = 1;
  static sent = [];
  static refusal = null;
  readyState = 1;

  constructor() {
    queueMicrotask(() => {
      this.onopen();
      this.tell({ type: "hello", log_id: "log-1", server: "jupyter" });
    });
  }

  tell(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }

  send(text) {
    const { id, ...frame } = JSON.parse(text);
    if (frame.type === "ping") return;
    Socket.sent.push(frame);
    const reply = Socket.refusal ?? { type: "ack", run_id: "r2" };
    queueMicrotask(() => this.tell({ ...reply, id }));
  }

  close() {}
}

let client;

before(() => {
  globalThis.WebSocket = Socket;
});

beforeEach(() => {
  Socket.sent = [];
  Socket.refusal = null;
  client = connect({ url: "http://127.0.0.1:8888/" });
});

after(() => {
  delete globalThis.WebSocket;
});

test("a fork names its place and its edits, and gives the new run", async (t) => {
  t.after(() => client.close());
  const forked = await client.fork("r1", { at: "Draft:2", shared: { n: 1 } });
  assert.deepEqual(forked, { runId: "r2" });
  assert.deepEqual(Socket.sent, [{ type: "fork", run_id: "r1", at: "Draft:2", shared: { n: 1 } }]);
});

test("a fork of which nothing is said begins at the latest state", async (t) => {
  t.after(() => client.close());
  await client.fork("r1");
  assert.deepEqual(Socket.sent, [{ type: "fork", run_id: "r1" }]);
});

test("a chat ends in the session that was talked in, or in the one that is named", async (t) => {
  t.after(() => client.close());
  await client.say("Hi");
  await client.endChat();
  await client.endChat({ sessionId: "ana" });
  assert.deepEqual(Socket.sent, [
    { type: "message", content: "Hi", session_id: client.sessionId },
    { type: "end_chat", session_id: client.sessionId },
    { type: "end_chat", session_id: "ana" },
  ]);
});

test("a refusal is an error with the protocol's code", async (t) => {
  t.after(() => client.close());
  Socket.refusal = { type: "error", code: "conflict", message: "no chat is running" };
  await assert.rejects(client.endChat(), { code: "conflict", message: "no chat is running" });
});
