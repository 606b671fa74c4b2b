/**
 * Runs as an application shows them: live from the log, or the record that stays in an
 * output. This module is loaded with the first of them.
 *
 * @import { Bundle } from "../jupyter.js"
 * @import { RunMetadata } from "../record.js"
 * @import * as wire from "../wire.d.ts"
 */

import { MIME, pageBaseUrl } from "../jupyter.js";
import { mountLive, mountRecord } from "../mount.js";
import { recordMetadata, staticRecord } from "../record.js";
import { kernelById, notebookKernel } from "./application.js";
import { reruns } from "./rerun.js";
import { staticHtml } from "./static-html.js";

/**
 * The kernel's own record comes first where it finds the output; ours is for outputs
 * that were loaded anew since, which it does not find.
 */
const GRACE = 2500;

const OTHER_KERNEL =
  "This run belongs to another kernel than this notebook's, so its buttons are off " +
  "here. Answer it in the kgnb side panel.";

/**
 * @typedef {object} OutputModel
 * @property {Record<string, any>} data
 * @property {Record<string, any>} metadata
 * @property {(options: {data?: object, metadata?: object}) => void} setData
 */

/**
 * @param {HTMLElement} host in the output
 * @param {OutputModel} model
 * @param {AbortSignal} signal
 */
export function drawOutput(host, model, signal) {
  const bundle = /** @type {Bundle} */ (model.data[MIME] ?? {});
  const metadata = /** @type {RunMetadata} */ (model.metadata?.[MIME] ?? {});
  if (bundle.final && bundle.record) {
    mountRecord(host, bundle.record, { ...metadata, compact: bundle.compact }, signal);
  } else if (metadata.run_id) {
    drawLive(host, model, bundle, { ...metadata, run_id: metadata.run_id }, signal);
  } else {
    host.textContent = "This kgnb output names no run.";
  }
}

/**
 * @param {HTMLElement} host
 * @param {OutputModel} model
 * @param {Bundle} bundle
 * @param {RunMetadata & {run_id: string}} metadata
 * @param {AbortSignal} signal
 */
function drawLive(host, model, bundle, metadata, signal) {
  const { run_id: runId, kernel_id: kernelId, log, transports, replay } = metadata;
  const { name, graph, compact } = bundle;
  const here = () => notebookKernel(host);
  const target = {
    baseUrl: pageBaseUrl(),
    kernel: () => (kernelId ? kernelById(kernelId) : here()),
    log,
    transports,
    replay,
  };
  const disarmed = () => {
    const id = here()?.id;
    return kernelId && id && id !== kernelId ? OTHER_KERNEL : "";
  };
  const onEnd = (/** @type {wire.RunView} */ view) => {
    const keep = () => writeRecord(model, bundle, metadata, view, panel.element);
    const timer = setTimeout(keep, GRACE);
    signal.addEventListener("abort", () => clearTimeout(timer));
  };
  const of = { runId, name, graph, compact, target, disarmed, reruns: () => reruns(host), onEnd };
  const panel = mountLive(host, of, signal);
}

/**
 * The run's page, as the content of a tab.
 * @param {HTMLElement} host
 * @param {string} runId
 * @param {string} name of the workflow, until the log is read
 * @param {string} baseUrl
 * @param {AbortSignal} signal
 */
export function drawPage(host, runId, name, baseUrl, signal) {
  const via = /** @type {const} */ ("page"); // so no link leads to where one is
  const target = { baseUrl, transports: ["websocket"], via };
  mountLive(host, { runId, name, target }, signal);
}

/**
 * Put the record into the notebook, where the kernel could not.
 * @param {OutputModel} model
 * @param {Bundle} bundle the live one that is drawn
 * @param {RunMetadata} metadata
 * @param {wire.RunView} view
 * @param {HTMLElement} drawn the panel
 */
function writeRecord(model, bundle, metadata, view, drawn) {
  const now = /** @type {Bundle | undefined} */ (model.data[MIME]);
  if (!now || now.final) return;
  const record = staticRecord(view);
  /** @type {Bundle} */
  const kept = { version: 1, final: true, record };
  if (bundle.compact) kept.compact = true;
  const { run_id, kernel_id = null } = metadata;
  const told = { run_id, kernel_id, ...recordMetadata(view) };
  model.setData({
    data: {
      [MIME]: kept,
      "text/html": staticHtml(record, drawn.ownerDocument),
      "text/plain": `${record.workflow}: ${record.status}`,
    },
    metadata: { ...model.metadata, [MIME]: told },
  });
}
