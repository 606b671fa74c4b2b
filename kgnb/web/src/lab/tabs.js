/**
 * "Open in a tab": of the browser, or of JupyterLab, as the reader has set it.
 *
 * @import { Settings } from "./settings.js"
 */

import { mountLive } from "../mount.js";
import { mainWidgets, showWidget } from "./application.js";

/** Every link to a run's page that this page draws. */
const LINKS = ".kgnb a.kgnb-open, .kgnb a.kgnb-run-name";

export class Tabs {
  #shell;
  #Widget;
  #baseUrl;
  #settings;

  /**
   * @param {any} shell the application's
   * @param {any} Widget of `@lumino/widgets`
   * @param {string} baseUrl
   * @param {Settings} settings
   */
  constructor(shell, Widget, baseUrl, settings) {
    this.#shell = shell;
    this.#Widget = Widget;
    this.#baseUrl = baseUrl;
    this.#settings = settings;
    settings.follow(() => {
      document.body.dataset.kgnbOpenIn = settings.get("openIn"); // kgnb.css hides the links
    });
    document.addEventListener("click", (event) => this.#onClick(event), { capture: true });
  }

  get isOn() {
    return this.#settings.get("openIn") !== "off";
  }

  /** Notebook 7 shows one document a page: only JupyterLab has tabs of its own. */
  get #isHere() {
    return this.#settings.get("openIn") === "lab" && "activateNextTab" in this.#shell;
  }

  /** @param {string} runId @param {string} title */
  open(runId, title) {
    if (this.#isHere) this.#openHere(runId, title);
    else this.openPage(`kgnb/runs/${encodeURIComponent(runId)}`);
  }

  /** @param {string} path of a page of kgnb's, in a tab of the browser */
  openPage(path) {
    window.open(`${this.#baseUrl}${path}`, "_blank", "noopener");
  }

  /** @param {string} runId @param {string} title */
  #openHere(runId, title) {
    const id = `kgnb-run-${runId}`;
    const known = mainWidgets().find((widget) => widget.id === id);
    if (known) return showWidget(known);
    const life = new AbortController();
    const widget = new this.#Widget();
    widget.id = id;
    widget.addClass("kgnb-main");
    widget.title.label = title || "kgnb run";
    widget.title.caption = `kgnb run ${runId}`;
    widget.title.iconClass = "kgnb-tab-icon";
    widget.title.className = "kgnb-tab";
    widget.title.closable = true;
    widget.node.tabIndex = -1;
    widget.disposed.connect(() => life.abort());
    const host = document.createElement("div");
    widget.node.append(host);
    const via = /** @type {const} */ ("page"); // so no link leads to where one is
    const target = { baseUrl: this.#baseUrl, transports: ["websocket"], via };
    mountLive(host, { runId, name: title, target }, life.signal);
    this.#shell.add(widget, "main");
    showWidget(widget);
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const target = event.target instanceof Element ? event.target : null;
    const link = target?.closest(LINKS);
    if (!link) return;
    if (!this.isOn) return event.preventDefault(); // a run's name is its link, and stays
    const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey);
    if (!isPlain || !this.#isHere) return;
    const runId = /** @type {HTMLElement | null} */ (link.closest("[data-run]"))?.dataset.run;
    if (!runId) return;
    event.preventDefault();
    const title = link.closest(".kgnb-panel")?.querySelector(".kgnb-title") ?? link;
    this.open(runId, title.textContent ?? "");
  }
}
