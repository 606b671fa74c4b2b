/**
 * The client for pages of your own: starts workflows, reads their events, answers.
 *
 *     import { connect, emptyView, reduce } from "https://…/kgnb/static/client.js";
 *
 *     const client = connect({ token });
 *     const run = await client.start("review", { draft: "Tides …" });
 *     const view = emptyView();
 *     for await (const event of client.events(run.runId)) {
 *       reduce(view, event);
 *       if (event.type === "approval_request") {
 *         await client.answer(event.data.approval_id, "publish");
 *       }
 *     }
 *     client.close();
 *
 * One file that loads nothing else; the same `Connection` and `reduce` as the panel's.
 * Where the connection breaks it dials again, at growing intervals: each event comes
 * once and in order, each command has one effect. A page of another origin has to be
 * listed in the server's `allow_origins`.
 *
 * @import * as wire from "./wire.d.ts"
 * @import { ConnectionState } from "./connect.js"
 */

import { CommandError, Connection, FINAL_CODES } from "./connect.js";
import { randomId } from "./ids.js";
import { ENDED, emptyView, reduce } from "./reduce.js";
import { websocketTransport } from "./transports/websocket.js";

export { CommandError, ENDED, emptyView, reduce };

/**
 * @typedef {object} ConnectOptions
 * @property {string} [url] of the server, such as "https://example.org/user/ana/"; by
 *   default the one that this module came from
 * @property {string} [token] Jupyter's, or a share link's; without one the browser's
 *   cookie tells who you are, on pages of the server itself
 * @property {string} [workflow] binds the connection to a published workflow: `say`
 *   then is for that one
 * @property {string} [clientId] a name for this client: the messages of its groups and
 *   topics are kept while it is away
 */

/**
 * @param {ConnectOptions} [options]
 * @returns {Client}
 */
export function connect(options = {}) {
  return new Client(options);
}

/** Made by {@link connect}. Everything goes on after a break until `close`. */
export class Client {
  /** The session of `say` where none is named; nobody can guess it. */
  sessionId = randomId();
  #life = new AbortController();
  #connection;

  /** @param {ConnectOptions} options */
  constructor({ url, token, workflow, clientId }) {
    const base = serverUrl(url ?? import.meta.url);
    const isOffered = token !== undefined && isName(token);
    const address = socketAddress(base, workflow, { client_id: clientId, token: isOffered ? undefined : token });
    this.#connection = new Connection(websocketTransport(() => address, isOffered ? token : undefined));
    const retry = () => this.#connection.retry();
    globalThis.addEventListener?.("online", retry, { signal: this.#life.signal });
    this.#connection.keep(this.#life.signal);
  }

  /** How the connection is. @returns {ConnectionState} */
  get state() {
    return this.#connection.state;
  }

  /** Who we are to the server, once it has greeted. */
  get identity() {
    return this.#connection.identity;
  }

  /**
   * Be told of every change of `state`.
   * @param {(state: ConnectionState) => void} listener
   * @param {AbortSignal} [signal] ends it
   */
  onState(listener, signal = this.#life.signal) {
    this.#connection.onState(listener, AbortSignal.any([this.#life.signal, signal]));
  }

  /**
   * Start a published workflow; resolves when it has begun.
   * @param {string} workflow
   * @param {Record<string, unknown>} [params]
   * @param {{sessionId?: string}} [options]
   * @returns {Promise<{runId: string}>}
   * @throws {CommandError} with the protocol's `code`; `data.problems` says which of the
   *   params are wrong
   */
  async start(workflow, params = {}, { sessionId } = {}) {
    const frame = { type: "start_workflow", workflow, params, session_id: sessionId };
    return { runId: (await this.command(frame)).run_id ?? "" };
  }

  /**
   * Say something in a session; resolves when a run has it: a new one, or the one that
   * goes on and waits for a message.
   * @param {unknown} content
   * @param {{sessionId?: string}} [options]
   * @returns {Promise<{runId: string}>}
   */
  async say(content, { sessionId = this.sessionId } = {}) {
    const frame = { type: "message", content, session_id: sessionId };
    return { runId: (await this.command(frame)).run_id ?? "" };
  }

  /**
   * Tell the chat node of a session that the conversation is over.
   * @param {{sessionId?: string}} [options]
   * @throws {CommandError} `conflict` where no chat is running there
   */
  async endChat({ sessionId = this.sessionId } = {}) {
    await this.command({ type: "end_chat", session_id: sessionId });
  }

  /**
   * Answer a question; resolves when the answer counts.
   * @param {string} approvalId
   * @param {unknown} value the option, the text, or what the form asks for
   * @param {{argsHash?: string, reason?: string}} [options] `argsHash`: of the question
   *   as it was read; another text is then a `conflict`
   * @throws {CommandError} `already_answered` has the winning `data.value` and `data.by`
   */
  async answer(approvalId, value, { argsHash, reason } = {}) {
    await this.command({ type: "answer", approval_id: approvalId, value, args_hash: argsHash, reason });
  }

  /**
   * Give a node what it waits for.
   * @param {string} runId
   * @param {string} nodeId
   * @param {unknown} data
   */
  async sendInput(runId, nodeId, data) {
    await this.command({ type: "node_input", run_id: runId, node_id: nodeId, data });
  }

  /**
   * Begin a new run in the past of one that keeps its state; its kernel must be there.
   * @param {string} runId
   * @param {{at?: number | string, shared?: Record<string, unknown>}} [options] `at`: the
   *   number of a step, of which 0 is the start; a checkpoint's id; or a node, or a visit
   *   of it such as "Draft:2", for the state in which that began; by default the latest.
   *   `shared`: edits of the state
   * @returns {Promise<{runId: string}>} the new run
   * @throws {CommandError} `forbidden` without the role `start`, which no share link gives
   *   for it; `invalid` where there is no such place; `unavailable` where the run
   *   keeps no checkpoints, or its kernel cannot be reached
   */
  async fork(runId, { at, shared } = {}) {
    const frame = { type: "fork", run_id: runId, at, shared };
    return { runId: (await this.command(frame)).run_id ?? "" };
  }

  /**
   * Any command of the protocol; sent again after a break, with one effect.
   * @param {Record<string, unknown>} frame
   * @returns {Promise<wire.Frame>} the `ack`
   */
  command(frame) {
    if (this.#life.signal.aborted) {
      return Promise.reject(new CommandError({ code: "unavailable", message: "the client was closed" }));
    }
    return this.#connection.command(frame);
  }

  /**
   * The events of a run from its start to its end, each once and in order. Where the
   * server no longer has some, and for a second reader of the same run, a `snapshot`
   * with the whole `view` comes in their place.
   * @param {string} runId
   * @returns {AsyncGenerator<wire.AnyEvent | wire.Snapshot, void, void>}
   * @throws {CommandError} `no_such_run`; `gap` where the server's log was made anew;
   *   `unauthorized` and its like where the server closed the connection for good
   */
  async *events(runId) {
    if (this.#life.signal.aborted) return;
    const reading = new AbortController();
    const signal = AbortSignal.any([this.#life.signal, reading.signal]);
    /** @type {(wire.AnyEvent | wire.Snapshot)[]} */
    const heard = [];
    /** @type {CommandError | null} */
    let failure = null;
    let wake = () => {};
    let isOver = false;
    let seen = 0;
    const fail = (/** @type {{code: string, message: string}} */ why) => {
      failure = new CommandError(why);
      wake();
    };
    this.#connection.watch(
      runId,
      {
        onView: (view, event) => {
          if (view.seq < seen) return fail({ code: "gap", message: `run ${runId}: the server's log is another one` });
          seen = view.seq;
          heard.push(event ?? snapshot(view));
          isOver = ENDED.has(view.status);
          wake();
        },
        onRefused: fail,
      },
      signal,
    );
    const judge = () => {
      const { state } = this.#connection;
      if (state.kind === "closed") fail({ code: FINAL_CODES[state.code] ?? "unavailable", message: state.reason });
    };
    this.#connection.onState(judge, signal);
    judge();
    signal.addEventListener("abort", () => wake(), { once: true });
    try {
      while (!signal.aborted) {
        const next = heard.shift();
        if (next) yield next;
        else if (failure) throw failure;
        else if (isOver) return;
        else {
          await new Promise((resolve) => {
            wake = () => resolve(undefined);
          });
        }
      }
    } finally {
      reading.abort();
    }
  }

  /** Hang up; every iteration ends. */
  close() {
    this.#life.abort();
    this.#connection.close();
  }
}

/** @param {wire.RunView} view @returns {wire.Snapshot} a copy: the view goes on changing */
function snapshot(view) {
  const copy = structuredClone(view);
  return { type: "snapshot", run_id: view.run_id, view: { ...copy }, recovered: false, reason: "" };
}

/**
 * @param {string} given the server's URL, or one of a file of ours
 * @returns {URL} ending in "/"
 */
function serverUrl(given) {
  const url = new URL(given, globalThis.location?.href);
  url.search = url.hash = "";
  url.pathname = url.pathname.replace(/kgnb\/static\/[^/]*$/, "").replace(/\/?$/, "/");
  return url;
}

/**
 * @param {URL} base
 * @param {string | undefined} workflow
 * @param {Record<string, string | undefined>} query
 */
function socketAddress(base, workflow, query) {
  const url = new URL(base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.pathname += workflow === undefined ? "kgnb/ws" : `kgnb/ws/${encodeURIComponent(workflow)}`;
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url.href;
}

/** @param {string} token @returns {boolean} whether it can stand in a subprotocol's name */
function isName(token) {
  return /^[!#$%&'*+.^`|~\w-]+$/.test(token);
}
