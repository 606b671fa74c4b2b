/**
 * A broker of a few lines behind a WebSocket that is none, so that the panel can be
 * driven event by event. Tests call `window.harness`.
 */

const sockets = new Set();
const log = [];
const sent = [];

const harness = {
  sent,
  log,
  /** "ack", "silent", or an error frame: what an answer gets. */
  reply: "ack",
  isDown: false,
  isDeaf: false,
  logId: "log-1",
  /** Who the greeting says that we are. */
  identity: {},
  answers: {},

  /** Store an event and deliver it; it gets its seq here. */
  push(...events) {
    for (const event of events) {
      const stored = { run_id: "r1", workflow: "article", ...event, seq: log.length + 1 };
      stored.timestamp ??= new Date().toISOString();
      log.push(stored);
      for (const socket of sockets) socket.deliver(stored);
    }
  },

  cut(code = 1006) {
    for (const socket of [...sockets]) socket.drop(code);
  },
};
window.harness = harness;

/** What each order to a run leads to. */
const DONE = {
  cancel: "workflow_cancelled",
  pause: "workflow_paused",
  resume: "workflow_resumed",
};

class FakeSocket {
  static OPEN = 1;
  readyState = 0;
  #topics = new Map();

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    queueMicrotask(() => {
      if (harness.isDown) return this.drop(1006);
      this.readyState = 1;
      sockets.add(this);
      this.onopen?.({});
      if (harness.isDeaf) return;
      this.#tell({
        type: "hello",
        protocol: "kgnb.v1",
        server: "jupyter",
        log_id: harness.logId,
        limits: {},
        identity: harness.identity,
        features: [],
      });
    });
  }

  send(text) {
    const frame = JSON.parse(text);
    sent.push(frame);
    if (harness.isDeaf) return;
    if (frame.type === "subscribe") this.#subscribe(frame);
    else if (frame.type === "ping") this.#tell({ type: "pong" });
    else if (frame.type === "answer") this.#answer(frame);
    else if (frame.type in DONE) this.#order(frame);
  }

  #order(frame) {
    if (harness.reply !== "ack") return this.#tell({ type: "error", id: frame.id, ...harness.reply });
    this.#tell({ type: "ack", id: frame.id });
    const by = { user: "Ada", via: "panel", at: new Date().toISOString() };
    harness.push({ type: DONE[frame.type], by });
  }

  #subscribe({ run_id, topics, since, id }) {
    if (run_id && run_id !== "r1") {
      return this.#tell({ type: "error", code: "no_such_run", message: "no such run", id });
    }
    this.#topics.set(run_id ?? "", topics);
    this.#tell({ type: "subscribed", topics, run_id, seq: log.length, id });
    if (!run_id) return;
    const from = since?.log_id === harness.logId ? since.seq : 0;
    for (const event of log.slice(from)) this.#tell(event);
  }

  #answer(frame) {
    if (harness.reply === "silent") return;
    if (harness.reply !== "ack") return this.#tell({ type: "error", id: frame.id, ...harness.reply });
    this.#tell({ type: "ack", id: frame.id });
    const asked = log.findLast((event) => event.data?.approval_id === frame.approval_id);
    harness.push({
      type: "approval_resolved",
      node_id: asked.node_id,
      data: {
        approval_id: frame.approval_id,
        outcome: "answered",
        value: frame.value,
        by: { user: "Ada", via: "panel", at: new Date().toISOString() },
      },
    });
  }

  deliver(event) {
    if (this.#topics.has("r1") && event.run_id === "r1") return this.#tell(event);
    if (this.#topics.has("") && /approval|workflow/.test(event.type)) this.#tell(event);
  }

  #tell(frame) {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(frame) });
  }

  close() {
    sockets.delete(this);
    this.readyState = 3;
  }

  drop(code) {
    sockets.delete(this);
    this.readyState = 3;
    this.onclose?.({ code, reason: "" });
  }
}

window.WebSocket = FakeSocket;
const kgnb = await import("/kgnb/web/kgnb.js");
harness.kgnb = kgnb;
harness.host = document.getElementById("host");

/** Show the run `r1` as its page does. */
harness.live = (options = {}) => {
  const life = new AbortController();
  const target = { baseUrl: "/", transports: ["websocket"] };
  const panel = kgnb.mountLive(
    harness.host,
    { runId: "r1", target, ...options },
    life.signal,
  );
  harness.panel = panel;
  harness.stop = () => life.abort();
  return panel;
};

/** Show the record of what was pushed so far. */
harness.record = () => {
  const view = structuredClone(log).reduce(kgnb.reduce, kgnb.emptyView());
  const told = { run_id: "r1", ...kgnb.recordMetadata(view) };
  harness.panel = kgnb.mountRecord(
    harness.host,
    kgnb.staticRecord(view),
    told,
    new AbortController().signal,
  );
};
harness.isReady = true;
