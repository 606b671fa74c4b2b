/**
 * The application's commands, for its palette, menus and keyboard shortcuts.
 *
 * @import { Command } from "./application.js"
 * @import { Desk } from "./desk.js"
 */

import { ENDED } from "../reduce.js";

export const SHOW_APPROVAL = "kgnb:show-approval";
const CATEGORY = "kgnb";

/** Each order to a run, and its words. */
const ORDERS = /** @type {const} */ ([
  ["pause", "Pause", "Let what has begun go on to its next step, and begin nothing new"],
  ["resume", "Resume", "Let a paused run go on"],
  ["cancel", "Cancel", "End the run; what it has done stays done"],
]);

const RUN_ARGUMENT = {
  args: {
    type: "object",
    properties: {
      run_id: { type: "string", description: "Whose; by default, the current notebook's run" },
    },
  },
};

/**
 * @param {Desk} desk
 * @returns {Record<string, Command>} by their ids; the palette lists those that need no argument
 */
export function commandsOf(desk) {
  return {
    "kgnb:show-runs": {
      label: "Show Runs and Approvals",
      caption: "Show the side panel with the runs and open approvals of all kernels",
      isEnabled: () => desk.hasSidePanel,
      execute: () => desk.showAll(),
    },
    "kgnb:next-approval": {
      label: "Next Open Approval",
      caption: "Show the next approval that waits for an answer, in whichever notebook",
      isEnabled: () => desk.questions.length > 0,
      execute: () => desk.showNext(),
    },
    [SHOW_APPROVAL]: {
      label: "Show Approval",
      caption: "Show an open approval, to answer it",
      isEnabled: ({ approval_id: id }) => !!desk.question(id),
      execute: ({ approval_id: id }) => desk.show(desk.question(id)),
      describedBy: {
        args: {
          type: "object",
          required: ["approval_id"],
          properties: { approval_id: { type: "string", description: "Which" } },
        },
      },
    },
    "kgnb:open-run": {
      label: "Open Current Run in a Tab",
      caption: "Open the current notebook's run on a page of its own",
      isEnabled: (args) => desk.tabs.isOn && desk.current(args) !== null,
      execute: (args) => desk.open(desk.current(args)),
      describedBy: RUN_ARGUMENT,
    },
    ...ordersOf(desk),
    "kgnb:open-inbox": {
      label: "Open All Runs in a Tab",
      caption: "Open kgnb's page of runs and open approvals in a tab of the browser",
      isEnabled: () => desk.tabs.isOn && desk.isConnected,
      execute: () => desk.tabs.openPage("kgnb/"),
    },
    "kgnb:toggle-notifications": {
      label: "Notify of New Approvals",
      caption: "Switch notifications of new approvals on or off",
      isToggled: () => desk.settings.get("notifications"),
      execute: () =>
        desk.settings.set("notifications", !desk.settings.get("notifications")),
    },
  };
}

/** @param {Desk} desk */
function ordersOf(desk) {
  /** @type {Record<string, Command>} */
  const commands = {};
  for (const [order, word, caption] of ORDERS) {
    commands[`kgnb:${order}-run`] = {
      // Which run is meant is said before it is done.
      label: (args) => {
        const workflow = desk.current(args ?? {})?.workflow;
        return workflow ? `${word} Run “${workflow}”` : `${word} Current Run`;
      },
      caption: () => caption,
      isEnabled: (args) => canTake(order, desk.current(args)?.status) && desk.isConnected,
      execute: (args) => desk.order(order, desk.current(args)),
      describedBy: RUN_ARGUMENT,
    };
  }
  return commands;
}

/**
 * @param {typeof ORDERS[number][0]} order
 * @param {string | undefined} status none: there is no such run
 */
function canTake(order, status) {
  if (status === undefined || ENDED.has(status)) return false;
  if (order === "cancel") return true;
  return (status === "paused") === (order === "resume");
}

/**
 * Lists the commands in the palette while `isOn` says so.
 * @param {{addItem(item: {command: string, category: string}): {dispose(): void}}} palette
 * @param {string[]} ids
 * @returns {(isOn: boolean) => void}
 */
export function paletteItems(palette, ids) {
  /** @type {{dispose(): void}[]} */
  let items = [];
  return (isOn) => {
    if (isOn === items.length > 0) return;
    if (isOn) items = ids.map((command) => palette.addItem({ command, category: CATEGORY }));
    else for (const item of items.splice(0)) item.dispose();
  };
}
