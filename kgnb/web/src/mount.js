/**
 * Putting a run on the page: a live panel, or the record of one that has ended.
 *
 * @import * as wire from "./wire.d.ts"
 * @import { RunMetadata, RunRecord } from "./record.js"
 */

import { recordView } from "./record.js";
import { emptyNode, emptyView, graphSpec, isOver } from "./reduce.js";
import { put } from "./reduce-live.js";
import { Route } from "./route.js";
import { Panel } from "./views/panel.js";
import { ways } from "./ways.js";

/**
 * Draw a run that has ended. It connects nowhere and takes no click.
 * @param {Element} host
 * @param {RunRecord} record
 * @param {RunMetadata & {compact?: boolean}} metadata
 * @param {AbortSignal} signal
 * @returns {Panel}
 */
export function mountRecord(host, record, metadata, signal) {
  const context = {
    signal,
    isFinal: true,
    moments: metadata.moments ?? [],
    disarmed: () => "",
    isArmed: () => false,
    identity: () => null,
    via: () => "",
    command: () => Promise.reject(new Error("a record takes no commands")),
  };
  const panel = new Panel(context, { isCompact: metadata.compact });
  panel.show(recordView(record, metadata), null);
  panel.draw();
  place(host, panel, signal);
  return panel;
}

/**
 * @typedef {object} LiveOptions
 * @property {string} runId
 * @property {Parameters<typeof ways>[0]} target
 * @property {string} [name] of the workflow, until the log is read
 * @property {NonNullable<wire.WorkflowStarted["graph"]>} [graph] likewise
 * @property {boolean} [compact]
 * @property {import("./views/context.js").Context["reruns"]} [reruns]
 * @property {() => string} [disarmed] why no click may be sent from here, or ""
 * @property {(view: wire.RunView) => void} [onEnd] called once, when the end is read live
 * @property {(state: import("./connect.js").ConnectionState) => void} [onState]
 * @property {(state: import("./connect.js").ConnectionState) => string} [explain] what is
 *   told where no way leads to the run; by default, what to do in a notebook
 */

/** Of whoever looks at a replay: nobody answers or steers what happened long ago. */
const REPLAYED = { kind: "replay", role: "view" };

/**
 * Draw a run as it goes on.
 * @param {Element} host
 * @param {LiveOptions} options
 * @param {AbortSignal} signal
 * @returns {Panel}
 */
export function mountLive(host, options, signal) {
  const { runId, target, disarmed = () => "", onEnd, onState, explain, reruns } = options;
  /** @type {Route | undefined} */
  let route;
  const pageOf = (/** @type {string} */ id) =>
    target.baseUrl && target.log !== "kernel" && !target.token
      ? `${target.baseUrl}kgnb/runs/${encodeURIComponent(id)}`
      : "";
  const panel = new Panel(
    {
      signal,
      isFinal: false,
      disarmed,
      explain,
      reruns,
      pageOf,
      isArmed: () => !disarmed() && !!route?.connection,
      identity: () => (target.replay ? REPLAYED : (route?.connection?.identity ?? null)),
      via: () => route?.via ?? "",
      command: (frame) =>
        route?.command(frame) ?? Promise.reject(new Error("not connected")),
    },
    { pageUrl: target.via === "page" ? "" : pageOf(runId), isCompact: options.compact },
  );
  panel.show(placeholder(options), null);
  panel.draw();
  place(host, panel, signal);
  let hasEnded = false;
  route = new Route(
    runId,
    ways(target),
    {
      onView: (view, event) => {
        panel.show(view, event);
        if (hasEnded || !isOver(view)) return;
        hasEnded = true;
        onEnd?.(view);
      },
      onState: (state) => {
        panel.connect(state);
        onState?.(state);
      },
    },
    signal,
  );
  return panel;
}

/** @param {LiveOptions} options @returns {wire.RunView} the graph at least, until more is known */
function placeholder({ runId, name, graph }) {
  const view = emptyView();
  view.run_id = runId;
  view.workflow = name ?? "";
  view.graph = graphSpec(graph ?? {});
  for (const node of view.graph.nodes) put(view.nodes, node.id, emptyNode());
  return view;
}

/** @param {Element} host @param {Panel} panel @param {AbortSignal} signal */
function place(host, panel, signal) {
  host.replaceChildren(panel.element);
  // For whoever inspects or tests a page: what the panel knows, read-only.
  Object.defineProperty(panel.element, "kgnb", {
    configurable: true,
    get: () => ({ view: panel.view, connection: panel.connection }),
  });
  signal.addEventListener("abort", () => panel.element.remove());
}
