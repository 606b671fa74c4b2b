/**
 * One run as it is read over one connection: its view, and who looks at it.
 *
 * @import * as wire from "./wire.d.ts"
 */

import { emptyView, reduce } from "./reduce.js";

/**
 * @typedef {object} Refusal
 * @property {string} code
 * @property {string} message
 */

/**
 * @typedef {object} Watcher
 * @property {(view: wire.RunView, event: wire.AnyEvent | null) => void} onView
 *   `event` is null when the whole view is new
 * @property {(refusal: Refusal) => void} [onRefused] the broker does not let us read it
 */

export class Feed {
  view = emptyView();
  /** Whether the broker's replay for our subscription has begun. */
  isSubscribed = false;
  /** @type {Set<Watcher>} */
  watchers = new Set();

  /** @param {string} runId @param {string[]} [topics] */
  constructor(runId, topics = ["all"]) {
    this.runId = runId;
    this.topics = topics;
  }

  /** @param {wire.AnyEvent} event */
  take(event) {
    const seq = event.seq ?? 0;
    if (!this.isSubscribed || (seq && seq <= this.view.seq)) return;
    reduce(this.view, event);
    this.#tell(event);
  }

  /**
   * A whole view in place of events that are gone.
   * @param {wire.RunView} view
   */
  replace(view) {
    this.view = view;
    this.#tell(null);
  }

  /** The log was made anew: what we know is of another log. */
  reset() {
    this.replace(emptyView());
  }

  /** @param {Refusal} refusal */
  refuse(refusal) {
    for (const watcher of [...this.watchers]) watcher.onRefused?.(refusal);
  }

  /** @param {wire.AnyEvent | null} event */
  #tell(event) {
    for (const watcher of [...this.watchers]) watcher.onView(this.view, event);
  }
}
