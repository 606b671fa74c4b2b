/**
 * The kernel's drawing of the graph: checked, inserted as nodes, and kept up to date.
 *
 * @import * as wire from "../wire.d.ts"
 */

import { h, scrollable, setAttribute, setText } from "./elements.js";
import { own } from "../reduce-live.js";

const SVG = "http://www.w3.org/2000/svg";
const LARGEST = 4_000_000;

const ELEMENTS = new Set(
  "svg g rect path text tspan title desc polygon circle line ellipse".split(" "),
);
const ATTRIBUTES = new Set(
  (
    "class role aria-label viewBox width height x y rx ry cx cy r x1 y1 x2 y2 d points " +
    "fill fill-opacity stroke stroke-width stroke-dasharray opacity font-family " +
    "font-size font-weight text-anchor data-node data-state data-kind data-edge " +
    "data-count xmlns"
  ).split(" "),
);

/** Shape and word for a box; the same as in the record that the kernel draws. */
/** @type {Record<string, string>} */
const WORDS = {
  idle: "idle",
  paused: "‖ paused",
  running: "● running",
  waiting: "◔ waiting",
  retrying: "↻ retrying",
  completed: "✓ completed",
  failed: "✕ failed",
  skipped: "⤼ skipped",
  cancelled: "⊘ cancelled",
  interrupted: "◌ interrupted",
};

/**
 * A drawing as nodes of this document, or null when it holds anything that a drawing
 * of ours never holds.
 * @param {string | null | undefined} source
 * @returns {SVGSVGElement | null}
 */
export function parseDrawing(source) {
  if (!source || source.length > LARGEST || /<[!?]/.test(source)) return null;
  const root = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  const all = [root, ...root.querySelectorAll("*")];
  if (root.localName !== "svg" || !all.every(isHarmless)) return null;
  return /** @type {SVGSVGElement} */ (/** @type {unknown} */ (document.importNode(root, true)));
}

/** @param {Element} element */
function isHarmless(element) {
  if (element.namespaceURI !== SVG || !ELEMENTS.has(element.localName)) return false;
  return Array.from(element.attributes).every(
    ({ name, value }) => ATTRIBUTES.has(name) && !/url\s*\(|javascript:/i.test(value),
  );
}

/** Smallest share of its own size to which a drawing shrinks; then it scrolls. */
const SMALLEST = 0.68;

export class Picture {
  #source = "";
  /** @type {Map<string, Element>} */
  #nodes = new Map();
  /** @type {Map<string, Element>} */
  #edges = new Map();
  #seen = "";

  constructor() {
    this.element = scrollable(
      h("div", { class: "kgnb-picture", hidden: true }),
      "Picture of the graph",
    );
  }

  /** @param {wire.RunView} view @param {boolean} isFinal */
  update(view, isFinal) {
    const source = view.graph.svg ?? "";
    if (source !== this.#source) this.#insert(source);
    for (const [id, group] of this.#nodes) {
      const node = own(view.nodes, id);
      const isHeld = view.paused?.before === id;
      const status = isHeld ? "paused" : (node?.status ?? "idle");
      setAttribute(group, "data-state", status);
      const isUnreached = status === "idle" && isFinal;
      write(group, ".kgnb-state", isUnreached ? "not reached" : (WORDS[status] ?? status));
      const visits = node?.visits ?? 0;
      write(group, ".kgnb-count", visits > 1 ? `×${visits}` : "");
    }
    const active = view.active_edge;
    const activeKey = active ? `${active.source}|${active.action}|${active.target}` : "";
    const counts = new Map(
      view.edges.map((edge) => [`${edge.source}|${edge.action}|${edge.target}`, edge.count]),
    );
    for (const [key, group] of this.#edges) {
      setAttribute(group, "data-count", String(counts.get(key) ?? 0));
      setAttribute(group, "data-active", key === activeKey ? "true" : null);
    }
    this.#follow(view);
  }

  /** @param {string} source */
  #insert(source) {
    this.#source = source;
    const drawing = parseDrawing(source);
    this.element.hidden = !drawing;
    this.element.replaceChildren(...(drawing ? [drawing] : []));
    this.#nodes = byAttribute(drawing, "data-node");
    this.#edges = byAttribute(drawing, "data-edge");
    if (!drawing) return;
    const width = Number(drawing.getAttribute("width")) || 0;
    // By property, not by attribute: a strict policy forbids style attributes.
    drawing.style.minWidth = `${Math.round(Math.min(width, Math.max(260, width * SMALLEST)))}px`;
    drawing.setAttribute("role", "img");
  }

  /**
   * Where the drawing is wider than the panel, show the box that works.
   * @param {wire.RunView} view
   */
  #follow(view) {
    const at = view.active_edge?.target ?? "";
    if (at === this.#seen) return;
    this.#seen = at;
    const box = this.#nodes.get(at)?.getBoundingClientRect();
    if (!box || this.element.scrollWidth <= this.element.clientWidth) return;
    const frame = this.element.getBoundingClientRect();
    if (box.left < frame.left || box.right > frame.right) {
      this.element.scrollLeft += box.left - frame.left - 24;
    }
  }
}

/** @param {Element | null} root @param {string} name @returns {Map<string, Element>} */
function byAttribute(root, name) {
  const found = root ? Array.from(root.querySelectorAll(`[${name}]`)) : [];
  return new Map(found.map((element) => [element.getAttribute(name) ?? "", element]));
}

/** @param {Element} group @param {string} selector @param {string} text */
function write(group, selector, text) {
  const place = group.querySelector(`:scope > ${selector}`);
  if (place) setText(place, text);
}
