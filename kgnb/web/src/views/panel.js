/**
 * The panel of one run, live or as a record: lays out the views and feeds them.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { ConnectionState } from "../connect.js"
 * @import { Context } from "./context.js"
 */

import { emptyView, isOver } from "../reduce.js";
import { Approvals } from "./approvals.js";
import { h, setText } from "./elements.js";
import { Header } from "./header.js";
import { Logs, Timeline, Updates } from "./history.js";
import { Loss } from "./loss.js";
import { Nodes } from "./nodes.js";
import { Picture } from "./picture.js";
import { Outcomes, showError } from "./outcomes.js";
import { Scrubber } from "./scrubber.js";
import { Streams } from "./streams.js";
import { valueBox } from "./value.js";

export class Panel {
  view = emptyView();
  /** @type {ConnectionState} */
  connection = { kind: "connecting" };
  #context;
  #isDirty = false;
  /** Milliseconds by which the run's clock is ahead: nothing comes from the future. A
   * replayed event is old, so that the other way round cannot be told. */
  #lead = 0;
  #error = h("div", { class: "kgnb-error", role: "alert", hidden: true });
  #live = h("div", { class: "kgnb-unseen", "aria-live": "polite" });
  #views;

  /**
   * @param {Omit<Context, "announce">} context
   * @param {{pageUrl?: string, isCompact?: boolean}} [options] `pageUrl`: the run's own page
   */
  constructor(context, { pageUrl = "", isCompact = false } = {}) {
    /** @type {Context} */
    this.#context = {
      ...context,
      announce: (/** @type {string} */ text) => this.#announce(text),
    };
    this.#views = {
      header: new Header(this.#context, pageUrl),
      loss: new Loss(this.#context),
      approvals: new Approvals(this.#context),
      picture: new Picture(),
      scrubber: new Scrubber(this.#context, () => this.draw()),
      nodes: new Nodes(),
      streams: new Streams(this.#context),
      outcomes: new Outcomes(),
      updates: new Updates(),
      logs: new Logs(),
      timeline: new Timeline(),
    };
    const v = this.#views;
    this.element = h(
      "article",
      {
        class: `kgnb kgnb-panel${isCompact ? " kgnb-compact" : ""}`,
        "aria-label": "kgnb run",
      },
      v.header.element,
      this.#error,
      v.loss.element,
      v.approvals.element,
      v.picture.element,
      v.scrubber.element,
      h(
        "div",
        { class: "kgnb-columns" },
        h("div", { class: "kgnb-column" }, v.nodes.element),
        h(
          "div",
          { class: "kgnb-column" },
          v.streams.element,
          v.outcomes.messages,
          v.outcomes.results,
        ),
      ),
      h(
        "div",
        { class: "kgnb-folds" },
        v.approvals.decisions,
        v.timeline.element,
        v.updates.element,
        v.logs.element,
      ),
      this.#live,
    );
    v.timeline.element.addEventListener("toggle", () => this.draw(), {
      signal: context.signal,
    });
    if (!context.isFinal) {
      const clock = setInterval(() => this.#tick(), 1000);
      context.signal.addEventListener("abort", () => clearInterval(clock));
    }
  }

  /** @param {wire.RunView} view @param {wire.AnyEvent | null} event what changed, if one thing */
  show(view, event) {
    this.view = view;
    const stamp = Date.parse(event?.timestamp ?? "");
    if (!Number.isNaN(stamp)) this.#lead = Math.max(this.#lead, stamp - Date.now());
    this.#mark();
  }

  /** @param {ConnectionState} connection */
  connect(connection) {
    this.connection = connection;
    this.#mark();
  }

  /** Draw now what has changed, instead of with the next frame. */
  draw() {
    this.#isDirty = false;
    const { view, connection } = this;
    const { isFinal } = this.#context;
    const now = Date.now() + this.#lead;
    const v = this.#views;
    this.element.dataset.status = view.status;
    this.element.dataset.connection = isFinal ? "record" : connection.kind;
    if (view.run_id) this.element.dataset.run = view.run_id;
    v.header.update(view, connection, now);
    showError(view, this.#error);
    v.loss.update(view);
    v.approvals.update(view);
    this.#drawThen(view);
    v.streams.update(view, isFinal);
    v.outcomes.update(view, valueBox);
    v.updates.update(view);
    v.logs.update(view);
    v.timeline.update(view, now);
    this.#announceEnd();
  }

  /**
   * What can be looked back at.
   * @param {wire.RunView} view
   */
  #drawThen(view) {
    const { scrubber, picture, nodes } = this.#views;
    const then = scrubber.update(view);
    const { isPast } = scrubber;
    // What is below stays where it is.
    const { style } = nodes.element;
    if (!isPast) style.minHeight = "";
    else if (!style.minHeight) style.minHeight = `${nodes.element.offsetHeight}px`;
    const isEnd = !isPast && (this.#context.isFinal || isOver(view));
    picture.update(then, isEnd);
    nodes.update(then, isEnd);
  }

  /** Many events a frame, one drawing: at most what the screen can show. */
  #mark() {
    if (this.#isDirty) return;
    this.#isDirty = true;
    const draw = () => this.#isDirty && !this.#context.signal.aborted && this.draw();
    if (document.visibilityState === "hidden") setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  }

  #tick() {
    const isMoving = this.view.ended_at === null && this.connection.kind === "live";
    if (isMoving) this.#mark();
  }

  #announced = "";

  #announceEnd() {
    const { status, workflow } = this.view;
    const before = this.#announced;
    this.#announced = status;
    const isWorth = before !== "" && before !== status && status !== "waiting";
    if (isWorth && !this.#context.isFinal) this.#announce(`${workflow || "Run"}: ${status}`);
  }

  /** @param {string} text */
  #announce(text) {
    setText(this.#live, text);
  }
}
