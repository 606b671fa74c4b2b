/**
 * "Open in a tab": of the browser, or of JupyterLab, as the reader has set it.
 *
 * @import { Settings } from "./settings.js"
 */

import { mainWidgets, showWidget } from "./application.js";
import { loadDrawing } from "./loading.js";

/** Every link to a run's page that this page draws. */
const LINKS = ".kgnb a.kgnb-open, .kgnb a.kgnb-run-name";

export class Tabs {
  #shell;
  #RunTab;
  #baseUrl;
  #settings;

  /**
   * @param {object} parts
   * @param {any} parts.shell the application's
   * @param {any} parts.Widget of `@lumino/widgets`
   * @param {string} parts.baseUrl
   * @param {Settings} parts.settings
   * @param {AbortSignal} parts.signal
   */
  constructor({ shell, Widget, baseUrl, settings, signal }) {
    this.#shell = shell;
    this.#RunTab = runTab(Widget);
    this.#baseUrl = baseUrl;
    this.#settings = settings;
    settings.follow(() => {
      document.body.dataset.kgnbOpenIn = settings.get("openIn"); // kgnb.css hides the links
    });
    const onClick = (/** @type {MouseEvent} */ event) => this.#onClick(event);
    document.addEventListener("click", onClick, { capture: true, signal });
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
    if (this.#isHere) void this.#openHere(runId, title);
    else this.openPage(`kgnb/runs/${encodeURIComponent(runId)}`);
  }

  /** @param {string} path of a page of kgnb's, in a tab of the browser */
  openPage(path) {
    window.open(`${this.#baseUrl}${path}`, "_blank", "noopener");
  }

  /** @param {string} runId @param {string} title */
  async #openHere(runId, title) {
    const id = `kgnb-run-${runId}`;
    const known = mainWidgets().find((widget) => widget.id === id);
    if (known) return showWidget(known);
    const life = new AbortController();
    const widget = new this.#RunTab();
    widget.id = id;
    widget.title.label = title || "kgnb run";
    widget.title.caption = `kgnb run ${runId}`;
    widget.title.iconClass = "kgnb-tab-icon";
    widget.title.className = "kgnb-tab";
    widget.title.closable = true;
    widget.disposed.connect(() => life.abort());
    const host = document.createElement("div");
    widget.node.append(host);
    this.#shell.add(widget, "main");
    showWidget(widget);
    const drawing = await loadDrawing(host);
    if (!life.signal.aborted) drawing?.drawPage(host, runId, title, this.#baseUrl, life.signal);
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

/**
 * @param {any} Widget of `@lumino/widgets`
 * @returns {any} a widget that takes the focus, by which the application knows what is in
 *   front, and that is gone when it is closed
 */
function runTab(Widget) {
  return class extends Widget {
    constructor() {
      super();
      this.addClass("kgnb-main");
      this.node.tabIndex = -1;
    }

    onActivateRequest() {
      this.node.focus({ preventScroll: true });
    }

    onCloseRequest() {
      this.dispose();
    }
  };
}
