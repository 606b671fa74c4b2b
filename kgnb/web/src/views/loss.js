/**
 * What a run that has lost its kernel says: what happened, and how it goes on.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Context } from "./context.js"
 */

import { labelOf } from "./context.js";
import { h, setText } from "./elements.js";
import { plural } from "./format.js";

const COPIED = 1500; // milliseconds for which a button says so
const SOON = 300;
const TRIES = 20;

export class Loss {
  #what = h("p", { class: "kgnb-card-question", role: "status" });
  #kept = h("p", { role: "status" });
  #ways = h("div", { class: "kgnb-options" });
  #context;
  #drawn = "";
  #tries = 0;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
    this.element = h(
      "div",
      { class: "kgnb-loss", hidden: true },
      this.#what,
      this.#kept,
      this.#ways,
    );
  }

  /** @param {wire.RunView} view */
  update(view) {
    const isShown = view.resumable && !this.#context.isFinal;
    this.element.hidden = !isShown;
    if (!isShown) this.#drawn = "";
    if (!isShown) return;
    this.#offer(view);
    const done = view.timeline.findLast(({ status }) => status === "completed");
    const onward = done ? `go on after ${labelOf(view, done.node_id)}` : "begin again";
    const way = this.#ways.querySelector("code") ? "Run this in its notebook" : "Run the cell again";
    const { message = "" } = view.error ?? {}; // "the kernel died"
    setText(this.#what, `${message.slice(0, 1).toUpperCase()}${message.slice(1)}. ${way} to ${onward}.`);
    setText(this.#kept, kept(view));
    this.#kept.hidden = !this.#kept.textContent;
  }

  /** @param {wire.RunView} view */
  #offer(view) {
    const { run_id, ended_at } = view;
    const { reruns, signal } = this.#context;
    const ways = reruns?.() ?? [];
    if (reruns && !ways.length && this.#tries++ < TRIES) {
      // An output is drawn before it is put into its cell.
      setTimeout(() => signal.aborted || this.update(view), SOON);
    }
    const now = `${run_id} ${ended_at} ${ways.length}`;
    if (now === this.#drawn) return;
    this.#drawn = now;
    const code = `kgnb.run(graph, resume="${run_id}")`;
    const copy = async () => {
      await navigator.clipboard.writeText(code);
      const [button] = this.#ways.getElementsByTagName("button");
      button?.replaceChildren("Copied");
      setTimeout(() => button?.replaceChildren("Copy"), COPIED);
    };
    const copies = navigator.clipboard ? [{ label: "Copy", act: copy }] : []; // not over plain HTTP
    this.#ways.replaceChildren(
      ...(ways.length ? [] : [h("code", { class: "kgnb-loss-code" }, code)]),
      ...(ways.length ? ways : copies).map(this.#button, this),
    );
  }

  /** @param {{label: string, act: () => unknown}} way @param {number} index */
  #button({ label, act }, index) {
    const rank = index ? "kgnb-button" : "kgnb-button kgnb-primary";
    const button = h("button", { type: "button", class: rank }, label);
    const run = async () => {
      button.disabled = true;
      try {
        await act();
      } finally {
        button.disabled = false; // a page may not be let near the clipboard
      }
    };
    const { signal } = this.#context;
    button.addEventListener("click", ({ isTrusted }) => isTrusted && run(), { signal });
    return button;
  }
}

/** @param {wire.RunView} view @returns {string} what was answered since, or could be */
function kept({ approvals, ended_at }) {
  const since = approvals.filter(({ by }) => (by?.at ?? "") > (ended_at ?? ""));
  if (since.length) return `${plural(since.length, "answer")} stored, to be used when the run goes on.`;
  return approvals.some(({ state }) => state === "open") ? "What is asked can be answered meanwhile." : "";
}
