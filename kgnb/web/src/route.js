/**
 * Which connection a run is read over: the first that works and knows the run.
 *
 * @import * as wire from "./wire.d.ts"
 * @import { Connection, ConnectionState } from "./connect.js"
 * @import { Refusal, Watcher } from "./feed.js"
 */

import { CommandError } from "./connect.js";
import { KERNEL_DEAF } from "./transports/deaf.js";

/** What to do where no way leads to the run. */
export const NO_WAY =
  "No way to the run from here: neither a kgnb server extension nor this notebook's " +
  "kernel answers. The panel shows what was saved and cannot take clicks. Answer in " +
  "Python with run.answer(approval_id, value), or enable the server extension and " +
  "reload.";

/** Milliseconds after which a comm that says nothing of the run is told of. */
const UNHEARD = 2000;
const FIRST_RETRY = 2000;
const MAX_RETRY = 30_000;

export class Route {
  /** @type {ConnectionState} */
  state = { kind: "connecting" };
  /** @type {Connection | null} */
  connection = null;
  #runId;
  #candidates;
  #events;
  #signal;
  #delay = FIRST_RETRY;

  /**
   * Starts at once and ends with the signal.
   * @param {string} runId
   * @param {(() => Connection | null)[]} candidates best first; null where one is not there
   * @param {object} events
   * @param {(view: wire.RunView, event: wire.AnyEvent | null) => void} events.onView
   * @param {(state: ConnectionState) => void} events.onState
   * @param {AbortSignal} signal
   */
  constructor(runId, candidates, events, signal) {
    this.#runId = runId;
    this.#candidates = candidates;
    this.#events = events;
    this.#signal = signal;
    this.#seek();
  }

  /** The way's name, or "" while there is none. */
  get via() {
    return this.connection?.transport.name ?? "";
  }

  /**
   * @param {Record<string, unknown>} frame
   * @returns {Promise<wire.Frame>}
   */
  command(frame) {
    if (this.connection) return this.connection.command(frame);
    return Promise.reject(new CommandError({ code: "unavailable", message: NO_WAY }));
  }

  async #seek() {
    /** @type {{reason: string, code?: number | string}} */
    let found = { reason: "" };
    for (const candidate of this.#candidates) {
      const connection = candidate();
      if (!connection) continue;
      const isThere = await connection.settled(this.#signal);
      if (this.#signal.aborted) return;
      if (isThere) {
        const refusal = await this.#read(connection);
        if (!refusal || this.#signal.aborted) return;
        found = { reason: refusal.message, code: refusal.code };
      } else if (!found.reason) {
        found = whyNot(connection.state);
      }
    }
    this.#setState({ kind: "offline", ...found });
    const timer = setTimeout(() => this.#seek(), this.#delay);
    this.#signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
    this.#delay = Math.min(MAX_RETRY, this.#delay * 2);
  }

  /**
   * Read the run over `connection`, until it turns out not to know it.
   * @param {Connection} connection
   * @returns {Promise<Refusal | null>} why it will not do, or null when the signal ended it
   */
  #read(connection) {
    this.connection = connection;
    const tried = new AbortController();
    const signal = AbortSignal.any([this.#signal, tried.signal]);
    const { name: via, patience } = connection.transport;
    let isDeaf = false;
    const tell = () => {
      const { state } = connection;
      const isUp = state.kind === "live" || state.kind === "connecting";
      const deaf = /** @type {const} */ ({ kind: "stale", via, reason: KERNEL_DEAF });
      this.#setState(isDeaf && isUp ? deaf : state);
    };
    /** @param {boolean} value */
    const hear = (value) => {
      clearTimeout(unheard);
      if (isDeaf === value) return;
      isDeaf = value;
      tell();
    };
    // A comm can be open, and even bring other runs' events, and not be listened to.
    const unheard = patience === null ? setTimeout(() => hear(true), UNHEARD) : undefined;
    signal.addEventListener("abort", () => clearTimeout(unheard));
    return new Promise((resolve) => {
      /** @param {Refusal | null} refusal */
      const leave = (refusal) => {
        if (refusal) this.connection = null;
        tried.abort();
        resolve(refusal);
      };
      this.#signal.addEventListener("abort", () => leave(null), { once: true });
      connection.onState((state) => {
        if (state.kind === "closed" || state.kind === "offline") {
          const { reason, code = "unavailable" } = whyNot(state);
          leave({ code: String(code), message: reason });
        } else {
          tell();
        }
      }, signal);
      tell();
      /** @type {Watcher["onView"]} */
      const onView = (view, event) => {
        hear(false);
        this.#events.onView(view, event);
      };
      connection.watch(this.#runId, { onView, onRefused: leave }, signal);
    });
  }

  /** @param {ConnectionState} state */
  #setState(state) {
    this.state = state;
    if (state.kind === "live") this.#delay = FIRST_RETRY;
    this.#events.onState(state);
  }
}

/** @param {ConnectionState} state @returns {{reason: string, code?: number | string}} */
function whyNot(state) {
  if (state.kind !== "offline" && state.kind !== "closed") return { reason: "" };
  return { reason: state.reason, code: state.code };
}
