/**
 * What the views of one panel share.
 *
 * @import * as wire from "../wire.d.ts"
 */

/**
 * Who the reader is to the broker, as its greeting said.
 * @typedef {object} Identity
 * @property {string | null} [user] the name that `approvers` may list
 * @property {string | null} [name] what others are shown
 * @property {string} [kind]
 * @property {string} [role]
 * @property {string | null} [voter] marks his votes; null where he cannot be told apart
 */

/**
 * @typedef {object} Context
 * @property {AbortSignal} signal every listener ends with it
 * @property {import("../moments.js").Moment[]} [moments] of a record, which has no times
 * @property {boolean} isFinal a record: connects nowhere, sends nothing
 * @property {() => string} disarmed why clicks may never be sent from here, or ""
 * @property {() => boolean} isArmed whether clicks may be sent now
 * @property {() => Identity | null} identity null before the connection's greeting
 * @property {(state: import("../connect.js").ConnectionState) => string} [explain] what to
 *   tell where no way leads to the run
 * @property {() => {label: string, act: () => unknown}[]} [reruns] ways to go on with the
 *   run from here once its kernel is lost
 * @property {(runId: string) => string} [pageOf] the address of a run's page, or ""
 * @property {() => string} via the way that commands take, or ""
 * @property {(frame: Record<string, unknown>) => Promise<wire.Frame>} command
 * @property {(text: string) => void} announce read out, politely
 */

/**
 * Of what is drawn from the server's own connection, on a page or in a side panel.
 * @param {import("../connect.js").Connection} connection
 * @param {AbortSignal} signal
 * @param {Context["announce"]} announce
 * @returns {Context}
 */
export function pageContext(connection, signal, announce) {
  return {
    signal,
    isFinal: false,
    disarmed: () => "",
    isArmed: () => connection.state.kind === "live",
    identity: () => connection.identity,
    via: () => "websocket",
    command: (frame) => connection.command(frame),
    announce,
  };
}

/**
 * The node's name as the picture has it.
 * @param {wire.RunView} view
 * @param {string} id
 */
export function labelOf(view, id) {
  return view.graph.nodes.find((node) => node.id === id)?.label ?? id;
}
