/**
 * A slider over the moments of a run: the picture, the steps and their progress as they
 * were then. Everything else goes on; so does the run.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Moment } from "../moments.js"
 * @import { Context } from "./context.js"
 */

import { moments, viewAt } from "../moments.js";
import { isOver } from "../reduce.js";
import { labelOf } from "./context.js";
import { h, setAttribute, setText } from "./elements.js";
import { duration, plural } from "./format.js";

export class Scrubber {
  #slider = h("input", {
    type: "range",
    class: "kgnb-scrub-slider",
    min: 1,
    step: 1,
    "aria-label": "Timeline",
    "data-lm-suppress-shortcuts": true, // an application's own arrow keys
  });
  #breaks = h("div", { class: "kgnb-scrub-breaks", "aria-hidden": "true" });
  #told = h("span", { class: "kgnb-scrub-told" });
  #back = h("button", { type: "button", class: "kgnb-button kgnb-quiet kgnb-scrub-back" });
  #saved;
  /** @type {Moment[]} */
  #moments = [];
  #key = "";
  /** How many moments had been by the one that is looked at; 0: it is now. */
  #count = 0;

  /** @param {Context} context @param {() => void} redraw called when another moment is chosen */
  constructor({ signal, moments: saved }, redraw) {
    this.#saved = saved;
    const track = h("div", { class: "kgnb-scrub-track" }, this.#slider, this.#breaks);
    this.element = h("div", { class: "kgnb-scrub", hidden: true }, track, this.#told, this.#back);
    const choose = (/** @type {number} */ count) => {
      this.#count = count < this.#moments.length ? count : 0;
      redraw();
    };
    this.#slider.addEventListener("input", () => choose(Number(this.#slider.value)), { signal });
    const leave = () => {
      this.#slider.focus(); // the button goes
      choose(this.#moments.length);
    };
    this.#back.addEventListener("click", leave, { signal });
    this.#slider.addEventListener("keydown", ({ key }) => key === "Escape" && leave(), { signal });
  }

  get isPast() {
    return this.#count > 0;
  }

  /** @param {wire.RunView} view @returns {wire.RunView} as it was then; now, the same one */
  update(view) {
    this.#read(view);
    const all = this.#moments;
    this.element.hidden = all.length < 2;
    const count = this.#count || all.length;
    const moment = all[count - 1];
    if (!moment) return view;
    const now = isOver(view) || this.#saved ? "end" : "live";
    const step = `step ${count} of ${all.length}`;
    const what = `${words(view, moment)}, ${duration(moment.at)}`;
    this.#slider.max = String(all.length);
    this.#slider.value = String(count);
    setAttribute(this.#slider, "aria-valuetext", this.isPast ? `${step}, ${what}` : `${now}, ${step}`);
    setText(this.#told, this.isPast ? `${count} / ${all.length} · ${what}` : plural(all.length, "step"));
    this.#told.title = this.isPast ? what : "";
    setText(this.#back, now === "end" ? "End" : "Live");
    setAttribute(this.element, "data-past", this.isPast ? "" : null);
    return this.isPast ? viewAt(view, all, count) : view;
  }

  /** @param {wire.RunView} view */
  #read(view) {
    const key = this.#saved ? "saved" : keyOf(view);
    if (key === this.#key) return;
    this.#key = key;
    const before = this.#moments[this.#count - 1];
    this.#moments = this.#saved ?? moments(view);
    // The same moment, however many were dropped before it or told late.
    if (before) this.#count = this.#moments.findLastIndex(({ at }) => at <= before.at) + 1;
    const last = this.#moments.length - 1;
    const marks = this.#moments.flatMap(({ kind }, index) => (kind === "break" ? [index / last] : []));
    this.#breaks.replaceChildren(
      ...marks.map((share) => {
        const mark = h("span", { class: "kgnb-scrub-break" });
        mark.style.left = `${share * 100}%`;
        return mark;
      }),
    );
  }
}

/**
 * Changes with the moments, and not with every token.
 * @param {wire.RunView} view
 */
function keyOf({ timeline, timeline_dropped, approvals, interruptions, status }) {
  let told = 0;
  for (const { ended_at, marks } of timeline) told += marks.length + (ended_at === null ? 0 : 1);
  const open = approvals.filter(({ state }) => state === "open").length;
  const counts = [timeline_dropped, timeline.length, told, approvals.length, open];
  return [...counts, interruptions.length, status === "lost"].join();
}

/** @param {wire.RunView} view @param {Moment} moment */
function words(view, { kind, node_id, again, percent = 0, status = "", action }) {
  if (kind === "resume") return "the run was resumed";
  if (kind === "break") return status === "lost" ? "the kernel was lost" : `the run had ${status}`;
  const node = labelOf(view, node_id ?? "");
  const taken = action && action !== "default" ? ` → ${action}` : "";
  const what = {
    begin: again ? "started again" : "started",
    mark: `${Math.round(percent)} %`,
    ask: "asked",
    answer: "was answered",
    end: status + taken,
  };
  return `${node} ${what[kind]}`;
}
