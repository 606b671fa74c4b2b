/** Building DOM from data: elements, text, icons; never from markup. */

/**
 * @typedef {Record<string, string | number | boolean | null | undefined>} Attributes
 * @typedef {Node | string | null | undefined | false} Child
 */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes | null} [attributes] null and false leave one out, true sets it empty
 * @param {...Child} children text becomes text
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * @param {string} name
 * @returns {Child[]} it, where a line may end at its dots rather than within a word
 */
export function breakable(name) {
  return name.split(/(?<=[./])/).flatMap((part) => [part, h("wbr")]);
}

/**
 * Set text only where it changed, so that nothing is painted or read out again.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} element @param {string} text hidden where there is none */
export function showText(element, text) {
  element.hidden = !text;
  setText(element, text);
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | null} value null takes the attribute away
 */
export function setAttribute(element, name, value) {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

const SVG = "http://www.w3.org/2000/svg";

// One path per shape on a 16 × 16 sheet, so that no state is told by colour alone.
/** @type {Record<string, string>} */
const SHAPES = {
  idle: "M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11",
  running: "M8 2a6 6 0 0 1 6 6M8 5.6a2.4 2.4 0 1 1 0 4.8a2.4 2.4 0 0 1 0-4.8",
  waiting: "M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M8 4.8V8l2.2 1.8",
  retrying: "M13.2 8a5.2 5.2 0 1 1-1.6-3.8M13.4 1.6v3h-3",
  completed: "M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M5.2 8.2l2 2l3.7-4.1",
  failed: "M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM6 6l4 4M10 6l-4 4",
  skipped: "M3 4l4 4l-4 4M8.5 4l4 4l-4 4",
  cancelled: "M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M4 12L12 4",
  paused: "M5.5 3v10M10.5 3v10",
  stalled: "M3 8h.1M8 8h.1M13 8h.1",
  interrupted: "M2.5 8h2.6M10.9 8h2.6M7 4.5l2 7",
  lost: "M2 8h3M11 8h3M6.5 5.5l3 5M9.5 5.5l-3 5",
  live: "M8 6a2 2 0 1 1 0 4a2 2 0 0 1 0-4M3.8 3.8a6 6 0 0 0 0 8.4M12.2 3.8a6 6 0 0 1 0 8.4",
  offline: "M3 3l10 10M3.8 6a6 6 0 0 0 0 6.2M12.2 3.8a6 6 0 0 1 .6 7.7",
  chat: "M3 3.5h10v7H7.5L4.5 13v-2.5H3z",
  send: "M8 13.2V3.2M3.6 7.4L8 3l4.4 4.4",
  stop: "M4.8 4.8h6.4v6.4h-6.4z",
  tool: "M9.9 2.7a3.5 3.5 0 0 0-3.7 4.9L2.7 11a1.6 1.6 0 0 0 2.3 2.3l3.4-3.5a3.5 3.5 0 0 0 4.9-3.7L11 8.3L8.6 7.4L7.7 5z",
  thought: "M8 2v2.8M8 11.2V14M2 8h2.8M11.2 8H14M3.8 3.8l1.9 1.9M10.3 10.3l1.9 1.9M12.2 3.8l-1.9 1.9M5.7 10.3l-1.9 1.9",
  open: "M6.5 3.5H3.5v9h9v-3M9.5 2.5h4v4M13.2 2.8L7.8 8.2",
};

/**
 * @param {string} shape
 * @returns {SVGSVGElement} hidden from screen readers: a word stands beside it
 */
export function icon(shape) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "kgnb-icon");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[shape] ?? SHAPES.idle ?? "");
  svg.append(path);
  return svg;
}

/** A status as shape and word, which `update` changes. */
export class Chip {
  #status = "";
  #word = h("span", { class: "kgnb-chip-word" });

  /** @param {string} [extra] another class */
  constructor(extra = "") {
    this.element = h("span", { class: `kgnb-chip ${extra}`.trim() }, this.#word);
  }

  /** @param {string} status @param {string} [text] instead of the status's own word */
  update(status, text = status) {
    setText(this.#word, text);
    if (status === this.#status) return;
    this.#status = status;
    this.element.dataset.status = status;
    this.element.querySelector("svg")?.remove();
    this.element.prepend(icon(status));
  }
}

/**
 * A heading for screen readers; a real h2 would get the notebook's own decoration.
 * @param {number} level
 * @returns {Attributes}
 */
export function headingOf(level) {
  return { role: "heading", "aria-level": level };
}

/**
 * A part of the panel with a heading; hidden while it is empty.
 * @param {string} name of the class and of the test hook
 * @param {string} title
 * @param {...Child} children
 */
export function section(name, title, ...children) {
  const heading = h("div", { class: "kgnb-section-title", ...headingOf(3) }, title);
  const element = h(
    "section",
    { class: `kgnb-section kgnb-${name}`, "aria-label": title, hidden: true },
    heading,
    ...children,
  );
  return { element, heading };
}

/**
 * A part that is folded until somebody asks for it.
 * @param {string} name
 * @param {string} title
 * @param {...Child} children
 */
export function fold(name, title, ...children) {
  const count = h("span", { class: "kgnb-fold-count" });
  const summary = h("summary", { class: "kgnb-fold-title" }, title, count);
  const element = h(
    "details",
    { class: `kgnb-fold kgnb-${name}`, hidden: true },
    summary,
    h("div", { class: "kgnb-fold-body" }, ...children),
  );
  return { element, count };
}

/**
 * A box that scrolls, so it must be reachable by keyboard and have a name.
 * @template {HTMLElement} E
 * @param {E} element
 * @param {string} label
 * @returns {E}
 */
export function scrollable(element, label) {
  element.tabIndex = 0;
  element.setAttribute("role", "region");
  element.setAttribute("aria-label", label);
  return element;
}
