/**
 * What stands around each page: the top line with where one is, how the connection is,
 * and what can be done here.
 *
 * @import { ConnectionState } from "../connect.js"
 */

import { CONNECTION, h, icon, setText } from "../shared.js";

export class Frame {
  #title = h("h1", { class: "kgnb-top-title" });
  #word = h("span", null);
  #state = h("span", { class: "kgnb-connection", role: "status" }, icon("live"), this.#word);
  /** Buttons and links of the page. */
  actions = h("span", { class: "kgnb-top-actions" });
  main = h("main", { class: "kgnb-page-main" });

  /**
   * @param {HTMLElement} host
   * @param {string} home the page of all runs
   * @param {string} title
   */
  constructor(host, home, title) {
    const brand = h("a", { class: "kgnb-brand", href: home }, mark(), "Runs");
    this.element = h(
      "div",
      { class: "kgnb kgnb-site" },
      h(
        "header",
        { class: "kgnb-top" },
        h(
          "div",
          { class: "kgnb-top-line" },
          brand,
          this.#title,
          h("span", { class: "kgnb-space" }),
          this.#state,
          this.actions,
        ),
      ),
      this.main,
    );
    setText(this.#title, title);
    host.replaceChildren(this.element);
  }

  /** @param {ConnectionState} state */
  connect(state) {
    this.#state.dataset.kind = state.kind;
    setText(this.#word, CONNECTION[state.kind]);
    this.#state.title = "reason" in state ? state.reason : "";
  }
}

/** Three joined dots: a graph. */
function mark() {
  const shape = icon("idle");
  shape.classList.add("kgnb-mark");
  shape
    .querySelector("path")
    ?.setAttribute("d", "M5.4 6.9L10.6 4.1M5.4 9.1L10.6 11.9M3.5 6.2a1.8 1.8 0 1 1 0 3.6a1.8 1.8 0 0 1 0-3.6M12.5 1.4a1.8 1.8 0 1 1 0 3.6a1.8 1.8 0 0 1 0-3.6M12.5 11a1.8 1.8 0 1 1 0 3.6a1.8 1.8 0 0 1 0-3.6");
  return shape;
}
