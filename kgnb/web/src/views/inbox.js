/**
 * Runs and open questions over all kernels.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Context } from "./context.js"
 */

import { serverConnection } from "../pool.js";
import { ENDED } from "../reduce.js";
import { approvalView, showVotes } from "../reduce-approvals.js";
import { Card } from "./approvals.js";
import { Chip, h, section, setText } from "./elements.js";
import { moment, shortMoment } from "./format.js";

const POLL = 15_000;
const POLL_SOON = 500;
const MOST_RUNS = 40;

/**
 * @typedef {object} RunRow
 * @property {string} run_id
 * @property {string} workflow
 * @property {wire.RunStatus} status
 * @property {string | null} started_at
 * @property {string | null} kernel_id
 */

/**
 * Which notebook a kernel is of, as far as the application knows.
 * @typedef {object} Places
 * @property {(kernelId: string) => string} of the notebook's path, or ""
 * @property {() => Promise<unknown>} refresh learn of notebooks opened elsewhere
 */

/** @type {Places} */
const NO_PLACES = { of: () => "", refresh: () => Promise.resolve() };

/** @type {Record<string, wire.RunStatus>} */
const STATUS_OF = {
  workflow_started: "running",
  workflow_resumed: "running",
  workflow_paused: "paused",
  workflow_stalled: "stalled",
  workflow_completed: "completed",
  workflow_failed: "failed",
  workflow_cancelled: "cancelled",
  workflow_lost: "lost",
};

/**
 * What is known of runs and questions; folded by ids, so that events may come twice
 * and in any order.
 */
export class Ledger {
  /** @type {Map<string, RunRow>} */
  runs = new Map();
  /** @type {Map<string, {run_id: string, request: wire.ApprovalRequest}>} */
  open = new Map();
  /** @type {Set<string>} */
  #resolved = new Set();
  /** @type {Map<string, wire.ApprovalVote>} by question; votes are only ever added */
  #votes = new Map();

  /** @param {RunRow[]} rows */
  list(rows) {
    for (const row of rows) {
      const known = this.runs.get(row.run_id);
      if (known && ENDED.has(known.status)) {
        known.kernel_id ??= row.kernel_id;
        continue;
      }
      this.runs.set(row.run_id, row);
      if (ENDED.has(row.status)) this.#close(row.run_id);
    }
  }

  /** @param {wire.AnyEvent} event */
  take(event) {
    const { run_id } = event;
    const status = STATUS_OF[event.type];
    if (status) this.#note(event, status);
    if (status && ENDED.has(status)) this.#close(run_id);
    if (event.type === "approval_request") {
      const request = /** @type {wire.ApprovalRequest} */ (/** @type {unknown} */ (event));
      const key = `${request.data.approval_id} ${request.data.args_hash}`;
      const isOver = ENDED.has(this.runs.get(run_id)?.status ?? "");
      if (!this.#resolved.has(key) && !isOver) this.open.set(key, { run_id, request });
    } else if (event.type === "approval_vote") {
      const vote = /** @type {wire.ApprovalVote} */ (/** @type {unknown} */ (event));
      const key = `${vote.data.approval_id} ${vote.data.args_hash}`;
      const known = this.#votes.get(key)?.data.votes.length ?? 0;
      const isNews = vote.data.votes.length > known && !this.#resolved.has(key);
      if (isNews) this.#votes.set(key, vote);
    } else if (event.type === "approval_resolved") {
      for (const [key, { request }] of this.open) {
        if (request.data.approval_id !== event.data.approval_id) continue;
        this.open.delete(key);
        this.#votes.delete(key);
        this.#resolved.add(key);
      }
    }
  }

  /** @param {string} key @returns {wire.ApprovalView | null} an open question, as it stands */
  approval(key) {
    const entry = this.open.get(key);
    if (!entry) return null;
    const approvals = [approvalView(entry.request)];
    const votes = this.#votes.get(key);
    if (votes) showVotes(approvals, votes);
    return approvals[0] ?? null;
  }

  /** @param {wire.AnyEvent} event @param {wire.RunStatus} status */
  #note(event, status) {
    const known = this.runs.get(event.run_id);
    if (known && ENDED.has(known.status)) return;
    this.runs.set(event.run_id, {
      run_id: event.run_id,
      workflow: event.workflow || known?.workflow || "run",
      started_at: known?.started_at ?? event.timestamp ?? null,
      kernel_id: known?.kernel_id ?? null,
      status,
    });
  }

  /** @param {string} runId */
  #close(runId) {
    for (const [key, entry] of this.open) {
      if (entry.run_id !== runId) continue;
      this.open.delete(key);
      this.#votes.delete(key);
    }
  }
}

export class Inbox {
  /** @type {(open: number) => void} called when the number of open questions changes */
  onCount = () => {};
  #ledger = new Ledger();
  #baseUrl;
  #connection;
  #signal;
  #places;
  /** @type {Map<string, {card: Card, place: HTMLElement}>} */
  #cards = new Map();
  /** @type {Map<string, {element: HTMLElement, chip: Chip, place: HTMLElement}>} */
  #rows = new Map();
  #asks = section("asks", "Waiting for you");
  #cardList = h("div", null);
  #runs = section("runs", "Runs");
  #runList = h("ul", { class: "kgnb-run-list" });
  #note = h("p", { class: "kgnb-side-note", role: "status", hidden: true });
  #empty = h("p", { class: "kgnb-side-empty" }, "No runs yet. kgnb.run(graph) starts one.");
  #live = h("div", { class: "kgnb-unseen", "aria-live": "polite" });
  #count = 0;

  /** @param {string} baseUrl @param {AbortSignal} signal @param {Places} [places] */
  constructor(baseUrl, signal, places = NO_PLACES) {
    this.#baseUrl = baseUrl;
    this.#signal = signal;
    this.#places = places;
    this.#connection = serverConnection(baseUrl);
    this.#asks.element.append(this.#cardList);
    this.#runs.element.append(this.#runList);
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
    const clock = setInterval(() => this.#poll(), POLL);
    signal.addEventListener("abort", () => clearInterval(clock));
    this.#poll();
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

  async #poll() {
    try {
      const reply = await fetch(`${this.#baseUrl}kgnb/api/runs`, { signal: this.#signal });
      if (!reply.ok) return;
      const { runs } = await reply.json();
      this.#ledger.list(runs ?? []);
      const isLost = [...this.#ledger.open.values()].some((one) => !this.#place(one.run_id));
      if (isLost) await this.#places.refresh();
      this.#mark();
      const { kind } = this.#connection.state;
      if (kind === "offline") await this.#connection.settled(this.#signal);
    } catch {
      // Without the server there is nothing to list; the note above says so.
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

  #draw() {
    this.#drawCards();
    this.#drawRuns();
    const open = this.#cards.size;
    this.#asks.element.hidden = open === 0;
    this.#runs.element.hidden = this.#rows.size === 0;
    this.#empty.hidden = this.#rows.size > 0;
    if (open !== this.#count) {
      this.#count = open;
      this.onCount(open);
    }
  }

  #drawCards() {
    for (const [key, { card }] of this.#cards) {
      if (this.#ledger.open.has(key)) continue;
      card.remove();
      this.#cards.delete(key);
    }
    for (const [key, { run_id, request }] of this.#ledger.open) {
      const approval = this.#ledger.approval(key) ?? approvalView(request);
      const known = this.#cards.get(key);
      if (known) {
        setText(known.place, this.#place(run_id));
        known.card.update(approval);
        continue;
      }
      const workflow = this.#ledger.runs.get(run_id)?.workflow ?? request.workflow ?? "run";
      const label = `${workflow} › ${request.node_id}`;
      const card = new Card(approval, label, this.#context());
      const place = h("p", { class: "kgnb-card-place" }, this.#place(run_id));
      card.element.append(place);
      this.#cards.set(key, { card, place });
      this.#cardList.append(card.element);
      setText(this.#live, `${label} asks: ${request.data.message}`);
    }
  }

  /** @param {string} runId @returns {string} its notebook, which tells equal questions apart */
  #place(runId) {
    const kernelId = this.#ledger.runs.get(runId)?.kernel_id;
    return kernelId ? this.#places.of(kernelId) : "";
  }

  /** @returns {Context} */
  #context() {
    return {
      signal: this.#signal,
      isFinal: false,
      disarmed: () => "",
      isArmed: () => this.#connection.state.kind === "live",
      identity: () => this.#connection.identity,
      via: () => "websocket",
      command: (frame) => this.#connection.command(frame),
      announce: (text) => setText(this.#live, text),
    };
  }

  #drawRuns() {
    const rows = [...this.#ledger.runs.values()]
      .sort((one, other) => (other.started_at ?? "").localeCompare(one.started_at ?? ""))
      .slice(0, MOST_RUNS);
    const waiting = new Set([...this.#ledger.open.values()].map((entry) => entry.run_id));
    const shown = new Set(rows.map((run) => run.run_id));
    for (const [id, row] of this.#rows) {
      if (shown.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    rows.forEach((run, index) => {
      const row = this.#rows.get(run.run_id) ?? this.#newRow(run);
      const isRunning = run.status === "running" || run.status === "waiting";
      row.chip.update(isRunning ? (waiting.has(run.run_id) ? "waiting" : "running") : run.status);
      setText(row.place, this.#place(run.run_id));
      if (this.#runList.children[index] !== row.element) {
        this.#runList.insertBefore(row.element, this.#runList.children[index] ?? null);
      }
    });
  }

  /** @param {RunRow} run */
  #newRow(run) {
    const chip = new Chip();
    const href = `${this.#baseUrl}kgnb/runs/${encodeURIComponent(run.run_id)}`;
    const name = h(
      "a",
      { class: "kgnb-run-name", href, target: "_blank", rel: "noopener" },
      run.workflow,
    );
    const place = h("span", { class: "kgnb-run-place" });
    const when = h(
      "div",
      { class: "kgnb-run-when", title: moment(run.started_at) },
      shortMoment(run.started_at),
      " ",
      place,
    );
    const what = h("div", { class: "kgnb-run-what" }, name, when);
    const line = h("div", { class: "kgnb-run-line" }, what, chip.element);
    const element = h("li", { class: "kgnb-run-row", "data-run": run.run_id }, line);
    const row = { element, chip, place };
    this.#rows.set(run.run_id, row);
    return row;
  }
}

/**
 * A question that a view knows, as the events that asked and closed it.
 * @param {wire.RunView} view
 * @param {wire.ApprovalView} approval
 * @returns {wire.AnyEvent[]}
 */
function asEvents({ run_id, workflow }, approval) {
  const { state, node_id, opened_at, ...data } = approval;
  const types = state === "open" ? ["approval_request", "approval_vote"] : ["approval_resolved"];
  return types.map((type) => ({
    type,
    run_id,
    workflow,
    node_id,
    data,
    timestamp: opened_at,
  }));
}
