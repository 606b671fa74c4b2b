/**
 * What the reader has switched off, from the application's settings registry
 * (labextension/schemas/kgnb/runs.json).
 */

/** The settings' name: the plugin's, so that disabling it takes its settings away. */
export const SETTINGS = "kgnb:runs";

/**
 * @typedef {object} Values
 * @property {boolean} notifications
 * @property {boolean} badge
 * @property {boolean} sidePanel
 * @property {"browser" | "lab" | "off"} openIn
 * @property {boolean} palette
 */

/** As in the schema; they hold where there is no registry, or no schema in it. */
const DEFAULTS = /** @type {Values} */ ({
  notifications: true,
  badge: true,
  sidePanel: true,
  openIn: "browser",
  palette: true,
});

/**
 * A set of the registry's.
 * @typedef {object} Loaded
 * @property {Record<string, unknown>} composite defaults and the reader's own, together
 * @property {{connect(listener: () => void): unknown}} changed
 * @property {(name: string, value: unknown) => Promise<void>} set
 */

export class Settings {
  #loaded;
  /** What was set while there was no registry to keep it. @type {Partial<Values>} */
  #unkept = {};
  /** @type {Set<() => void>} */
  #listeners = new Set();

  /** @param {Loaded | null} loaded null: nothing is kept */
  constructor(loaded) {
    this.#loaded = loaded;
    loaded?.changed.connect(() => this.#tell());
  }

  /**
   * @param {{load(id: string): Promise<Loaded>} | null | undefined} registry
   * @returns {Promise<Settings>} the defaults where none can be loaded
   */
  static async load(registry) {
    try {
      return new Settings((await registry?.load(SETTINGS)) ?? null);
    } catch (error) {
      console.warn("kgnb: settings could not be read, so the defaults hold:", error);
      return new Settings(null);
    }
  }

  /** @template {keyof Values} K @param {K} name @returns {Values[K]} */
  get(name) {
    const kept = /** @type {Partial<Values>} */ (this.#loaded?.composite ?? this.#unkept);
    return /** @type {Values[K]} */ (kept[name] ?? DEFAULTS[name]);
  }

  /**
   * @template {keyof Values} K
   * @param {K} name
   * @param {Values[K]} value
   */
  async set(name, value) {
    if (this.#loaded) return this.#loaded.set(name, value);
    this.#unkept[name] = value;
    this.#tell();
  }

  /** @param {() => void} listener called at once, and after every change */
  follow(listener) {
    this.#listeners.add(listener);
    listener();
  }

  #tell() {
    for (const listener of this.#listeners) listener();
  }
}
