/**
 * What happened: logs, nodes' own updates, and the timeline of visits.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { labelOf } from "./context.js";
import { fold, h, scrollable, setAttribute, setText } from "./elements.js";
import { duration, inline, plural } from "./format.js";
import { visible } from "./visible.js";

/**
 * Lines that come one after the other, the latest of them kept.
 * @template Entry
 */
class Lines {
  #fold;
  #box;
  #dropped = h("p", { class: "kgnb-dropped", hidden: true });
  /** Entries drawn and since dropped, counted over the whole run. */
  #drawn = 0;
  #line;

  /**
   * @param {string} name
   * @param {string} title
   * @param {(view: wire.RunView, entry: Entry) => HTMLElement} line
   */
  constructor(name, title, line) {
    this.#fold = fold(name, title);
    this.#box = scrollable(h("div", { class: "kgnb-log-box" }), title);
    this.#line = line;
    this.element = this.#fold.element;
    this.element.lastElementChild?.append(this.#dropped, this.#box);
  }

  /** @param {wire.RunView} view @param {Entry[]} entries @param {number} dropped */
  draw(view, entries, dropped) {
    const total = entries.length + dropped;
    this.element.hidden = total === 0;
    if (total === this.#drawn) return;
    if (total < this.#drawn) {
      this.#box.replaceChildren();
      this.#drawn = 0;
    }
    const isAtEnd = isScrolledDown(this.#box);
    const fresh = Math.min(entries.length, total - this.#drawn);
    for (const entry of fresh ? entries.slice(-fresh) : []) this.#box.append(this.#line(view, entry));
    this.#drawn = total;
    while (this.#box.children.length > entries.length) this.#box.firstChild?.remove();
    setText(this.#fold.count, String(total));
    this.#dropped.hidden = dropped === 0;
    setText(this.#dropped, `${plural(dropped, "earlier entry")} not kept here.`);
    if (isAtEnd) this.#box.scrollTop = this.#box.scrollHeight;
  }
}

/** @extends {Lines<wire.LogView>} */
export class Logs extends Lines {
  constructor() {
    super("logs", "Logs", logLine);
  }

  /** @param {wire.RunView} view */
  update(view) {
    this.draw(view, view.logs, view.logs_dropped);
  }
}

/**
 * What nodes sent under names of their own.
 * @extends {Lines<wire.CustomView>}
 */
export class Updates extends Lines {
  constructor() {
    super("updates", "Updates", updateLine);
  }

  /** @param {wire.RunView} view */
  update(view) {
    this.draw(view, view.custom, view.custom_dropped);
  }
}

/** @param {wire.RunView} view @param {wire.LogView} log */
function logLine(view, log) {
  return h(
    "div",
    { class: "kgnb-log", "data-stream": log.stream, "data-level": log.level },
    h("span", { class: "kgnb-log-node" }, labelOf(view, log.node_id)),
    h("span", { class: "kgnb-log-source" }, log.level ? `${log.stream} ${log.level}` : log.stream),
    h("span", { class: "kgnb-log-text" }, log.text.replace(/\n$/, "")),
  );
}

/** @param {wire.RunView} view @param {wire.CustomView} update */
function updateLine(view, update) {
  return h(
    "div",
    { class: "kgnb-log" },
    h("span", { class: "kgnb-log-node" }, labelOf(view, update.node_id)),
    h("span", { class: "kgnb-log-source" }, update.type),
    h("span", { class: "kgnb-log-text" }, visible(inline(update.data))),
  );
}

/** @param {HTMLElement} box */
function isScrolledDown(box) {
  return box.scrollHeight - box.scrollTop - box.clientHeight < 24;
}

/** A bar per visit, on one time axis. */
export class Timeline {
  #fold = fold("timeline", "Timeline");
  #list = h("ol", { class: "kgnb-visits" });
  #dropped = h("p", { class: "kgnb-dropped", hidden: true });
  /** @type {Visit[]} */
  #visits = [];

  constructor() {
    this.element = this.#fold.element;
    this.element.lastElementChild?.append(this.#dropped, this.#list);
  }

  /** @param {wire.RunView} view @param {number} now milliseconds, of the run's own clock */
  update(view, now) {
    const { timeline } = view;
    this.element.hidden = timeline.length === 0;
    const total = timeline.length + view.timeline_dropped;
    setText(this.#fold.count, plural(total, "visit"));
    this.#dropped.hidden = view.timeline_dropped === 0;
    setText(this.#dropped, `${plural(view.timeline_dropped, "earlier visit")} not kept here.`);
    if (!(/** @type {HTMLDetailsElement} */ (this.element).open)) return;
    const rows = withBreaks(view);
    const from = Date.parse(timeline[0]?.started_at ?? "");
    const ends = rows.map((visit) => Date.parse(visit.ended_at ?? "") || now);
    const span = Math.max(1, Math.max(...ends) - from);
    rows.forEach((entry, index) => {
      let visit = this.#visits[index];
      if (!visit) {
        visit = new Visit();
        this.#visits[index] = visit;
        this.#list.append(visit.element);
      }
      const start = Date.parse(entry.started_at);
      const end = ends[index] ?? start;
      visit.update(entry, labelOf(view, entry.node_id), (start - from) / span, (end - start) / span);
    });
    for (const gone of this.#visits.splice(rows.length)) gone.element.remove();
  }
}

/**
 * The visits, and between them the times in which no process had the run.
 * @param {wire.RunView} view
 * @returns {Bar[]}
 */
function withBreaks({ timeline, interruptions }) {
  if (!interruptions.length) return timeline;
  const breaks = interruptions.map(({ at, resumed_at, status }) => ({
    node_id: status === "lost" ? "kernel lost" : "stopped",
    started_at: at,
    ended_at: resumed_at,
    status,
    attempts: 1,
    duration: null,
  }));
  return [...timeline, ...breaks].sort((one, other) => (one.started_at < other.started_at ? -1 : 1));
}

/**
 * @typedef {Pick<wire.VisitView, "node_id" | "started_at" | "ended_at" | "attempts" | "duration">
 *   & {status: string}} Bar
 */

class Visit {
  #name = h("span", { class: "kgnb-visit-name" });
  #fill = h("span", { class: "kgnb-visit-fill" });
  #facts = h("span", { class: "kgnb-visit-facts" });

  constructor() {
    const track = h("span", { class: "kgnb-visit-track" }, this.#fill);
    this.element = h("li", { class: "kgnb-visit" }, this.#name, track, this.#facts);
  }

  /**
   * @param {Bar} visit
   * @param {string} label
   * @param {number} start share of the axis
   * @param {number} length share of the axis
   */
  update(visit, label, start, length) {
    setText(this.#name, label);
    setAttribute(this.element, "data-status", visit.status);
    this.#fill.style.left = `${(start * 100).toFixed(2)}%`;
    this.#fill.style.width = `${(length * 100).toFixed(2)}%`;
    /** @type {string[]} */
    const parts = [visit.status];
    if (visit.attempts > 1) parts.push(`${visit.attempts} attempts`);
    if (visit.duration !== null) parts.push(duration(visit.duration));
    setText(this.#facts, parts.join(" · "));
  }
}
