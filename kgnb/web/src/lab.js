/**
 * The prebuilt JupyterLab and Notebook 7 extension, as a module-federation container
 * written by hand: no build of JupyterLab's is needed, at no one's place.
 *
 * Whatever fails in here must not stop the application from starting: a module that
 * cannot be made is replaced by an empty one, with a warning in the console.
 */

import css from "../kgnb.css";
import { makeRenderer } from "./lab/renderer.js";
import { sharedModules } from "./lab/shared.js";
import { makePlugin } from "./lab/side.js";

/**
 * @import { Scope } from "./lab/application.js"
 * @import { Modules } from "./lab/shared.js"
 */

/** @type {Scope} */
let shared = {};

function addStyle() {
  if (document.querySelector("style[data-kgnb]")) return;
  const style = document.createElement("style");
  style.dataset.kgnb = "";
  style.textContent = css;
  document.head.append(style);
}

/** @type {Record<string, (modules: Modules) => unknown>} */
const MODULES = {
  "./mimeExtension": ({ lumino }) => makeRenderer(lumino),
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
      made = make(await sharedModules(shared));
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
