/**
 * What models say, token by token.
 *
 * Text is only ever appended to one text node per stream; every painted text is a
 * prefix of the true one. Markdown is drawn block by block, on request.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Context } from "./context.js"
 */

import { labelOf } from "./context.js";
import { h, scrollable, section, setText } from "./elements.js";
import { told } from "./format.js";
import { block, blocks } from "./markdown.js";
import { visitOf } from "../record.js";

/** @type {Record<string, string>} */
const KINDS = { reasoning: "reasoning", tool_call: "tool call" };

/** Streams drawn in full; older ones fold to a line. */
const OPEN_STREAMS = 2;

export class Streams {
  /** @type {Map<string, Stream>} */
  #streams = new Map();
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
        for (const stream of this.#streams.values()) stream.redraw(this.#isMarkdown);
      },
      { signal: context.signal },
    );
  }

  /** @param {wire.RunView} view @param {boolean} isFinal */
  update(view, isFinal) {
    view.streams.forEach((entry, index) => {
      const key = `${entry.stream} ${entry.kind}`;
      let stream = this.#streams.get(key);
      if (!stream) {
        stream = new Stream(entry, titleOf(view, entry), this.#isMarkdown);
        this.#streams.set(key, stream);
        this.#list.append(stream.element);
      }
      const isRecent = isFinal || index >= view.streams.length - OPEN_STREAMS;
      stream.update(entry, isRecent);
    });
    this.element.hidden = view.streams.length === 0;
  }
}

/** @param {wire.RunView} view @param {wire.StreamView} entry */
function titleOf(view, entry) {
  const visit = visitOf(entry.task_id);
  const parts = [labelOf(view, entry.node_id)];
  if (visit > 1) parts.push(`visit ${visit}`);
  if ((entry.attempt ?? 1) > 1) parts.push(`attempt ${entry.attempt}`);
  const kind = KINDS[entry.kind];
  if (kind) parts.push(kind);
  return parts.join(" · ");
}

class Stream {
  #text = document.createTextNode("");
  #written = 0;
  #full = "";
  #body;
  #isMarkdown;
  #isFolded = false;
  /** @type {string[]} */
  #blocks = [];

  /** @param {wire.StreamView} entry @param {string} title @param {boolean} isMarkdown */
  constructor(entry, title, isMarkdown) {
    this.#isMarkdown = isMarkdown;
    this.#body = scrollable(
      h("div", { class: "kgnb-stream-text", "data-stream": entry.stream }),
      `Text of ${title}`,
    );
    this.element = h(
      "details",
      { class: "kgnb-stream", "data-kind": entry.kind, open: true },
      h("summary", { class: "kgnb-stream-title" }, title),
      this.#body,
    );
    if (!this.#isMarkdown) this.#body.append(this.#text);
  }

  /** @param {wire.StreamView} entry @param {boolean} isRecent */
  update(entry, isRecent) {
    if (!isRecent && !this.#isFolded) {
      this.#isFolded = true; // once: who opens it again means it
      this.element.open = false;
    }
    this.element.dataset.final = String(entry.final);
    if (entry.text.length === this.#full.length && this.#full) return;
    this.#full = entry.text;
    const box = this.#body;
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    this.#draw();
    if (isAtEnd) box.scrollTop = box.scrollHeight;
  }

  /** @param {boolean} isMarkdown */
  redraw(isMarkdown) {
    if (isMarkdown === this.#isMarkdown) return;
    this.#isMarkdown = isMarkdown;
    this.#blocks = [];
    this.#body.dataset.markdown = String(isMarkdown);
    this.#body.replaceChildren(...(isMarkdown ? [] : [this.#text]));
    this.#draw();
  }

  #draw() {
    if (this.#isMarkdown) return this.#drawBlocks();
    if (this.#full.length < this.#written) {
      this.#text.data = ""; // another log: the text began anew
      this.#written = 0;
    }
    this.#text.appendData(this.#full.slice(this.#written));
    this.#written = this.#full.length;
  }

  /** Draw again only what changed: the last block, and new ones. */
  #drawBlocks() {
    const now = blocks(this.#full);
    now.forEach((source, index) => {
      if (source === this.#blocks[index]) return;
      const old = this.#body.children[index];
      if (old) old.replaceWith(block(source));
      else this.#body.append(block(source));
    });
    while (this.#body.children.length > now.length) this.#body.lastChild?.remove();
    this.#blocks = now;
  }
}

/** Chat messages and results: whole values rather than streams. */
export class Outcomes {
  #messages = h("ol", { class: "kgnb-message-list" });
  #results = h("div", { class: "kgnb-result-list" });
  #drawnMessages = 0;
  #drawnResults = "";

  constructor() {
    this.messages = section("messages", "Messages", this.#messages).element;
    this.results = section("results", "Results", this.#results).element;
  }

  /** @param {wire.RunView} view @param {(value: wire.Json) => Node} shown */
  update(view, shown) {
    if (view.messages.length < this.#drawnMessages) {
      this.#messages.replaceChildren();
      this.#drawnMessages = 0;
    }
    for (const message of view.messages.slice(this.#drawnMessages)) {
      const role = h("span", { class: "kgnb-message-role" }, message.role);
      const body = h("div", { class: "kgnb-message-text" }, shown(message.content));
      this.#messages.append(
        h("li", { class: "kgnb-message", "data-role": message.role }, role, body),
      );
    }
    this.#drawnMessages = view.messages.length;
    this.messages.hidden = view.messages.length === 0;
    this.#updateResults(view, shown);
  }

  /** @param {wire.RunView} view @param {(value: wire.Json) => Node} shown */
  #updateResults(view, shown) {
    const entries = Object.entries(view.results).filter(([, value]) => value !== null);
    this.results.hidden = entries.length === 0;
    const now = JSON.stringify(entries);
    if (now === this.#drawnResults) return;
    this.#drawnResults = now;
    this.#results.replaceChildren(
      ...entries.map(([id, value]) =>
        h(
          "div",
          { class: "kgnb-result", "data-result": id },
          h("div", { class: "kgnb-result-name" }, labelOf(view, id)),
          shown(value),
        ),
      ),
    );
  }
}

/** @param {wire.RunView} view @param {HTMLElement} element */
export function showError(view, element) {
  const { error, status } = view;
  element.hidden = !error;
  if (!error) return;
  const where = error.node_id ? labelOf(view, error.node_id) : "";
  const isCancelled = status === "cancelled";
  setText(element, isCancelled ? `Cancelled: ${error.message}` : told(error, where));
}
