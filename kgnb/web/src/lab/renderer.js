/**
 * Draws a run in a notebook's output: live from its log, or the record that stays.
 *
 * @import { Bundle } from "../mount.js"
 * @import { RunMetadata } from "../record.js"
 * @import * as wire from "../wire.d.ts"
 */

import { MIME, mountLive, mountRecord, pageBaseUrl } from "../mount.js";
import { recordMetadata, staticRecord } from "../record.js";
import { kernelById, notebookKernel } from "./application.js";
import { reruns } from "./rerun.js";
import { staticHtml } from "./static-html.js";

/** Before the widget's and HTML's: those cannot be live beside a busy kernel. */
const RANK = -20;

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
 * @param {any} lumino the application's @lumino/widgets
 * @returns {object} a rendermime extension
 */
export function makeRenderer({ Widget }) {
  class RunRenderer extends Widget {
    /** @type {AbortController | null} */
    #life = null;
    #drawn = "";

    constructor() {
      super();
      this.addClass("kgnb-output");
    }

    /** @param {OutputModel} model @returns {Promise<void>} */
    async renderModel(model) {
      const bundle = /** @type {Bundle} */ (model.data[MIME] ?? {});
      const metadata = /** @type {RunMetadata} */ (model.metadata?.[MIME] ?? {});
      const key = JSON.stringify([bundle, metadata]);
      if (key === this.#drawn) return; // a change of another MIME type
      this.#drawn = key;
      this.#life?.abort();
      this.#life = new AbortController();
      const { signal } = this.#life;
      const host = document.createElement("div");
      this.node.replaceChildren(host);
      if (bundle.final && bundle.record) {
        mountRecord(host, bundle.record, { ...metadata, compact: bundle.compact }, signal);
      } else if (metadata.run_id) {
        this.#mountLive(host, model, bundle, { ...metadata, run_id: metadata.run_id }, signal);
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
    #mountLive(host, model, bundle, metadata, signal) {
      const { run_id: runId, kernel_id: kernelId, log, transports } = metadata;
      const here = () => notebookKernel(this.node);
      const panel = mountLive(
        host,
        {
          runId,
          name: bundle.name,
          graph: bundle.graph,
          compact: bundle.compact,
          target: {
            baseUrl: pageBaseUrl(),
            kernel: () => (kernelId ? kernelById(kernelId) : here()),
            log,
            transports,
          },
          disarmed: () => {
            const id = here()?.id;
            return kernelId && id && id !== kernelId ? OTHER_KERNEL : "";
          },
          reruns: () => reruns(this.node),
          onEnd: (view) => {
            const timer = setTimeout(
              () => writeRecord(model, bundle, metadata, view, panel.element),
              GRACE,
            );
            signal.addEventListener("abort", () => clearTimeout(timer));
          },
        },
        signal,
      );
    }

    dispose() {
      this.#life?.abort();
      super.dispose();
    }
  }

  return {
    id: "kgnb:renderer",
    description: "Draws runs of kgnb.",
    rendererFactory: {
      safe: true,
      mimeTypes: [MIME],
      createRenderer: () => new RunRenderer(),
    },
    rank: RANK,
    dataType: "json",
  };
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
