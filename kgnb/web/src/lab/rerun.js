/** Going on with a lost run: its cell is run again, after the definitions above it. */

import { execute, mainWidgets, showWidget } from "./application.js";

const PATIENCE = 20_000;
const EVERY = 1000;

/**
 * A kernel that has died comes back by itself; what is sent to it before is lost, and
 * the application may not know yet that it died.
 * @param {any} context of the session
 */
async function answering(context) {
  for (const end = Date.now() + PATIENCE; Date.now() < end; ) {
    const wait = new Promise((resolve) => setTimeout(resolve, EVERY));
    const info = Promise.resolve(context?.session?.kernel?.requestKernelInfo()).catch(() => wait);
    if (await Promise.race([info, wait])) return;
  }
}

/**
 * @param {Node} node within an output
 * @returns {{label: string, act: () => Promise<void>}[]} the best first; none where the
 *   output stands in no cell
 */
export function reruns(node) {
  const isAround = (/** @type {any} */ { node: own }) => own.contains(node);
  // Asked of the cells, since one that is scrolled away is in no page.
  const widget = mainWidgets().find(({ content }) => content?.widgets?.some?.(isAround));
  if (!widget) return [];
  const notebook = widget.content;
  /** @param {...string} commands each of the cell, as long as none fails */
  const run = async (...commands) => {
    showWidget(widget);
    await answering(widget.sessionContext);
    const here = notebook.widgets.findIndex(isAround);
    for (const command of commands) {
      notebook.activeCellIndex = here;
      notebook.deselectAll?.();
      if ((await execute(`notebook:${command}`)) === false) return;
    }
  };
  const one = { label: "Run this cell", act: () => run("run-cell") };
  // A new kernel knows nothing of what the cells above defined.
  const all = { label: "Run all cells above, then this", act: () => run("run-all-above", "run-cell") };
  const isCode = (/** @type {any} */ cell) => cell.model?.type === "code";
  const above = notebook.widgets.slice(0, notebook.widgets.findIndex(isAround));
  return above.some(isCode) ? [all, one] : [one];
}
