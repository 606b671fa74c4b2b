/**
 * The modules of the container in lab.js.
 *
 * @import { Scope } from "./application.js"
 * @import { Modules } from "./shared.js"
 */

import css from "../styles/kgnb.css";
import { makeRenderer } from "./renderer.js";
import { sharedModules } from "./shared.js";
import { makePlugin } from "./side.js";

/** @type {Record<string, (modules: Modules) => object>} */
const MODULES = {
  "./mimeExtension": ({ lumino }) => makeRenderer(lumino),
  "./extension": makePlugin,
};

/**
 * @param {string} name
 * @param {Scope} scope the application's
 * @returns {Promise<object>} what the module gives to the application
 */
export async function makeModule(name, scope) {
  const make = MODULES[name];
  if (!make) throw new Error(`no module ${name}`);
  addStyle();
  return make(await sharedModules(scope));
}

function addStyle() {
  if (document.querySelector("style[data-kgnb]")) return;
  const style = document.createElement("style");
  style.dataset.kgnb = "";
  style.textContent = css;
  document.head.append(style);
}
