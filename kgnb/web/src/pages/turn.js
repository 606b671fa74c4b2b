/**
 * One run of a conversation: what was said, what came of it in the order in which it
 * came, and how far it is.
 *
 * The order is that of the run's own events, so it is the same after a reload.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Context } from "../views/context.js"
 */

import { Foot } from "./foot.js";
import { Reply, bubble } from "./reply.js";
import { textOf, wholeMessage } from "./words.js";
import { Card, ENDED, decision, emptyView, h, keyOf, labelOf, told, valueBox, visible } from "../shared.js";

/** Updates of chat nodes that a page shows by other means, or not at all. */
const SILENT = new Set(["typing", "chat_ready"]);

/**
 * @typedef {object} Question
 * @property {HTMLElement} place
 * @property {Card | null} card while it is open
 */

export class Turn {
  view = emptyView();
  #body = h("div", { class: "kgnb-turn-body" });
  #context;
  #foot;
  /** @type {Map<string, Reply>} */
  #replies = new Map();
  /** @type {Map<string, Question>} */
  #questions = new Map();
  #messages = 0;
  #customs = 0;
  /** @type {wire.Step | null} */
  #step = null;
  /** @type {wire.Step | null} */
  #firstStep = null;
  #isOver = false;
  #isSaid = false;
  /** Texts that stand here already: what is told twice is shown once. @type {Set<string>} */
  #shown = new Set();
  #inputs = 0;
  #onInput;
  #isDrawn = false;

  /**
   * @param {string} runId
   * @param {string} href of the run's own page
   * @param {Context} context
   * @param {(text: string) => void} onInput told of what a person gave it as it went on
   */
  constructor(runId, href, context, onInput) {
    this.runId = runId;
    this.#onInput = onInput;
    this.#context = context;
    this.#foot = new Foot(href);
    this.element = h("li", { class: "kgnb-turn", "data-run": runId }, this.#body, this.#foot.element);
  }

  get isOver() {
    return ENDED.has(this.view.status);
  }

  /** The node's question for the next message, or null. @returns {wire.ApprovalView | null} */
  get waitsFor() {
    return this.view.approvals.find((one) => one.state === "open" && isTalk(one)) ?? null;
  }

  /** Whether nothing can change in it any more that is not drawn. */
  get isDrawn() {
    return this.#isDrawn;
  }

  /** @param {unknown} message what started it; the run itself tells it too */
  say(message) {
    if (this.#isSaid || message === null || message === undefined) return;
    this.#isSaid = true;
    this.#body.prepend(bubble(said(message)));
  }

  /**
   * Take in a change at once, so that what is new stands in the order of events.
   * @param {wire.RunView} view
   * @param {wire.AnyEvent | null} event
   */
  take(view, event) {
    this.view = view;
    this.#isDrawn = false;
    if (event?.type === "step") this.#step = /** @type {wire.Step} */ (/** @type {unknown} */ (event));
    this.#firstStep ??= this.#step;
    if (view.seq === 0) return; // another log: it is told anew
    this.say(view.message);
    for (const { stream } of view.streams) this.#replyOf(stream);
    for (const approval of view.approvals) this.#takeQuestion(approval);
    this.#takeMessages();
    this.#takeCustoms();
  }

  /** @param {number} now @param {boolean} isLive whether the connection stands */
  draw(now, isLive) {
    const { view } = this;
    if (!view.seq) return;
    const isGoing = isLive && !this.isOver;
    let doing = "";
    for (const [stream, reply] of this.#replies) {
      const parts = view.streams.filter((part) => part.stream === stream);
      reply.update(parts, isGoing);
      doing = reply.doing || doing;
    }
    for (const [key, { card }] of this.#questions) {
      const approval = view.approvals.find((one) => keyOf(one) === key);
      if (approval && card) card.update(approval);
    }
    if (this.isOver && !this.#isOver) this.#finish();
    this.#isDrawn = this.isOver;
    this.#foot.update(view, this.#step, { now, isLive, doing, isTalking: this.waitsFor !== null });
  }

  /** What was answered, for who cannot see it. */
  get spoken() {
    const texts = [...this.#shown, ...[...this.#replies.values()].map((reply) => reply.text)];
    return texts.filter(Boolean).at(-1) ?? "";
  }

  /** @param {string} stream */
  #replyOf(stream) {
    if (this.#replies.has(stream)) return;
    const reply = new Reply();
    this.#replies.set(stream, reply);
    this.#body.append(reply.element);
  }

  /** @param {wire.ApprovalView} approval */
  #takeQuestion(approval) {
    const key = keyOf(approval);
    const known = this.#questions.get(key);
    if (isTalk(approval)) {
      if (approval.state === "open" || known) return;
      this.#questions.set(key, { place: this.#body, card: null });
      this.#takeInput(approval);
      return;
    }
    const isOpen = approval.state === "open";
    if (known && (known.card !== null) === isOpen) return;
    const label = labelOf(this.view, approval.node_id);
    const question = known ?? { place: h("div", { class: "kgnb-turn-question" }), card: null };
    question.card?.remove();
    question.card = isOpen ? new Card(approval, label, this.#context) : null;
    question.place.replaceChildren(question.card?.element ?? decision(approval, label));
    if (!known) this.#body.append(question.place);
    this.#questions.set(key, question);
    if (isOpen) this.#context.announce(`${label} asks: ${approval.message}`);
  }

  /** @param {wire.ApprovalView} approval */
  #takeInput({ state, value }) {
    if (state !== "answered") return;
    this.#inputs += 1;
    if (typeof value === "string") this.#onInput(value);
    const isEnd = value !== null && typeof value === "object" && value.type === "end_chat";
    this.#body.append(isEnd ? remark("You ended the chat.") : bubble(said(value)));
  }

  #takeMessages() {
    const { messages, streams } = this.view;
    const calls = new Set(streams.map(({ call_id }) => call_id));
    for (const message of messages.slice(this.#messages)) {
      // What answers a call stands with it.
      const isWithCall = message.tool_call_id !== null && calls.has(message.tool_call_id);
      if (!isWithCall) this.#show(message);
    }
    this.#messages = messages.length;
  }

  /** @param {import("./words.js").Message} message */
  #show(message) {
    const { role, content = null } = message;
    if (role === "user" || content === null || content === "") return;
    const text = textOf(content) || JSON.stringify(content);
    const isStreamed = this.view.streams.some((part) => part.kind === "text" && same(part.text, text));
    if (isStreamed || this.#shown.has(text)) return;
    const whole = wholeMessage(message);
    if (!whole) return;
    this.#shown.add(text);
    this.#body.append(whole);
  }

  /**
   * What the session held before this run, as far as its first step tells.
   * @returns {import("./words.js").Message[] | null} null where it has told nothing yet
   */
  get before() {
    if (!this.#firstStep) return null;
    const messages = /** @type {import("./words.js").Message[]} */ (this.#firstStep.messages);
    let own = (this.view.message == null ? 0 : 1) + this.#inputs;
    const first = messages.findLastIndex(({ role }) => role === "user" && --own === 0);
    return messages.slice(0, Math.max(0, first));
  }

  #takeCustoms() {
    const { custom, custom_dropped } = this.view;
    const first = Math.max(0, this.#customs - custom_dropped);
    for (const { type, data } of custom.slice(first)) {
      const text = typeof data?.message === "string" && !SILENT.has(type) ? data.message : "";
      if (text) this.#body.append(remark(text));
    }
    this.#customs = custom.length + custom_dropped;
  }

  /** The run is over: what nobody has said yet is said now. */
  #finish() {
    this.#isOver = true;
    const { error, status, result } = this.view;
    const messages = this.#step?.messages ?? [];
    const lastSaid = messages.findLastIndex((message) => message.role === "user");
    for (const { role, content } of messages.slice(lastSaid + 1)) {
      if (role === "assistant") this.#show({ role, content });
    }
    const isSilent = !this.#shown.size && ![...this.#replies.values()].some((reply) => reply.text);
    if (isSilent && !error && result !== null && !this.#inputs) {
      if (typeof result === "string") this.#show({ role: "assistant", content: result });
      else this.#body.append(valueBox(result));
    }
    if (error) {
      const where = error.node_id ? labelOf(this.view, error.node_id) : "";
      const text = status === "cancelled" ? "Stopped." : told(error, where);
      this.#body.append(status === "cancelled" ? remark(text) : problem(text));
    } else if (status === "cancelled") this.#body.append(remark("Stopped."));
  }
}

/** @param {wire.ApprovalView} approval whether it is answered by what one types below */
function isTalk({ kind, options }) {
  return kind === "input" && !options?.length;
}

/** @param {unknown} value */
function said(value) {
  return visible(typeof value === "string" ? value : JSON.stringify(value, null, 2));
}

/** @param {string} one @param {string} other */
function same(one, other) {
  return one.trim() === other.trim();
}

/** @param {string} text */
function remark(text) {
  return h("p", { class: "kgnb-remark" }, visible(text));
}

/** @param {string} text */
function problem(text) {
  return h("p", { class: "kgnb-error", role: "alert" }, visible(text));
}
