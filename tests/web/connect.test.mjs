import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { CommandError, Connection } from "../../kgnb/web/src/connect.js";
import { Route } from "../../kgnb/web/src/route.js";
import { KERNEL_DEAF } from "../../kgnb/web/src/transports/deaf.js";

/** A transport in the hands of the test. */
class Wire {
  name = "websocket";
  patience = 5000;
  opened = 0;
  sent = [];
  refuses = false;
  closedByUs = 0;

  async open(events) {
    this.opened++;
    if (this.refuses) throw new Error("not there");
    this.events = events;
    this.sent = [];
    return {
      send: (frame) => this.sent.push(frame),
      close: () => this.closedByUs++,
    };
  }

  hello(logId = "log-1") {
    this.events.onFrame({ type: "hello", log_id: logId, server: "jupyter" });
  }

  frame(frame) {
    this.events.onFrame(frame);
  }

  kinds() {
    return this.sent.map((frame) => frame.type);
  }
}

const settle = async () => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};
const event = (seq, text = "x") => ({
  type: "token",
  run_id: "r1",
  seq,
  node_id: "A",
  stream: "A:1.1/1",
  index: seq - 1,
  data: text,
});

let wire, connection, life, seen, states;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  wire = new Wire();
  connection = new Connection(wire, { random: () => 0.5 });
  life = new AbortController();
  seen = [];
  states = [];
  connection.onState((state) => states.push(state.kind), life.signal);
});

function watch() {
  const onView = (view, entry) => seen.push(entry ? entry.seq : `view ${view.seq}`);
  connection.watch("r1", { onView, onRefused: ({ code }) => seen.push(code) }, life.signal);
}

async function live() {
  watch();
  await settle();
  wire.hello();
  wire.frame({ type: "subscribed", topics: ["all"], run_id: "r1", id: "run:r1", seq: 0 });
}

test("a watcher subscribes after the greeting and gets events in order, once", async () => {
  await live();
  for (const seq of [1, 2, 2, 1, 3]) wire.frame(event(seq));
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(wire.sent[0].since, { log_id: "log-1", seq: 0 });
  assert.equal(connection.state.kind, "live");
});

test("events of a run before its subscription began are not taken", async () => {
  watch();
  await settle();
  wire.hello();
  wire.frame(event(7));
  assert.deepEqual(seen, []);
});

test("a broken connection comes back with its cursor", async () => {
  await live();
  wire.frame(event(1));
  wire.events.onClose(1006, "");
  assert.equal(connection.state.kind, "reconnecting");
  mock.timers.tick(30_000);
  await settle();
  wire.hello();
  assert.deepEqual(wire.sent[0].since, { log_id: "log-1", seq: 1 });
  assert.equal(connection.state.kind, "live");
});

test("the back-off grows, with jitter, to half a minute at most", async () => {
  await live();
  wire.refuses = true;
  wire.events.onClose(1006, "");
  const times = [];
  let last = Date.now();
  for (let turn = 0; turn < 12; turn++) {
    const before = wire.opened;
    while (wire.opened === before) mock.timers.tick(50);
    times.push(Date.now() - last);
    last = Date.now();
    await settle();
  }
  assert.ok(times[0] <= 500 && times[3] > times[1], `${times}`);
  assert.ok(Math.max(...times) <= 30_000, `${times}`);
  assert.equal(connection.state.kind, "reconnecting");
});

test("a log made anew empties the view and is read from its start", async () => {
  await live();
  wire.frame(event(1));
  wire.events.onClose(1006, "");
  mock.timers.tick(30_000);
  await settle();
  wire.hello("log-2");
  assert.deepEqual(wire.sent.at(-1).since, { log_id: "log-2", seq: 0 });
  assert.equal(seen.at(-1), "view 0");
});

test("another greeting on the same channel is a new session, to subscribe in", async () => {
  await live();
  wire.frame(event(1));
  wire.hello();
  assert.deepEqual(wire.kinds(), ["subscribe", "subscribe"]);
  assert.equal(wire.sent[1].since.seq, 1);
});

test("a snapshot takes the place of events that are gone", async () => {
  await live();
  wire.frame({ type: "snapshot", run_id: "r1", view: { seq: 40, streams: [] }, reason: "gap" });
  wire.frame(event(40));
  assert.deepEqual(seen, ["view 40"]);
});

test("a second watcher shares the subscription and gets the view at once", async () => {
  await live();
  wire.frame(event(1));
  watch();
  assert.equal(seen.at(-1), "view 1");
  assert.deepEqual(wire.kinds(), ["subscribe"]);
});

test("the last watcher's end unsubscribes, and hangs up after a while", async () => {
  await live();
  life.abort();
  assert.deepEqual(wire.kinds(), ["subscribe", "unsubscribe"]);
  assert.equal(wire.closedByUs, 0);
  mock.timers.tick(5001);
  assert.equal(wire.closedByUs, 1);
});

test("a command resolves with its ack and rejects with its error", async () => {
  await live();
  const good = connection.command({ type: "answer", approval_id: "a", value: 1 });
  const bad = connection.command({ type: "cancel", run_id: "r1" });
  const [one, two] = wire.sent.slice(-2);
  wire.frame({ type: "ack", id: one.id });
  wire.frame({ type: "error", id: two.id, code: "forbidden", message: "no" });
  assert.equal((await good).type, "ack");
  await assert.rejects(bad, (error) => error instanceof CommandError && error.code === "forbidden");
});

test("a command without its ack is sent again, with the same id", async () => {
  await live();
  connection.command({ type: "answer", approval_id: "a", value: 1 });
  const { id } = wire.sent.at(-1);
  wire.events.onClose(1006, "");
  mock.timers.tick(30_000);
  await settle();
  wire.hello();
  assert.equal(wire.sent.find((frame) => frame.type === "answer").id, id);
});

test("silence is asked about, then shown, then ended", async () => {
  await live();
  mock.timers.tick(20_000);
  assert.equal(wire.kinds().at(-1), "ping");
  mock.timers.tick(10_000);
  assert.equal(connection.state.kind, "stale");
  mock.timers.tick(10_000);
  assert.equal(connection.state.kind, "reconnecting");
});

test("a sign of life ends staleness", async () => {
  await live();
  mock.timers.tick(30_000);
  wire.frame({ type: "pong" });
  assert.equal(connection.state.kind, "live");
});

test("a comm stays open through a busy kernel's silence", async () => {
  wire.name = "comm";
  wire.patience = null;
  await live();
  for (const time of [20_000, 10_000, 60_000, 60_000]) mock.timers.tick(time);
  assert.equal(connection.state.kind, "stale");
  assert.equal(wire.opened, 1);
});

test("a greeting that does not come means that this way is not there", async () => {
  const settled = connection.settled(life.signal);
  await settle();
  mock.timers.tick(5001);
  assert.equal(await settled, false);
  assert.equal(connection.state.kind, "offline");
});

test("unauthorized is final", async () => {
  await live();
  wire.events.onClose(4001, "Unauthorized");
  mock.timers.tick(60_000);
  assert.equal(connection.state.kind, "closed");
  assert.equal(wire.opened, 1);
});

test("a route goes on to the next way where the run is not known", async () => {
  const other = new Wire();
  other.name = "control";
  const second = new Connection(other);
  const kinds = [];
  const route = new Route(
    "r1",
    [() => connection, () => null, () => second],
    { onView: () => {}, onState: (state) => kinds.push(state.kind) },
    life.signal,
  );
  await settle();
  wire.hello();
  await settle();
  wire.frame({ type: "error", id: "run:r1", code: "no_such_run", message: "no run" });
  await settle();
  other.hello();
  await settle();
  assert.equal(route.via, "control");
  assert.equal(other.sent[0].run_id, "r1");
  assert.equal(kinds.at(-1), "live");
});

test("a route over a comm that is not listened to says so until it is", async () => {
  wire.name = "comm";
  wire.patience = null;
  const states = [];
  const events = { onView: () => {}, onState: (state) => states.push(state) };
  new Route("r1", [() => connection], events, life.signal);
  await settle();
  assert.equal(states.at(-1).kind, "connecting");
  mock.timers.tick(2001);
  assert.deepEqual(states.at(-1), { kind: "stale", via: "comm", reason: KERNEL_DEAF });
  wire.hello();
  wire.frame({ ...event(1), run_id: "another" });
  assert.equal(states.at(-1).kind, "stale");
  wire.frame({ type: "subscribed", topics: ["all"], run_id: "r1", id: "run:r1", seq: 0 });
  wire.frame(event(1));
  assert.equal(states.at(-1).kind, "live");
  life.abort();
});

test("a route without any way says offline, and tries again", async () => {
  wire.refuses = true;
  const kinds = [];
  new Route(
    "r1",
    [() => connection],
    { onView: () => {}, onState: (state) => kinds.push(state.kind) },
    life.signal,
  );
  await settle();
  assert.deepEqual(kinds, ["offline"]);
  wire.refuses = false;
  mock.timers.tick(2001);
  await settle();
  wire.hello();
  await settle();
  assert.equal(kinds.at(-1), "live");
});

test("approvals of all runs are asked for once", async () => {
  const events = [];
  connection.watchAll((entry) => events.push(entry.type), life.signal);
  connection.watchAll(() => {}, life.signal);
  await settle();
  wire.hello();
  wire.frame({ type: "approval_request", run_id: "r9", data: {} });
  assert.deepEqual(wire.sent.map(({ topics }) => topics), [["approvals"]]);
  assert.deepEqual(events, ["approval_request"]);
});
