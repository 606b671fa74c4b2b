/**
 * What a run gives: chat messages, results, and the error that ended it.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { labelOf } from "./context.js";
import { h, section, setText } from "./elements.js";
import { told } from "./format.js";
import { loneMessages } from "../record.js";

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
    const messages = loneMessages(view);
    if (messages.length < this.#drawnMessages) {
      this.#messages.replaceChildren();
      this.#drawnMessages = 0;
    }
    for (const message of messages.slice(this.#drawnMessages)) {
      const who = [message.role, message.name].filter(Boolean).join(" · ");
      const role = h("span", { class: "kgnb-message-role" }, who);
      const body = h("div", { class: "kgnb-message-text" }, shown(message.content));
      this.#messages.append(
        h("li", { class: "kgnb-message", "data-role": message.role }, role, body),
      );
    }
    this.#drawnMessages = messages.length;
    this.messages.hidden = messages.length === 0;
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
  const { error, status, resumable } = view;
  element.hidden = !error || resumable; // what to do then is told elsewhere
  if (!error) return;
  const where = error.node_id ? labelOf(view, error.node_id) : "";
  const isCancelled = status === "cancelled";
  setText(element, isCancelled ? `Cancelled: ${error.message}` : told(error, where));
}
