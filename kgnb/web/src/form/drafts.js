/**
 * What was typed into a form, kept in this tab until it is sent: a reload, or a
 * connection that breaks, loses nothing.
 *
 * @import * as wire from "../wire.d.ts"
 */

const PREFIX = "kgnb-draft ";
const LARGEST = 200_000; // characters: more would fill the tab's storage

export class Draft {
  #key;

  /** @param {wire.ApprovalView} approval another text is another draft */
  constructor({ approval_id, args_hash }) {
    this.#key = `${PREFIX}${approval_id} ${args_hash}`;
  }

  /** @returns {wire.Json} null where there is none */
  load() {
    try {
      return JSON.parse(sessionStorage.getItem(this.#key) ?? "null");
    } catch {
      return null; // a page may be forbidden to store anything
    }
  }

  /** @param {wire.Json} kept */
  save(kept) {
    try {
      const text = JSON.stringify(kept);
      if (text.length <= LARGEST) sessionStorage.setItem(this.#key, text);
    } catch {
      // Full or forbidden: what was typed stands in the page all the same.
    }
  }

  forget() {
    try {
      sessionStorage.removeItem(this.#key);
    } catch {
      // Where nothing may be stored, nothing is.
    }
  }
}
