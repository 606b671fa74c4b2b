/**
 * A connection to a broker: keeps one channel up, shares it among runs, and says
 * honestly how it is.
 *
 * @import * as wire from "./wire.d.ts"
 * @import { Channel, ChannelEvents, Transport } from "./transports/transport.d.ts"
 * @import { Watcher } from "./feed.js"
 */

import { Feed } from "./feed.js";
import { randomId } from "./ids.js";

/**
 * How a connection is.
 * @typedef {{kind: "connecting"}
 *   | {kind: "live", via: Transport["name"], server: string}
 *   | {kind: "stale", via: Transport["name"], reason: string}
 *   | {kind: "reconnecting", attempt: number, reason: string}
 *   | {kind: "offline", reason: string, code?: number | string}
 *   | {kind: "closed", code: number, reason: string}} ConnectionState
 */

/** A command was refused; `code` is one of the protocol's error codes. */
export class CommandError extends Error {
  /** @param {{code?: string, message?: string, data?: unknown, [field: string]: unknown}} reply */
  constructor({ code = "internal", message = "", data = null }) {
    super(message || code);
    this.code = code;
    this.data = data;
  }
}

/**
 * The error codes of close codes after which dialling again cannot help.
 * @type {Record<number, string>}
 */
export const FINAL_CODES = { 4001: "unauthorized", 4003: "forbidden", 4004: "no_such_workflow" };
const QUIET = 20_000;
const SILENT = 10_000;
const MAX_DELAY = 30_000;
const LINGER = 5000;
const MAX_PENDING = 100;

/**
 * @typedef {object} Pending
 * @property {Record<string, unknown>} frame
 * @property {(reply: wire.Frame) => void} resolve
 * @property {(error: Error) => void} reject
 */

export class Connection {
  /** @type {ConnectionState} */
  state = { kind: "connecting" };
  /** The broker's log; a cursor means nothing in another one. */
  logId = "";
  /**
   * Who we are to the broker, as its greeting said.
   * @type {import("./views/context.js").Identity | null}
   */
  identity = null;
  #wasLive = false;
  /** Whether it is kept up, though nobody reads. */
  #isKept = false;
  #isUp = false;
  /** Whether the channel greeted already: another greeting is another session. */
  #isGreeted = false;
  #round = 0;
  #attempt = 0;
  /** @type {Channel | null} */
  #channel = null;
  /** @type {Map<string, Feed>} */
  #feeds = new Map();
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  /** @type {Set<(event: wire.AnyEvent) => void>} */
  #inbox = new Set();
  /** @type {Set<(state: ConnectionState) => void>} */
  #onState = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #quietTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lingerTimer;

  /**
   * @param {Transport} transport
   * @param {{random?: () => number}} [options]
   */
  constructor(transport, { random = Math.random } = {}) {
    this.transport = transport;
    this.random = random;
  }

  /**
   * Be told of every change of state, from now until `signal` aborts.
   * @param {(state: ConnectionState) => void} listener
   * @param {AbortSignal} signal
   */
  onState(listener, signal) {
    this.#onState.add(listener);
    signal.addEventListener("abort", () => this.#onState.delete(listener));
  }

  /**
   * Whether this way works: true at the first live moment, false when it is not there.
   * Starts the connection if it does not run.
   * @param {AbortSignal} signal
   * @returns {Promise<boolean>}
   */
  settled(signal) {
    this.#start();
    return new Promise((resolve) => {
      const done = new AbortController();
      const judge = () => {
        const { kind } = this.state;
        // A comm to a busy kernel may stay silent for long; it is still the way.
        const isPatient = this.#channel && this.transport.patience === null;
        if (kind === "connecting" && !isPatient) return;
        resolve(kind !== "offline" && kind !== "closed");
        done.abort();
      };
      this.onState(judge, AbortSignal.any([signal, done.signal]));
      judge();
    });
  }

  /**
   * Stay connected, though nobody reads or asks, until `signal` aborts; dial again also
   * where the first attempt found nobody.
   * @param {AbortSignal} signal
   */
  keep(signal) {
    this.#isKept = true;
    signal.addEventListener("abort", () => {
      this.#isKept = false;
    });
    this.#start();
  }

  /**
   * Read a run from its start, and go on, until `signal` aborts. All watchers of a run
   * share one subscription and one view; a late one gets the view as it is.
   * @param {string} runId
   * @param {Watcher} watcher
   * @param {AbortSignal} signal
   * @param {string[]} [topics] what the first watcher wants to read
   */
  watch(runId, watcher, signal, topics) {
    this.#start();
    let feed = this.#feeds.get(runId);
    if (!feed) {
      feed = new Feed(runId, topics);
      this.#feeds.set(runId, feed);
      if (this.#isUp) this.#subscribe(feed);
    }
    const kept = feed;
    kept.watchers.add(watcher);
    if (kept.view.seq) watcher.onView(kept.view, null);
    signal.addEventListener("abort", () => {
      kept.watchers.delete(watcher);
      if (!kept.watchers.size) this.#drop(kept);
    });
  }

  /**
   * Hear of approvals and of starts and ends of all runs, until `signal` aborts. Events
   * may come twice or out of order: fold them by their ids.
   * @param {(event: wire.AnyEvent) => void} listener
   * @param {AbortSignal} signal
   */
  watchAll(listener, signal) {
    this.#start();
    this.#inbox.add(listener);
    if (this.#isUp && this.#inbox.size === 1) this.#subscribeAll();
    signal.addEventListener("abort", () => {
      this.#inbox.delete(listener);
      if (!this.#inbox.size) this.#channel?.send({ type: "unsubscribe" });
      this.#linger();
    });
  }

  /** @returns {wire.RunView[]} of the runs that are read just now */
  views() {
    return [...this.#feeds.values()].map((feed) => feed.view);
  }

  /**
   * Send a command; it is sent again after a break, and takes effect once.
   * @param {Record<string, unknown>} frame with an `id` only if it was made before: then
   *   it has had, or will have, one effect together with that one
   * @returns {Promise<wire.Frame>} the ack
   * @throws {CommandError} the broker refused it
   */
  command(frame) {
    this.#start();
    if (this.#pending.size >= MAX_PENDING) {
      const message = "too many commands wait for the connection";
      return Promise.reject(new CommandError({ code: "unavailable", message }));
    }
    const id = String(frame.id ?? randomId());
    return new Promise((resolve, reject) => {
      const pending = { frame: { ...frame, id }, resolve, reject };
      this.#pending.set(id, pending);
      if (this.#isUp) this.#channel?.send(pending.frame);
    });
  }

  /** Dial now instead of when the back-off says. */
  retry() {
    if (this.state.kind === "reconnecting") this.#open();
  }

  close() {
    this.#hangUp();
    clearTimeout(this.#retryTimer);
    this.#giveUp("unavailable", "the connection was closed");
    this.#setState({ kind: "closed", code: 1000, reason: "closed here" });
  }

  /**
   * Nobody will confirm what was sent.
   * @param {string} code
   * @param {string} message
   */
  #giveUp(code, message) {
    for (const { reject } of this.#pending.values()) reject(new CommandError({ code, message }));
    this.#pending.clear();
  }

  #start() {
    clearTimeout(this.#lingerTimer);
    const isIdle = this.state.kind === "offline" || this.state.kind === "closed";
    if (isIdle || this.#round === 0) {
      this.state = { kind: "connecting" };
      this.#open();
    }
  }

  /** With nobody left to read for, hang up; a re-render comes back within seconds. */
  #linger() {
    if (this.#isKept || this.#feeds.size || this.#inbox.size || this.#pending.size) return;
    clearTimeout(this.#lingerTimer);
    this.#lingerTimer = setTimeout(() => this.close(), LINGER);
  }

  /** @param {ConnectionState} state */
  #setState(state) {
    this.state = state;
    for (const listener of [...this.#onState]) listener(state);
  }

  async #open() {
    this.#hangUp();
    clearTimeout(this.#retryTimer);
    const round = ++this.#round;
    const isCurrent = () => round === this.#round;
    /** @type {ChannelEvents} */
    const events = {
      onFrame: (frame) => isCurrent() && this.#take(frame),
      onActivity: () => isCurrent() && this.#heard(),
      onStale: (reason) => isCurrent() && this.#stale(reason),
      onClose: (code, reason) => isCurrent() && this.#lost(code, reason),
    };
    try {
      const channel = await this.transport.open(events);
      if (isCurrent()) this.#opened(channel);
      else channel.close();
    } catch (error) {
      if (isCurrent()) this.#lost(1006, error instanceof Error ? error.message : "");
    }
  }

  /** @param {Channel} channel */
  #opened(channel) {
    this.#channel = channel;
    const { patience } = this.transport;
    if (patience !== null && !this.#isUp) {
      this.#quietTimer = setTimeout(() => this.#lost(1006, "no greeting"), patience);
    } else if (!this.#isUp) {
      this.#up(); // greet first: a busy kernel reads it when it can
      for (const listener of [...this.#onState]) listener(this.state);
    } else {
      this.#up(); // the greeting came with the channel
    }
  }

  #hangUp() {
    clearTimeout(this.#quietTimer);
    this.#round++;
    this.#isUp = false;
    this.#isGreeted = false;
    this.#channel?.close();
    this.#channel = null;
    for (const feed of this.#feeds.values()) feed.isSubscribed = false;
  }

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    this.#hangUp();
    const final = FINAL_CODES[code];
    if (final) {
      this.#giveUp(final, reason || `closed (${code})`);
      this.#setState({ kind: "closed", code, reason: reason || `closed (${code})` });
    } else if (this.#wasLive || this.#isKept) {
      this.#attempt++;
      const why = reason || "the connection broke";
      this.#setState({ kind: "reconnecting", attempt: this.#attempt, reason: why });
      const delay = Math.min(MAX_DELAY, 250 * 2 ** Math.min(this.#attempt, 10));
      const jittered = delay * (0.5 + this.random() / 2);
      this.#retryTimer = setTimeout(() => this.#open(), jittered);
    } else {
      this.#setState({ kind: "offline", reason: reason || "nobody answers", code });
    }
  }

  /** @param {string} reason */
  #stale(reason) {
    const via = this.transport.name;
    if (this.state.kind === "live") this.#setState({ kind: "stale", via, reason });
  }

  #heard() {
    clearTimeout(this.#quietTimer);
    if (!this.#isUp) return;
    this.#quietTimer = setTimeout(() => this.#probe(), QUIET);
    if (this.state.kind === "stale") this.#goLive("");
  }

  /** Nothing came for long: ask, and do not look busy while there is no answer. */
  #probe() {
    this.#channel?.send({ type: "ping" });
    this.#quietTimer = setTimeout(() => {
      this.#stale("No sign of life; what is shown may be old.");
      if (this.transport.patience === null) return; // a busy kernel is not a broken line
      this.#quietTimer = setTimeout(() => this.#lost(1006, "silence"), SILENT);
    }, SILENT);
  }

  /** @param {string} server */
  #goLive(server) {
    this.#wasLive = true;
    this.#attempt = 0;
    this.#setState({ kind: "live", via: this.transport.name, server });
  }

  /** Frames can be sent: say what we read, and send again what was not confirmed. */
  #up() {
    this.#isUp = true;
    if (this.#inbox.size) this.#subscribeAll(); // first: a run's cursor then rewinds it
    for (const feed of this.#feeds.values()) this.#subscribe(feed);
    for (const { frame } of this.#pending.values()) this.#channel?.send(frame);
    this.#heard();
  }

  /** @param {Feed} feed */
  #subscribe(feed) {
    feed.isSubscribed = false;
    this.#channel?.send({
      type: "subscribe",
      topics: feed.topics,
      run_id: feed.runId,
      since: { log_id: this.logId || null, seq: feed.view.seq },
      id: `run:${feed.runId}`,
    });
  }

  #subscribeAll() {
    this.#channel?.send({ type: "subscribe", topics: ["approvals"], id: "all" });
  }

  /** @param {Feed} feed */
  #drop(feed) {
    if (this.#feeds.get(feed.runId) !== feed) return;
    this.#feeds.delete(feed.runId);
    if (this.#isUp) this.#channel?.send({ type: "unsubscribe", run_id: feed.runId });
    this.#linger();
  }

  /** @param {wire.Frame} frame */
  #take(frame) {
    this.#heard();
    if (frame.type === "hello") return this.#hello(frame);
    if (this.state.kind === "connecting") this.#goLive("");
    const feed = this.#feeds.get(frame.run_id);
    switch (frame.type) {
      case "subscribed":
        if (feed) feed.isSubscribed = true;
        return;
      case "snapshot":
        return feed?.replace(frame.view);
      case "ack":
        return this.#settle(frame);
      case "error":
        return this.#refused(frame);
      case "cursor":
      case "pong":
      case "unsubscribed":
        return;
      default: {
        if (!frame.run_id) return; // an application's message, for pages of its own
        const event = /** @type {wire.AnyEvent} */ (frame);
        feed?.take(event);
        for (const listener of [...this.#inbox]) listener(event);
      }
    }
  }

  /** @param {wire.Frame} frame */
  #hello(frame) {
    const isOtherLog = this.logId !== "" && this.logId !== frame.log_id;
    this.logId = frame.log_id ?? "";
    this.identity = frame.identity ?? null;
    if (isOtherLog) for (const feed of this.#feeds.values()) feed.reset();
    const isAnew = !this.#isUp || isOtherLog || this.#isGreeted;
    this.#isGreeted = true;
    this.#goLive(frame.server ?? "");
    if (!this.#channel) this.#isUp = true; // `#opened` goes on
    else if (isAnew) this.#up();
  }

  /** @param {wire.Frame} frame */
  #settle(frame) {
    this.#pending.get(frame.id)?.resolve(frame);
    this.#pending.delete(frame.id);
  }

  /** @param {wire.Frame} frame */
  #refused(frame) {
    const pending = this.#pending.get(frame.id);
    if (pending) {
      this.#pending.delete(frame.id);
      return pending.reject(new CommandError(frame));
    }
    const id = String(frame.id ?? "");
    const feed = id.startsWith("run:") ? this.#feeds.get(id.slice(4)) : undefined;
    if (feed) feed.refuse({ code: frame.code, message: frame.message });
    else console.warn(`kgnb: ${frame.code}: ${frame.message}`);
  }
}
