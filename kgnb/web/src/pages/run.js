/** The page of one run: the panel, live, on a page of its own. */

import { Frame } from "./frame.js";
import { explain, notice } from "./explain.js";
import { linking } from "./credential.js";
import { shareButton } from "./share.js";
import { mountLive } from "../shared.js";

/**
 * @param {import("./main.js").Site} site
 * @param {string} runId
 */
export function mountRunPage({ host, baseUrl, token, signal }, runId) {
  const hrefOf = linking(baseUrl, token);
  const frame = new Frame(host, hrefOf("kgnb/"), `Run ${runId.slice(0, 8)}`);
  const place = document.createElement("div");
  const obstacle = document.createElement("div");
  frame.main.append(obstacle, place);
  frame.actions.append(shareButton({ run_id: runId }, "answer", baseUrl, token, signal));
  const target = {
    baseUrl,
    token,
    via: /** @type {const} */ ("page"),
    transports: ["websocket"],
  };
  /** @type {ReturnType<typeof mountLive> | undefined} */
  let panel;
  panel = mountLive(
    place,
    {
      runId,
      target,
      explain: (state) => explain(state, !!token)?.text ?? "",
      onState: (state) => {
        frame.connect(state);
        // What was read stays on the page, with the reason in the panel's own words.
        const told = panel?.view.seq ? null : explain(state, !!token);
        place.hidden = told !== null;
        obstacle.replaceChildren(...(told ? [notice(told, baseUrl, () => location.reload())] : []));
      },
    },
    signal,
  );
  const title = () => {
    const { workflow = "", status = "" } = panel?.view ?? {};
    if (workflow) document.title = `${status} · ${workflow}`;
  };
  const clock = setInterval(title, 500);
  signal.addEventListener("abort", () => clearInterval(clock));
}
