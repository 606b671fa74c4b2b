/**
 * Leading to a question: its card in a notebook of this application, if one is open.
 *
 * @import { Question } from "../views/inbox.js"
 */

import { MIME } from "../jupyter.js";
import { mainWidgets, showWidget } from "./application.js";

/** Milliseconds for a notebook to draw the output that was scrolled to. */
const PATIENCE = 1500;
const EVERY = 50;
/** Milliseconds for which what was led to is set off. */
const FOUND = 2400;

/**
 * Whether a card that takes answers to it stands before the reader's eyes: in this
 * browser tab, scrolled into view, and with nothing upon it.
 * @param {Question} question
 */
export function isSeen({ approval }) {
  if (document.visibilityState !== "visible") return false;
  return cardsIn(document, approval.approval_id).some((card) => {
    if (card.dataset.armed !== "true") return false;
    const asked = card.querySelector(".kgnb-card-question") ?? card;
    const { left, top, width, height } = asked.getBoundingClientRect();
    const there = document.elementFromPoint(left + width / 2, top + height / 2);
    return there !== null && card.contains(there);
  });
}

/**
 * Activate the notebook that shows the run, scroll to the question and focus its card.
 * @param {Question} question
 * @returns {Promise<boolean>} false where no open notebook shows it
 */
export async function revealInNotebook({ run_id, kernel_id, approval }) {
  const isOwn = (/** @type {any} */ widget) =>
    widget.sessionContext?.session?.kernel?.id === kernel_id;
  // A copy of the notebook has the output too, but another kernel, and takes no answer.
  const widgets = mainWidgets().sort((one, other) => Number(isOwn(other)) - Number(isOwn(one)));
  for (const widget of widgets) {
    const cards = () => cardsIn(widget.node, approval.approval_id);
    const index = cellOf(widget.content, run_id);
    if (index < 0 && !cards().length) continue;
    showWidget(widget);
    if (index >= 0) await scrollTo(widget.content, index);
    const card = await appearing(() => cards().find(isShown));
    if (!card) continue;
    focusCard(card);
    return true;
  }
  return false;
}

/**
 * @param {ParentNode} place
 * @param {string} approvalId
 * @returns {boolean} whether it was there
 */
export function revealIn(place, approvalId) {
  const card = cardsIn(place, approvalId).find(isShown);
  if (card) focusCard(card);
  return !!card;
}

/**
 * The run that a cell of a notebook shows, the last if it shows several.
 * @param {any} cell
 * @returns {string | null}
 */
export function runOf(cell) {
  const outputs = cell?.model?.outputs;
  for (let index = (outputs?.length ?? 0) - 1; index >= 0; index--) {
    const runId = outputs.get(index).metadata?.[MIME]?.run_id;
    if (typeof runId === "string") return runId;
  }
  return null;
}

/** @param {any} notebook @param {string} runId @returns {number} -1: it shows no such run */
function cellOf(notebook, runId) {
  const cells = /** @type {any[]} */ (notebook?.widgets ?? []);
  return cells.findIndex((cell) => runOf(cell) === runId);
}

/** @param {any} notebook @param {number} index of a cell that may not be drawn yet */
async function scrollTo(notebook, index) {
  notebook.activeCellIndex = index;
  try {
    await notebook.scrollToItem?.(index, "center");
  } catch {
    // The notebook was scrolled elsewhere meanwhile; the card is scrolled to below.
  }
}

/** @param {ParentNode} place @param {string} approvalId */
function cardsIn(place, approvalId) {
  const selector = `[data-approval="${CSS.escape(approvalId)}"]`;
  return /** @type {HTMLElement[]} */ ([...place.querySelectorAll(selector)]);
}

/** @param {Element} element */
function isShown(element) {
  return element.getClientRects().length > 0;
}

/**
 * @template T
 * @param {() => T | undefined} find
 * @returns {Promise<T | undefined>}
 */
async function appearing(find) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    // Later than what the application focuses by itself when a widget is activated.
    await new Promise((resolve) => setTimeout(resolve, EVERY));
    const found = find();
    if (found || Date.now() > end) return found;
  }
}

/**
 * The card, not one of its buttons: a key that is still being pressed must not answer.
 * @param {HTMLElement} card
 */
function focusCard(card) {
  card.tabIndex = -1;
  card.scrollIntoView({ block: "center" });
  card.focus({ preventScroll: true });
  card.dataset.found = "";
  setTimeout(() => delete card.dataset.found, FOUND);
}
