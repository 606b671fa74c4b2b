/**
 * Draws runs in a notebook's outputs.
 *
 * @import { OutputModel } from "./drawing.js"
 */

import { MIME } from "../jupyter.js";
import { loadDrawing } from "./loading.js";

/** Before the widget's and HTML's: those cannot be live beside a busy kernel. */
const RANK = -20;

/**
 * @param {any} lumino the application's @lumino/widgets
 * @returns {object} a rendermime extension
 */
export function makeRenderer({ Widget }) {
  class RunRenderer extends Widget {
    #life = new AbortController();
    #drawn = "";

    constructor() {
      super();
      this.addClass("kgnb-output");
    }

    /** @param {OutputModel} model @returns {Promise<void>} */
    async renderModel(model) {
      const key = JSON.stringify([model.data[MIME], model.metadata?.[MIME]]);
      if (key === this.#drawn) return; // a change of another MIME type
      this.#drawn = key;
      this.#life.abort();
      this.#life = new AbortController();
      const { signal } = this.#life;
      const host = document.createElement("div");
      this.node.replaceChildren(host);
      const drawing = await loadDrawing(host);
      if (!signal.aborted) drawing?.drawOutput(host, model, signal);
    }

    dispose() {
      this.#life.abort();
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
