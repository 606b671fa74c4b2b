/**
 * The prebuilt JupyterLab and Notebook 7 extension, as a module-federation container
 * written by hand: no build of JupyterLab's is needed, at no one's place.
 *
 * Whatever fails in here must not stop the application from starting: a module that
 * cannot be made is replaced by an empty one, with a warning in the console.
 */

import css from "../kgnb.css";
import { makeRenderer } from "./lab/renderer.js";
import { makePlugin } from "./lab/side.js";

/** @typedef {import("./lab/application.js").Scope} Scope */

/** @type {Scope} */
let shared = {};

/**
 * @param {Scope} scope
 * @returns {Promise<any>} the application's own @lumino/widgets: its classes must be these
 */
async function luminoWidgets(scope) {
  const versions = Object.values(scope["@lumino/widgets"] ?? {});
  const best = versions.find((entry) => entry.loaded) ?? versions[0];
  if (!best) throw new Error("the application shares no @lumino/widgets");
  return (await best.get())();
}

function addStyle() {
  if (document.querySelector("style[data-kgnb]")) return;
  const style = document.createElement("style");
  style.dataset.kgnb = "";
  style.textContent = css;
  document.head.append(style);
}

/** @type {Record<string, (lumino: any) => unknown>} */
const MODULES = {
  "./mimeExtension": makeRenderer,
  "./extension": makePlugin,
};

const container = {
  /** @param {Scope} scope */
  init(scope) {
    shared = scope;
  },

  /**
   * @param {string} name
   * @returns {Promise<() => object>}
   */
  async get(name) {
    /** @type {unknown} */
    let made = [];
    try {
      const make = MODULES[name];
      if (!make) throw new Error(`no module ${name}`);
      addStyle();
      made = make(await luminoWidgets(shared));
    } catch (error) {
      console.warn("kgnb: left out of this application:", error);
    }
    const module = { __esModule: true, default: made };
    return () => module;
  },
};

const page = /** @type {any} */ (window);
page._JUPYTERLAB ??= {};
page._JUPYTERLAB.kgnb = container;
