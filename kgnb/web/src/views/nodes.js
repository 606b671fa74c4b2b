/**
 * The graph as a list: what the picture says, for keyboard and screen reader, with
 * each node's progress and that of its items.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { Bar } from "./bar.js";
import { Chip, breakable, h, scrollable, section, setText, showText } from "./elements.js";
import { duration, told, usageOf } from "./format.js";
import { own } from "../reduce-live.js";

/** Items of a batch that have a bar each; of more, those that are under way. */
const MOST_ITEMS = 120;

/** Items from which on they stand in a grid that scrolls. */
const MANY_ITEMS = 7;

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
      const node = own(view.nodes, id);
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
  /** @type {Map<string, Bar>} bars beside and below it, by key */
  #tracks = new Map();
  #trackList = h("ul", { class: "kgnb-tracks", hidden: true });
  /** @type {Map<string, {row: HTMLElement, bar: Bar, tracks: HTMLElement}>} */
  #items = new Map();
  #itemList = h("ul", { class: "kgnb-item-list" });
  #itemBox;
  #more = h("div", { class: "kgnb-items-more", hidden: true });
  #label;

  /** @param {wire.GraphNode | undefined} node @param {string} id */
  constructor(node, id) {
    const label = node?.label ?? id;
    this.#bar = new Bar(label);
    const where = node?.path.length ? `${node.path.join(" › ")} › ` : "";
    const name = h(
      "span",
      { class: "kgnb-node-name" },
      where && h("span", { class: "kgnb-node-path" }, where),
      ...breakable(label),
    );
    this.#itemBox = scrollable(
      h("div", { class: "kgnb-items", hidden: true }, this.#itemList),
      `Items of ${label}`,
    );
    this.#label = label;
    this.element = h(
      "li",
      { class: "kgnb-node-row", "data-node-row": id },
      h("div", { class: "kgnb-node-line" }, name, this.#facts, this.#chip.element),
      this.#leads,
      this.#bar.element,
      this.#trackList,
      this.#message,
      this.#error,
      this.#itemBox,
      this.#more,
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
    showText(this.#message, node.message ?? (isOver ? "" : node.progress?.message) ?? "");
    showText(this.#error, node.error ? told(node.error) : "");
    const isLive = !isFinal && ["running", "waiting"].includes(node.status);
    this.#bar.update(node.progress, { isLive });
    this.#updateItems(node.items, isLive);
    this.#updateTracks(node.tracks, isLive);
  }

  /** @param {Record<string, wire.ProgressView>} items @param {boolean} isLive */
  #updateItems(items, isLive) {
    const names = Object.keys(items);
    for (const [name, { row }] of this.#items) {
      if (Object.hasOwn(items, name)) continue;
      row.remove();
      this.#items.delete(name);
    }
    const isLong = names.length > MOST_ITEMS;
    const shown = new Set(isLong ? underWay(names, items) : names);
    for (const name of names) {
      const item = items[name];
      if (!item || (!shown.has(name) && !this.#items.has(name))) continue;
      const { row, bar } = this.#item(name);
      row.hidden = !shown.has(name);
      const attempt = item.attempt ?? 1;
      const note = [attempt > 1 && `attempt ${attempt}`, item.message].filter(Boolean);
      bar.update(item, { isLive, note: note.join(" · ") });
    }
    this.#itemBox.hidden = names.length === 0;
    this.#itemBox.dataset.many = String(shown.size >= MANY_ITEMS);
    this.#more.hidden = names.length < MANY_ITEMS;
    const failed = names.filter((name) => items[name]?.failed).length;
    const ended = names.filter((name) => (items[name]?.percent ?? 0) >= 100).length;
    const done = `${ended - failed} of ${names.length} items done`;
    setText(this.#more, failed ? `${done}, ${failed} failed` : done);
  }

  /** @param {string} name */
  #item(name) {
    const known = this.#items.get(name);
    if (known) return known;
    const title = /^\d+$/.test(name) ? `item ${name}` : name;
    const bar = new Bar(title, title);
    const tracks = h("ul", { class: "kgnb-tracks" });
    const row = h("li", { class: "kgnb-item", "data-item": name }, bar.element, tracks);
    const made = { row, bar, tracks };
    this.#items.set(name, made);
    this.#itemList.append(row);
    return made;
  }

  /** @param {Record<string, wire.TrackView>} tracks @param {boolean} isLive */
  #updateTracks(tracks, isLive) {
    for (const [key, bar] of this.#tracks) {
      if (Object.hasOwn(tracks, key)) continue;
      bar.element.parentElement?.remove();
      this.#tracks.delete(key);
    }
    for (const [key, track] of Object.entries(tracks)) {
      let bar = this.#tracks.get(key);
      if (!bar) {
        bar = new Bar(track.label ? this.#label : `loop ${track.track} of ${this.#label}`);
        this.#tracks.set(key, bar);
        const list =
          track.item === null ? this.#trackList : this.#items.get(track.item)?.tracks;
        insert(list ?? this.#trackList, track, bar);
      }
      bar.update(track, { isLive });
    }
    this.#trackList.hidden = !this.#trackList.children.length;
  }
}

/**
 * In the order of the places, an inner loop under its outer one.
 * @param {HTMLElement} list
 * @param {wire.TrackView} track
 * @param {Bar} bar
 */
function insert(list, { track }, bar) {
  const depth = track.split(".").length - 1;
  const row = h("li", { class: "kgnb-track", "data-track": track }, bar.element);
  row.style.setProperty("--depth", String(depth));
  const after = [...list.children].find(
    (other) => comparePlaces(other.getAttribute("data-track") ?? "", track) > 0,
  );
  list.insertBefore(row, after ?? null);
}

/** @param {string} one @param {string} other @returns {number} "1.2" before "1.10" before "2" */
function comparePlaces(one, other) {
  const a = one.split(".").map(Number);
  const b = other.split(".").map(Number);
  const at = a.findIndex((number, index) => number !== b[index]);
  return at < 0 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1);
}

/** @param {string[]} names @param {Record<string, wire.ProgressView>} items */
function underWay(names, items) {
  const open = names.filter((name) => (items[name]?.percent ?? 0) < 100);
  return open.slice(0, MOST_ITEMS);
}

/** @param {wire.NodeView} node */
function facts(node) {
  const found = [];
  if (node.visits > 1) found.push(`visit ${node.visits}`);
  if (node.active > 1) found.push(`${node.active} at once`);
  if (node.attempt > 1) found.push(`attempt ${node.attempt}`);
  if (node.usage) found.push(usageOf(node.usage));
  if (node.duration !== null) found.push(duration(node.duration));
  return found.join(" · ");
}
