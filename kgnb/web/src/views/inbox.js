/**
 * Runs and open questions over all kernels.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { RunRow } from "../ledger.js"
 */

import { serverConnection } from "../pool.js";
import { Ledger, asEvents } from "../ledger.js";
import { approvalView } from "../reduce-approvals.js";
import { Card } from "./approvals.js";
import { pageContext } from "./context.js";
import { h, section, setText } from "./elements.js";
import { RunList } from "./run-list.js";

const POLL = 15_000;
const POLL_SOON = 500;
/** As seldom as that where no server extension answers: each try is an error in the console. */
const POLL_SELDOM = 240_000;
const MOST_RUNS = 40;

/**
 * Which notebook a kernel is of, as far as the application knows.
 * @typedef {object} Places
 * @property {(kernelId: string) => string} of the notebook's path, or ""
 * @property {() => Promise<unknown>} refresh learn of notebooks opened elsewhere
 */

/**
 * An open question, and where it is asked.
 * @typedef {object} Question
 * @property {string} key of these very words: asked anew with others it is another
 * @property {string} run_id
 * @property {string} workflow
 * @property {string | null} kernel_id null while it is not known
 * @property {wire.ApprovalView} approval
 */

/**
 * @typedef {object} InboxOptions
 * @property {Places} [places]
 * @property {"panel" | "page"} [via] what stands under a decision made here
 * @property {string} [token] a share link's
 * @property {number} [most] runs that are listed
 * @property {(run: RunRow, status: string) => boolean} [isChosen] whether a run is listed
 * @property {(runs: RunRow[], statusOf: (run: RunRow) => string) => void} [onRuns] called
 *   with all that is known, before they are drawn
 * @property {(questions: Question[]) => void} [onQuestions] called with all that are open,
 *   after they were drawn
 * @property {(path: string) => string} [hrefOf] of a page of ours
 * @property {boolean} [isTab] whether a run's page takes the place of this one
 */

/** @type {Places} */
const NO_PLACES = { of: () => "", refresh: () => Promise.resolve() };

export class Inbox {
  /** @type {(open: number) => void} called when the number of open questions changes */
  onCount = () => {};
  #ledger = new Ledger();
  #baseUrl;
  #connection;
  #signal;
  #places;
  #options;
  /** @type {Map<string, {card: Card, place: HTMLElement}>} */
  #cards = new Map();
  #asks = section("asks", "Waiting for you");
  #cardList = h("div", null);
  #runs = section("runs", "Runs");
  #list;
  #note = h("p", { class: "kgnb-side-note", role: "status", hidden: true });
  #empty = h("p", { class: "kgnb-side-empty" }, "No runs yet. kgnb.run(graph) starts one.");
  #live = h("div", { class: "kgnb-unseen", "aria-live": "polite" });
  #count = 0;

  /** @param {string} baseUrl @param {AbortSignal} signal @param {InboxOptions} [options] */
  constructor(baseUrl, signal, options = {}) {
    this.#baseUrl = baseUrl;
    this.#signal = signal;
    this.#options = options;
    this.#places = options.places ?? NO_PLACES;
    this.#connection = serverConnection(baseUrl, options);
    const hrefOf = options.hrefOf ?? ((path) => `${baseUrl}${path}`);
    this.#list = new RunList(hrefOf, options.isTab ?? false);
    this.#asks.element.append(this.#cardList);
    this.#runs.element.append(this.#list.element);
    this.element = h(
      "div",
      { class: "kgnb kgnb-side", role: "region", "aria-label": "kgnb runs" },
      this.#note,
      this.#asks.element,
      this.#runs.element,
      this.#empty,
      this.#live,
    );
    this.#connection.onState(() => this.#onState(), signal);
    this.#connection.watchAll((event) => {
      this.#ledger.take(event);
      // An event does not tell the run's kernel.
      if (!this.#ledger.runs.get(event.run_id)?.kernel_id) this.#pollSoon();
      this.#mark();
    }, signal);
    // What panels of this page have read already is not sent again.
    for (const view of this.#connection.views()) {
      for (const approval of view.approvals) {
        for (const event of asEvents(view, approval)) this.#ledger.take(event);
      }
    }
    this.#poll();
    this.#pollLater(POLL);
    signal.addEventListener("abort", () => clearTimeout(this.#later));
  }

  /** The runs' part, where a page puts its own controls. */
  get runs() {
    return this.#runs;
  }

  /** How the connection is. */
  get connection() {
    return this.#connection;
  }

  #onState() {
    const { state } = this.#connection;
    const isLost = state.kind !== "live" && state.kind !== "connecting";
    this.#note.hidden = !isLost;
    const reason = "reason" in state && state.reason ? ` (${state.reason})` : "";
    setText(
      this.#note,
      state.kind === "offline" || state.kind === "closed"
        ? `The kgnb server extension does not answer${reason}. Runs are shown and answered in their cells only.`
        : `Not connected${reason}; what is shown may be old.`,
    );
    if (state.kind === "live") this.#poll();
    for (const { card } of this.#cards.values()) card.update();
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #soon;

  #pollSoon() {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      if (!this.#signal.aborted) this.#poll();
    }, POLL_SOON);
  }

  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #later;

  /** @param {number} delay */
  #pollLater(delay) {
    this.#later = setTimeout(async () => {
      const isAnswered = await this.#poll();
      if (this.#signal.aborted) return;
      this.#pollLater(isAnswered ? POLL : Math.min(POLL_SELDOM, delay * 2));
    }, delay);
  }

  /** @returns {Promise<boolean>} whether a server extension answered */
  async #poll() {
    try {
      const url = `${this.#baseUrl}kgnb/api/runs`;
      const { token } = this.#options;
      const reply = await fetch(url, { signal: this.#signal, headers: bearing(token) });
      if (!reply.ok) return false;
      const { runs } = await reply.json();
      this.#ledger.list(runs ?? []);
      const isLost = [...this.#ledger.open.values()].some((one) => !this.#place(one.run_id));
      if (isLost) await this.#places.refresh();
      this.#mark();
      const { kind } = this.#connection.state;
      if (kind === "offline") await this.#connection.settled(this.#signal);
      return true;
    } catch {
      return false; // there is nothing to list then; the note above says so
    }
  }

  #isDirty = false;

  #mark() {
    if (this.#isDirty) return;
    this.#isDirty = true;
    setTimeout(() => {
      this.#isDirty = false;
      if (!this.#signal.aborted) this.#draw();
    }, 50);
  }

  /** Draw again: what `isChosen` says has changed. */
  refresh() {
    this.#mark();
  }

  #draw() {
    this.#drawCards();
    this.#drawRuns();
    this.#options.onQuestions?.(this.questions());
    const open = this.#cards.size;
    this.#asks.element.hidden = open === 0;
    const isEmpty = this.#ledger.runs.size === 0;
    this.#runs.element.hidden = isEmpty;
    this.#empty.hidden = !isEmpty;
    if (open !== this.#count) {
      this.#count = open;
      this.onCount(open);
    }
  }

  /** @returns {Question[]} in the order in which they were heard of */
  questions() {
    const found = [];
    for (const [key, { run_id, request }] of this.#ledger.open) {
      const approval = this.#ledger.approval(key) ?? approvalView(request);
      const run = this.#ledger.runs.get(run_id);
      const workflow = run?.workflow ?? request.workflow ?? "run";
      found.push({ key, run_id, workflow, kernel_id: run?.kernel_id ?? null, approval });
    }
    return found;
  }

  /** @param {string} runId @returns {RunRow | null} null where the server does not know it */
  run(runId) {
    return this.#ledger.runs.get(runId) ?? null;
  }

  #drawCards() {
    for (const [key, { card }] of this.#cards) {
      if (this.#ledger.open.has(key)) continue;
      card.remove();
      this.#cards.delete(key);
    }
    for (const { key, run_id, workflow, approval } of this.questions()) {
      const known = this.#cards.get(key);
      if (known) {
        setText(known.place, this.#place(run_id));
        known.card.update(approval);
        continue;
      }
      const label = `${workflow} › ${approval.node_id}`;
      const announce = (/** @type {string} */ text) => setText(this.#live, text);
      const card = new Card(approval, label, pageContext(this.#connection, this.#signal, announce));
      const place = h("p", { class: "kgnb-card-place" }, this.#place(run_id));
      card.element.append(place);
      this.#cards.set(key, { card, place });
      this.#cardList.append(card.element);
      setText(this.#live, `${label} asks: ${approval.message}`);
    }
  }

  /** @param {string} runId @returns {string} its notebook, which tells equal questions apart */
  #place(runId) {
    const kernelId = this.#ledger.runs.get(runId)?.kernel_id;
    return kernelId ? this.#places.of(kernelId) : "";
  }

  #drawRuns() {
    const { most = MOST_RUNS, isChosen, onRuns } = this.#options;
    const waiting = new Set([...this.#ledger.open.values()].map((entry) => entry.run_id));
    const statusOf = (/** @type {RunRow} */ run) => shownStatus(run, waiting);
    const rows = [...this.#ledger.runs.values()].sort((one, other) =>
      (other.started_at ?? "").localeCompare(one.started_at ?? ""),
    );
    onRuns?.(rows, statusOf);
    const chosen = isChosen ? rows.filter((run) => isChosen(run, statusOf(run))) : rows;
    this.#list.update(chosen.slice(0, most), statusOf, (run) => this.#place(run.run_id));
  }
}

/** @param {RunRow} run @param {Set<string>} waiting runs with an open question */
function shownStatus({ run_id, status }, waiting) {
  if (status !== "running" && status !== "waiting") return status;
  return waiting.has(run_id) ? "waiting" : "running";
}

/**
 * @param {string | undefined} token a share link's; none: the browser's cookie tells
 * @returns {Record<string, string>} headers of a call
 */
export function bearing(token) {
  return token ? { Authorization: `Bearer ${token}` } : {};
}
