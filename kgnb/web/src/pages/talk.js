/**
 * What a person says in one session: kept in the tab until the server has it, so that a
 * reload neither loses nor repeats a message.
 */

import { CommandError, randomId } from "../shared.js";

/**
 * Something that was said and is not yet seen in a run.
 * @typedef {object} Said
 * @property {string} id of its command: sent again, it has one effect
 * @property {string} text
 * @property {"sending" | "accepted" | "refused"} state
 * @property {string} [error] why it was refused
 */

/**
 * @typedef {object} Shelf where a tab keeps things; sessionStorage, but for tests
 * @property {(key: string) => string | null} getItem
 * @property {(key: string, value: string) => void} setItem
 */

export class Talk {
  /** @type {string} nobody can guess it */
  sessionId = "";
  /** @type {Said[]} in order */
  outbox = [];
  #key;
  #command;
  #events;
  #shelf;

  /**
   * @param {string} key of this conversation among those of the tab
   * @param {(frame: Record<string, unknown>) => Promise<import("../wire.d.ts").Frame>} command
   * @param {{onChange: () => void, onAccepted: (said: Said, runId: string) => void}} events
   * @param {Shelf | null} shelf null where the browser keeps nothing
   * @param {string | null} [named] the session to go on with, whatever the tab has kept
   */
  constructor(key, command, events, shelf, named = null) {
    this.#key = key;
    this.#command = command;
    this.#events = events;
    this.#shelf = shelf;
    this.#load(named);
  }

  /** @param {string} text */
  say(text) {
    /** @type {Said} */
    const said = { id: randomId(), text, state: "sending" };
    this.outbox.push(said);
    this.#save();
    this.#send(said);
  }

  /** Send what the tab kept over a reload. */
  resume() {
    for (const said of this.outbox) if (said.state === "sending") this.#send(said);
  }

  /** @param {Said} said that was refused: a new attempt, which may have an effect of its own */
  retry(said) {
    this.discard(said);
    this.say(said.text);
  }

  /** @param {Said} said */
  discard(said) {
    this.outbox = this.outbox.filter((other) => other !== said);
    this.#save();
    this.#events.onChange();
  }

  /** Begin another session; what was said in the old one stays there. */
  restart() {
    this.sessionId = randomId();
    this.outbox = [];
    this.#save();
    this.#events.onChange();
  }

  /** @param {Said} said */
  async #send(said) {
    const session_id = this.sessionId;
    this.#events.onChange();
    try {
      const frame = { type: "message", content: said.text, session_id, id: said.id };
      const { run_id } = await this.#command(frame);
      if (session_id !== this.sessionId) return;
      said.state = "accepted";
      this.#events.onAccepted(said, run_id ?? "");
    } catch (error) {
      if (session_id !== this.sessionId) return;
      said.state = "refused";
      said.error = told(error);
    }
    this.#save();
    this.#events.onChange();
  }

  /** @param {string | null} named */
  #load(named) {
    let kept = this.#kept();
    if (named !== null && kept.session_id !== named) kept = { session_id: named };
    this.sessionId = typeof kept.session_id === "string" ? kept.session_id : randomId();
    for (const { id, text } of Array.isArray(kept.outbox) ? kept.outbox : []) {
      this.outbox.push({ id: String(id), text: String(text), state: "sending" });
    }
    this.#save();
  }

  /** @returns {{session_id?: unknown, outbox?: unknown}} */
  #kept() {
    try {
      return JSON.parse(this.#shelf?.getItem(this.#key) ?? "{}") ?? {};
    } catch {
      return {}; // somebody else's, or half written: begin anew
    }
  }

  #save() {
    const outbox = this.outbox
      .filter((said) => said.state === "sending")
      .map(({ id, text }) => ({ id, text }));
    try {
      this.#shelf?.setItem(this.#key, JSON.stringify({ session_id: this.sessionId, outbox }));
    } catch {
      // Full: the session lives as long as the page.
    }
  }
}

/** @param {unknown} error */
function told(error) {
  if (!(error instanceof CommandError)) return String(error);
  if (error.code === "rate_limited") return "Too many messages; wait a little.";
  return error.message;
}
