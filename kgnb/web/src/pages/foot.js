/**
 * How far a turn is: what works just now and what comes next while it goes on, and
 * the steps that it took, folded away.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { Bar, Chip, ENDED, breakable, duration, h, labelOf, plural, setText, usageOf } from "../shared.js";

/**
 * @typedef {object} Moment
 * @property {number} now milliseconds
 * @property {boolean} isLive whether the connection stands
 * @property {string} doing what a model does just now, or ""
 * @property {boolean} isTalking whether it waits for the next message
 */

export class Foot {
  #dots = h("span", { class: "kgnb-dots", "aria-hidden": "true" }, h("i"), h("i"), h("i"));
  #words = h("span", { class: "kgnb-foot-words" });
  #next = h("span", { class: "kgnb-foot-next" });
  #list = h("ol", { class: "kgnb-step-list" });
  #bar = new Bar("the step");
  #facts = h("p", { class: "kgnb-foot-facts" });
  /** @type {Map<string, {chip: Chip, time: HTMLElement}>} */
  #visits = new Map();
  #steps;

  /** @param {string} href of the run's own page */
  constructor(href) {
    const summary = h("summary", { class: "kgnb-foot-line" }, this.#dots, this.#words, this.#next);
    const link = h("a", { href, class: "kgnb-foot-link" }, "Open the run");
    this.#steps = h(
      "details",
      { class: "kgnb-foot-steps" },
      summary,
      h("div", { class: "kgnb-foot-body" }, this.#list, this.#facts, link),
    );
    this.element = h("div", { class: "kgnb-foot" }, this.#steps, this.#bar.element);
  }

  /** @param {wire.RunView} view @param {wire.Step | null} step @param {Moment} moment */
  update(view, step, { now, isLive, doing, isTalking }) {
    const isOver = ENDED.has(view.status);
    const isMoving = isLive && !isOver && view.status === "running";
    this.element.dataset.status = view.status;
    this.#dots.hidden = !isMoving;
    const going = Object.entries(view.nodes).filter(([, node]) => node.status === "running");
    const isFrame = (/** @type {string} */ id) => view.graph.nodes.some((node) => node.id === id && node.kind === "graph");
    const inner = going.filter(([id]) => !isFrame(id));
    setText(this.#words, isOver ? ended(view) : standing(view, inner.map(([id]) => id), doing, isTalking));
    setText(this.#next, isOver || isTalking ? "" : next(view, step, inner.map(([id]) => id)));
    const [, node] = inner.find(([, one]) => one.progress) ?? [];
    this.#bar.update(node?.progress ?? null, { isLive: isMoving, note: node?.progress?.message ?? "" });
    this.#updateSteps(view, now);
    const usage = usageOf(view.usage);
    setText(this.#facts, usage && `Tokens: ${usage}`);
  }

  /** @param {wire.RunView} view @param {number} now */
  #updateSteps(view, now) {
    for (const visit of view.timeline) {
      const key = visit.task_id ?? visit.node_id;
      let row = this.#visits.get(key);
      if (!row) {
        row = { chip: new Chip(), time: h("span", { class: "kgnb-step-time" }) };
        this.#visits.set(key, row);
        const name = h("span", { class: "kgnb-step-name" }, ...breakable(labelOf(view, visit.node_id)));
        this.#list.append(h("li", { class: "kgnb-step" }, name, row.time, row.chip.element));
      }
      row.chip.update(visit.status);
      const took = visit.duration ?? (now - Date.parse(visit.started_at)) / 1000;
      setText(row.time, visit.ended_at === null || visit.duration !== null ? duration(Math.max(0, took)) : "");
    }
  }
}

/** @param {wire.RunView} view */
function ended(view) {
  const parts = [plural(view.timeline.length, "step")];
  const seconds = (Date.parse(view.ended_at ?? "") - Date.parse(view.started_at ?? "")) / 1000;
  if (!Number.isNaN(seconds)) parts.push(duration(Math.max(0, seconds)));
  if (view.status !== "completed") parts.unshift(view.status);
  return parts.join(" · ");
}

/**
 * @param {wire.RunView} view
 * @param {string[]} going
 * @param {string} doing
 * @param {boolean} isTalking
 */
function standing(view, going, doing, isTalking) {
  if (isTalking) return "Your turn";
  if (view.status === "waiting") return "Waits for an answer";
  if (view.status === "paused") return "Paused";
  if (view.status === "stalled") return "The kernel does not answer";
  const names = going.map((id) => labelOf(view, id)).join(", ");
  return [names, `${doing || "at work"}…`].filter(Boolean).join(": ");
}

/**
 * @param {wire.RunView} view
 * @param {wire.Step | null} step
 * @param {string[]} going
 * @returns {string} where it leads from here
 */
function next(view, step, going) {
  const from = going.length ? going : (step?.next_nodes ?? []);
  const found = view.graph.edges.filter((edge) => from.includes(edge.source));
  const names = [...new Set(found.map((edge) => labelOf(view, edge.target)))];
  return names.length ? `next: ${names.join(" or ")}` : "";
}
