/**
 * What the views of one panel share.
 *
 * @import * as wire from "../wire.d.ts"
 */

/**
 * @typedef {object} Context
 * @property {AbortSignal} signal every listener ends with it
 * @property {boolean} isFinal a record: connects nowhere, sends nothing
 * @property {() => string} disarmed why clicks may never be sent from here, or ""
 * @property {() => boolean} isArmed whether clicks may be sent now
 * @property {() => string} via the way that commands take, or ""
 * @property {(frame: Record<string, unknown>) => Promise<wire.Frame>} command
 * @property {(text: string) => void} announce read out, politely
 */

/**
 * The node's name as the picture has it.
 * @param {wire.RunView} view
 * @param {string} id
 */
export function labelOf(view, id) {
  return view.graph.nodes.find((node) => node.id === id)?.label ?? id;
}
