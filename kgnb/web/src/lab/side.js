/**
 * The side panel: runs and open questions of every kernel, answerable there. It comes
 * back with the page, however busy the kernels are.
 *
 * @import { Application } from "./application.js"
 */

import { pageBaseUrl } from "../mount.js";
import { Inbox } from "../views/inbox.js";
import { setApplication } from "./application.js";

const RANK = 640;

/**
 * @param {any} lumino the application's @lumino/widgets
 * @returns {object} an application plugin
 */
export function makePlugin({ Widget }) {
  return {
    id: "kgnb:runs",
    description: "Lists the runs of kgnb and their open questions.",
    autoStart: true,
    /** @param {Application} app */
    activate: (app) => {
      setApplication(app);
      try {
        addSidePanel(app, new Widget());
      } catch (error) {
        console.warn("kgnb: no side panel here:", error);
      }
    },
  };
}

/** @param {Application} app @param {any} widget */
function addSidePanel(app, widget) {
  const baseUrl = pageBaseUrl();
  if (!baseUrl) return;
  const life = new AbortController();
  const inbox = new Inbox(baseUrl, life.signal, { places: placesOf(app) });
  widget.id = "kgnb-runs";
  widget.title.caption = "kgnb runs";
  widget.title.iconClass = "kgnb-tab-icon";
  widget.title.className = "kgnb-tab";
  widget.node.append(inbox.element);
  inbox.onCount = (open) => {
    widget.title.className = open ? "kgnb-tab kgnb-tab-asks" : "kgnb-tab";
    widget.title.caption = open ? `kgnb runs: ${open} waiting for you` : "kgnb runs";
  };
  widget.disposed.connect(() => life.abort());
  app.shell.add(widget, "left", { rank: RANK });
}

/** @param {Application} app @returns {import("../views/inbox.js").Places} */
function placesOf(app) {
  const sessions = app.serviceManager?.sessions;
  return {
    of: (kernelId) => {
      const all = Array.from(sessions?.running?.() ?? []);
      return all.find((session) => session.kernel?.id === kernelId)?.path ?? "";
    },
    refresh: async () => sessions?.refreshRunning?.(),
  };
}
