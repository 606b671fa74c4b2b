/**
 * One stream of a run as a chat shows it: its reasoning folded away, its tool calls, its
 * text as safe Markdown.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { Call, GrowingText, callState, h, icon, setText } from "../shared.js";

export class Reply {
  /** What is said and thought so far. @type {Map<string, GrowingText>} */
  #texts = new Map();
  #thought = h("details", { class: "kgnb-thought" });
  #thoughtWord = h("span", null, "Thinking");
  #calls = h("ol", { class: "kgnb-tools" });
  /** @type {Map<number | null, Tool>} */
  #called = new Map();
  #said = h("div", { class: "kgnb-said" });
  /** What is thought, said and called stands in the order in which each began. */
  element = h("div", { class: "kgnb-reply" });
  /** All of its text. */
  text = "";
  /** What it is doing just now, or "". */
  doing = "";

  constructor() {
    this.#thought.append(h("summary", null, icon("thought"), this.#thoughtWord));
  }

  /** @param {wire.StreamView[]} parts its texts so far @param {boolean} isLive */
  update(parts, isLive) {
    this.doing = "";
    for (const part of parts) {
      const isGrowing = isLive && !part.final;
      if (part.kind === "tool_call") this.#updateCall(part, isGrowing);
      else this.#textOf(part).update(part.text);
      if (part.kind === "text") this.text = part.text;
      if (part.kind === "reasoning") this.#updateThought(isGrowing);
      if (isGrowing) this.doing = doing(part);
    }
    this.element.dataset.growing = String(this.doing === "writing");
    this.element.hidden = parts.some((part) => part.superseded);
  }

  /** @param {boolean} isGrowing */
  #updateThought(isGrowing) {
    this.#thought.dataset.growing = String(isGrowing);
    setText(this.#thoughtWord, isGrowing ? "Thinking" : "Reasoning");
  }

  /** @param {wire.StreamView} part @param {boolean} isGrowing */
  #updateCall(part, isGrowing) {
    let known = this.#called.get(part.call);
    if (!known) {
      known = newTool(part.tool ?? `tool ${part.call ?? 1}`);
      this.#calls.append(h("li", null, known.element));
      if (!this.#calls.parentElement) this.element.append(this.#calls);
      this.#called.set(part.call, known);
    }
    known.call.update(part);
    known.state.dataset.growing = String(isGrowing);
    setText(known.state, callState(part, isGrowing));
  }

  /** @param {wire.StreamView} part @returns {GrowingText} */
  #textOf(part) {
    const known = this.#texts.get(part.kind);
    if (known) return known;
    const text = this.#newText(part);
    this.#texts.set(part.kind, text);
    return text;
  }

  /** @param {wire.StreamView} part */
  #newText(part) {
    if (part.kind === "reasoning") {
      const text = new GrowingText("Reasoning", { "data-kind": "reasoning" });
      this.#thought.append(text.element);
      this.element.append(this.#thought);
      return text;
    }
    const text = new GrowingText("Text", { "data-stream": part.stream }, { isBoxed: false });
    text.redraw(true);
    this.#said.append(text.element);
    this.element.append(this.#said);
    return text;
  }
}

/** @typedef {{element: HTMLElement, call: Call, state: HTMLElement}} Tool */

/** @param {string} name @returns {Tool} its call, folded */
function newTool(name) {
  const call = new Call(`Arguments of ${name}`);
  const state = h("span", { class: "kgnb-tool-state" });
  const head = h("summary", null, icon("tool"), h("code", null, name), state);
  return { element: h("details", { class: "kgnb-tool" }, head, call.element), call, state };
}

/**
 * A call of a tool that is over.
 * @param {string} name
 * @param {{text?: string, content?: wire.Json}} what its arguments, and what came of it
 */
export function toolBox(name, { text = "", content }) {
  const { element, call, state } = newTool(name);
  const outcome = content === undefined ? null : { content, args: null, failed: false };
  call.update({ text, outcome });
  setText(state, callState({ text, outcome }, false));
  return element;
}

/** @param {wire.StreamView} part */
function doing({ kind, tool }) {
  if (kind === "reasoning") return "thinking";
  return kind === "tool_call" ? `calling ${tool ?? "a tool"}` : "writing";
}

/** @param {string} text a whole one, drawn as a reply's */
export function wholeReply(text) {
  const drawn = new GrowingText("Text", {}, { isBoxed: false });
  drawn.redraw(true);
  drawn.update(text);
  return h("div", { class: "kgnb-reply" }, drawn.element);
}

/** @param {Node | string} content what a person said */
export function bubble(content) {
  return h("div", { class: "kgnb-you" }, h("span", { class: "kgnb-unseen" }, "You: "), content);
}
