/**
 * What is used of JupyterLab: told apart by what it can do, not by its tokens, so that
 * one file serves Lab 4, Notebook 7 and what comes after.
 *
 * @import { Kernel } from "../transports/transport.d.ts"
 */

/**
 * @typedef {Record<string, Record<string, {get(): Promise<() => any>, loaded?: unknown}>>} Scope
 */

/**
 * @typedef {object} KernelModel
 * @property {string} id
 * @property {string} name
 */

/**
 * @typedef {object} Sessions
 * @property {() => Iterable<{path: string, kernel?: KernelModel | null}>} running
 * @property {() => Promise<void>} refreshRunning
 */

/**
 * @typedef {object} Command
 * @property {string | ((args: any) => string)} label
 * @property {string | ((args: any) => string)} caption
 * @property {(args: any) => unknown} execute
 * @property {(args: any) => boolean} [isEnabled]
 * @property {(args: any) => boolean} [isToggled]
 * @property {object} [describedBy] its arguments
 */

/**
 * @typedef {object} Commands
 * @property {(id: string, command: Command) => unknown} addCommand
 * @property {(id?: string) => void} notifyCommandChanged
 * @property {(id: string, args?: object) => Promise<unknown>} execute
 */

/**
 * @typedef {object} Application
 * @property {any} shell
 * @property {Commands} commands
 * @property {{kernels: {running(): Iterable<KernelModel>,
 *   connectTo(options: {model: KernelModel}): Kernel & {isDisposed?: boolean}},
 *   sessions: Sessions}} serviceManager
 */

/** @type {Application | null} */
let application = null;

/** @param {Application} app the plugin's, which starts before any notebook is drawn */
export function setApplication(app) {
  application = app;
}

/**
 * The kernel of the notebook that `node` stands in.
 * @param {Node} node
 * @returns {(Kernel & {id?: string}) | null} null where it is in none, or not yet connected
 */
export function notebookKernel(node) {
  for (const widget of mainWidgets()) {
    if (widget?.sessionContext && widget.node?.contains(node)) {
      return widget.sessionContext.session?.kernel ?? null;
    }
  }
  return null;
}

/** @param {string} command @returns {Promise<unknown>} */
export async function execute(command) {
  return application?.commands.execute(command);
}

/**
 * Bring a widget to the front.
 * @param {{id: string}} widget
 */
export function showWidget(widget) {
  application?.shell?.activateById?.(widget.id);
}

/** @returns {any} the document in front, or null */
export function currentWidget() {
  return application?.shell?.currentWidget ?? null;
}

/** @returns {any[]} the documents and the like that are open */
export function mainWidgets() {
  try {
    return Array.from(application?.shell?.widgets?.("main") ?? []);
  } catch {
    return []; // a shell without a main area
  }
}

/** @type {Map<string, Kernel & {isDisposed?: boolean}>} */
const connected = new Map();

/**
 * The kernel of that id, over a connection of a notebook's or of our own.
 * @param {string} id
 * @returns {Kernel | null} null where none of that id runs
 */
export function kernelById(id) {
  for (const widget of mainWidgets()) {
    const kernel = widget?.sessionContext?.session?.kernel;
    if (kernel?.id === id) return kernel;
  }
  const known = connected.get(id);
  if (known && !known.isDisposed) return known;
  const kernels = application?.serviceManager?.kernels;
  const model = Array.from(kernels?.running() ?? []).find((entry) => entry.id === id);
  if (!kernels || !model) return null;
  const kernel = kernels.connectTo({ model: { id: model.id, name: model.name } });
  connected.set(id, kernel);
  return kernel;
}
