/**
 * Modules of the application's own, from its module-federation scope. They must be these
 * and no copies: a widget is known by its class, a token by its identity.
 *
 * @import { Scope } from "./application.js"
 */

/**
 * @typedef {object} Modules
 * @property {any} lumino `@lumino/widgets`
 * @property {any} apputils `@jupyterlab/apputils`, or null
 * @property {any} settings `@jupyterlab/settingregistry`, or null
 */

/**
 * @param {Scope} scope
 * @returns {Promise<Modules>}
 * @throws {Error} where there is no `@lumino/widgets`: nothing can be shown then
 */
export async function sharedModules(scope) {
  const lumino = await shared(scope, "@lumino/widgets");
  if (!lumino) throw new Error("the application shares no @lumino/widgets");
  const apputils = await shared(scope, "@jupyterlab/apputils");
  const settings = await shared(scope, "@jupyterlab/settingregistry");
  return { lumino, apputils, settings };
}

/**
 * @param {Scope} scope
 * @param {string} name
 * @returns {Promise<any>} null where the application does not share it
 */
async function shared(scope, name) {
  const versions = Object.values(scope[name] ?? {});
  const best = versions.find((entry) => entry.loaded) ?? versions[0];
  return best ? (await best.get())() : null;
}
