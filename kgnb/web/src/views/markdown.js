/**
 * A safe subset of Markdown: paragraphs, headings, lists, quotes, code, emphasis.
 *
 * Built from text nodes only. Nothing in it can load or lead anywhere: a link is its
 * text with the whole address beside it, an image is its words.
 */

import { h } from "./elements.js";

/**
 * @param {string} text may end in the middle of anything: it is still streaming
 * @returns {string[]} the source of each block; earlier ones do not change as text grows
 */
export function blocks(text) {
  /** @type {string[][]} */
  const found = [[]];
  let fence = "";
  for (const line of text.split("\n")) {
    const current = /** @type {string[]} */ (found.at(-1));
    const mark = /^ {0,3}(```+|~~~+)/.exec(line)?.[1] ?? "";
    if (fence) {
      current.push(line);
      if (mark.startsWith(fence)) {
        fence = "";
        found.push([]);
      }
    } else if (mark) {
      fence = mark;
      found.push([line]);
    } else if (line.trim() === "") {
      if (current.length) found.push([]);
    } else if (startsBlock(line, current.at(-1))) {
      found.push([line]);
    } else {
      current.push(line);
    }
  }
  return found.filter((lines) => lines.length).map((lines) => lines.join("\n"));
}

const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*$/;
const ITEM = /^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}> ?/;

/** @param {string} line @param {string | undefined} before */
function startsBlock(line, before) {
  if (before === undefined) return true;
  const isItem = ITEM.test(line);
  if (HEADING.test(line) || HEADING.test(before)) return true;
  if (QUOTE.test(line) !== QUOTE.test(before)) return true;
  const isContinued = ITEM.test(before) || /^\s+/.test(before);
  return isItem && !isContinued;
}

/**
 * @param {string} source one block
 * @returns {HTMLElement}
 */
export function block(source) {
  const lines = source.split("\n");
  const first = lines[0] ?? "";
  if (/^ {0,3}(```|~~~)/.test(first)) return codeBlock(lines);
  const heading = HEADING.exec(first);
  if (heading) {
    // Not a heading of the page's own outline: a model wrote it.
    const level = heading[1]?.length ?? 1;
    return h("p", { class: `kgnb-md-heading kgnb-md-h${level}` }, inline(heading[2] ?? ""));
  }
  if (/^ {0,3}([-*_])( *\1){2,} *$/.test(first)) return h("hr");
  if (QUOTE.test(first)) {
    const inner = lines.map((line) => line.replace(QUOTE, "")).join("\n");
    return h("blockquote", null, inline(inner));
  }
  if (ITEM.test(first)) return list(lines);
  return h("p", null, inline(source));
}

/** @param {string[]} lines */
function codeBlock(lines) {
  const isClosed = lines.length > 1 && /^ {0,3}(```|~~~)/.test(lines.at(-1) ?? "");
  const body = lines.slice(1, isClosed ? -1 : undefined).join("\n");
  return h("pre", { class: "kgnb-md-code" }, h("code", null, body));
}

/** @param {string[]} lines */
function list(lines) {
  const ordinal = ITEM.exec(lines[0] ?? "")?.[2];
  const element = ordinal
    ? h("ol", { start: ordinal === "1" ? null : ordinal })
    : h("ul");
  /** @type {{depth: number, text: string}[]} */
  const items = [];
  for (const line of lines) {
    const item = ITEM.exec(line);
    const last = items.at(-1);
    if (item) items.push({ depth: item[1]?.length ?? 0, text: item[3] ?? "" });
    else if (last) last.text += `\n${line.trim()}`;
  }
  const base = items[0]?.depth ?? 0;
  for (const { depth, text } of items) {
    const isNested = depth > base;
    element.append(h("li", { class: isNested && "kgnb-md-nested" }, inline(text)));
  }
  return element;
}

// In order of precedence: code binds first, so that nothing in it is read as markup.
const INLINE = new RegExp(
  [
    "(?<code>`+)(?<codeText>[^`]|[^`].*?[^`])\\k<code>(?!`)",
    "!?\\[(?<label>[^\\]\\n]{0,500})\\]\\((?<target>[^()\\s]{0,2000})(?:\\s+\"[^\"\\n]{0,500}\")?\\)",
    "(?<strong>\\*\\*|__)(?=\\S)(?<strongText>.{1,2000}?\\S?)\\k<strong>",
    "(?<![\\w*])(?<em>[*_])(?=[^\\s*_])(?<emText>.{0,2000}?[^\\s*_])\\k<em>(?![\\w*])",
  ].join("|"),
  "su",
);

const DEEPEST = 4;

/**
 * @param {string} text
 * @param {number} [depth]
 * @returns {DocumentFragment}
 */
function inline(text, depth = 0) {
  const fragment = document.createDocumentFragment();
  let rest = text;
  while (rest && depth < DEEPEST) {
    const match = INLINE.exec(rest);
    if (!match) break;
    fragment.append(rest.slice(0, match.index), span(match, depth));
    rest = rest.slice(match.index + match[0].length);
  }
  fragment.append(rest);
  return fragment;
}

/** @param {RegExpExecArray} match @param {number} depth @returns {Node} */
function span(match, depth) {
  const { code, codeText, label, target, strong, strongText, emText } =
    match.groups ?? {};
  if (code) return h("code", null, codeText);
  if (target !== undefined) return link(label ?? "", target, depth);
  if (strong) return h("strong", null, inline(strongText ?? "", depth + 1));
  return h("em", null, inline(emText ?? "", depth + 1));
}

/** @param {string} label @param {string} target @param {number} depth */
function link(label, target, depth) {
  const address = h("span", { class: "kgnb-md-address" }, ` (${target})`);
  return h("span", { class: "kgnb-md-link" }, inline(label, depth + 1), address);
}
