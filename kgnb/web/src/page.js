/** The page of one run, served by the extension. */

import { mountLive } from "./mount.js";

/**
 * @param {HTMLElement} host
 * @param {object} options
 * @param {string} options.runId
 * @param {string} options.baseUrl the server's path on this origin
 * @param {string} [options.token] a share link's; else the page's own fragment is asked
 * @returns {() => void} takes the panel down again
 */
export function mountRunPage(host, { runId, baseUrl, token = fragmentToken() }) {
  const life = new AbortController();
  const target = {
    baseUrl,
    token,
    via: /** @type {const} */ ("page"),
    transports: ["websocket"],
  };
  const panel = mountLive(host, { runId, target }, life.signal);
  const title = () => {
    const { workflow, status } = panel.view;
    document.title = workflow ? `${status} · ${workflow}` : "kgnb run";
  };
  const clock = setInterval(title, 1000);
  life.signal.addEventListener("abort", () => clearInterval(clock));
  return () => life.abort();
}

/** @returns {string | undefined} a token that no server log ever sees */
function fragmentToken() {
  return new URLSearchParams(location.hash.slice(1)).get("token") ?? undefined;
}
