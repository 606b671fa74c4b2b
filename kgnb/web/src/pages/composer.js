/** Where one types: grows with its text, sends with Enter, keeps what is not sent. */

import { h, icon, setText } from "../shared.js";

const MOST = 100_000;

/**
 * @typedef {object} ComposerState
 * @property {string} obstacle why nothing can be sent, or ""
 * @property {string} prompt
 * @property {boolean} canStop
 */

export class Composer {
  #text = h("textarea", {
    class: "kgnb-compose-text",
    rows: 1,
    maxlength: MOST,
    "aria-label": "Message",
    enterkeyhint: "send",
  });
  #send = h(
    "button",
    { type: "submit", class: "kgnb-compose-button kgnb-primary", "aria-label": "Send", title: "Send (Enter)" },
    icon("send"),
  );
  #stop = h(
    "button",
    { type: "button", class: "kgnb-compose-button", "aria-label": "Stop", title: "Stop", hidden: true },
    icon("stop"),
  );
  #note = h("p", { class: "kgnb-compose-note", role: "status" });
  #isBlocked = false;

  /**
   * @param {{onSay: (text: string) => void, onStop: () => void}} events
   * @param {AbortSignal} signal
   */
  constructor({ onSay, onStop }, signal) {
    const form = h("form", { class: "kgnb-compose" }, this.#text, this.#stop, this.#send);
    this.element = h("div", { class: "kgnb-compose-place" }, form, this.#note);
    const say = () => {
      const text = this.#text.value.trim();
      if (!text || this.#isBlocked) return;
      this.#text.value = "";
      this.#fit();
      onSay(text);
    };
    form.addEventListener(
      "submit",
      (event) => {
        event.preventDefault();
        say();
      },
      { signal },
    );
    this.#text.addEventListener(
      "keydown",
      (event) => {
        // Of an input method, Enter takes a suggestion.
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        say();
      },
      { signal },
    );
    this.#text.addEventListener("input", () => this.#fit(), { signal });
    this.#stop.addEventListener("click", onStop, { signal });
    this.#fit();
  }

  /** @param {ComposerState} state */
  update({ obstacle, prompt, canStop }) {
    this.#isBlocked = obstacle !== "";
    this.#text.placeholder = prompt;
    this.#stop.hidden = !canStop;
    this.#fit();
    setText(this.#note, obstacle);
  }

  focus() {
    this.#text.focus();
  }

  #fit() {
    this.#send.disabled = this.#isBlocked || !this.#text.value.trim();
    if (CSS.supports("field-sizing", "content")) return;
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }
}
