/**
 * The side panel: runs and open questions of every kernel, answerable there. It comes
 * back with the page, however busy the kernels are. Notifications, the badge and the
 * commands read what it reads.
 *
 * @import { Application } from "./application.js"
 * @import { Modules } from "./shared.js"
 * @import { NotificationManager } from "./notices.js"
 * @import { Question } from "../views/inbox.js"
 */

import { pageBaseUrl } from "../jupyter.js";
import { Inbox } from "../views/inbox.js";
import { setApplication } from "./application.js";
import { commandsOf, paletteItems, SHOW_APPROVAL } from "./commands.js";
import { Desk } from "./desk.js";
import { Notices } from "./notices.js";
import { isSeen } from "./reveal.js";
import { Settings, SETTINGS } from "./settings.js";
import { Tabs } from "./tabs.js";

const RANK = 640;
const COMPLAINT = 8000;

/**
 * @param {Modules} modules the application's own
 * @returns {object} an application plugin
 */
export function makePlugin({ lumino, apputils, settings }) {
  const tokens = [settings?.ISettingRegistry, apputils?.ICommandPalette];
  const optional = tokens.filter(Boolean);
  return {
    id: SETTINGS,
    description: "Lists the runs of kgnb and their open questions, and notifies of them.",
    autoStart: true,
    optional,
    /**
     * @param {Application} app
     * @param {any[]} services of the tokens that there are; null where nobody provides one
     */
    activate: async (app, ...services) => {
      setApplication(app);
      const [registry, palette] = tokens.map((token) => services[optional.indexOf(token)] ?? null);
      try {
        await start(app, lumino.Widget, apputils?.Notification?.manager ?? null, registry, palette);
      } catch (error) {
        console.warn("kgnb: no side panel here:", error);
      }
    },
  };
}

/**
 * @param {Application} app
 * @param {any} Widget
 * @param {NotificationManager | null} manager
 * @param {any} registry of settings, or null
 * @param {any} palette or null
 */
async function start(app, Widget, manager, registry, palette) {
  const baseUrl = pageBaseUrl();
  if (!baseUrl) return;
  const settings = await Settings.load(registry);
  const life = new AbortController();
  /** @type {((questions: Question[]) => void)[]} */
  const readers = [];
  const onQuestions = (/** @type {Question[]} */ questions) => {
    for (const read of readers) read(questions);
  };
  const inbox = new Inbox(baseUrl, life.signal, { places: placesOf(app), onQuestions });
  const panel = new Widget();
  panel.id = "kgnb-runs";
  panel.title.iconClass = "kgnb-tab-icon";
  panel.node.append(inbox.element);
  panel.disposed.connect(() => life.abort());
  readers.push(badgeOf(panel, settings));
  const tabs = new Tabs({ shell: app.shell, Widget, baseUrl, settings, signal: life.signal });
  const complain = (/** @type {string} */ text) => {
    manager?.notify(text, "error", { autoClose: COMPLAINT });
  };
  const desk = new Desk({ inbox, panel, settings, tabs, complain });
  if (manager) readers.push(noticesOf(manager, desk, inbox, baseUrl));
  settings.follow(() => place(app, panel, settings.get("sidePanel")));
  addCommands(app, palette, desk, readers);
}

/** @param {Application} app @param {any} panel @param {boolean} isOn */
function place(app, panel, isOn) {
  if (isOn && !panel.parent) app.shell.add(panel, "left", { rank: RANK });
  else if (!isOn) panel.parent = null;
}

/**
 * The number of open questions on the panel's tab, which its name tells too.
 * @param {any} panel
 * @param {Settings} settings
 * @returns {(questions: Question[]) => void}
 */
function badgeOf({ title }, settings) {
  let count = 0;
  const draw = () => {
    const isTold = count > 0 && settings.get("badge");
    title.className = isTold ? "kgnb-tab kgnb-tab-asks" : "kgnb-tab";
    title.dataset = isTold ? { "kgnb-count": count > 99 ? "99+" : String(count) } : {};
    title.caption = isTold ? `kgnb runs: ${count} waiting for an answer` : "kgnb runs";
  };
  settings.follow(draw);
  return (questions) => {
    if (questions.length === count) return;
    count = questions.length;
    draw();
  };
}

/**
 * @param {NotificationManager} manager
 * @param {Desk} desk
 * @param {Inbox} inbox
 * @param {string} baseUrl
 * @returns {(questions: Question[]) => void}
 */
function noticesOf(manager, desk, inbox, baseUrl) {
  const notices = new Notices({
    manager,
    identity: () => inbox.connection.identity,
    isSeen,
    show: (question) => void desk.show(question),
    showAll: () => desk.showAll(),
    memory: sessionStorage,
  });
  desk.onShow = ({ key }) => notices.settle(key);
  desk.settings.follow(() => notices.turn(desk.settings.get("notifications")));
  let isAsked = false;
  return async (questions) => {
    notices.update(questions);
    if (isAsked || !desk.isConnected) return;
    isAsked = true;
    notices.begin(await openNow(baseUrl, questions));
  };
}

/**
 * What is open before anything is told of: a subscription does not say where what was
 * there before ends.
 * @param {string} baseUrl
 * @param {Question[]} heard what the subscription has brought by now
 * @returns {Promise<string[]>} keys
 */
async function openNow(baseUrl, heard) {
  const known = heard.map(({ key }) => key);
  try {
    const reply = await fetch(`${baseUrl}kgnb/api/approvals`);
    const { approvals } = await reply.json();
    return known.concat(
      approvals.map((/** @type {Record<string, string>} */ one) => `${one.approval_id} ${one.args_hash}`),
    );
  } catch {
    return known;
  }
}

/**
 * @param {Application} app
 * @param {any} palette or null
 * @param {Desk} desk
 * @param {((questions: Question[]) => void)[]} readers
 */
function addCommands(app, palette, desk, readers) {
  const commands = commandsOf(desk);
  const ids = Object.keys(commands);
  for (const id of ids) app.commands.addCommand(id, /** @type {any} */ (commands[id]));
  readers.push(() => {
    for (const id of ids) app.commands.notifyCommandChanged(id);
  });
  if (!palette) return;
  const list = paletteItems(palette, ids.filter((id) => id !== SHOW_APPROVAL));
  desk.settings.follow(() => list(desk.settings.get("palette")));
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
