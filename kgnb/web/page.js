/** Starts the page of one run; the strict policy of our pages allows no inline script. */

import { mountRunPage } from "./kgnb.js";

const host = document.getElementById("kgnb-run");
if (host) {
  const { runId = "", baseUrl = "/" } = host.dataset;
  mountRunPage(host, { runId, baseUrl });
}
