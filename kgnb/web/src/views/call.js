/**
 * A tool call: what the model asks for as it writes it, what the tool was called with
 * where a person changed that, and what came of it.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { h } from "./elements.js";
import { GrowingText } from "./text.js";
import { valueBox } from "./value.js";

export class Call {
  #args;
  #asked = part("asked for");
  #isDone = false;
  element;

  /** @param {string} label whose arguments they are, for who cannot see it */
  constructor(label) {
    this.#args = new GrowingText(label);
    this.#asked.firstElementChild?.classList.add("kgnb-unseen");
    this.#asked.append(this.#args.element);
    this.element = h("div", { class: "kgnb-call" }, this.#asked);
  }

  /** @param {Pick<wire.StreamView, "text" | "outcome">} view */
  update({ text, outcome }) {
    this.#args.update(text);
    this.#asked.hidden = text === "";
    if (!outcome || this.#isDone) return;
    this.#isDone = true;
    const { args, content, failed } = outcome;
    if (isEdited(text, args)) {
      this.#asked.firstElementChild?.classList.remove("kgnb-unseen");
      this.#asked.dataset.superseded = "true";
      this.element.append(part("called with instead", args));
    }
    const result = part(failed ? "not done" : "result", content);
    result.dataset.failed = String(failed ?? false);
    this.element.append(result);
  }
}

/** @param {Pick<wire.StreamView, "text" | "outcome">} view @param {boolean} isGrowing @returns {string} how far it is, in a word */
export function callState({ outcome, text }, isGrowing) {
  if (!outcome) return isGrowing ? "calling" : "called";
  if (outcome.failed) return "not done";
  return isEdited(text, outcome.args) ? "done, changed" : "done";
}

/** @param {string} word @param {wire.Json} [value] */
function part(word, value) {
  const title = h("div", { class: "kgnb-call-word" }, word);
  return h("div", { class: "kgnb-call-part" }, title, value !== undefined && valueBox(value));
}

/** @param {string} text JSON, as a model wrote it @param {wire.Json} args */
function isEdited(text, args) {
  if (args === null || args === undefined) return false;
  try {
    return canonical(JSON.parse(text || "{}")) !== canonical(args);
  } catch {
    return false; // the model wrote no JSON: nobody can compare
  }
}

/** @param {unknown} value @returns {string} the same for equal values */
function canonical(value) {
  return JSON.stringify(value, (_, inner) =>
    inner && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
