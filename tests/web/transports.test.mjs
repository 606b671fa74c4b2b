import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { commTransport, modelTransport } from "../../kgnb/web/src/transports/comm.js";
import { controlTransport } from "../../kgnb/web/src/transports/control.js";

const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

function listener() {
  const heard = { frames: [], closed: [], stale: 0 };
  return {
    heard,
    onFrame: (frame) => heard.frames.push(frame.type),
    onActivity: () => {},
    onStale: () => heard.stale++,
    onClose: (code, reason) => heard.closed.push([code, reason]),
  };
}

/** A kernel whose control channel the test answers. */
function fakeKernel() {
  const asked = [];
  return {
    asked,
    sendControlMessage(message) {
      const future = { message, onReply: () => {}, dispose: () => (future.isDropped = true) };
      asked.push(future);
      return future;
    },
    answer(content) {
      asked.at(-1).onReply({ content: { status: "ok", frames: [], ...content } });
      return settle();
    },
  };
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
});

async function openControl(kernel, events) {
  const opening = controlTransport(kernel).open(events);
  await kernel.answer({ frames: [{ type: "hello" }] });
  return opening;
}

test("control asks with its client's name and hands frames on", async () => {
  const [kernel, events] = [fakeKernel(), listener()];
  const channel = await openControl(kernel, events);
  channel.send({ type: "subscribe" });
  mock.timers.tick(0);
  const { header, content, channel: name } = kernel.asked.at(-1).message;
  assert.equal(name, "control");
  assert.equal(header.msg_type, "kgnb_request");
  assert.deepEqual(content.frames, [{ type: "subscribe" }]);
  assert.equal(content.client, kernel.asked[0].message.content.client);
  assert.deepEqual(events.heard.frames, ["hello"]);
});

test("control's probe gives up after two seconds", async () => {
  const kernel = fakeKernel();
  const opening = controlTransport(kernel).open(listener());
  mock.timers.tick(2001);
  await assert.rejects(opening, /does not answer/);
  assert.ok(kernel.asked[0].isDropped);
});

test("control polls fast while data flows and slower when it does not", async () => {
  const [kernel, events] = [fakeKernel(), listener()];
  await openControl(kernel, events);
  mock.timers.tick(0);
  await kernel.answer({ frames: [{ type: "token" }] });
  const count = kernel.asked.length;
  mock.timers.tick(60);
  assert.equal(kernel.asked.length, count + 1);
  for (let turn = 0; turn < 12; turn++) {
    await kernel.answer({});
    mock.timers.tick(300);
  }
  await kernel.answer({});
  const slow = kernel.asked.length;
  mock.timers.tick(299);
  assert.equal(kernel.asked.length, slow);
  mock.timers.tick(2);
  assert.equal(kernel.asked.length, slow + 1);
});

test("control sends a command at once, and never two questions at a time", async () => {
  const [kernel, events] = [fakeKernel(), listener()];
  const channel = await openControl(kernel, events);
  mock.timers.tick(0);
  const count = kernel.asked.length;
  channel.send({ type: "answer" });
  mock.timers.tick(1000);
  assert.equal(kernel.asked.length, count);
  await kernel.answer({});
  mock.timers.tick(0);
  assert.equal(kernel.asked.at(-1).message.content.frames[0].type, "answer");
});

test("control tells of a slow reply, and closes when none comes", async () => {
  const [kernel, events] = [fakeKernel(), listener()];
  await openControl(kernel, events);
  mock.timers.tick(0);
  mock.timers.tick(2001);
  assert.equal(events.heard.stale, 1);
  mock.timers.tick(8001);
  await settle();
  assert.equal(events.heard.closed.length, 1);
  const count = kernel.asked.length;
  mock.timers.tick(60_000);
  assert.equal(kernel.asked.length, count);
});

test("control closes as the kernel says", async () => {
  const [kernel, events] = [fakeKernel(), listener()];
  await openControl(kernel, events);
  mock.timers.tick(0);
  await kernel.answer({ closed: { code: 4009, reason: "slow" } });
  assert.deepEqual(events.heard.closed, [[4009, "slow"]]);
});

test("control says goodbye", async () => {
  const [kernel, events] = [fakeKernel(), listener()];
  const channel = await openControl(kernel, events);
  channel.close();
  assert.equal(kernel.asked.at(-1).message.content.final, true);
});

test("a comm carries frames both ways", async () => {
  const comm = { sent: [], open: (data) => comm.sent.push(data), send: (data) => comm.sent.push(data) };
  comm.close = () => (comm.isClosed = true);
  const events = listener();
  const channel = await commTransport({ createComm: () => comm }).open(events);
  channel.send({ type: "subscribe" });
  comm.onMsg({ content: { data: { frames: [{ type: "hello" }] } } });
  assert.deepEqual(comm.sent, [{ frames: [] }, { frames: [{ type: "subscribe" }] }]);
  assert.deepEqual(events.heard.frames, ["hello"]);
  comm.onClose({});
  assert.equal(events.heard.closed.length, 1);
  channel.close();
  assert.ok(comm.isClosed);
});

test("a comm waits for the shell of its own where there may be one", async () => {
  const sent = [];
  let start;
  const comm = { open: (data) => sent.push(data), close: () => {} };
  comm.subshellStarted = new Promise((resolve) => (start = resolve));
  const kernel = { supportsSubshells: true, createComm: () => comm };
  const opening = commTransport(kernel).open(listener());
  await settle();
  assert.equal(sent.length, 0);
  start();
  await opening;
  assert.equal(sent.length, 1);
});

test("a comm does without a shell of its own where none comes", async () => {
  const sent = [];
  const comm = { open: (data) => sent.push(data), subshellStarted: new Promise(() => {}) };
  const kernel = { supportsSubshells: true, createComm: () => comm };
  const opening = commTransport(kernel).open(listener());
  mock.timers.tick(1500);
  await opening;
  assert.equal(sent.length, 1);
});

test("a widget's comm passes over what is meant for its other views", async () => {
  const listeners = new Set();
  const sent = [];
  const model = {
    on: (_, callback) => listeners.add(callback),
    off: (_, callback) => listeners.delete(callback),
    send: (content) => sent.push(content),
  };
  const events = listener();
  const channel = await modelTransport(model).open(events);
  const { client } = sent[0].kgnb;
  const tell = (content) => [...listeners].forEach((callback) => callback(content));
  tell({ kgnb: { client: "another", frames: [{ type: "token" }] } });
  tell({ other: 1 });
  tell({ kgnb: { client, frames: [{ type: "hello" }] } });
  assert.deepEqual(events.heard.frames, ["hello"]);
  channel.close();
  assert.equal(listeners.size, 0);
  assert.equal(sent.at(-1).kgnb.final, true);
});

test("a widget says again what nobody heard, until it is heard", async () => {
  const sent = [];
  let tell;
  const model = {
    on: (_, callback) => (tell = callback),
    off: () => {},
    send: (content) => sent.push(content.kgnb.frames.map((frame) => frame.type)),
  };
  const channel = await modelTransport(model).open(listener());
  channel.send({ type: "subscribe" });
  mock.timers.tick(500);
  assert.deepEqual(sent, [[], ["subscribe"], ["subscribe"]]);
  tell({ kgnb: { client: "another", frames: [] } });
  mock.timers.tick(1500);
  assert.equal(sent.length, 4);
  channel.close();
  mock.timers.tick(60_000);
  assert.equal(sent.length, 5);
});

test("a widget that was heard does not repeat itself", async () => {
  const sent = [];
  let tell;
  const model = {
    on: (_, callback) => (tell = callback),
    off: () => {},
    send: ({ kgnb }) => sent.push(kgnb),
  };
  const channel = await modelTransport(model).open(listener());
  channel.send({ type: "subscribe" });
  tell({ kgnb: { client: sent[0].client, frames: [] } });
  mock.timers.tick(60_000);
  assert.equal(sent.length, 2);
});
