/**
 * What models say, token by token: a card for each stream, with its text, its
 * reasoning folded away, and its tool calls. Streams of one visit stand side by side;
 * what a failed attempt said stands above them, folded and struck.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Context } from "./context.js"
 */

import { Call, callState } from "./call.js";
import { labelOf } from "./context.js";
import { h, icon, scrollable, section, setText } from "./elements.js";
import { plural, usageOf } from "./format.js";
import { GrowingText } from "./text.js";
import { visitOf } from "../record.js";

/** Visits whose streams are drawn in full; those of older ones fold to lines. */
const OPEN_VISITS = 2;

/** Cards side by side, from which on they are kept small. */
const MANY = 5;

export class Streams {
  /** @type {Map<string, Card>} */
  #cards = new Map();
  /** @type {Map<string, Visit>} */
  #visits = new Map();
  #list = h("div", { class: "kgnb-stream-list" });
  #isMarkdown = false;

  /** @param {Context} context */
  constructor(context) {
    const toggle = h(
      "button",
      { type: "button", class: "kgnb-toggle", "aria-pressed": "false" },
      "Markdown",
    );
    const { element, heading } = section("streams", "Text", this.#list);
    heading.append(toggle);
    this.element = element;
    toggle.addEventListener(
      "click",
      () => {
        this.#isMarkdown = !this.#isMarkdown;
        toggle.setAttribute("aria-pressed", String(this.#isMarkdown));
        for (const card of this.#cards.values()) card.redraw(this.#isMarkdown);
      },
      { signal: context.signal },
    );
  }

  /** @param {wire.RunView} view @param {boolean} isFinal */
  update(view, isFinal) {
    /** @type {Map<string, wire.StreamView[]>} */
    const streams = new Map();
    for (const entry of view.streams) {
      const parts = streams.get(entry.stream);
      if (parts) parts.push(entry);
      else streams.set(entry.stream, [entry]);
    }
    for (const [id, parts] of streams) this.#updateCard(view, id, parts);
    const visits = [...this.#visits.values()];
    visits.forEach((visit, index) => {
      visit.update(isFinal || index >= visits.length - OPEN_VISITS);
    });
    const most = Math.max(0, ...visits.map((visit) => visit.size));
    this.element.dataset.many = String(most >= MANY);
    this.element.hidden = view.streams.length === 0;
  }

  /** @param {wire.RunView} view @param {string} id @param {wire.StreamView[]} parts */
  #updateCard(view, id, parts) {
    const [first] = parts;
    if (!first) return;
    let card = this.#cards.get(id);
    if (!card) {
      const task = first.task_id ?? first.node_id;
      let visit = this.#visits.get(task);
      if (!visit) {
        visit = new Visit();
        this.#visits.set(task, visit);
        this.#list.append(visit.element);
      }
      card = new Card(id, titleOf(view, first), visit);
      card.redraw(this.#isMarkdown);
      this.#cards.set(id, card);
    }
    card.update(parts);
  }
}

/** @param {wire.RunView} view @param {wire.StreamView} entry */
function titleOf(view, entry) {
  const { node_id, task_id, item, name, attempt, stream } = entry;
  const visit = visitOf(task_id);
  const number = /[/.](\d+)$/.exec(stream)?.[1] ?? "1";
  const path = view.graph.nodes.find(({ id }) => id === node_id)?.path ?? [];
  const parts = [[...path, labelOf(view, node_id)].join(" › ")];
  if (visit > 1) parts.push(`visit ${visit}`);
  if (item !== null) parts.push(`item ${item}`);
  if (name) parts.push(name);
  else if (number !== "1") parts.push(`text ${number}`);
  if ((attempt ?? 1) > 1) parts.push(`attempt ${attempt}`);
  return parts.join(" · ");
}

/** The streams of one visit. */
class Visit {
  #superseded = h("div", { class: "kgnb-stream-superseded" });
  #beside = scrollable(h("div", { class: "kgnb-stream-beside" }), "Texts side by side");
  #isOpen = true;

  constructor() {
    this.element = h("div", { class: "kgnb-stream-visit" }, this.#superseded, this.#beside);
  }

  /** How many stand side by side. */
  get size() {
    return this.#isOpen ? this.#beside.children.length : 0;
  }

  /** @param {HTMLDetailsElement} card @param {boolean} isSuperseded */
  place(card, isSuperseded) {
    (isSuperseded ? this.#superseded : this.#beside).append(card);
  }

  /** @param {boolean} isOpen */
  update(isOpen) {
    this.element.dataset.open = String(isOpen);
    this.#beside.dataset.many = String(isOpen && this.size >= MANY);
    if (isOpen || !this.#isOpen) return;
    this.#isOpen = false; // once: who opens one again means it
    for (const card of this.#beside.children) card.removeAttribute("open");
  }
}

/** One stream. */
class Card {
  /** @type {Map<string, GrowingText>} */
  #texts = new Map();
  /** @type {Map<string, {call: Call, state: HTMLElement}>} */
  #called = new Map();
  #title;
  #visit;
  #isMarkdown = false;
  #isSuperseded = false;
  #facts = h("span", { class: "kgnb-stream-facts" });
  #thought = h("details", { class: "kgnb-stream-part", "data-kind": "reasoning" });
  #said = h("div", { class: "kgnb-stream-part", "data-kind": "text" });
  #calls = h("ol", { class: "kgnb-calls" });

  /** @param {string} id @param {string} title @param {Visit} visit */
  constructor(id, title, visit) {
    this.#title = title;
    this.#visit = visit;
    this.#thought.append(h("summary", { class: "kgnb-stream-thought" }, "reasoning"));
    this.#thought.hidden = this.#calls.hidden = true;
    this.element = h(
      "details",
      { class: "kgnb-stream", "data-stream-card": id, open: true },
      h("summary", { class: "kgnb-stream-title" }, h("span", null, title), this.#facts),
      this.#thought,
      this.#said,
      this.#calls,
    );
    visit.place(this.element, false);
  }

  /** @param {wire.StreamView[]} parts its texts so far */
  update(parts) {
    for (const part of parts) {
      if (part.kind === "tool_call") this.#updateCall(part);
      else this.#textOf(part).update(part.text);
    }
    const isFinal = parts.every((part) => part.final);
    this.element.dataset.final = String(isFinal);
    const isSuperseded = parts.some((part) => part.superseded);
    if (isSuperseded && !this.#isSuperseded) {
      this.#isSuperseded = true;
      this.element.dataset.superseded = "true";
      this.element.open = false;
      this.#visit.place(this.element, true);
    }
    setText(this.#facts, facts(parts));
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
      const text = new GrowingText(`Reasoning of ${this.#title}`);
      this.#thought.append(text.element);
      this.#thought.hidden = false;
      return text;
    }
    const text = new GrowingText(`Text of ${this.#title}`, { "data-stream": part.stream });
    text.redraw(this.#isMarkdown);
    this.#said.append(text.element);
    return text;
  }

  /** @param {wire.StreamView} part */
  #updateCall(part) {
    const key = String(part.call);
    let known = this.#called.get(key);
    if (!known) {
      const name = part.tool ?? `call ${part.call ?? 1}`;
      const call = new Call(`Arguments of ${name}, ${this.#title}`);
      const state = h("span", { class: "kgnb-call-word" });
      const head = h(
        "div",
        { class: "kgnb-call-head" },
        icon("tool"),
        h("span", { class: "kgnb-unseen" }, "tool call "),
        h("span", { class: "kgnb-call-name" }, name),
        state,
      );
      this.#calls.append(h("li", { class: "kgnb-stream-part", "data-kind": "tool_call" }, head, call.element));
      this.#calls.hidden = false;
      known = { call, state };
      this.#called.set(key, known);
    }
    known.call.update(part);
    setText(known.state, callState(part, !part.final));
  }

  /** @param {boolean} isMarkdown of what is said; the rest is no Markdown */
  redraw(isMarkdown) {
    this.#isMarkdown = isMarkdown;
    this.#texts.get("text")?.redraw(isMarkdown);
  }
}

/** @param {wire.StreamView[]} parts */
function facts(parts) {
  const found = [];
  if (parts.some((part) => part.superseded)) found.push("superseded");
  const missing = parts.reduce((sum, part) => sum + part.missing, 0);
  if (missing) found.push(`${plural(missing, "character")} missing`);
  const usage = parts.find((part) => part.usage)?.usage;
  if (usage) found.push(usageOf(usage));
  return found.join(" · ");
}
