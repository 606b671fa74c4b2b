/**
 * The anywidget view, and what pages import: the entry of kgnb.js.
 *
 * @import { WidgetModel } from "./transports/transport.d.ts"
 */

import { pageBaseUrl } from "./jupyter.js";
import { mountLive, mountRecord } from "./mount.js";

export * from "./shared.js";
export { KERNEL_BUSY, KERNEL_DEAF } from "./transports/deaf.js";

/**
 * @param {{model: WidgetModel, el: HTMLElement}} context
 * @returns {() => void} takes everything down again
 */
function render({ model, el }) {
  const life = new AbortController();
  const host = document.createElement("div");
  el.append(host);
  /** @type {AbortController | undefined} */
  let shown;
  const draw = () => {
    shown?.abort();
    shown = new AbortController();
    life.signal.addEventListener("abort", () => shown?.abort(), { once: true });
    drawBundle(host, model, shown.signal);
  };
  for (const trait of ["_bundle", "_metadata"]) {
    model.on(`change:${trait}`, draw);
    life.signal.addEventListener("abort", () => model.off(`change:${trait}`, draw));
  }
  draw();
  return () => life.abort();
}

/** @param {HTMLElement} host @param {WidgetModel} model @param {AbortSignal} signal */
function drawBundle(host, model, signal) {
  /** @type {import("./jupyter.js").Bundle} */
  const bundle = model.get("_bundle") ?? {};
  /** @type {import("./record.js").RunMetadata} */
  const metadata = model.get("_metadata") ?? {};
  if (bundle.final && bundle.record) {
    mountRecord(host, bundle.record, { ...metadata, compact: bundle.compact }, signal);
  } else if (metadata.run_id) {
    const target = {
      baseUrl: pageBaseUrl(),
      kernel: () => model.widget_manager?.kernel,
      model,
      log: metadata.log,
      transports: metadata.transports,
      replay: metadata.replay,
    };
    const { name, graph, compact } = bundle;
    mountLive(host, { runId: metadata.run_id, target, name, graph, compact }, signal);
  } else {
    host.textContent = "This kgnb output names no run.";
  }
}

export default { render };
