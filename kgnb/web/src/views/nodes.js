/**
 * The graph as a list: what the picture says, for keyboard and screen reader, with
 * each node's progress and that of its items.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { Chip, h, section, setText } from "./elements.js";
import { duration, told } from "./format.js";

/** Items shown under a batch; what runs and what failed comes first. */
const MOST_ITEMS = 12;

export class Nodes {
  /** @type {Map<string, Row>} */
  #rows = new Map();
  #list = h("ol", { class: "kgnb-node-list" });

  constructor() {
    this.element = section("nodes", "Steps", this.#list).element;
  }

  /** @param {wire.RunView} view @param {boolean} isFinal */
  update(view, isFinal) {
    const listed = view.graph.nodes.map((node) => node.id);
    const others = Object.keys(view.nodes).filter((id) => !listed.includes(id));
    for (const id of [...listed, ...others]) {
      const node = view.nodes[id];
      if (!node) continue;
      let row = this.#rows.get(id);
      if (!row) {
        row = new Row(view.graph.nodes.find((entry) => entry.id === id), id);
        this.#rows.set(id, row);
        this.#list.append(row.element);
      }
      row.update(node, leadsTo(view, id), isFinal);
    }
    this.element.hidden = this.#rows.size === 0;
  }
}

/** @param {wire.RunView} view @param {string} id @returns {string} for who cannot see arrows */
function leadsTo(view, id) {
  const targets = view.graph.edges
    .filter((edge) => edge.source === id)
    .map(({ action, target }) => (action === "default" ? target : `${target} on ${action}`));
  return targets.length ? `leads to ${targets.join(", ")}` : "";
}

class Row {
  #chip = new Chip("kgnb-node-chip");
  #facts = h("span", { class: "kgnb-node-facts" });
  #leads = h("span", { class: "kgnb-unseen" });
  #message = h("div", { class: "kgnb-node-message", hidden: true });
  #error = h("div", { class: "kgnb-node-error", hidden: true });
  #bar;
  /** @type {Map<string, Bar>} */
  #items = new Map();
  #itemList = h("ul", { class: "kgnb-items", hidden: true });
  #more = h("li", { class: "kgnb-items-more", hidden: true });

  /** @param {wire.GraphNode | undefined} node @param {string} id */
  constructor(node, id) {
    const label = node?.label ?? id;
    this.#bar = new Bar(label);
    const where = node?.path.length ? `${node.path.join(" › ")} › ` : "";
    const name = h(
      "span",
      { class: "kgnb-node-name" },
      where && h("span", { class: "kgnb-node-path" }, where),
      label,
    );
    this.#itemList.append(this.#more);
    this.element = h(
      "li",
      { class: "kgnb-node-row", "data-node-row": id },
      h("div", { class: "kgnb-node-line" }, name, this.#facts, this.#chip.element),
      this.#leads,
      this.#bar.element,
      this.#message,
      this.#error,
      this.#itemList,
    );
  }

  /** @param {wire.NodeView} node @param {string} leads @param {boolean} isFinal */
  update(node, leads, isFinal) {
    this.element.dataset.status = node.status;
    const isUnreached = node.status === "idle" && isFinal;
    this.#chip.update(node.status, isUnreached ? "not reached" : undefined);
    setText(this.#facts, facts(node));
    setText(this.#leads, leads);
    const isOver = ["completed", "skipped", "cancelled"].includes(node.status);
    show(this.#message, node.message ?? (isOver ? "" : node.progress?.message) ?? "");
    show(this.#error, node.error ? told(node.error) : "");
    this.#bar.update(node.progress);
    this.#updateItems(node.items);
  }

  /** @param {Record<string, wire.ProgressView>} items */
  #updateItems(items) {
    const names = Object.keys(items);
    for (const [name, bar] of this.#items) {
      if (Object.hasOwn(items, name)) continue;
      bar.element.parentElement?.remove();
      this.#items.delete(name);
    }
    const isLong = names.length > MOST_ITEMS;
    const shown = isLong ? mostTelling(names, items) : names;
    for (const name of names) {
      let bar = this.#items.get(name);
      if (!bar && shown.includes(name)) {
        bar = new Bar(name, name);
        this.#items.set(name, bar);
        this.#more.before(h("li", null, bar.element));
      }
      const row = bar?.element.parentElement;
      if (row) row.hidden = !shown.includes(name);
      bar?.update(items[name] ?? null);
    }
    this.#itemList.hidden = names.length === 0;
    this.#more.hidden = !isLong;
    const done = names.filter((name) => (items[name]?.percent ?? 0) >= 100).length;
    setText(this.#more, `${done} of ${names.length} items done`);
  }
}

/** @param {string[]} names @param {Record<string, wire.ProgressView>} items */
function mostTelling(names, items) {
  const open = names.filter((name) => (items[name]?.percent ?? 0) < 100);
  return open.slice(0, MOST_ITEMS);
}

/** @param {wire.NodeView} node */
function facts(node) {
  const found = [];
  if (node.visits > 1) found.push(`visit ${node.visits}`);
  if (node.attempt > 1) found.push(`attempt ${node.attempt}`);
  if (node.duration !== null) found.push(duration(node.duration));
  return found.join(" · ");
}

/** @param {HTMLElement} element @param {string} text */
function show(element, text) {
  element.hidden = !text;
  setText(element, text);
}

/** One progress bar; hidden while there is nothing to say. */
class Bar {
  #fill = h("div", { class: "kgnb-bar-fill" });
  #numbers = h("span", { class: "kgnb-bar-numbers" });
  #track;

  /** @param {string} label @param {string} [name] shown before the bar */
  constructor(label, name) {
    this.#track = h(
      "div",
      { class: "kgnb-bar-track", role: "progressbar", "aria-label": `Progress of ${label}` },
      this.#fill,
    );
    this.element = h(
      "div",
      { class: "kgnb-bar", hidden: true },
      name && h("span", { class: "kgnb-bar-name" }, name),
      this.#track,
      this.#numbers,
    );
  }

  /** @param {wire.ProgressView | null} progress */
  update(progress) {
    this.element.hidden = !progress;
    if (!progress) return;
    const percent = Math.min(100, Math.max(0, progress.percent));
    this.#fill.style.transform = `scaleX(${percent / 100})`;
    this.#track.setAttribute("aria-valuenow", String(Math.round(percent)));
    this.#track.dataset.full = String(percent >= 100);
    const { current, total } = progress;
    const counted = total !== null && current !== null ? `${current} / ${total}` : "";
    setText(this.#numbers, counted || `${Math.round(percent)} %`);
  }
}
