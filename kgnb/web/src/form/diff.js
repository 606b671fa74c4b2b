/** What changed between two texts, line by line. */

import { h } from "../views/elements.js";
import { plural } from "../views/format.js";
import { visible } from "../views/visible.js";

const MOST = 1_000_000; // pairs of lines: beyond, comparing would hold up the page

/**
 * @typedef {object} Line
 * @property {"same" | "added" | "removed"} change
 * @property {string} text
 */

/**
 * @param {string} before
 * @param {string} after
 * @returns {Line[]}
 */
export function lineDiff(before, after) {
  const [old, now] = [before.split("\n"), after.split("\n")];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old.at(-1 - end) === now.at(-1 - end)) end += 1;
  const middle = between(old.slice(start, old.length - end), now.slice(start, now.length - end));
  const same = (/** @type {string} */ text) => /** @type {Line} */ ({ change: "same", text });
  return [...old.slice(0, start).map(same), ...middle, ...old.slice(old.length - end).map(same)];
}

/** @param {string[]} old @param {string[]} now @returns {Line[]} */
function between(old, now) {
  /** @type {(change: Line["change"]) => (text: string) => Line} */
  const as = (change) => (text) => ({ change, text });
  if (old.length * now.length > MOST) return [...old.map(as("removed")), ...now.map(as("added"))];
  const lengths = commonLengths(old, now);
  /** @type {Line[]} */
  const lines = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < now.length) {
    if (old[i] === now[j]) {
      lines.push(as("same")(old[i] ?? ""));
      i += 1;
      j += 1;
    } else if ((lengths[i + 1]?.[j] ?? 0) >= (lengths[i]?.[j + 1] ?? 0)) {
      lines.push(as("removed")(old[i] ?? ""));
      i += 1;
    } else {
      lines.push(as("added")(now[j] ?? ""));
      j += 1;
    }
  }
  return [...lines, ...old.slice(i).map(as("removed")), ...now.slice(j).map(as("added"))];
}

/**
 * @param {string[]} old
 * @param {string[]} now
 * @returns {Uint32Array[]} [i][j]: the length of the longest common part from i and j on
 */
function commonLengths(old, now) {
  const table = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i--) {
    const [row, below] = [table[i], table[i + 1]];
    if (!row || !below) continue;
    for (let j = now.length - 1; j >= 0; j--) {
      const [right = 0, down = 0, both = 0] = [row[j + 1], below[j], below[j + 1]];
      row[j] = old[i] === now[j] ? both + 1 : Math.max(down, right);
    }
  }
  return table;
}

/** @param {Line[]} lines @returns {string} "1 line added, 2 lines removed", or "" */
export function summary(lines) {
  const count = (/** @type {string} */ change) => lines.filter((line) => line.change === change).length;
  const [added, removed] = [count("added"), count("removed")];
  const parts = [added && `${plural(added, "line")} added`, removed && `${plural(removed, "line")} removed`];
  return parts.filter(Boolean).join(", ");
}

const AROUND = 2; // unchanged lines shown around a change

/** @param {Line[]} lines @returns {HTMLElement} */
export function diffBox(lines) {
  const box = h("pre", { class: "kgnb-diff", tabindex: 0, role: "region", "aria-label": "What changed" });
  const isNear = lines.map((_, index) =>
    lines.slice(Math.max(0, index - AROUND), index + AROUND + 1).some((line) => line.change !== "same"),
  );
  lines.forEach(({ change, text }, index) => {
    if (!isNear[index]) {
      if (index === 0 || isNear[index - 1]) box.append(h("span", { class: "kgnb-diff-gap" }, "…\n"));
      return;
    }
    const sign = { same: "  ", added: "+ ", removed: "− " }[change];
    box.append(h("span", { class: "kgnb-diff-line", "data-change": change }, sign, visible(text), "\n"));
  });
  return box;
}
