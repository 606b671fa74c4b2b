/**
 * A list of runs: each a link to its page, with its state as shape and word.
 *
 * @import { RunRow } from "../ledger.js"
 */

import { Chip, h, setText } from "./elements.js";
import { moment, shortMoment } from "./format.js";

export class RunList {
  element = h("ul", { class: "kgnb-run-list" });
  /** @type {Map<string, {element: HTMLElement, chip: Chip, place: HTMLElement}>} */
  #rows = new Map();
  #hrefOf;
  #isTab;

  /**
   * @param {(path: string) => string} hrefOf
   * @param {boolean} isTab whether a run's page takes the place of this one
   */
  constructor(hrefOf, isTab) {
    this.#hrefOf = hrefOf;
    this.#isTab = isTab;
  }

  /**
   * @param {RunRow[]} runs in order
   * @param {(run: RunRow) => string} statusOf
   * @param {(run: RunRow) => string} placeOf its notebook, or ""
   */
  update(runs, statusOf, placeOf) {
    const shown = new Set(runs.map((run) => run.run_id));
    for (const [id, row] of this.#rows) {
      if (shown.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    runs.forEach((run, index) => {
      const row = this.#rows.get(run.run_id) ?? this.#newRow(run);
      const status = statusOf(run);
      row.chip.update(status, run.resumable && status === "lost" ? "lost · can be resumed" : undefined);
      setText(row.place, placeOf(run));
      if (this.element.children[index] !== row.element) {
        this.element.insertBefore(row.element, this.element.children[index] ?? null);
      }
    });
  }

  /** @param {RunRow} run */
  #newRow(run) {
    const chip = new Chip();
    const href = this.#hrefOf(`kgnb/runs/${encodeURIComponent(run.run_id)}`);
    const elsewhere = this.#isTab ? {} : { target: "_blank", rel: "noopener" };
    const name = h("a", { class: "kgnb-run-name", href, ...elsewhere }, run.workflow);
    const place = h("span", { class: "kgnb-run-place" });
    const when = h(
      "div",
      { class: "kgnb-run-when", title: moment(run.started_at) },
      shortMoment(run.started_at),
      " ",
      place,
    );
    const what = h("div", { class: "kgnb-run-what" }, name, when);
    const line = h("div", { class: "kgnb-run-line" }, what, chip.element);
    const element = h("li", { class: "kgnb-run-row", "data-run": run.run_id }, line);
    const row = { element, chip, place };
    this.#rows.set(run.run_id, row);
    return row;
  }
}
