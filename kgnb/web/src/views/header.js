/**
 * The top line: what runs, how it is, how long, and whether this view is alive.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { ConnectionState } from "../connect.js"
 * @import { Context } from "./context.js"
 */

import { ENDED, isOver } from "../reduce.js";
import { NO_WAY } from "../route.js";
import { KERNEL_BUSY, UNCONFIRMED } from "../transports/deaf.js";
import { labelOf } from "./context.js";
import { Chip, h, headingOf, icon, setText, showText } from "./elements.js";
import { CONNECTION, decidedBy, duration, moment, usageOf } from "./format.js";

/** Roles that may neither pause nor cancel. */
const ONLOOKERS = new Set(["view", "answer"]);

export class Header {
  #chip = new Chip("kgnb-run-chip");
  #title = h("div", { class: "kgnb-title", ...headingOf(2) });
  #elapsed = h("span", { class: "kgnb-elapsed" });
  #usage = h("span", { class: "kgnb-usage", title: "Tokens of all models", hidden: true });
  #connectionWord = h("span", null);
  #connection = h("span", { class: "kgnb-connection" }, icon("live"), this.#connectionWord);
  #cancel = h(
    "button",
    { type: "button", class: "kgnb-button kgnb-quiet", "aria-label": "Cancel run" },
    "Cancel",
  );
  #pause = h("button", { type: "button", class: "kgnb-button kgnb-quiet" });
  #link = h("a", {
    class: "kgnb-open",
    target: "_blank",
    rel: "noopener",
    title: "Open in a tab",
    "aria-label": "Open in a tab",
    hidden: true,
  }, icon("open"));
  #origin = h("span", { hidden: true });
  #note = h("p", { class: "kgnb-note", hidden: true });
  #context;
  #isCancelling = false;
  /** What the pause button sends. */
  #order = "pause";
  #isOrdering = false;
  /** What the buttons are about. */
  #runId = "";
  /** Why the last order was not carried out. */
  #failure = "";

  /** @param {Context} context @param {string} [pageUrl] of the run's own page */
  constructor(context, pageUrl) {
    this.#context = context;
    if (pageUrl && !context.isFinal) {
      this.#link.href = pageUrl;
      this.#link.hidden = false;
    }
    this.element = h(
      "header",
      { class: "kgnb-header" },
      h(
        "div",
        { class: "kgnb-header-line" },
        this.#title,
        this.#chip.element,
        this.#elapsed,
        this.#usage,
        this.#origin,
        h("span", { class: "kgnb-space" }),
        this.#connection,
        this.#link,
        h("span", { class: "kgnb-header-orders" }, this.#pause, this.#cancel),
      ),
      this.#note,
    );
    this.#cancel.addEventListener("click", (event) => event.isTrusted && this.#askCancel(), {
      signal: context.signal,
    });
    this.#pause.addEventListener("click", (event) => event.isTrusted && this.#askPause(), {
      signal: context.signal,
    });
  }

  /** @param {wire.RunView} view @param {ConnectionState} connection @param {number} now */
  update(view, connection, now) {
    this.#runId = view.run_id;
    const { isFinal } = this.#context;
    const isEnded = ENDED.has(view.status);
    const isBlind = !isFinal && !isEnded && connection.kind !== "live";
    const isKnown = view.seq > 0 || isFinal;
    setText(this.#title, view.workflow || "run");
    const last = isKnown ? `last seen ${view.status}` : "not read yet";
    this.#chip.update(isBlind ? "stalled" : view.status, isBlind ? last : undefined);
    setText(this.#elapsed, elapsed(view, isBlind, isFinal, now));
    setText(this.#usage, usageOf(view.usage));
    this.#usage.hidden = !view.usage;
    this.#showOrigin(view);
    const isDone = isFinal || isOver(view);
    this.#connection.hidden = isDone;
    this.#connection.dataset.kind = connection.kind;
    setText(this.#connectionWord, CONNECTION[connection.kind]);
    this.#connection.title = connection.kind === "live" ? `by ${connection.via}` : "";
    const maySteer = !ONLOOKERS.has(this.#context.identity()?.role ?? "");
    this.#cancel.hidden = isDone || !isKnown || !maySteer;
    this.#cancel.disabled = this.#isCancelling || !this.#context.isArmed();
    this.#updatePause(view);
    if (isDone) this.#isCancelling = false;
    if (!this.#isCancelling) {
      const obstacle = trouble(connection, this.#context) || this.#context.disarmed();
      this.#say(isDone ? "" : obstacle || this.#failure || standing(view));
    }
  }

  /** @param {wire.RunView} view */
  #showOrigin({ forked_from: from }) {
    if (!from || !this.#origin.hidden) return;
    const { run_id: run, seq } = from;
    const href = this.#context.pageOf?.(run) || null;
    const elsewhere = { target: "_blank", rel: "noopener" };
    const title = `at checkpoint ${seq} of run ${run}`;
    const link = h("a", { class: "kgnb-run-name", href, title, "data-run": run, ...elsewhere });
    link.append(`forked from ${run.slice(0, 8)}`);
    this.#origin.append(link);
    this.#origin.hidden = false;
  }

  /** @param {wire.RunView} view */
  #updatePause(view) {
    const order = view.paused ? "resume" : "pause";
    if (order !== this.#order || !this.#pause.textContent) {
      // It has happened: whatever was pressed for it is done.
      this.#order = order;
      const word = view.paused ? "Resume" : "Pause";
      this.#pause.replaceChildren(word);
      this.#pause.setAttribute("aria-label", `${word} run`);
      this.#pause.classList.toggle("kgnb-quiet", !view.paused);
      this.#isOrdering = false;
    }
    this.#pause.hidden = this.#cancel.hidden || view.resumable; // nothing runs
    this.#pause.disabled = this.#cancel.disabled || this.#isOrdering;
  }

  async #askPause() {
    const order = this.#order;
    this.#isOrdering = true;
    this.#pause.disabled = true;
    await this.#give(order, order === "pause" ? "Not paused" : "Not resumed");
    this.#isOrdering = false;
  }

  /**
   * @param {string} type
   * @param {string} failed how to begin when it was refused
   * @returns {Promise<boolean>} whether it was carried out
   */
  async #give(type, failed) {
    this.#failure = "";
    const late = setTimeout(() => {
      if (this.#context.via() === "comm") this.#say(KERNEL_BUSY);
    }, UNCONFIRMED);
    try {
      await this.#context.command({ type, run_id: this.#runId });
      return true;
    } catch (error) {
      this.#failure = `${failed}: ${/** @type {Error} */ (error).message}`;
      this.#say(this.#failure);
      return false;
    } finally {
      clearTimeout(late);
    }
  }

  async #askCancel() {
    this.#isCancelling = true;
    this.#cancel.disabled = true;
    this.#say("Cancelling…");
    if (!(await this.#give("cancel", "Not cancelled"))) this.#isCancelling = false;
  }

  /** @param {string} text */
  #say(text) {
    showText(this.#note, text);
  }
}

/**
 * @param {ConnectionState} connection
 * @param {Context} context
 * @returns {string} what to tell, and what to do
 */
function trouble(connection, { explain }) {
  if (connection.kind === "offline" || connection.kind === "closed") {
    if (explain) return explain(connection);
    const why = connection.reason ? ` (${connection.reason})` : "";
    return `${NO_WAY}${why}`;
  }
  if (connection.kind === "stale") return connection.reason;
  if (connection.kind === "reconnecting" && connection.attempt > 1) {
    return `Reconnecting: ${connection.reason}. What is shown may be old.`;
  }
  return "";
}

/** @param {wire.RunView} view @returns {string} why nothing new begins */
function standing(view) {
  if (!view.paused) return "";
  const { before, by } = view.paused;
  if (before) return `Paused at the breakpoint before ${labelOf(view, before)}.`;
  const who = by ? `: ${decidedBy(by)}` : "";
  return `Paused${who}. What has begun goes on to its next step; nothing new begins.`;
}

/**
 * @param {wire.RunView} view
 * @param {boolean} isBlind nobody knows whether it still goes on, so no clock runs
 * @param {boolean} isFinal
 * @param {number} now
 */
function elapsed(view, isBlind, isFinal, now) {
  const start = Date.parse(view.started_at ?? "");
  if (Number.isNaN(start)) return "";
  const end = Date.parse(view.ended_at ?? "");
  if (Number.isNaN(end) && (isBlind || isFinal)) return "";
  const seconds = Math.max(0, ((Number.isNaN(end) ? now : end) - start) / 1000);
  const when = isFinal ? `${moment(view.started_at)} · ` : "";
  return `${when}${duration(seconds)}`;
}
