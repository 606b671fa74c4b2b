/**
 * A progress bar: name, track, and what there is to say in numbers.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { h, setAttribute, setText, showText } from "./elements.js";
import { duration, pace } from "./format.js";

export class Bar {
  #fill = h("div", { class: "kgnb-bar-fill" });
  #name = h("span", { class: "kgnb-bar-name", hidden: true });
  #numbers = h("span", { class: "kgnb-bar-numbers" });
  #note = h("span", { class: "kgnb-bar-note", hidden: true });
  #track = h("div", { class: "kgnb-bar-track", role: "progressbar" }, this.#fill);
  #label;
  #shown;

  /** @param {string} label whose progress it is @param {string} [name] shown before it */
  constructor(label, name = "") {
    this.#label = label;
    this.#shown = name;
    this.element = h(
      "div",
      { class: "kgnb-bar", hidden: true },
      this.#name,
      this.#track,
      this.#numbers,
      this.#note,
    );
  }

  /**
   * @param {wire.ProgressView | null} progress
   * @param {{isLive: boolean, note?: string}} how `isLive`: the pace still holds
   */
  update(progress, { isLive, note = "" }) {
    this.element.hidden = !progress;
    if (!progress) return;
    const { percent, current, total, label } = progress;
    const name = [this.#shown, label].filter(Boolean).join(" · ");
    showText(this.#name, name);
    this.#name.title = name;
    const what = label && !this.#shown ? `${label} of ${this.#label}` : this.#label;
    setAttribute(this.#track, "aria-label", `Progress of ${what}`);
    const isMoving = isLive && !progress.closed;
    const isEndless = total === null && current !== null;
    this.#track.dataset.endless = String(isEndless && isMoving);
    const done = Math.min(100, Math.max(0, percent));
    this.#fill.style.transform = `scaleX(${isEndless && isMoving ? 1 : done / 100})`;
    this.#track.dataset.full = String(done >= 100 && !progress.failed);
    this.#track.dataset.failed = String(progress.failed);
    const numbers = told(progress, isMoving);
    setAttribute(this.#track, "aria-valuenow", isEndless ? null : String(Math.round(done)));
    setAttribute(this.#track, "aria-valuetext", numbers);
    setText(this.#numbers, numbers);
    showText(this.#note, note);
  }
}

/** @param {wire.ProgressView} progress @param {boolean} isMoving */
function told(progress, isMoving) {
  const { percent, current, total, rate, remaining, failed } = progress;
  if (failed) return "✕ failed";
  const count = current === null ? "" : counted(current);
  const found = [];
  if (total !== null && current !== null) found.push(`${count} / ${counted(total)}`);
  else if (current !== null) found.push(count);
  else found.push(`${Math.round(Math.min(100, Math.max(0, percent)))} %`);
  if (isMoving && rate) found.push(pace(rate));
  if (isMoving && remaining) found.push(`${duration(remaining)} left`);
  return found.join(" · ");
}

/** @param {number} number */
function counted(number) {
  return number.toLocaleString("en", { maximumFractionDigits: 2 });
}
