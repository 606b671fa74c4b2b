/**
 * A record as HTML for whoever has no extension: nbconvert, a mail, another front end.
 *
 * Like all data of an output it names no run, no time and no person: those are in the
 * output's metadata, so that a new execution can be compared with a saved one.
 *
 * @import { RunRecord } from "../record.js"
 */

import css from "../styles/kgnb.css";
import { mountRecord } from "../mount.js";

/**
 * @param {RunRecord} record
 * @param {Document} document
 * @returns {string} drawn from nodes, so every text in it is escaped; no script, no link
 */
export function staticHtml(record, document) {
  const life = new AbortController();
  const host = document.createElement("div");
  mountRecord(host, record, {}, life.signal);
  for (const button of host.querySelectorAll("button, a, [aria-live]")) button.remove();
  for (const hidden of host.querySelectorAll("[hidden]")) hidden.remove();
  for (const folded of host.querySelectorAll("details")) folded.open = true;
  const style = document.createElement("style");
  style.textContent = css;
  host.prepend(style);
  const html = host.outerHTML;
  life.abort();
  return html;
}
