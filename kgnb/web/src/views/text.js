/**
 * One text that grows: appended to a single text node, so that every painted text is a
 * prefix of the true one; or drawn as Markdown, block by block.
 */

import { h, scrollable } from "./elements.js";
import { block, blocks } from "./markdown.js";

export class GrowingText {
  #text = document.createTextNode("");
  #written = 0;
  #full = "";
  #isMarkdown = false;
  #isBoxed;
  /** @type {string[]} */
  #blocks = [];

  /**
   * @param {string} label
   * @param {import("./elements.js").Attributes} [attributes]
   * @param {{isBoxed?: boolean}} [how] false: it is as high as its text, and a part of
   *   what scrolls around it
   */
  constructor(label, attributes, { isBoxed = true } = {}) {
    this.#isBoxed = isBoxed;
    this.element = h("div", { class: "kgnb-stream-text", ...attributes }, this.#text);
    if (isBoxed) scrollable(this.element, label);
  }

  /** @param {string} text all of it so far */
  update(text) {
    if (text.length === this.#full.length && this.#full) return;
    this.#full = text;
    if (!this.#isBoxed) return this.#draw();
    const box = this.element;
    const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    this.#draw();
    if (isAtEnd) box.scrollTop = box.scrollHeight;
  }

  /** @param {boolean} isMarkdown */
  redraw(isMarkdown) {
    if (isMarkdown === this.#isMarkdown) return;
    this.#isMarkdown = isMarkdown;
    this.#blocks = [];
    this.element.dataset.markdown = String(isMarkdown);
    this.element.replaceChildren(...(isMarkdown ? [] : [this.#text]));
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
      const old = this.element.children[index];
      if (old) old.replaceWith(block(source));
      else this.element.append(block(source));
    });
    while (this.element.children.length > now.length) this.element.lastChild?.remove();
    this.#blocks = now;
  }
}
