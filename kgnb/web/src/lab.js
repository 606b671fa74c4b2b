/**
 * The prebuilt JupyterLab and Notebook 7 extension, as a module-federation container
 * written by hand: no build of JupyterLab's is needed, at no one's place. An application
 * runs it as a plain script; what is in the container comes as ES modules beside it.
 *
 * Whatever fails in here must not stop the application from starting: a module that
 * cannot be made is replaced by an empty one, with a warning in the console.
 */

/** @import { Scope } from "./lab/application.js" */

/** @type {Scope} */
let shared = {};

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
    /** @type {object} */
    let made = [];
    try {
      const { makeModule } = await import("./lab/modules.js");
      made = await makeModule(name, shared);
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
