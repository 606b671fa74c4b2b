/**
 * Starts whichever of our pages this is. They hold no script of their own: the strict
 * policy of our pages allows none.
 */

import { credential } from "./credential.js";
import { mountChatPage } from "./chat.js";
import { mountRunPage } from "./run.js";
import { mountRunsPage } from "./runs.js";
import { mountSignInPage } from "./signin.js";

/**
 * What every page knows.
 * @typedef {object} Site
 * @property {HTMLElement} host
 * @property {string} baseUrl the server's path on this origin, ending in "/"
 * @property {string} [token] a share link's
 * @property {AbortSignal} signal
 */

const host = document.getElementById("kgnb-app");
if (host) {
  const { page, runId = "", workflow = "", baseUrl = "/" } = host.dataset;
  const { signal } = new AbortController();
  const site = { host, baseUrl, token: credential(), signal };
  host.replaceChildren();
  if (page === "run") mountRunPage(site, runId);
  else if (page === "chat") mountChatPage(site, workflow);
  else if (page === "login") mountSignInPage(site);
  else mountRunsPage(site);
}
