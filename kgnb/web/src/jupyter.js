/**
 * What an application of Jupyter's tells of a run and of its server.
 *
 * @import * as wire from "./wire.d.ts"
 * @import { RunRecord } from "./record.js"
 */

/** The MIME type of a run in a notebook's output. */
export const MIME = "application/vnd.kgnb.run+json";

/**
 * What a notebook's output holds under {@link MIME}.
 * @typedef {object} Bundle
 * @property {number} version
 * @property {boolean} final
 * @property {string} [name]
 * @property {NonNullable<wire.WorkflowStarted["graph"]>} [graph]
 * @property {RunRecord} [record]
 * @property {boolean} [compact] the small panel
 */

/**
 * The base URL of the Jupyter server that served this page, if one did.
 * @returns {string | null}
 */
export function pageBaseUrl() {
  try {
    // No other element: an output's HTML may take the name, but has no scripts.
    const config = document.querySelector("script#jupyter-config-data")?.textContent;
    const { baseUrl } = JSON.parse(config ?? "{}");
    if (typeof baseUrl !== "string") return null;
    const url = new URL(baseUrl, location.href);
    return url.origin === location.origin ? url.pathname : null;
  } catch {
    return null;
  }
}
