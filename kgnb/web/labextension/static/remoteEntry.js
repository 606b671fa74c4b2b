/* kgnb's panel, built from kgnb/web/src by build.mjs. BSD-3-Clause. */
"use strict";(()=>{var V=`/* kgnb: the panel of a run. One root class, own tokens, light and dark. */

.kgnb {
  color-scheme: light dark;

  --kgnb-bg: var(--jp-layout-color1, light-dark(#fff, #16181c));
  --kgnb-fg: var(--jp-ui-font-color1, light-dark(#1c2128, #e4e7ec));
  --kgnb-muted: light-dark(#59616b, #a4adb8);
  --kgnb-tint: light-dark(#10233d, #e9eef5);
  --kgnb-line: color-mix(in srgb, var(--kgnb-tint) 12%, var(--kgnb-bg));
  --kgnb-line-strong: light-dark(#8a939e, #6d7681);
  --kgnb-soft: color-mix(in srgb, var(--kgnb-tint) 4%, var(--kgnb-bg));
  --kgnb-card: light-dark(var(--kgnb-bg), color-mix(in srgb, var(--kgnb-tint) 4%, var(--kgnb-bg)));

  --kgnb-blue: light-dark(#0a5cc2, #79b8ff);
  --kgnb-blue-soft: light-dark(#eaf3ff, #14273f);
  --kgnb-amber: light-dark(#8a5000, #f0b95e);
  --kgnb-amber-soft: light-dark(#fff6e0, #32260f);
  --kgnb-green: light-dark(#1b6e38, #6bd28d);
  --kgnb-green-soft: light-dark(#e8f6ec, #12301d);
  --kgnb-red: light-dark(#b3261e, #ff9a92);
  --kgnb-red-soft: light-dark(#fdeceb, #3a1a19);
  --kgnb-grey: light-dark(#59616b, #a4adb8);
  --kgnb-grey-soft: color-mix(in srgb, var(--kgnb-tint) 7%, var(--kgnb-bg));

  --kgnb-on-primary: light-dark(#fff, #0c1622);
  --kgnb-primary: light-dark(#0a5cc2, #79b8ff);
  --kgnb-primary-hover: light-dark(#084c9f, #9ccbff);

  --kgnb-font: var(--jp-ui-font-family, system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif);
  --kgnb-mono: var(--jp-code-font-family, ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace);
  --kgnb-radius: 12px;
  --kgnb-gap: 20px;

  container: kgnb / inline-size;
  box-sizing: border-box;
  max-width: 100%;
  color: var(--kgnb-fg);
  background: var(--kgnb-bg);
  font: 13px/1.5 var(--kgnb-font);
  text-align: start;
}

[data-jp-theme-light="true"] .kgnb, .vscode-light .kgnb { color-scheme: light; }
[data-jp-theme-light="false"] .kgnb, .vscode-dark .kgnb { color-scheme: dark; }

.kgnb *, .kgnb *::before, .kgnb *::after { box-sizing: border-box; }
.kgnb [hidden] { display: none !important; }

.kgnb :is(h2, h3, p, ol, ul, li, pre, fieldset, blockquote, form) {
  margin: 0;
  padding: 0;
  border: 0;
  min-width: 0;
  font: inherit;
  color: inherit;
  background: none;
}
.kgnb :is(ol, ul) { list-style: none; }

.kgnb :is(button, a, summary, textarea, input, select, [tabindex]):focus-visible {
  outline: 2px solid var(--kgnb-blue);
  outline-offset: 2px;
  border-radius: 6px;
}

.kgnb .kgnb-unseen {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
  white-space: nowrap;
}

.kgnb .kgnb-icon {
  width: 14px;
  height: 14px;
  flex: none;
  fill: none;
  stroke: currentColor;
  stroke-width: 1.7;
  stroke-linecap: round;
  stroke-linejoin: round;
}

/* ---- the panel ---- */

.kgnb-panel {
  position: relative;
  padding: 18px 20px 16px;
  border: 1px solid var(--kgnb-line);
  border-radius: var(--kgnb-radius);
  overflow: hidden;
}
.kgnb-panel > * + * { margin-top: var(--kgnb-gap); }
.kgnb-panel > .kgnb-unseen { margin: 0; }
.kgnb-panel > :is(.kgnb-approvals, .kgnb-folds, .kgnb-columns):not(:has(> :not([hidden]))) { display: none; }

.kgnb .kgnb-header-line {
  display: flex;
  flex-wrap: wrap;
  align-items: center;
  gap: 6px 12px;
}
.kgnb .kgnb-title {
  font-size: 17px;
  font-weight: 620;
  line-height: 1.3;
  letter-spacing: -0.012em;
  overflow-wrap: anywhere;
}
.kgnb .kgnb-elapsed {
  color: var(--kgnb-muted);
  font-variant-numeric: tabular-nums;
}
.kgnb .kgnb-space { flex: 1 1 0; }
.kgnb .kgnb-connection {
  display: inline-flex;
  align-items: center;
  gap: 6px;
  color: var(--kgnb-muted);
  font-size: 12px;
}
.kgnb .kgnb-connection[data-kind="live"] { color: var(--kgnb-green); }
.kgnb .kgnb-connection:is([data-kind="stale"], [data-kind="reconnecting"]) { color: var(--kgnb-amber); }
.kgnb .kgnb-connection:is([data-kind="offline"], [data-kind="closed"]) { color: var(--kgnb-red); }
.kgnb .kgnb-open {
  display: inline-flex;
  padding: 5px;
  color: var(--kgnb-muted);
  border-radius: 6px;
}
.kgnb .kgnb-open:hover { color: var(--kgnb-fg); background: var(--kgnb-grey-soft); }
.kgnb .kgnb-note {
  margin-top: 10px;
  padding: 9px 12px;
  border-radius: 8px;
  color: var(--kgnb-amber);
  background: var(--kgnb-amber-soft);
}
.kgnb .kgnb-error {
  padding: 10px 14px;
  border-radius: 8px;
  color: var(--kgnb-red);
  background: var(--kgnb-red-soft);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}

/* ---- states: shape, word, and colour last ---- */

.kgnb .kgnb-chip {
  display: inline-flex;
  align-items: center;
  gap: 5px;
  padding: 2px 9px 2px 7px;
  border-radius: 999px;
  font-size: 12px;
  font-weight: 550;
  line-height: 1.5;
  white-space: nowrap;
  color: var(--kgnb-grey);
  background: var(--kgnb-grey-soft);
}
.kgnb .kgnb-chip[data-status="running"] { color: var(--kgnb-blue); background: var(--kgnb-blue-soft); }
.kgnb .kgnb-chip:is([data-status="waiting"], [data-status="retrying"], [data-status="paused"], [data-status="stalled"]) {
  color: var(--kgnb-amber);
  background: var(--kgnb-amber-soft);
}
.kgnb .kgnb-chip[data-status="completed"] { color: var(--kgnb-green); background: var(--kgnb-green-soft); }
.kgnb .kgnb-chip:is([data-status="failed"], [data-status="lost"]) { color: var(--kgnb-red); background: var(--kgnb-red-soft); }
.kgnb .kgnb-chip[data-status="idle"] { background: none; font-weight: 400; }

.kgnb-panel[data-connection="live"] .kgnb-chip[data-status="running"] .kgnb-icon {
  animation: kgnb-turn 1.2s linear infinite;
}
@keyframes kgnb-turn { to { transform: rotate(1turn); } }

/* ---- buttons and fields ---- */

.kgnb .kgnb-button {
  min-height: 36px;
  padding: 6px 16px;
  border: 1px solid var(--kgnb-line-strong);
  border-radius: 8px;
  font: 550 13px/1.4 var(--kgnb-font);
  color: var(--kgnb-fg);
  background: var(--kgnb-card);
  cursor: pointer;
  overflow-wrap: anywhere;
  transition: background 120ms, border-color 120ms, box-shadow 120ms;
}
.kgnb .kgnb-button:hover:not(:disabled) { background: var(--kgnb-grey-soft); border-color: var(--kgnb-fg); }
.kgnb .kgnb-button.kgnb-primary {
  color: var(--kgnb-on-primary);
  background: var(--kgnb-primary);
  border-color: transparent;
  box-shadow: 0 1px 2px rgb(0 0 0 / 12%);
}
.kgnb .kgnb-button.kgnb-primary:hover:not(:disabled) { background: var(--kgnb-primary-hover); }
.kgnb .kgnb-button:disabled, .kgnb .kgnb-answer:disabled .kgnb-button {
  cursor: default;
  color: var(--kgnb-muted);
  background: var(--kgnb-grey-soft);
  border-color: var(--kgnb-line);
  box-shadow: none;
}
.kgnb .kgnb-button.kgnb-quiet {
  min-height: 28px;
  padding: 2px 11px;
  font-size: 12px;
  font-weight: 500;
  color: var(--kgnb-muted);
  background: none;
  border-color: var(--kgnb-line);
}
.kgnb .kgnb-button.kgnb-quiet:hover:not(:disabled) { color: var(--kgnb-red); border-color: currentcolor; }
.kgnb .kgnb-toggle {
  padding: 1px 8px;
  border: 1px solid var(--kgnb-line);
  border-radius: 999px;
  font: 500 11px/1.6 var(--kgnb-font);
  letter-spacing: 0;
  text-transform: none;
  color: var(--kgnb-muted);
  background: none;
  cursor: pointer;
}
.kgnb .kgnb-toggle[aria-pressed="true"] { color: var(--kgnb-blue); background: var(--kgnb-blue-soft); border-color: transparent; }

.kgnb .kgnb-input {
  display: block;
  width: 100%;
  padding: 8px 10px;
  border: 1px solid var(--kgnb-line-strong);
  border-radius: 8px;
  font: 14px/1.5 var(--kgnb-font);
  color: var(--kgnb-fg);
  background: var(--kgnb-bg);
  resize: vertical;
}
.kgnb .kgnb-input-json { font: 12.5px/1.5 var(--kgnb-mono); }
.kgnb .kgnb-input-error { color: var(--kgnb-red); }
.kgnb .kgnb-input-error:empty { display: none; }

/* ---- questions ---- */

.kgnb .kgnb-approvals { display: grid; gap: 14px; }
.kgnb .kgnb-card {
  position: relative;
  display: grid;
  gap: 12px;
  padding: 16px 18px 18px 22px;
  border: 1px solid color-mix(in srgb, var(--kgnb-amber) 32%, var(--kgnb-line));
  border-radius: var(--kgnb-radius);
  background: color-mix(in srgb, var(--kgnb-amber-soft) 45%, var(--kgnb-card));
  box-shadow: 0 1px 2px rgb(0 0 0 / 5%), 0 6px 20px rgb(0 0 0 / 6%);
  overflow: hidden;
}
.kgnb .kgnb-card::before {
  content: "";
  position: absolute;
  inset: 0 auto 0 0;
  width: 4px;
  background: var(--kgnb-amber);
}
.kgnb .kgnb-card-who {
  display: flex;
  align-items: center;
  gap: 6px;
  color: var(--kgnb-amber);
  font-size: 12px;
  font-weight: 600;
}
.kgnb .kgnb-card-question {
  font-size: 16px;
  font-weight: 600;
  line-height: 1.4;
  letter-spacing: -0.006em;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.kgnb .kgnb-card-size, .kgnb .kgnb-card-deadline { color: var(--kgnb-muted); font-size: 12px; font-variant-numeric: tabular-nums; }
.kgnb .kgnb-card-size { margin-top: 4px; }
.kgnb .kgnb-card-place { overflow: hidden; color: var(--kgnb-muted); font-size: 12px; text-overflow: ellipsis; white-space: nowrap; }
.kgnb .kgnb-card-place:empty { display: none; }
.kgnb .kgnb-run-place:not(:empty)::before { content: "\xB7 "; }
.kgnb .kgnb-card-warning { color: var(--kgnb-red); font-weight: 550; }
.kgnb .kgnb-card-note:empty { display: none; }
.kgnb .kgnb-card-note { color: var(--kgnb-muted); }
.kgnb .kgnb-card-note[data-kind="late"] { color: var(--kgnb-amber); }
.kgnb .kgnb-card-note[data-kind="error"] { color: var(--kgnb-red); }
.kgnb .kgnb-card-note[data-kind="done"] { color: var(--kgnb-green); }
.kgnb .kgnb-answer-form { display: grid; gap: 10px; }
.kgnb .kgnb-options { display: flex; flex-wrap: wrap; gap: 10px; }
.kgnb .kgnb-options .kgnb-button { min-width: 92px; min-height: 38px; }
.kgnb .kgnb-form-row { display: grid; gap: 4px; justify-items: start; }
.kgnb .kgnb-form-row .kgnb-input { max-width: 480px; }
.kgnb .kgnb-form-name { font-weight: 550; }
.kgnb .kgnb-form-about { color: var(--kgnb-muted); font-size: 12px; }

.kgnb .kgnb-value {
  max-height: 26em;
  padding: 12px 14px;
  overflow: auto;
  border: 1px solid var(--kgnb-line);
  border-radius: 8px;
  background: var(--kgnb-bg);
  white-space: pre-wrap;
  word-break: normal; /* a notebook's own pre breaks within words */
  overflow-wrap: anywhere;
  unicode-bidi: plaintext;
  font: 14px/1.6 var(--jp-content-font-family, var(--kgnb-font));
  tab-size: 4;
}
.kgnb .kgnb-value[data-kind="json"] { font: 12.5px/1.55 var(--kgnb-mono); }
.kgnb .kgnb-hidden {
  margin: 0 1px;
  padding: 0 4px;
  border-radius: 4px;
  font: 600 11px/1.5 var(--kgnb-mono);
  color: var(--kgnb-red);
  background: var(--kgnb-red-soft);
  unicode-bidi: isolate;
}

/* ---- the picture ---- */

.kgnb .kgnb-picture {
  padding: 12px;
  overflow-x: auto;
  border-radius: 10px;
  background: var(--kgnb-soft);
}
.kgnb .kgnb-picture svg {
  display: block;
  width: auto;
  max-width: 100%;
  height: auto;
  margin: 0 auto;
}
.kgnb .kgnb-picture text { font-family: var(--kgnb-font); }
.kgnb .kgnb-picture .kgnb-label { fill: var(--kgnb-fg); }
.kgnb .kgnb-picture :is(.kgnb-state, .kgnb-count, .kgnb-action) { fill: var(--kgnb-muted); }
.kgnb .kgnb-picture .kgnb-node > rect { fill: var(--kgnb-card); stroke: var(--kgnb-line-strong); transition: fill 200ms, stroke 200ms; }
.kgnb .kgnb-picture .kgnb-pile { stroke: var(--kgnb-line-strong); }
.kgnb .kgnb-picture .kgnb-cluster > rect { fill: var(--kgnb-muted); fill-opacity: 0.06; }
.kgnb .kgnb-picture :is(.kgnb-edge, .kgnb-start) path { stroke: var(--kgnb-line-strong); transition: stroke 200ms; }
.kgnb .kgnb-picture :is(.kgnb-edge, .kgnb-start) polygon,
.kgnb .kgnb-picture .kgnb-start circle { fill: var(--kgnb-line-strong); }

.kgnb .kgnb-picture [data-state="idle"] > rect { stroke: var(--kgnb-line-strong); stroke-opacity: 0.7; }
.kgnb .kgnb-picture [data-state="running"] { --state: var(--kgnb-blue); --state-soft: var(--kgnb-blue-soft); }
.kgnb .kgnb-picture :is([data-state="waiting"], [data-state="retrying"], [data-state="paused"]) { --state: var(--kgnb-amber); --state-soft: var(--kgnb-amber-soft); }
.kgnb .kgnb-picture [data-state="completed"] { --state: var(--kgnb-green); --state-soft: var(--kgnb-green-soft); }
.kgnb .kgnb-picture [data-state="failed"] { --state: var(--kgnb-red); --state-soft: var(--kgnb-red-soft); }
.kgnb .kgnb-picture :is([data-state="skipped"], [data-state="cancelled"]) { --state: var(--kgnb-grey); --state-soft: var(--kgnb-grey-soft); }
.kgnb .kgnb-picture .kgnb-node:not([data-state="idle"]) > rect { fill: var(--state-soft); stroke: var(--state); }
.kgnb .kgnb-picture .kgnb-node:not([data-state="idle"]) > .kgnb-pile { stroke: var(--state); }
.kgnb .kgnb-picture .kgnb-node:not([data-state="idle"]) > :is(.kgnb-state, .kgnb-count) { fill: var(--state); }
.kgnb .kgnb-picture .kgnb-cluster:not([data-state="idle"]) > rect { fill-opacity: 0.35; }
.kgnb .kgnb-picture :is([data-state="running"], [data-state="waiting"]) > rect { stroke-width: 2.2; }
.kgnb .kgnb-picture :is([data-state="cancelled"], [data-state="paused"]) > rect { stroke-dasharray: 5 4; }
.kgnb .kgnb-picture .kgnb-edge[data-count]:not([data-count="0"]) path { stroke: var(--kgnb-fg); stroke-opacity: 0.65; }
.kgnb .kgnb-picture .kgnb-edge[data-count]:not([data-count="0"]) polygon { fill: var(--kgnb-fg); fill-opacity: 0.65; }
.kgnb .kgnb-picture .kgnb-edge[data-count]:not([data-count="0"]) .kgnb-action { fill: var(--kgnb-fg); font-weight: 500; }
.kgnb .kgnb-picture .kgnb-edge[data-active][data-count]:not([data-count="0"]) path { stroke: var(--kgnb-blue); stroke-opacity: 1; stroke-width: 2.2; }
.kgnb .kgnb-picture .kgnb-edge[data-active][data-count]:not([data-count="0"]) polygon { fill: var(--kgnb-blue); fill-opacity: 1; }
.kgnb .kgnb-picture .kgnb-edge[data-active][data-count]:not([data-count="0"]) .kgnb-action { fill: var(--kgnb-blue); }
.kgnb-panel[data-connection="live"] .kgnb-edge[data-active] path { stroke-dasharray: 6 4; animation: kgnb-flow 700ms linear infinite; }
@keyframes kgnb-flow { to { stroke-dashoffset: -10; } }

/* ---- steps and text ---- */

.kgnb .kgnb-columns { display: grid; gap: var(--kgnb-gap) 28px; grid-template-columns: minmax(0, 1fr); }
@container kgnb (min-width: 700px) {
  .kgnb .kgnb-columns:has(> .kgnb-column:last-child > :not([hidden])) { grid-template-columns: minmax(0, 4fr) minmax(0, 6fr); }
}
.kgnb .kgnb-column { display: grid; gap: var(--kgnb-gap); align-content: start; min-width: 0; }
.kgnb .kgnb-column:not(:has(> :not([hidden]))) { display: none; }
.kgnb .kgnb-section { min-width: 0; }
.kgnb .kgnb-section-title {
  display: flex;
  align-items: center;
  justify-content: space-between;
  min-height: 22px;
  margin-bottom: 8px;
  font-size: 11px;
  font-weight: 600;
  letter-spacing: 0.06em;
  text-transform: uppercase;
  color: var(--kgnb-muted);
}

.kgnb .kgnb-node-row { padding: 7px 0; }
.kgnb .kgnb-node-row + .kgnb-node-row { border-top: 1px solid var(--kgnb-line); }
.kgnb .kgnb-node-line { display: flex; align-items: center; gap: 4px 10px; flex-wrap: wrap; }
.kgnb .kgnb-node-name { flex: 1 1 auto; font-weight: 550; overflow-wrap: anywhere; min-width: 0; }
.kgnb .kgnb-node-row[data-status="idle"] .kgnb-node-name { font-weight: 400; color: var(--kgnb-muted); }
.kgnb .kgnb-node-path { font-weight: 400; color: var(--kgnb-muted); }
.kgnb .kgnb-node-facts { color: var(--kgnb-muted); font-size: 12px; font-variant-numeric: tabular-nums; }
.kgnb .kgnb-node-message { color: var(--kgnb-muted); overflow-wrap: anywhere; }
.kgnb .kgnb-node-error { color: var(--kgnb-red); overflow-wrap: anywhere; white-space: pre-wrap; }
.kgnb .kgnb-items { margin-top: 2px; }
.kgnb .kgnb-items-more { padding-top: 2px; color: var(--kgnb-muted); font-size: 12px; }

.kgnb .kgnb-bar { display: flex; align-items: center; gap: 10px; padding: 4px 0 2px; }
.kgnb .kgnb-bar-name { flex: 0 1 34%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--kgnb-muted); font-size: 12px; }
.kgnb .kgnb-bar-track { flex: 1 1 0; height: 6px; overflow: hidden; border-radius: 3px; background: var(--kgnb-grey-soft); }
.kgnb .kgnb-bar-fill { height: 100%; border-radius: 3px; background: var(--kgnb-blue); transform: scaleX(0); transform-origin: 0 50%; transition: transform 160ms ease-out; }
.kgnb .kgnb-bar-track[data-full="true"] .kgnb-bar-fill { background: var(--kgnb-green); }
.kgnb .kgnb-bar-numbers { min-width: 4.2em; text-align: end; color: var(--kgnb-muted); font-size: 12px; font-variant-numeric: tabular-nums; }

.kgnb .kgnb-stream + .kgnb-stream { margin-top: 10px; }
.kgnb .kgnb-stream-title {
  padding: 2px 0;
  font-weight: 550;
  cursor: pointer;
}
.kgnb .kgnb-stream[data-final="false"] .kgnb-stream-title::after {
  content: "";
  display: inline-block;
  width: 7px;
  height: 7px;
  margin-inline-start: 8px;
  border-radius: 50%;
  background: var(--kgnb-blue);
}
.kgnb-panel[data-connection="live"] .kgnb-stream[data-final="false"] .kgnb-stream-title::after { animation: kgnb-breathe 1.4s ease-in-out infinite; }
.kgnb-panel:is([data-status="completed"], [data-status="failed"], [data-status="cancelled"], [data-status="lost"]) .kgnb-stream-title::after { display: none !important; }
@keyframes kgnb-breathe { 50% { opacity: 0.25; } }
.kgnb .kgnb-stream-text {
  max-height: 22em;
  margin-top: 4px;
  padding: 12px 14px;
  overflow: auto;
  border-radius: 10px;
  background: var(--kgnb-soft);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
  font: 14px/1.65 var(--jp-content-font-family, var(--kgnb-font));
}
.kgnb .kgnb-stream[data-kind="reasoning"] .kgnb-stream-text { color: var(--kgnb-muted); font-style: italic; border-inline-start: 3px solid var(--kgnb-line); }
.kgnb .kgnb-stream[data-kind="tool_call"] .kgnb-stream-text { font: 12.5px/1.55 var(--kgnb-mono); border-inline-start: 3px solid var(--kgnb-amber); }
.kgnb .kgnb-stream-text[data-markdown="true"] { white-space: normal; }
.kgnb .kgnb-stream-text > * + * { margin-top: 0.7em; }
.kgnb .kgnb-md-heading { font-weight: 650; font-size: 1.06em; }
.kgnb .kgnb-md-h1 { font-size: 1.25em; }
.kgnb .kgnb-md-h2 { font-size: 1.15em; }
.kgnb .kgnb-stream-text :is(ul, ol) { padding-inline-start: 1.5em; list-style: revert; }
.kgnb .kgnb-stream-text .kgnb-md-nested { margin-inline-start: 1.4em; }
.kgnb .kgnb-stream-text blockquote { padding-inline-start: 1em; border-inline-start: 3px solid var(--kgnb-line-strong); color: var(--kgnb-muted); }
.kgnb .kgnb-stream-text code { padding: 1px 4px; border-radius: 4px; background: var(--kgnb-grey-soft); color: inherit; font: 0.9em/1.5 var(--kgnb-mono); }
.kgnb .kgnb-stream-text .kgnb-md-code { padding: 10px 12px; overflow-x: auto; border-radius: 8px; background: var(--kgnb-grey-soft); white-space: pre; }
.kgnb .kgnb-stream-text .kgnb-md-code code { padding: 0; background: none; }
.kgnb .kgnb-stream-text hr { border: 0; border-top: 1px solid var(--kgnb-line); }
.kgnb .kgnb-md-address { color: var(--kgnb-muted); font-size: 0.92em; }

.kgnb .kgnb-message { margin-top: 8px; }
.kgnb .kgnb-message-role { display: block; margin-bottom: 3px; color: var(--kgnb-muted); font-size: 12px; font-weight: 550; }
.kgnb .kgnb-result + .kgnb-result { margin-top: 12px; }
.kgnb .kgnb-result-name { margin-bottom: 4px; font-weight: 550; }
.kgnb :is(.kgnb-result, .kgnb-message) .kgnb-value { border-color: transparent; background: var(--kgnb-soft); }

/* ---- what happened ---- */

.kgnb .kgnb-folds { border-top: 1px solid var(--kgnb-line); padding-top: 4px; margin-bottom: -6px; }
.kgnb .kgnb-fold-title { padding: 7px 0; color: var(--kgnb-muted); font-weight: 550; cursor: pointer; }
.kgnb .kgnb-fold-title:hover { color: var(--kgnb-fg); }
.kgnb .kgnb-fold-count { margin-inline-start: 8px; font-weight: 400; font-size: 12px; font-variant-numeric: tabular-nums; }
.kgnb .kgnb-fold-body { padding: 2px 0 12px; }
.kgnb .kgnb-dropped { color: var(--kgnb-muted); font-size: 12px; padding-bottom: 6px; }

.kgnb .kgnb-decision { display: flex; gap: 10px; padding: 7px 0; }
.kgnb .kgnb-decision > .kgnb-icon { margin-top: 3px; color: var(--kgnb-grey); }
.kgnb .kgnb-decision[data-state="answered"] > .kgnb-icon { color: var(--kgnb-green); }
.kgnb .kgnb-decision-body { min-width: 0; overflow-wrap: anywhere; }
.kgnb .kgnb-decision-question { color: var(--kgnb-muted); }
.kgnb .kgnb-decision-value { font-weight: 600; }
.kgnb .kgnb-decision-reason { color: var(--kgnb-muted); font-style: italic; }
.kgnb .kgnb-decision details > summary { color: var(--kgnb-muted); font-size: 12px; cursor: pointer; }

.kgnb .kgnb-log-box { max-height: 18em; overflow: auto; border-radius: 10px; padding: 8px 12px; background: var(--kgnb-soft); font: 12px/1.6 var(--kgnb-mono); }
.kgnb .kgnb-log { display: flex; flex-wrap: wrap; gap: 0 10px; }
.kgnb .kgnb-log-node { min-width: 0; color: var(--kgnb-blue); overflow-wrap: anywhere; }
.kgnb .kgnb-log-source { color: var(--kgnb-muted); }
.kgnb .kgnb-log:is([data-stream="stderr"], [data-level="WARNING"]) .kgnb-log-source { color: var(--kgnb-amber); }
.kgnb .kgnb-log:is([data-level="ERROR"], [data-level="CRITICAL"]) .kgnb-log-source { color: var(--kgnb-red); }
.kgnb .kgnb-log-text { flex: 1 1 60%; min-width: 0; white-space: pre-wrap; overflow-wrap: anywhere; }

.kgnb .kgnb-visit { display: grid; grid-template-columns: minmax(0, 9em) minmax(0, 1fr) minmax(0, 13em); align-items: center; gap: 12px; padding: 2px 0; font-size: 12px; }
.kgnb .kgnb-visit-name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.kgnb .kgnb-visit-track { position: relative; height: 10px; border-radius: 5px; background: var(--kgnb-soft); }
.kgnb .kgnb-visit-fill { position: absolute; top: 0; bottom: 0; min-width: 4px; border-radius: 5px; background: var(--kgnb-grey); }
.kgnb .kgnb-visit[data-status="running"] .kgnb-visit-fill { background: var(--kgnb-blue); }
.kgnb .kgnb-visit:is([data-status="waiting"], [data-status="retrying"]) .kgnb-visit-fill { background: var(--kgnb-amber); }
.kgnb .kgnb-visit[data-status="completed"] .kgnb-visit-fill { background: var(--kgnb-green); }
.kgnb .kgnb-visit[data-status="failed"] .kgnb-visit-fill { background: var(--kgnb-red); }
.kgnb .kgnb-visit-facts { color: var(--kgnb-muted); font-variant-numeric: tabular-nums; }

@container kgnb (max-width: 480px) {
  .kgnb .kgnb-header-line { gap: 6px 8px; }
  .kgnb .kgnb-connection[data-kind="live"] > span {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
  }
  .kgnb .kgnb-visit { grid-template-columns: minmax(0, 7em) minmax(0, 1fr); }
  .kgnb .kgnb-visit-facts { grid-column: 2; }
  .kgnb .kgnb-card { padding: 14px 14px 16px 18px; }
  .kgnb .kgnb-options .kgnb-button { flex: 1 1 auto; min-height: 44px; }
}

/* ---- the small panel: the question, and what works just now ---- */

.kgnb-panel.kgnb-compact { padding: 12px 14px; --kgnb-gap: 12px; }
.kgnb.kgnb-compact :is(.kgnb-picture, .kgnb-folds, .kgnb-section-title) { display: none; }
.kgnb.kgnb-compact .kgnb-node-row:not([data-status="running"], [data-status="waiting"], [data-status="retrying"], [data-status="failed"]) { display: none; }
.kgnb.kgnb-compact .kgnb-stream:not(:last-child) { display: none; }
.kgnb.kgnb-compact .kgnb-stream-text { max-height: 7em; }

/* ---- the side panel ---- */

.kgnb-side { height: 100%; overflow: auto; padding: 14px 12px 24px; }
.kgnb-side > * + * { margin-top: 22px; }
.kgnb.kgnb-side .kgnb-card { padding: 12px 12px 14px 16px; box-shadow: none; }
.kgnb.kgnb-side .kgnb-card + .kgnb-card { margin-top: 10px; }
.kgnb.kgnb-side .kgnb-card-question { font-size: 14px; }
.kgnb.kgnb-side .kgnb-value { max-height: 14em; font-size: 13px; }
.kgnb .kgnb-side-empty, .kgnb .kgnb-side-note { color: var(--kgnb-muted); }
.kgnb .kgnb-side-note { padding: 8px 10px; border-radius: 8px; background: var(--kgnb-amber-soft); color: var(--kgnb-amber); }
.kgnb .kgnb-run-line { display: flex; align-items: center; gap: 8px; padding: 7px 0; }
.kgnb .kgnb-run-row + .kgnb-run-row { border-top: 1px solid var(--kgnb-line); }
.kgnb .kgnb-run-what { flex: 1 1 0; min-width: 0; }
.kgnb .kgnb-run-name { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-weight: 550; color: inherit; text-decoration: none; }
.kgnb a.kgnb-run-name:hover { text-decoration: underline; }
.kgnb .kgnb-run-when { overflow: hidden; text-overflow: ellipsis; color: var(--kgnb-muted); font-size: 12px; white-space: nowrap; }

.kgnb-tab .kgnb-tab-icon {
  width: 100%;
  height: 20px;
  background: var(--jp-inverse-layout-color3, currentcolor);
  mask: url("data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 20' fill='none' stroke='%23000' stroke-width='1.8'%3E%3Ccircle cx='4.5' cy='10' r='2.6'/%3E%3Ccircle cx='15.5' cy='4.5' r='2.6'/%3E%3Ccircle cx='15.5' cy='15.5' r='2.6'/%3E%3Cpath d='M6.8 8.8l6.3-3.1M6.8 11.2l6.3 3.1'/%3E%3C/svg%3E") center / 20px 20px no-repeat;
}
.kgnb-tab-asks.kgnb-tab .kgnb-tab-icon { background: light-dark(#b26a00, #f0b95e); }

/* ---- a page of its own ---- */

.kgnb-page { margin: 0; min-height: 100vh; color-scheme: light dark; background: light-dark(#f3f5f8, #0f1114); }
.kgnb-page main { max-width: 1040px; margin: 0 auto; padding: 28px 20px 48px; }
.kgnb-page .kgnb-panel { box-shadow: 0 1px 3px rgb(0 0 0 / 6%); }
@media (max-width: 520px) {
  .kgnb-page main { padding: 10px 8px 32px; }
  .kgnb-panel { padding: 14px 14px 12px; }
}

@media (prefers-reduced-motion: reduce) {
  .kgnb *, .kgnb *::before, .kgnb *::after { animation: none !important; transition: none !important; }
}

@media (forced-colors: active) {
  .kgnb .kgnb-bar-fill, .kgnb .kgnb-visit-fill { background: CanvasText; }
  .kgnb .kgnb-chip, .kgnb .kgnb-card { border: 1px solid CanvasText; }
}

@media print {
  .kgnb :is(.kgnb-value, .kgnb-stream-text, .kgnb-log-box) { max-height: none; }
  .kgnb :is(.kgnb-button, .kgnb-toggle, .kgnb-open) { display: none; }
}
`;function wt(n){if(!n)return null;let t={};return n.user!=null&&(t.user=n.user),n.via&&(t.via=n.via),n.at&&(t.at=n.at),n.kind&&n.kind!=="human"&&(t.kind=n.kind),t}function Dt({voter:n,user:t,value:e,at:s,reason:o,approver:i}){let r={voter:n,user:t};return e!=null&&(r.value=e),s&&(r.at=s),o!=null&&(r.reason=o),i!=null&&(r.approver=i),r}function xt(n){let{data:t}=n;return{approval_id:t.approval_id,node_id:n.node_id,task_id:n.task_id??null,args_hash:t.args_hash,message:t.message,options:t.options??null,payload:t.payload??null,schema:t.schema??null,kind:t.kind??"choice",name:t.name??null,expires_at:t.expires_at??null,on_timeout:t.on_timeout??null,need:t.need??1,approvers:t.approvers??null,veto:t.veto??null,opened_at:n.timestamp??"",correction:t.correction??null,votes:[],state:"open",value:null,edited_payload:null,by:null,reason:null}}function zt(n,t){let e=xt(t),s=n.findIndex(i=>i.approval_id===e.approval_id),o=n[s];if(!o)return void n.push(e);o.state==="open"&&o.args_hash===e.args_hash&&(e.votes=o.votes),n[s]=e}function qt(n,{data:t}){for(let e of n)e.approval_id===t.approval_id&&e.args_hash===t.args_hash&&(e.votes=t.votes.map(Dt))}function Pt(n,{data:t}){for(let e of n)e.approval_id===t.approval_id&&(e.state=t.outcome,e.value=Be(e.kind,t.value??null),e.edited_payload=t.edited_payload??null,e.by=wt(t.by),e.reason=t.reason??null,t.votes!=null&&(e.votes=t.votes.map(Dt)))}function Be(n,t){if(n!=="file"||!t||typeof t!="object"||Array.isArray(t))return t;let{content:e,...s}=t;return s}function j(n,t,e){return Object.defineProperty(n,t,{value:e,writable:!0,enumerable:!0,configurable:!0}),e}function Ut(n,t){let{percent:e,current:s,total:o,message:i,item:r,track:l,...c}=t.data,d={percent:e,current:s??null,total:o??null,message:i??null,label:c.label??null,rate:c.rate??null,remaining:c.remaining??null,elapsed:c.elapsed??null,closed:c.closed??!1,attempt:t.attempt??null},u=r==null?"":`${r}/`;return d.closed&&vt(n.tracks,`${u}${l??1}.`),l!=null?(j(n.tracks,u+l,{...d,track:l,item:r??null}),null):r==null?d:(j(n.items,r,d),null)}function vt(n,t=""){for(let[e,s]of Object.entries(n))s.track.includes(".")&&e.startsWith(t)&&delete n[e]}function Bt(n,t){let e=t.kind??"text",s=t.call?.number??null,o=n.findLast(c=>c.stream===t.stream&&c.kind===e&&c.call===s);o||(o=Fe(t,e,s),Ve(n,o),n.push(o)),t.call?.name&&(o.tool=t.call.name);let i=t.index??0;i>o.length&&(o.missing+=i-o.length,o.length=i,o.text+="\u2026");let r=o.length-i,l=Array.from(t.data);return o.text+=r?l.slice(r).join(""):t.data,o.length+=Math.max(0,l.length-r),o.final=o.final||(t.final??!1),!t.usage||o.usage?null:(o.usage=W(null,t.usage),o.usage)}function Fe(n,t,e){return{stream:n.stream,node_id:n.node_id,task_id:n.task_id??null,attempt:n.attempt??null,kind:t,name:n.name??null,item:n.item??null,call:e,tool:null,text:"",length:0,missing:0,final:!1,superseded:!1,usage:null}}function Ve(n,t){for(let e of n)e.task_id===t.task_id&&e.item===t.item&&(e.attempt??0)<(t.attempt??0)&&(e.superseded=!0)}function W(n,t){let e=s=>(n?.[s]??0)+(t[s]??0);return{input_tokens:e("input_tokens"),output_tokens:e("output_tokens"),total_tokens:e("total_tokens"),cached_tokens:e("cached_tokens"),reasoning_tokens:e("reasoning_tokens")}}var We=1e3,He=1e3,Ke=200,k=new Set(["completed","failed","cancelled","lost"]),H=new Set(["completed","failed","skipped","cancelled"]);function w(){return{run_id:"",workflow:"",status:"running",seq:0,started_at:null,ended_at:null,params:{},session_id:null,graph:{name:"",start:null,nodes:[],edges:[],svg:null},nodes:{},edges:[],active_edge:null,streams:[],approvals:[],messages:[],results:{},logs:[],logs_dropped:0,timeline:[],timeline_dropped:0,custom:[],custom_dropped:0,usage:null,paused:null,result:null,error:null}}function Ft(n,t){let e=t.seq??0;if(e&&e<=n.seq)return n;if(e&&(n.seq=e),n.status==="stalled"&&(n.status=n.paused?"paused":"running"),(mn.get(t.type)??Ye)(n,t),n.status==="running"||n.status==="waiting"){let s=n.approvals.some(o=>o.state==="open");n.status=s?"waiting":"running"}return n}function yt(n,t,e){return n.push(t),n.splice(0,Math.max(0,n.length-e)).length}function Vt(n){if(!n)return null;let{code:t,message:e,node_id:s}=n;return s==null?{code:t,message:e}:{code:t,message:e,node_id:s}}function Ye(n,t){let e={type:t.type,node_id:t.node_id??"",data:t.data??null};n.custom_dropped+=yt(n.custom,e,Ke)}function Ge(n,t){let e=t.graph??{};n.run_id=t.run_id,n.workflow=t.workflow??"",n.status="running",n.started_at=n.started_at||(t.timestamp??""),n.ended_at=null,n.paused=null,n.params=t.params??{},n.session_id=t.session_id??null,n.graph=I(e),n.error=null;for(let s of n.graph.nodes)K(n,s.id)}function I(n){return{name:n.name??"",start:n.start??null,nodes:(n.nodes??[]).map(t=>({id:t.id,label:t.label,kind:t.kind??"node",path:t.path??[]})),edges:(n.edges??[]).map(t=>({source:t.source,target:t.target,action:t.action??"default"})),svg:n.svg??null}}function K(n,t){return(Object.hasOwn(n.nodes,t)?n.nodes[t]:void 0)??j(n.nodes,t,D())}function D(){return{status:"idle",visits:0,active:0,task_id:null,attempt:0,progress:null,items:{},tracks:{},usage:null,message:null,duration:null,action:null,error:null}}function Je(n,t){let e=K(n,t.node_id);if(t.progress!=null){e.message=t.message??null;return}let s=t.task_id??null,o=H.has(t.status),i=n.timeline.findLast(r=>r.task_id===s);if(s!==e.task_id&&!i){if(o&&n.timeline_dropped){e.active=Math.max(0,e.active-1);return}i=tn(n,e,t)}if(i&&Xe(i,t),o&&(e.active=Math.max(0,e.active-1)),s!==e.task_id){if(e.status==="failed"||!H.has(e.status))return;e.task_id=s,e.attempt=0}Qe(e,t),o&&e.active&&t.status!=="failed"&&Ze(n,e,t.node_id)}function Xe(n,t){n.attempts=Math.max(n.attempts,t.attempt||1),n.status=t.status,H.has(t.status)&&(n.ended_at=t.timestamp??"",n.duration=t.duration??null)}function Qe(n,t){n.status=t.status,n.attempt=Math.max(n.attempt,t.attempt??0),n.message=t.message??null,n.error=Vt(t.error),H.has(t.status)&&(vt(n.tracks),n.duration=t.duration??null,n.action=t.action??null)}function Ze(n,t,e){let s=n.timeline.findLast(o=>o.node_id===e&&o.ended_at===null);s&&(t.task_id=s.task_id,t.status=s.status,t.attempt=s.attempts,t.message=null,t.error=null,t.duration=null,t.action=null)}function tn(n,t,e){t.task_id=e.task_id??null,t.visits+=1,t.active+=1,t.attempt=e.attempt||1,t.progress=null,t.items={},t.tracks={},t.duration=null,t.action=null;let s={node_id:e.node_id,task_id:t.task_id,status:e.status,started_at:e.timestamp??"",ended_at:null,attempts:1,duration:null};return n.timeline_dropped+=yt(n.timeline,s,He),e.via&&en(n,e.via.node_id,e.via.action??"default",e.node_id),s}function en(n,t,e,s){n.active_edge={source:t,action:e,target:s};let o=n.edges.find(i=>i.source===t&&i.action===e&&i.target===s);o?o.count+=1:n.edges.push({source:t,action:e,target:s,count:1})}function nn(n,t){let e=K(n,t.node_id),s=Ut(e,t);s&&(e.progress=s)}function sn(n,t){let e=Bt(n.streams,t);if(!e)return;let s=K(n,t.node_id);s.usage=W(s.usage,e),n.usage=W(n.usage,e)}function on(n,t){let{role:e,content:s}=t.data;n.messages.push({node_id:t.node_id,role:e,content:s})}function rn(n,t){zt(n.approvals,t)}function an(n,t){qt(n.approvals,t)}function ln(n,t){Pt(n.approvals,t)}function cn(n,t){j(n.results,t.node_id,t.data??null)}function dn(n,t){let e={node_id:t.node_id,task_id:t.task_id??null,stream:t.data.stream,level:t.data.level??null,text:t.data.text};n.logs_dropped+=yt(n.logs,e,We)}function Y(n,t,e){n.status=t,n.ended_at=e??"",n.paused=null,n.active_edge=null;for(let s of Object.values(n.nodes))s.active=0,["running","waiting","retrying"].includes(s.status)&&(s.status="cancelled");for(let s of n.timeline)s.ended_at===null&&(s.ended_at=e??"",s.status="cancelled");for(let s of n.approvals)s.state==="open"&&(s.state="cancelled")}function un(n,t){n.result=t.data??null,Y(n,"completed",t.timestamp)}function gn(n,t){n.error=Vt(t.error),Y(n,"failed",t.timestamp)}function pn(n,t){t.reason&&(n.error={code:"conflict",message:t.reason}),Y(n,"cancelled",t.timestamp)}function hn(n,t){n.error={code:"unavailable",message:t.reason??""},Y(n,"lost",t.timestamp)}function bn(n,t){n.status="paused",n.paused??={before:t.before??null,by:wt(t.by)}}function fn(n){n.status="running",n.paused=null}function kn(n){k.has(n.status)||(n.status="stalled")}var mn=new Map(Object.entries({workflow_started:Ge,node_update:Je,step:()=>{},progress:nn,token:sn,message:on,approval_request:rn,approval_vote:an,approval_resolved:ln,result:cn,log:dn,workflow_completed:un,workflow_failed:gn,workflow_cancelled:pn,workflow_paused:bn,workflow_resumed:fn,workflow_stalled:kn,workflow_lost:hn}));var G=class{view=w();isSubscribed=!1;watchers=new Set;constructor(t){this.runId=t}take(t){let e=t.seq??0;!this.isSubscribed||e&&e<=this.view.seq||(Ft(this.view,t),this.#t(t))}replace(t){this.view=t,this.#t(null)}reset(){this.replace(w())}refuse(t){for(let e of[...this.watchers])e.onRefused?.(t)}#t(t){for(let e of[...this.watchers])e.onView(this.view,t)}};function E(){let n=crypto.getRandomValues(new Uint8Array(16));return Array.from(n,t=>t.toString(16).padStart(2,"0")).join("")}var C=class extends Error{constructor({code:t="internal",message:e="",data:s=null}){super(e||t),this.code=t,this.data=s}},wn=new Set([4001,4003,4004]),xn=2e4,Wt=1e4,vn=3e4,yn=5e3,_n=100,J=class{state={kind:"connecting"};logId="";#t=!1;#e=!1;#n=!1;#s=0;#r=0;#o=null;#i=new Map;#a=new Map;#l=new Set;#c=new Set;#d;#u;#g;constructor(t,{random:e=Math.random}={}){this.transport=t,this.random=e}onState(t,e){this.#c.add(t),e.addEventListener("abort",()=>this.#c.delete(t))}settled(t){return this.#p(),new Promise(e=>{let s=new AbortController,o=()=>{let{kind:i}=this.state,r=this.#o&&this.transport.patience===null;i==="connecting"&&!r||(e(i!=="offline"&&i!=="closed"),s.abort())};this.onState(o,AbortSignal.any([t,s.signal])),o()})}watch(t,e,s){this.#p();let o=this.#i.get(t);o||(o=new G(t),this.#i.set(t,o),this.#e&&this.#S(o));let i=o;i.watchers.add(e),i.view.seq&&e.onView(i.view,null),s.addEventListener("abort",()=>{i.watchers.delete(e),i.watchers.size||this.#T(i)})}watchAll(t,e){this.#p(),this.#l.add(t),this.#e&&this.#l.size===1&&this.#$(),e.addEventListener("abort",()=>{this.#l.delete(t),this.#l.size||this.#o?.send({type:"unsubscribe"}),this.#w()})}views(){return[...this.#i.values()].map(t=>t.view)}command(t){if(this.#p(),this.#a.size>=_n){let s="too many commands wait for the connection";return Promise.reject(new C({code:"unavailable",message:s}))}let e=E();return new Promise((s,o)=>{let i={frame:{...t,id:e},resolve:s,reject:o};this.#a.set(e,i),this.#e&&this.#o?.send(i.frame)})}retry(){this.state.kind==="reconnecting"&&this.#k()}close(){this.#b(),clearTimeout(this.#d),this.#f({kind:"closed",code:1e3,reason:"closed here"})}#p(){clearTimeout(this.#g),(this.state.kind==="offline"||this.state.kind==="closed"||this.#s===0)&&(this.state={kind:"connecting"},this.#k())}#w(){this.#i.size||this.#l.size||this.#a.size||(clearTimeout(this.#g),this.#g=setTimeout(()=>this.close(),yn))}#f(t){this.state=t;for(let e of[...this.#c])e(t)}async#k(){this.#b(),clearTimeout(this.#d);let t=++this.#s,e=()=>t===this.#s,s={onFrame:o=>e()&&this.#M(o),onActivity:()=>e()&&this.#y(),onStale:o=>e()&&this.#v(o),onClose:(o,i)=>e()&&this.#h(o,i)};try{let o=await this.transport.open(s);e()?this.#x(o):o.close()}catch(o){e()&&this.#h(1006,o instanceof Error?o.message:"")}}#x(t){this.#o=t;let{patience:e}=this.transport;if(e!==null&&!this.#e)this.#u=setTimeout(()=>this.#h(1006,"no greeting"),e);else if(this.#e)this.#_();else{this.#_();for(let s of[...this.#c])s(this.state)}}#b(){clearTimeout(this.#u),this.#s++,this.#e=!1,this.#n=!1,this.#o?.close(),this.#o=null;for(let t of this.#i.values())t.isSubscribed=!1}#h(t,e){if(this.#b(),wn.has(t))this.#f({kind:"closed",code:t,reason:e||`closed (${t})`});else if(this.#t){this.#r++;let s=e||"the connection broke";this.#f({kind:"reconnecting",attempt:this.#r,reason:s});let i=Math.min(vn,250*2**Math.min(this.#r,10))*(.5+this.random()/2);this.#d=setTimeout(()=>this.#k(),i)}else this.#f({kind:"offline",reason:e||"nobody answers"})}#v(t){let e=this.transport.name;this.state.kind==="live"&&this.#f({kind:"stale",via:e,reason:t})}#y(){clearTimeout(this.#u),this.#e&&(this.#u=setTimeout(()=>this.#E(),xn),this.state.kind==="stale"&&this.#m(""))}#E(){this.#o?.send({type:"ping"}),this.#u=setTimeout(()=>{this.#v("No sign of life; what is shown may be old."),this.transport.patience!==null&&(this.#u=setTimeout(()=>this.#h(1006,"silence"),Wt))},Wt)}#m(t){this.#t=!0,this.#r=0,this.#f({kind:"live",via:this.transport.name,server:t})}#_(){this.#e=!0,this.#l.size&&this.#$();for(let t of this.#i.values())this.#S(t);for(let{frame:t}of this.#a.values())this.#o?.send(t);this.#y()}#S(t){t.isSubscribed=!1,this.#o?.send({type:"subscribe",topics:["all"],run_id:t.runId,since:{log_id:this.logId||null,seq:t.view.seq},id:`run:${t.runId}`})}#$(){this.#o?.send({type:"subscribe",topics:["approvals"],id:"all"})}#T(t){this.#i.get(t.runId)===t&&(this.#i.delete(t.runId),this.#e&&this.#o?.send({type:"unsubscribe",run_id:t.runId}),this.#w())}#M(t){if(this.#y(),t.type==="hello")return this.#A(t);this.state.kind==="connecting"&&this.#m("");let e=this.#i.get(t.run_id);switch(t.type){case"subscribed":e&&(e.isSubscribed=!0);return;case"snapshot":return e?.replace(t.view);case"ack":return this.#N(t);case"error":return this.#C(t);case"cursor":case"pong":case"unsubscribed":return;default:{let s=t;e?.take(s);for(let o of[...this.#l])o(s)}}}#A(t){let e=this.logId!==""&&this.logId!==t.log_id;if(this.logId=t.log_id??"",e)for(let o of this.#i.values())o.reset();let s=!this.#e||e||this.#n;this.#n=!0,this.#m(t.server??""),this.#o?s&&this.#_():this.#e=!0}#N(t){this.#a.get(t.id)?.resolve(t),this.#a.delete(t.id)}#C(t){let e=this.#a.get(t.id);if(e)return this.#a.delete(t.id),e.reject(new C(t));let s=String(t.id??""),o=s.startsWith("run:")?this.#i.get(s.slice(4)):void 0;o?o.refuse({code:t.code,message:t.message}):console.warn(`kgnb: ${t.code}: ${t.message}`)}};var X=2e3,Q="The kernel is busy and cannot hear this click over the widget channel; it will be delivered when the cell ends. Or interrupt the cell, or enable the kgnb server extension.",Ht="The kernel is busy and cannot hear this panel over the widget channel: the run shows here when the cell ends, and no click reaches it before. To answer while a cell waits, enable the kgnb server extension; without it, start the run in one cell and take its result in a later one, after the click.",Sn=1500,$n=[500,2e3],En="kgnb";function Kt(n){return{name:"comm",patience:null,open:async t=>{if(!n.createComm)throw new Error("no comms here");let e=n.createComm(En);return e.onMsg=s=>Gt(s?.content?.data,t),e.onClose=()=>t.onClose(1006,"the kernel closed the channel"),n.supportsSubshells&&await Tn(Sn,e.subshellStarted),e.open({frames:[]}),{send:s=>{e.send({frames:[s]})},close:()=>{e.onClose=()=>{},e.isDisposed||e.close()}}}}}function Yt(n){return{name:"comm",patience:null,open:async t=>{let e=E(),s=d=>n.send({kgnb:{client:e,frames:d}}),o=[],i=!1,r=$n.map(d=>setTimeout(()=>s(o),d)),l=()=>{i=!0,o=[],r.forEach(clearTimeout)},c=d=>{d?.kgnb?.client===e&&(l(),Gt(d.kgnb,t))};return n.on("msg:custom",c),s([]),{send:d=>{i||o.push(d),s([d])},close:()=>{l(),n.off("msg:custom",c),n.send({kgnb:{client:e,frames:[],final:!0}})}}}}}function Tn(n,t){return new Promise(e=>{let s=setTimeout(e,n),o=()=>{clearTimeout(s),e()};t?.then(o,o)})}function Gt(n,t){if(n){t.onActivity();for(let e of n.frames??[])t.onFrame(e);n.closed&&t.onClose(n.closed.code??1e3,n.closed.reason??"")}}var St=2e3,Mn=1e4,_t=60,An=300;function Jt(n){return{name:"control",patience:St,open:async t=>{let e=new $t(s=>Nn(n,s),t);return await e.probe(),e}}}var $t=class{#t=E();#e=[];#n=!0;#s=!1;#r=_t;#o;#i;#a;constructor(t,e){this.#i=t,this.#a=e}async probe(){let t=this.#i({client:this.#t,frames:[]}),e=setTimeout(()=>t.drop(new Error("no reply")),St);try{this.#u(await t.reply)}catch(s){throw this.#n=!1,new Error("the kernel does not answer on its control channel",{cause:s})}finally{clearTimeout(e)}this.#c(0)}send(t){this.#e.push(t),this.#r=_t,this.#s||this.#c(0)}close(){if(!this.#n)return;this.#l();let t={client:this.#t,frames:this.#e,final:!0};this.#i(t).reply.catch(()=>{})}#l(){this.#n=!1,clearTimeout(this.#o)}#c(t){clearTimeout(this.#o),this.#n&&(this.#o=setTimeout(()=>this.#d(),t))}async#d(){this.#s=!0;let t=this.#i({client:this.#t,frames:this.#e});this.#e=[];let e=setTimeout(()=>this.#n&&this.#a.onStale("The kernel is slow to answer."),St),s=setTimeout(()=>t.drop(new Error("no reply")),Mn);try{let o=await t.reply;this.#n&&this.#u(o)}catch{this.#g(1006,"the kernel no longer answers")}finally{clearTimeout(e),clearTimeout(s),this.#s=!1}this.#c(this.#e.length?0:this.#r)}#u(t){if(t?.status!=="ok")throw new Error(t?.evalue??t?.reason??"refused");let e=Array.isArray(t.frames)?t.frames:[];this.#r=e.length?_t:Math.min(An,this.#r*1.4),this.#a.onActivity();for(let s of e)this.#a.onFrame(s);t.closed&&this.#g(t.closed.code??1e3,t.closed.reason??"")}#g(t,e){this.#n&&(this.#l(),this.#a.onClose(t,e))}};function Nn(n,t){let e=()=>{};return{reply:new Promise((o,i)=>{let r={channel:"control",header:{msg_id:E(),msg_type:"kgnb_request",session:n.clientId??"",username:n.username??"",date:new Date().toISOString(),version:"5.3"},parent_header:{},metadata:{},content:t,buffers:[]};if(!n.sendControlMessage)throw new Error("no control channel");let l=n.sendControlMessage(r,!0,!0);l.onReply=c=>o(c.content),e=c=>{l.dispose(),i(c)}}),drop:o=>e(o)}}var Xt="kgnb.v1";function Qt({baseUrl:n,via:t="panel",token:e}){let s=e?[Xt,`kgnb.token.${e}`]:[Xt];return{name:"websocket",patience:5e3,open:o=>On(Cn(n,t),s,o)}}function Cn(n,t){let e=new URL(location.href);return e.protocol=e.protocol==="https:"?"wss:":"ws:",e.pathname=`${new URL(n,location.href).pathname}kgnb/ws`,e.search=`?via=${t}`,e.hash="",e.href}function On(n,t,e){let s=new WebSocket(n,t),{promise:o,resolve:i,reject:r}=Rn(),l=!0;return s.onopen=()=>i({send:c=>{s.readyState===WebSocket.OPEN&&s.send(JSON.stringify(c))},close:()=>{l=!1,s.close(1e3)}}),s.onmessage=({data:c})=>{let d=l?Ln(c):null;d&&e.onFrame(d)},s.onclose=({code:c,reason:d})=>{r(new Error(d||`the server closed the connection (${c})`)),l&&e.onClose(c,d)},o}function Ln(n){try{let t=JSON.parse(String(n));return t&&typeof t.type=="string"?t:null}catch{return console.warn("kgnb: a frame that is not JSON was passed over"),null}}function Rn(){let n=()=>{},t=()=>{};return{promise:new Promise((s,o)=>{n=s,t=o}),resolve:n,reject:t}}var Zt=Symbol.for("kgnb.connections.v1");function te(){let n=globalThis;return n[Zt]??=new Map,n[Zt]}function Z(n,t){let e=te().get(n);if(e)return e;let s=new J(t());return globalThis.addEventListener?.("online",()=>s.retry()),te().set(n,s),s}var ee=new WeakMap,jn=0;function se(n){let t=ee.get(n)??`${Math.random()}.${jn++}`;return ee.set(n,t),t}function Et(n,{via:t,token:e}={}){let s=`websocket ${n} ${e??""}`;return Z(s,()=>Qt({baseUrl:n,via:t,token:e}))}function oe(n){let{baseUrl:t,via:e,token:s,kernel:o=()=>null,model:i}=n,r=new Set(n.transports??["websocket","control","comm"]);n.log==="kernel"&&r.delete("websocket");let l=[];return t&&r.has("websocket")&&l.push(()=>Et(t,{via:e,token:s})),r.has("control")&&l.push(()=>{let c=o();return c?.sendControlMessage?Z(`control ${ne(c)}`,()=>Jt(c)):null}),i&&r.has("comm")?l.push(()=>Z(`model ${se(i)}`,()=>Yt(i))):r.has("comm")&&l.push(()=>{let c=o();return c?.createComm?Z(`comm ${ne(c)}`,()=>Kt(c)):null}),l}function ne(n){return`${n.id??""} ${se(n)}`}function ae(n){let t=new tt(n);return{workflow:n.workflow,status:n.status,graph:n.graph,nodes:Object.fromEntries(t.sorted(Object.entries(n.nodes),([e])=>t.ofNode(e)).map(([e,s])=>[e,Bn(n,s)])),edges:t.sorted(n.edges,e=>t.ofEdge(e)).map(({source:e,action:s,target:o,count:i})=>({source:e,action:s,target:o,count:i})),streams:t.sorted(n.streams,e=>t.ofStream(e)).map(Un),approvals:ge(n,t).map(({node_id:e,message:s,options:o,payload:i,kind:r,state:l,value:c,reason:d,edited_payload:u})=>({node_id:e,message:s,options:o,payload:i,kind:r,state:l,value:c,reason:d,...u==null?{}:{edited_payload:u}})),results:Object.fromEntries(t.sorted(Object.entries(n.results),([e])=>t.ofNode(e))),messages:t.sorted(n.messages,e=>t.ofNode(e.node_id)).map(({node_id:e,role:s,content:o})=>({node_id:e,role:s,content:o})),logs:Fn(n,t),result:n.result,error:ue(n,n.error),...et(n,"usage")}}function le(n){let t={};for(let[s,o]of Object.entries(n.nodes))o.duration!==null&&(t[s]=o.duration);let e={};return ge(n,new tt(n)).forEach(({by:s},o)=>{s&&Object.keys(s).length&&(e[String(o)]=s)}),{started_at:n.started_at,ended_at:n.ended_at,durations:t,answered_by:e}}function ce(n,t={}){let e=w();e.run_id=t.run_id??"",e.workflow=n.workflow,e.status=n.status,e.started_at=t.started_at??null,e.ended_at=t.ended_at??null,e.graph=I(n.graph);for(let[s,o]of Object.entries(n.nodes)){let i=t.durations?.[s]??null,r=o.progress?{...In,...o.progress}:null;e.nodes[s]={...D(),error:null,...o,progress:r,duration:i}}return e.edges=n.edges,e.streams=n.streams.map(Dn),e.usage=n.usage??null,e.approvals=n.approvals.map((s,o)=>({edited_payload:null,...s,correction:null,approval_id:`recorded-${o}`,task_id:null,args_hash:"",schema:null,name:null,expires_at:null,on_timeout:null,need:1,approvers:null,opened_at:"",by:t.answered_by?.[String(o)]??null})),e.results=n.results,e.messages=n.messages,e.logs=n.logs.map(s=>({...s,task_id:null})),e.result=n.result,e.error=n.error,e}var In={percent:0,current:null,total:null,message:null,label:null,rate:null,remaining:null,elapsed:null,closed:!0,attempt:null};function Dn(n,t){let{node_id:e,visit:s,stream:o=String(t),text:i,...r}=n,{item:l=null,attempt:c=1}=r,d=`${e}:${s}`;return{name:null,call:null,tool:null,missing:0,superseded:!1,usage:null,...r,stream:`${d}.${c}/${l===null?"":`${l}.`}${o}`,node_id:e,task_id:d,item:l,attempt:c,text:i,length:i.length,final:!0}}function nt(n){let t=(n??"").split(":").at(-1)??"";return/^[0-9]+$/.test(t)?Number(t):0}var zn=new Map([["stdout",0],["stderr",1],["logging",2]]),tt=class{#t;#e;constructor(t){let{nodes:e}=t.graph;this.#t=new Map(e.map((s,o)=>[s.id,o])),this.#e=new Set(e.filter(s=>s.kind==="batch").map(s=>s.id))}sorted(t,e){return t.map(s=>({entry:s,key:e(s)})).sort((s,o)=>qn(s.key,o.key)).map(({entry:s})=>s)}ofNode(t){return[this.#t.get(t)??this.#t.size,t]}ofVisit(t){return[...this.ofNode(t.node_id),nt(t.task_id)]}ofStream(t){return[...this.ofVisit(t),...t.item===null?[-1,0,""]:ie(t.item),t.attempt??0,...ie(de(t)),t.kind,t.call??0]}ofApproval(t){let e=this.#e.has(t.node_id);return[...this.ofVisit(t),e?t.message:""]}ofEdge(t){return[...this.ofNode(t.source),...this.ofNode(t.target),t.action]}ofLog(t){return[...this.ofVisit(t),zn.get(t.stream)??3]}};function qn(n,t){for(let e=0;e<n.length;e++){let s=n[e]??"",o=t[e]??"";if(s!==o)return typeof s=="string"&&typeof o=="string"?Pn(s,o):Number(s)-Number(o)}return 0}function Pn(n,t){let e=Array.from(n),s=Array.from(t);for(let o=0;o<Math.min(e.length,s.length);o++){let i=e[o]?.codePointAt(0)??0,r=s[o]?.codePointAt(0)??0;if(i!==r)return i-r}return e.length-s.length}function ie(n){return/^[0-9]+$/.test(n)?[0,Number(n),""]:[1,0,n]}function de({stream:n,task_id:t,attempt:e,item:s}){let o=re(n,`${t}.${e}/`);return s===null?o:re(o,`${s}.`)}function re(n,t){return n.startsWith(t)?n.slice(t.length):n}function et(n,...t){let e={};for(let s of t){let o=n[s];o&&(e[s]=o)}return e}function Un(n){let{node_id:t,task_id:e,kind:s,text:o,attempt:i}=n,r={node_id:t,visit:nt(e),stream:de(n),kind:s,text:o,...et(n,"name","item","call","tool","missing","superseded","usage")};return(i??1)>1&&(r.attempt=i??1),r}function Bn(n,t){let e={status:t.status,visits:t.visits};if(t.action!==null&&(e.action=t.action),t.progress!==null){let{percent:s,current:o,total:i,message:r}=t.progress;e.progress={percent:s,current:o,total:i,message:r,...et(t.progress,"label")}}return Object.assign(e,et(t,"usage")),t.error!==null&&(e.error=ue(n,t.error)),e}function ue(n,t){return!t||!n.run_id?t:{...t,message:t.message.replaceAll(n.run_id,"\u2026")}}function ge(n,t){return t.sorted(n.approvals,e=>t.ofApproval(e))}function Fn(n,t){let e=[],s="";for(let o of t.sorted(n.logs,i=>t.ofLog(i))){let{node_id:i,stream:r,level:l,text:c}=o,d=JSON.stringify(t.ofLog(o)),u=e.at(-1);u&&d===s&&r!=="logging"?u.text+=c:e.push({node_id:i,stream:r,level:l,text:c}),s=d}return e}var Tt="No way to the run from here: neither a kgnb server extension nor this notebook's kernel answers. The panel shows what was saved and cannot take clicks. Answer in Python with run.answer(approval_id, value), or enable the server extension and reload.",Vn=2e3,pe=2e3,Wn=3e4,st=class{state={kind:"connecting"};connection=null;#t;#e;#n;#s;#r=pe;constructor(t,e,s,o){this.#t=t,this.#e=e,this.#n=s,this.#s=o,this.#o()}get via(){return this.connection?.transport.name??""}command(t){return this.connection?this.connection.command(t):Promise.reject(new C({code:"unavailable",message:Tt}))}async#o(){let t="";for(let s of this.#e){let o=s();if(!o)continue;let i=await o.settled(this.#s);if(this.#s.aborted)return;if(i){let r=await this.#i(o);if(!r||this.#s.aborted)return;t=r.message}else"reason"in o.state&&(t||=o.state.reason)}this.#a({kind:"offline",reason:t});let e=setTimeout(()=>this.#o(),this.#r);this.#s.addEventListener("abort",()=>clearTimeout(e),{once:!0}),this.#r=Math.min(Wn,this.#r*2)}#i(t){this.connection=t;let e=new AbortController,s=AbortSignal.any([this.#s,e.signal]),{name:o,patience:i}=t.transport,r=!1,l=()=>{let{state:u}=t,p=u.kind==="live"||u.kind==="connecting",b={kind:"stale",via:o,reason:Ht};this.#a(r&&p?b:u)},c=u=>{clearTimeout(d),r!==u&&(r=u,l())},d=i===null?setTimeout(()=>c(!0),Vn):void 0;return s.addEventListener("abort",()=>clearTimeout(d)),new Promise(u=>{let p=h=>{h&&(this.connection=null),e.abort(),u(h)};this.#s.addEventListener("abort",()=>p(null),{once:!0}),t.onState(h=>{h.kind==="closed"||h.kind==="offline"?p({code:"unavailable",message:h.reason}):l()},s),l();let b=(h,N)=>{c(!1),this.#n.onView(h,N)};t.watch(this.#t,{onView:b,onRefused:p},s)})}#a(t){this.state=t,t.kind==="live"&&(this.#r=pe),this.#n.onState(t)}};function a(n,t,...e){let s=document.createElement(n);for(let[o,i]of Object.entries(t??{}))i==null||i===!1||s.setAttribute(o,i===!0?"":String(i));for(let o of e)o&&s.append(o);return s}function g(n,t){n.textContent!==t&&(n.textContent=t)}function O(n,t,e){n.getAttribute(t)!==e&&(e===null?n.removeAttribute(t):n.setAttribute(t,e))}var he="http://www.w3.org/2000/svg",be={idle:"M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11",running:"M8 2a6 6 0 0 1 6 6M8 5.6a2.4 2.4 0 1 1 0 4.8a2.4 2.4 0 0 1 0-4.8",waiting:"M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M8 4.8V8l2.2 1.8",retrying:"M13.2 8a5.2 5.2 0 1 1-1.6-3.8M13.4 1.6v3h-3",completed:"M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M5.2 8.2l2 2l3.7-4.1",failed:"M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM6 6l4 4M10 6l-4 4",skipped:"M3 4l4 4l-4 4M8.5 4l4 4l-4 4",cancelled:"M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M4 12L12 4",paused:"M5.5 3v10M10.5 3v10",stalled:"M3 8h.1M8 8h.1M13 8h.1",lost:"M2 8h3M11 8h3M6.5 5.5l3 5M9.5 5.5l-3 5",live:"M8 6a2 2 0 1 1 0 4a2 2 0 0 1 0-4M3.8 3.8a6 6 0 0 0 0 8.4M12.2 3.8a6 6 0 0 1 0 8.4",offline:"M3 3l10 10M3.8 6a6 6 0 0 0 0 6.200M12.2 3.8a6 6 0 0 1 .6 7.7",open:"M6.5 3.5H3.5v9h9v-3M9.5 2.5h4v4M13.2 2.8L7.8 8.2"};function T(n){let t=document.createElementNS(he,"svg");t.setAttribute("class","kgnb-icon"),t.setAttribute("viewBox","0 0 16 16"),t.setAttribute("aria-hidden","true"),t.setAttribute("focusable","false");let e=document.createElementNS(he,"path");return e.setAttribute("d",be[n]??be.idle??""),t.append(e),t}var Hn={live:"live",timed_out:"timed out",open:"open"};function Kn(n){return Hn[n]??n}var v=class{#t="";#e=a("span",{class:"kgnb-chip-word"});constructor(t=""){this.element=a("span",{class:`kgnb-chip ${t}`.trim()},this.#e)}update(t,e=Kn(t)){g(this.#e,e),t!==this.#t&&(this.#t=t,this.element.dataset.status=t,this.element.querySelector("svg")?.remove(),this.element.prepend(T(t)))}};function Mt(n){return{role:"heading","aria-level":n}}function x(n,t,...e){let s=a("div",{class:"kgnb-section-title",...Mt(3)},t);return{element:a("section",{class:`kgnb-section kgnb-${n}`,"aria-label":t,hidden:!0},s,...e),heading:s}}function z(n,t,...e){let s=a("span",{class:"kgnb-fold-count"}),o=a("summary",{class:"kgnb-fold-title"},t,s);return{element:a("details",{class:`kgnb-fold kgnb-${n}`,hidden:!0},o,a("div",{class:"kgnb-fold-body"},...e)),count:s}}function y(n,t){return n.tabIndex=0,n.setAttribute("role","region"),n.setAttribute("aria-label",t),n}function _(n){if(n<9.95)return`${n.toFixed(1)} s`;if(n<59.5)return`${Math.round(n)} s`;let t=Math.round(n),e=[Math.floor(t/60)%60,t%60],s=Math.floor(t/3600),[o=0,i=0]=e,r=String(i).padStart(2,"0");return s?`${s}:${String(o).padStart(2,"0")}:${r}`:`${o}:${r}`}function L(n){let t=Date.parse(n??"");return Number.isNaN(t)?"":new Date(t).toLocaleString(void 0,{dateStyle:"medium",timeStyle:"short"})}function fe(n){let t=new Date(Date.parse(n??""));return Number.isNaN(t.getTime())?"":t.toDateString()===new Date().toDateString()?t.toLocaleTimeString(void 0,{timeStyle:"short"}):t.toLocaleDateString(void 0,{dateStyle:"medium"})}function R(n,t){return`${n.toLocaleString("en")} ${t}${n===1?"":"s"}`}function ot(n){return typeof n=="string"?n:JSON.stringify(n,null,2)}function m(n){return typeof n=="string"?n:JSON.stringify(n)}function q(n){return n?n.kind==="script"?"a script":n.kind==="policy"?"a rule":n.user?n.via?`${n.user} (${n.via})`:n.user:n.via?`from the ${n.via}`:"a person":""}function it({code:n,message:t},e=""){let o=[n==="internal"?"":n,e].filter(Boolean).join(" in ");return o?`${o}: ${t}`:t}var ke=/(?<![\p{Extended_Pictographic}\ufe0f\u{1f3fb}-\u{1f3ff}])\u200d|\u200d(?!\p{Extended_Pictographic})|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ue000-\uf8ff]|[\u{1d173}-\u{1d17a}]|[\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu,me=/\r\n?/g;function S(n){let t=document.createDocumentFragment(),e=n.replace(me,`
`),s=0;for(let o of e.matchAll(ke))t.append(e.slice(s,o.index),Yn(o[0])),s=o.index+o[0].length;return t.append(e.slice(s)),t}function we(n){return n.replace(me,`
`).search(ke)>=0}function Yn(n){let e=`U+${(n.codePointAt(0)??0).toString(16).toUpperCase().padStart(4,"0")}`;return a("mark",{class:"kgnb-hidden",title:`hidden character ${e}`},e)}function xe(n,t,e){let s=a("fieldset",{class:"kgnb-answer"}),o=a("form",{class:"kgnb-answer-form"});return o.addEventListener("submit",i=>i.preventDefault(),{signal:e}),o.append(...Gn(n,t,e)),s.append(o),s}function Gn(n,t,e){if(n.kind==="edit")return Qn(n,t,e);if(n.kind==="file")return ss(t,e);if(n.options?.length)return[Jn(n.options,t,e)];if(n.kind==="confirm"){let s=a("div",{class:"kgnb-options"});return s.append($("Yes","primary",()=>t(!0),e),$("No","",()=>t(!1),e)),[s]}return n.schema&&Zn(n.schema)?ts(n.schema,t,e):n.schema?ve("",t,e):Xn(t,e)}function Jn(n,t,e){let s=a("div",{class:"kgnb-options"});return n.forEach((o,i)=>{let r=i===0?"primary":"";s.append($(m(o),r,()=>t(o),e))}),s}function $(n,t,e,s){let o=a("button",{type:"button",class:`kgnb-button ${t&&`kgnb-${t}`}`.trim()},S(n));return o.dataset.option=n,o.addEventListener("click",i=>i.isTrusted&&e(),{signal:s}),o}function Xn(n,t){let e=a("textarea",{class:"kgnb-input",rows:2,"aria-label":"Your answer",placeholder:"Your answer"}),s=a("div",{class:"kgnb-options"});return s.append($("Send","primary",()=>n(e.value),t)),[e,s]}function Qn(n,t,e){if(typeof n.payload!="string")return ve(ot(n.payload),t,e);let s=a("textarea",{class:"kgnb-input",rows:8,"aria-label":"Edit"});s.value=n.payload;let o=a("div",{class:"kgnb-options"});return o.append($("Approve","primary",()=>t(s.value),e)),[s,o]}function ve(n,t,e){let o=a("textarea",{class:"kgnb-input kgnb-input-json",rows:6,spellcheck:"false","aria-label":"Your answer as JSON"});o.value=n;let i=a("p",{class:"kgnb-input-error",role:"alert"}),r=a("div",{class:"kgnb-options"}),l=()=>{try{let c=JSON.parse(o.value);i.textContent="",t(c)}catch(c){i.textContent=`This is not JSON: ${c.message}`}};return r.append($("Approve","primary",l,e)),[o,i,r]}function Zn(n){let t=["string","number","integer","boolean"];return n.type==="object"&&Object.values(n.properties??{}).every(e=>t.includes(e?.type)||Array.isArray(e?.enum))}function ts(n,t,e){let s=new Set(n.required??[]),o=[],i=Object.entries(n.properties??{}).map(([c,d])=>{let{element:u,read:p}=es(c,d);s.has(c)&&u.setAttribute("aria-required","true"),o.push([c,p]);let b=a("span",{class:"kgnb-form-name"},d.title??c),h=d.description&&a("span",{class:"kgnb-form-about"},d.description);return a("label",{class:"kgnb-form-row"},b,u,h)}),r=a("div",{class:"kgnb-options"}),l=()=>{let c=o.map(([d,u])=>[d,u()]);t(Object.fromEntries(c.filter(([,d])=>d!==void 0)))};return r.append($("Send","primary",l,e)),[...i,r]}function es(n,t){if(t.enum){let i=t.enum,r=a("select",{class:"kgnb-input",name:n});r.append(...i.map((c,d)=>a("option",{value:d},m(c))));let l=i.indexOf(t.default??null);return l>=0&&(r.value=String(l)),{element:r,read:()=>i[Number(r.value)]}}if(t.type==="boolean"){let i=a("input",{type:"checkbox",name:n});return i.checked=t.default===!0,{element:i,read:()=>i.checked}}let e=t.type==="number"||t.type==="integer",s=a("input",{class:"kgnb-input",type:e?"number":"text",step:t.type==="number"?"any":null,name:n});return t.default!==void 0&&(s.value=m(t.default)),e?{element:s,read:()=>s.value===""?void 0:Number(s.value)}:{element:s,read:()=>s.value}}var ns=7e5;function ss(n,t){let e=a("input",{type:"file",class:"kgnb-input","aria-label":"File"}),s=a("p",{class:"kgnb-input-error",role:"alert"}),o=a("div",{class:"kgnb-options"}),i=async()=>{let r=e.files?.[0];if(!r)return void(s.textContent="Choose a file first.");if(r.size>ns)return void(s.textContent=`${r.name} is larger than 700 kB.`);s.textContent="";let l=new Uint8Array(await r.arrayBuffer()),c=Array.from(l,d=>String.fromCharCode(d)).join("");n({name:r.name,type:r.type,size:r.size,content:btoa(c)})};return o.append($("Send","primary",()=>{i()},t)),[e,s,o]}function f(n,t){return n.graph.nodes.find(e=>e.id===t)?.label??t}function P(n){return y(a("pre",{class:"kgnb-value","data-kind":typeof n=="string"?"text":"json"},S(ot(n))),"What is shown")}var os=500,rt=class{#t=new Map;#e=z("decisions","Decisions");#n="";#s;constructor(t){this.#s=t,this.element=a("div",{class:"kgnb-approvals"}),this.decisions=this.#e.element}update(t){let e=t.approvals.filter(o=>o.state==="open"),s=new Set(e.map(At));for(let[o,i]of this.#t)s.has(o)||(i.remove(),this.#t.delete(o));for(let o of e)this.#r(o,f(t,o.node_id));this.#o(t)}#r(t,e){let s=At(t),o=this.#t.get(s);if(o)return o.update();let i=new U(t,e,this.#s);this.#t.set(s,i),this.element.append(i.element),this.#s.announce(`${e} asks: ${t.message}`)}#o(t){let e=t.approvals.filter(r=>r.state!=="open"),{element:s,count:o}=this.#e;s.hidden=e.length===0,g(o,String(e.length));let i=e.map(r=>`${At(r)}${r.state}`).join();i!==this.#n&&(this.#n=i,this.#s.isFinal&&(s.open=!0),s.lastElementChild?.replaceChildren(...e.map(r=>is(r,f(t,r.node_id)))))}};function At(n){return`${n.approval_id} ${n.args_hash}`}function is(n,t){let s=a("span",{class:"kgnb-decision-value"},{timed_out:"timed out",cancelled:"not answered"}[n.state]??S(m(n.value))),i=n.state==="timed_out"&&n.value!==null&&`: ${m(n.value)}`,r=[q(n.by),L(n.by?.at)].filter(Boolean);return a("div",{class:"kgnb-decision","data-state":n.state},T(n.state==="answered"?"completed":"cancelled"),a("div",{class:"kgnb-decision-body"},a("div",{class:"kgnb-decision-question"},`${t}: `,S(n.message)),a("div",null,s,i,r.length>0&&` \xB7 ${r.join(" \xB7 ")}`),n.reason&&a("div",{class:"kgnb-decision-reason"},n.reason),n.payload!==null&&a("details",null,a("summary",null,"what was shown"),P(n.payload))))}var U=class{#t;#e;#n=a("p",{class:"kgnb-card-note",role:"status"});#s=a("p",{class:"kgnb-card-deadline"});#r;#o=!1;#i=!1;#a=new AbortController;constructor(t,e,s){this.#t=t,this.#e=s;let o=AbortSignal.any([s.signal,this.#a.signal]);this.#r=xe(t,(l,c)=>this.#c(l,c),o);let i=a("p",{class:"kgnb-card-question"},S(t.message));this.element=a("section",{class:"kgnb-card","aria-label":`${e} asks`,"data-approval":t.approval_id},a("p",{class:"kgnb-card-who"},T("waiting"),`${e} asks`),i,t.payload!==null&&t.kind!=="edit"&&ls(t.payload),cs(t)&&us(),this.#r,this.#s,this.#n),this.update(),setTimeout(()=>{this.#o=!0,this.update()},os);let r=setInterval(()=>this.#l(),1e3);o.addEventListener("abort",()=>clearInterval(r))}update(){let t=this.#e.isArmed()&&this.#o&&!this.#i;this.#r.disabled=!t,this.element.dataset.armed=String(t),this.#l()}remove(){this.#a.abort(),this.element.remove()}#l(){let{expires_at:t,on_timeout:e,need:s}=this.#t,o=(Date.parse(t??"")-Date.now())/1e3,i=[];if(s>1&&i.push(`Needs ${s} people.`),!Number.isNaN(o)){let r=e===null?"times out":`becomes \u201C${m(e)}\u201D`,l=o>0?`in ${_(o)}`:"now";i.push(`Unanswered, it ${r} ${l}.`)}g(this.#s,i.join(" ")),this.#s.hidden=i.length===0}async#c(t,e){if(this.#i||!this.#o||!this.#e.isArmed())return;this.#i=!0,this.update(),this.#d("Sending\u2026","");let s=setTimeout(()=>{let l=this.#e.via()==="comm"?Q:"Not confirmed yet; still trying.";this.#d(`${rs(this.#t,t)}${l}`,"late")},X),{approval_id:o,args_hash:i}=this.#t;try{await this.#e.command({type:"answer",approval_id:o,value:t,args_hash:i,...e?{reason:e}:{}}),this.#d("Recorded.","done")}catch(r){let l=r.code??"";this.#i=["already_answered","expired"].includes(l),this.#d(as(r),"error"),this.update()}finally{clearTimeout(s)}}#d(t,e){g(this.#n,t),this.#n.dataset.kind=e}};function rs({options:n},t){return n?.length?`You chose \u201C${m(t)}\u201D. `:""}function as({code:n,message:t,data:e}){if(n!=="already_answered")return`Not accepted: ${t||n}`;let s=e?.value!==void 0?` with \u201C${m(e.value)}\u201D`:"",o=e?.by?`: ${q(e.by)}`:"";return`Already answered${s}${o}.`}function ls(n){let t=P(n),e=(t.textContent??"").split(`
`).length,s=e>24&&a("p",{class:"kgnb-card-size"},`${R(e,"line")}, scroll to read all`);return a("div",{class:"kgnb-card-payload"},t,s)}function cs({message:n,payload:t,options:e}){return[n,t,e].some(s=>we(ds(s)))}function ds(n){let t=[];return JSON.stringify(n,(e,s)=>(t.push(e),typeof s=="string"&&t.push(s),s)),t.join(`
`)}function us(){return a("p",{class:"kgnb-card-warning"},"This holds characters that do not show; each stands here by its number.")}var gs={connecting:"connecting",live:"live",stale:"not answering",reconnecting:"reconnecting",offline:"offline",closed:"closed"},at=class{#t=new v("kgnb-run-chip");#e=a("div",{class:"kgnb-title",...Mt(2)});#n=a("span",{class:"kgnb-elapsed"});#s=a("span",null);#r=a("span",{class:"kgnb-connection"},T("live"),this.#s);#o=a("button",{type:"button",class:"kgnb-button kgnb-quiet","aria-label":"Cancel run"},"Cancel");#i=a("button",{type:"button",class:"kgnb-button kgnb-quiet"});#a=a("a",{class:"kgnb-open",target:"_blank",rel:"noopener",title:"Open in a tab","aria-label":"Open in a tab",hidden:!0},T("open"));#l=a("p",{class:"kgnb-note",hidden:!0});#c;#d=!1;#u="pause";#g=!1;#p="";constructor(t,e){this.#c=t,e&&!t.isFinal&&(this.#a.href=e,this.#a.hidden=!1),this.element=a("header",{class:"kgnb-header"},a("div",{class:"kgnb-header-line"},this.#e,this.#t.element,this.#n,a("span",{class:"kgnb-space"}),this.#r,this.#a,this.#i,this.#o),this.#l),this.#o.addEventListener("click",s=>s.isTrusted&&this.#x(),{signal:t.signal}),this.#i.addEventListener("click",s=>s.isTrusted&&this.#f(),{signal:t.signal})}update(t,e,s){let{isFinal:o}=this.#c,i=k.has(t.status),r=!o&&!i&&e.kind!=="live",l=t.seq>0||o;g(this.#e,t.workflow||"run");let c=l?`last seen ${t.status}`:"not read yet";if(this.#t.update(r?"stalled":t.status,r?c:void 0),g(this.#n,bs(t,r,o,s)),this.#r.hidden=o||i,this.#r.dataset.kind=e.kind,g(this.#s,gs[e.kind]),this.#r.title=e.kind==="live"?`by ${e.via}`:"",this.#o.hidden=o||i||!l,this.#o.disabled=this.#d||!this.#c.isArmed(),this.#w(t),i&&(this.#d=!1),!this.#d){let d=ps(e)||this.#c.disarmed();this.#h(o||i?"":d||this.#p||hs(t))}}#w(t){let e=t.paused?"resume":"pause";if(e!==this.#u||!this.#i.textContent){this.#u=e;let s=t.paused?"Resume":"Pause";this.#i.replaceChildren(s),this.#i.setAttribute("aria-label",`${s} run`),this.#i.classList.toggle("kgnb-quiet",!t.paused),this.#g=!1}this.#i.hidden=this.#o.hidden,this.#i.disabled=this.#o.disabled||this.#g}async#f(){let t=this.#u;this.#g=!0,this.#i.disabled=!0,await this.#k(t,t==="pause"?"Not paused":"Not resumed"),this.#g=!1}async#k(t,e){this.#p="";let s=setTimeout(()=>{this.#c.via()==="comm"&&this.#h(Q)},X);try{return await this.#c.command({type:t,run_id:this.#b.run_id}),!0}catch(o){return this.#p=`${e}: ${o.message}`,this.#h(this.#p),!1}finally{clearTimeout(s)}}async#x(){this.#d=!0,this.#o.disabled=!0,this.#h("Cancelling\u2026"),await this.#k("cancel","Not cancelled")||(this.#d=!1)}#b={run_id:""};aim(t){this.#b={run_id:t}}#h(t){this.#l.hidden=!t,g(this.#l,t)}};function ps(n){if(n.kind==="offline"||n.kind==="closed"){let t=n.reason?` (${n.reason})`:"";return`${Tt}${t}`}return n.kind==="stale"?n.reason:n.kind==="reconnecting"&&n.attempt>1?`Reconnecting: ${n.reason}. What is shown may be old.`:""}function hs(n){if(!n.paused)return"";let{before:t,by:e}=n.paused;return t?`Paused at the breakpoint before ${f(n,t)}.`:`Paused${e?`: ${q(e)}`:""}. What has begun goes on to its next step; nothing new begins.`}function bs(n,t,e,s){let o=Date.parse(n.started_at??"");if(Number.isNaN(o))return"";let i=Date.parse(n.ended_at??"");if(Number.isNaN(i)&&(t||e))return"";let r=Math.max(0,((Number.isNaN(i)?s:i)-o)/1e3);return`${e?`${L(n.started_at)} \xB7 `:""}${_(r)}`}var lt=class{#t=z("logs","Logs");#e=y(a("div",{class:"kgnb-log-box"}),"Logs");#n=a("p",{class:"kgnb-dropped",hidden:!0});#s=0;constructor(){this.element=this.#t.element,this.element.lastElementChild?.append(this.#n,this.#e)}update(t){let e=t.logs.length+t.logs_dropped;if(this.element.hidden=e===0,e===this.#s)return;e<this.#s&&(this.#e.replaceChildren(),this.#s=0);let s=fs(this.#e),o=Math.min(t.logs.length,e-this.#s);for(let i of o?t.logs.slice(-o):[])this.#r(t,i);for(this.#s=e;this.#e.children.length>t.logs.length;)this.#e.firstChild?.remove();g(this.#t.count,String(e)),this.#n.hidden=t.logs_dropped===0,g(this.#n,`${R(t.logs_dropped,"earlier entry")} not kept here.`),s&&(this.#e.scrollTop=this.#e.scrollHeight)}#r(t,e){let s=e.level?`${e.stream} ${e.level}`:e.stream;this.#e.append(a("div",{class:"kgnb-log","data-stream":e.stream,"data-level":e.level},a("span",{class:"kgnb-log-node"},f(t,e.node_id)),a("span",{class:"kgnb-log-source"},s),a("span",{class:"kgnb-log-text"},e.text.replace(/\n$/,""))))}};function fs(n){return n.scrollHeight-n.scrollTop-n.clientHeight<24}var ct=class{#t=z("timeline","Timeline");#e=a("ol",{class:"kgnb-visits"});#n=a("p",{class:"kgnb-dropped",hidden:!0});#s=[];constructor(){this.element=this.#t.element,this.element.lastElementChild?.append(this.#n,this.#e)}update(t,e){let{timeline:s}=t;this.element.hidden=s.length===0;let o=s.length+t.timeline_dropped;if(g(this.#t.count,R(o,"visit")),this.#n.hidden=t.timeline_dropped===0,g(this.#n,`${R(t.timeline_dropped,"earlier visit")} not kept here.`),!this.element.open)return;let i=Date.parse(s[0]?.started_at??""),r=s.map(c=>Date.parse(c.ended_at??"")||e),l=Math.max(1,Math.max(...r)-i);s.forEach((c,d)=>{let u=this.#s[d];u||(u=new Nt,this.#s[d]=u,this.#e.append(u.element));let p=Date.parse(c.started_at),b=r[d]??p;u.update(c,f(t,c.node_id),(p-i)/l,(b-p)/l)});for(let c of this.#s.splice(s.length))c.element.remove()}},Nt=class{#t=a("span",{class:"kgnb-visit-name"});#e=a("span",{class:"kgnb-visit-fill"});#n=a("span",{class:"kgnb-visit-facts"});constructor(){let t=a("span",{class:"kgnb-visit-track"},this.#e);this.element=a("li",{class:"kgnb-visit"},this.#t,t,this.#n)}update(t,e,s,o){g(this.#t,e),O(this.element,"data-status",t.status),this.#e.style.left=`${(s*100).toFixed(2)}%`,this.#e.style.width=`${(o*100).toFixed(2)}%`;let i=[t.status];t.attempts>1&&i.push(`${t.attempts} attempts`),t.duration!==null&&i.push(_(t.duration)),g(this.#n,i.join(" \xB7 "))}};var _e=12,dt=class{#t=new Map;#e=a("ol",{class:"kgnb-node-list"});constructor(){this.element=x("nodes","Steps",this.#e).element}update(t,e){let s=t.graph.nodes.map(i=>i.id),o=Object.keys(t.nodes).filter(i=>!s.includes(i));for(let i of[...s,...o]){let r=t.nodes[i];if(!r)continue;let l=this.#t.get(i);l||(l=new Ct(t.graph.nodes.find(c=>c.id===i),i),this.#t.set(i,l),this.#e.append(l.element)),l.update(r,ks(t,i),e)}this.element.hidden=this.#t.size===0}};function ks(n,t){let e=n.graph.edges.filter(s=>s.source===t).map(({action:s,target:o})=>s==="default"?o:`${o} on ${s}`);return e.length?`leads to ${e.join(", ")}`:""}var Ct=class{#t=new v("kgnb-node-chip");#e=a("span",{class:"kgnb-node-facts"});#n=a("span",{class:"kgnb-unseen"});#s=a("div",{class:"kgnb-node-message",hidden:!0});#r=a("div",{class:"kgnb-node-error",hidden:!0});#o;#i=new Map;#a=a("ul",{class:"kgnb-items",hidden:!0});#l=a("li",{class:"kgnb-items-more",hidden:!0});constructor(t,e){let s=t?.label??e;this.#o=new ut(s);let o=t?.path.length?`${t.path.join(" \u203A ")} \u203A `:"",i=a("span",{class:"kgnb-node-name"},o&&a("span",{class:"kgnb-node-path"},o),s);this.#a.append(this.#l),this.element=a("li",{class:"kgnb-node-row","data-node-row":e},a("div",{class:"kgnb-node-line"},i,this.#e,this.#t.element),this.#n,this.#o.element,this.#s,this.#r,this.#a)}update(t,e,s){this.element.dataset.status=t.status;let o=t.status==="idle"&&s;this.#t.update(t.status,o?"not reached":void 0),g(this.#e,ws(t)),g(this.#n,e);let i=["completed","skipped","cancelled"].includes(t.status);ye(this.#s,t.message??(i?"":t.progress?.message)??""),ye(this.#r,t.error?it(t.error):""),this.#o.update(t.progress),this.#c(t.items)}#c(t){let e=Object.keys(t);for(let[r,l]of this.#i)Object.hasOwn(t,r)||(l.element.parentElement?.remove(),this.#i.delete(r));let s=e.length>_e,o=s?ms(e,t):e;for(let r of e){let l=this.#i.get(r);!l&&o.includes(r)&&(l=new ut(r,r),this.#i.set(r,l),this.#l.before(a("li",null,l.element)));let c=l?.element.parentElement;c&&(c.hidden=!o.includes(r)),l?.update(t[r]??null)}this.#a.hidden=e.length===0,this.#l.hidden=!s;let i=e.filter(r=>(t[r]?.percent??0)>=100).length;g(this.#l,`${i} of ${e.length} items done`)}};function ms(n,t){return n.filter(s=>(t[s]?.percent??0)<100).slice(0,_e)}function ws(n){let t=[];return n.visits>1&&t.push(`visit ${n.visits}`),n.attempt>1&&t.push(`attempt ${n.attempt}`),n.duration!==null&&t.push(_(n.duration)),t.join(" \xB7 ")}function ye(n,t){n.hidden=!t,g(n,t)}var ut=class{#t=a("div",{class:"kgnb-bar-fill"});#e=a("span",{class:"kgnb-bar-numbers"});#n;constructor(t,e){this.#n=a("div",{class:"kgnb-bar-track",role:"progressbar","aria-label":`Progress of ${t}`},this.#t),this.element=a("div",{class:"kgnb-bar",hidden:!0},e&&a("span",{class:"kgnb-bar-name"},e),this.#n,this.#e)}update(t){if(this.element.hidden=!t,!t)return;let e=Math.min(100,Math.max(0,t.percent));this.#t.style.transform=`scaleX(${e/100})`,this.#n.setAttribute("aria-valuenow",String(Math.round(e))),this.#n.dataset.full=String(e>=100);let{current:s,total:o}=t,i=o!==null&&s!==null?`${s} / ${o}`:"";g(this.#e,i||`${Math.round(e)} %`)}};var xs="http://www.w3.org/2000/svg",vs=4e6,ys=new Set("svg g rect path text tspan title desc polygon circle line ellipse".split(" ")),_s=new Set("class role aria-label viewBox width height x y rx ry cx cy r x1 y1 x2 y2 d points fill fill-opacity stroke stroke-width stroke-dasharray opacity font-family font-size font-weight text-anchor data-node data-state data-kind data-edge data-count xmlns".split(" ")),Ss={idle:"idle",paused:"\u2016 paused",running:"\u25CF running",waiting:"\u25D4 waiting",retrying:"\u21BB retrying",completed:"\u2713 completed",failed:"\u2715 failed",skipped:"\u293C skipped",cancelled:"\u2298 cancelled"};function $s(n){if(!n||n.length>vs||/<[!?]/.test(n))return null;let t=new DOMParser().parseFromString(n,"image/svg+xml").documentElement,e=[t,...t.querySelectorAll("*")];return t.localName!=="svg"||!e.every(Es)?null:document.importNode(t,!0)}function Es(n){return n.namespaceURI!==xs||!ys.has(n.localName)?!1:Array.from(n.attributes).every(({name:t,value:e})=>_s.has(t)&&!/url\s*\(|javascript:/i.test(e))}var Ts=.68,gt=class{#t="";#e=new Map;#n=new Map;#s="";constructor(){this.element=y(a("div",{class:"kgnb-picture",hidden:!0}),"Picture of the graph")}update(t,e){let s=t.graph.svg??"";s!==this.#t&&this.#r(s);for(let[l,c]of this.#e){let d=Object.hasOwn(t.nodes,l)?t.nodes[l]:void 0,p=t.paused?.before===l?"paused":d?.status??"idle";O(c,"data-state",p),$e(c,".kgnb-state",p==="idle"&&e?"not reached":Ss[p]??p);let h=d?.visits??0;$e(c,".kgnb-count",h>1?`\xD7${h}`:"")}let o=t.active_edge,i=o?`${o.source}|${o.action}|${o.target}`:"",r=new Map(t.edges.map(l=>[`${l.source}|${l.action}|${l.target}`,l.count]));for(let[l,c]of this.#n)O(c,"data-count",String(r.get(l)??0)),O(c,"data-active",l===i?"true":null);this.#o(t)}#r(t){this.#t=t;let e=$s(t);if(this.element.hidden=!e,this.element.replaceChildren(...e?[e]:[]),this.#e=Se(e,"data-node"),this.#n=Se(e,"data-edge"),!e)return;let s=Number(e.getAttribute("width"))||0;e.style.minWidth=`${Math.round(Math.min(s,Math.max(260,s*Ts)))}px`,e.setAttribute("role","img")}#o(t){let e=t.active_edge?.target??"";if(e===this.#s)return;this.#s=e;let s=this.#e.get(e)?.getBoundingClientRect();if(!s||this.element.scrollWidth<=this.element.clientWidth)return;let o=this.element.getBoundingClientRect();(s.left<o.left||s.right>o.right)&&(this.element.scrollLeft+=s.left-o.left-24)}};function Se(n,t){let e=n?Array.from(n.querySelectorAll(`[${t}]`)):[];return new Map(e.map(s=>[s.getAttribute(t)??"",s]))}function $e(n,t,e){let s=n.querySelector(`:scope > ${t}`);s&&g(s,e)}function Ee(n){let t=[[]],e="";for(let s of n.split(`
`)){let o=t.at(-1),i=/^ {0,3}(```+|~~~+)/.exec(s)?.[1]??"";e?(o.push(s),i.startsWith(e)&&(e="",t.push([]))):i?(e=i,t.push([s])):s.trim()===""?o.length&&t.push([]):Ms(s,o.at(-1))?t.push([s]):o.push(s)}return t.filter(s=>s.length).map(s=>s.join(`
`))}var Ot=/^ {0,3}(#{1,6})\s+(.*?)\s*#*$/,B=/^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/,pt=/^ {0,3}> ?/;function Ms(n,t){if(t===void 0)return!0;let e=B.test(n);if(Ot.test(n)||Ot.test(t)||pt.test(n)!==pt.test(t))return!0;let s=B.test(t)||/^\s+/.test(t);return e&&!s}function Lt(n){let t=n.split(`
`),e=t[0]??"";if(/^ {0,3}(```|~~~)/.test(e))return As(t);let s=Ot.exec(e);if(s){let o=s[1]?.length??1;return a("p",{class:`kgnb-md-heading kgnb-md-h${o}`},M(s[2]??""))}if(/^ {0,3}([-*_])( *\1){2,} *$/.test(e))return a("hr");if(pt.test(e)){let o=t.map(i=>i.replace(pt,"")).join(`
`);return a("blockquote",null,M(o))}return B.test(e)?Ns(t):a("p",null,M(n))}function As(n){let t=n.length>1&&/^ {0,3}(```|~~~)/.test(n.at(-1)??""),e=n.slice(1,t?-1:void 0).join(`
`);return a("pre",{class:"kgnb-md-code"},a("code",null,e))}function Ns(n){let t=B.exec(n[0]??"")?.[2],e=t?a("ol",{start:t==="1"?null:t}):a("ul"),s=[];for(let i of n){let r=B.exec(i),l=s.at(-1);r?s.push({depth:r[1]?.length??0,text:r[3]??""}):l&&(l.text+=`
${i.trim()}`)}let o=s[0]?.depth??0;for(let{depth:i,text:r}of s){let l=i>o;e.append(a("li",{class:l&&"kgnb-md-nested"},M(r)))}return e}var Cs=new RegExp(["(?<code>`+)(?<codeText>[^`]|[^`].*?[^`])\\k<code>(?!`)",'!?\\[(?<label>[^\\]\\n]{0,500})\\]\\((?<target>[^()\\s]{0,2000})(?:\\s+"[^"\\n]{0,500}")?\\)',"(?<strong>\\*\\*|__)(?=\\S)(?<strongText>.{1,2000}?\\S?)\\k<strong>","(?<![\\w*])(?<em>[*_])(?=[^\\s*_])(?<emText>.{0,2000}?[^\\s*_])\\k<em>(?![\\w*])"].join("|"),"su"),Os=4;function M(n,t=0){let e=document.createDocumentFragment(),s=n;for(;s&&t<Os;){let o=Cs.exec(s);if(!o)break;e.append(s.slice(0,o.index),Ls(o,t)),s=s.slice(o.index+o[0].length)}return e.append(s),e}function Ls(n,t){let{code:e,codeText:s,label:o,target:i,strong:r,strongText:l,emText:c}=n.groups??{};return e?a("code",null,s):i!==void 0?Rs(o??"",i,t):r?a("strong",null,M(l??"",t+1)):a("em",null,M(c??"",t+1))}function Rs(n,t,e){let s=a("span",{class:"kgnb-md-address"},` (${t})`);return a("span",{class:"kgnb-md-link"},M(n,e+1),s)}var js={reasoning:"reasoning",tool_call:"tool call"},Is=2,ht=class{#t=new Map;#e=a("div",{class:"kgnb-stream-list"});#n=!1;constructor(t){let e=a("button",{type:"button",class:"kgnb-toggle","aria-pressed":"false"},"Markdown"),{element:s,heading:o}=x("streams","Text",this.#e);o.append(e),this.element=s,e.addEventListener("click",()=>{this.#n=!this.#n,e.setAttribute("aria-pressed",String(this.#n));for(let i of this.#t.values())i.redraw(this.#n)},{signal:t.signal})}update(t,e){t.streams.forEach((s,o)=>{let i=`${s.stream} ${s.kind}`,r=this.#t.get(i);r||(r=new Rt(s,Ds(t,s),this.#n),this.#t.set(i,r),this.#e.append(r.element));let l=e||o>=t.streams.length-Is;r.update(s,l)}),this.element.hidden=t.streams.length===0}};function Ds(n,t){let e=nt(t.task_id),s=[f(n,t.node_id)];e>1&&s.push(`visit ${e}`),(t.attempt??1)>1&&s.push(`attempt ${t.attempt}`);let o=js[t.kind];return o&&s.push(o),s.join(" \xB7 ")}var Rt=class{#t=document.createTextNode("");#e=0;#n="";#s;#r;#o=!1;#i=[];constructor(t,e,s){this.#r=s,this.#s=y(a("div",{class:"kgnb-stream-text","data-stream":t.stream}),`Text of ${e}`),this.element=a("details",{class:"kgnb-stream","data-kind":t.kind,open:!0},a("summary",{class:"kgnb-stream-title"},e),this.#s),this.#r||this.#s.append(this.#t)}update(t,e){if(!e&&!this.#o&&(this.#o=!0,this.element.open=!1),this.element.dataset.final=String(t.final),t.text.length===this.#n.length&&this.#n)return;this.#n=t.text;let s=this.#s,o=s.scrollHeight-s.scrollTop-s.clientHeight<24;this.#a(),o&&(s.scrollTop=s.scrollHeight)}redraw(t){t!==this.#r&&(this.#r=t,this.#i=[],this.#s.dataset.markdown=String(t),this.#s.replaceChildren(...t?[]:[this.#t]),this.#a())}#a(){if(this.#r)return this.#l();this.#n.length<this.#e&&(this.#t.data="",this.#e=0),this.#t.appendData(this.#n.slice(this.#e)),this.#e=this.#n.length}#l(){let t=Ee(this.#n);for(t.forEach((e,s)=>{if(e===this.#i[s])return;let o=this.#s.children[s];o?o.replaceWith(Lt(e)):this.#s.append(Lt(e))});this.#s.children.length>t.length;)this.#s.lastChild?.remove();this.#i=t}},bt=class{#t=a("ol",{class:"kgnb-message-list"});#e=a("div",{class:"kgnb-result-list"});#n=0;#s="";constructor(){this.messages=x("messages","Messages",this.#t).element,this.results=x("results","Results",this.#e).element}update(t,e){t.messages.length<this.#n&&(this.#t.replaceChildren(),this.#n=0);for(let s of t.messages.slice(this.#n)){let o=a("span",{class:"kgnb-message-role"},s.role),i=a("div",{class:"kgnb-message-text"},e(s.content));this.#t.append(a("li",{class:"kgnb-message","data-role":s.role},o,i))}this.#n=t.messages.length,this.messages.hidden=t.messages.length===0,this.#r(t,e)}#r(t,e){let s=Object.entries(t.results).filter(([,i])=>i!==null);this.results.hidden=s.length===0;let o=JSON.stringify(s);o!==this.#s&&(this.#s=o,this.#e.replaceChildren(...s.map(([i,r])=>a("div",{class:"kgnb-result","data-result":i},a("div",{class:"kgnb-result-name"},f(t,i)),e(r)))))}};function Te(n,t){let{error:e,status:s}=n;if(t.hidden=!e,!e)return;let o=e.node_id?f(n,e.node_id):"";g(t,s==="cancelled"?`Cancelled: ${e.message}`:it(e,o))}var F=class{view=w();connection={kind:"connecting"};#t;#e=!1;#n=1/0;#s=a("div",{class:"kgnb-error",role:"alert",hidden:!0});#r=a("div",{class:"kgnb-unseen","aria-live":"polite"});#o;constructor(t,{pageUrl:e="",isCompact:s=!1}={}){this.#t={...t,announce:i=>this.#d(i)},this.#o={header:new at(this.#t,e),approvals:new rt(this.#t),picture:new gt,nodes:new dt,streams:new ht(this.#t),outcomes:new bt,logs:new lt,timeline:new ct};let o=this.#o;if(this.element=a("article",{class:`kgnb kgnb-panel${s?" kgnb-compact":""}`,"aria-label":"kgnb run"},o.header.element,this.#s,o.approvals.element,o.picture.element,a("div",{class:"kgnb-columns"},a("div",{class:"kgnb-column"},o.nodes.element),a("div",{class:"kgnb-column"},o.streams.element,o.outcomes.messages,o.outcomes.results)),a("div",{class:"kgnb-folds"},o.approvals.decisions,o.timeline.element,o.logs.element),this.#r),o.timeline.element.addEventListener("toggle",()=>this.draw(),{signal:t.signal}),!t.isFinal){let i=setInterval(()=>this.#a(),1e3);t.signal.addEventListener("abort",()=>clearInterval(i))}}show(t,e){this.view=t;let s=Date.parse(e?.timestamp??"");Number.isNaN(s)||(this.#n=Math.min(this.#n,Date.now()-s)),this.#i()}connect(t){this.connection=t,this.#i()}draw(){this.#e=!1;let{view:t,connection:e}=this,{isFinal:s}=this.#t,o=Date.now()-(Number.isFinite(this.#n)?this.#n:0),i=this.#o;this.element.dataset.status=t.status,this.element.dataset.connection=s?"record":e.kind,t.run_id&&(this.element.dataset.run=t.run_id),i.header.aim(t.run_id),i.header.update(t,e,o),Te(t,this.#s),i.approvals.update(t),i.picture.update(t,s||t.ended_at!==null),i.nodes.update(t,s||t.ended_at!==null),i.streams.update(t,s),i.outcomes.update(t,P),i.logs.update(t),i.timeline.update(t,o),this.#c()}#i(){if(this.#e)return;this.#e=!0;let t=()=>this.#e&&!this.#t.signal.aborted&&this.draw();document.visibilityState==="hidden"?setTimeout(t,250):requestAnimationFrame(t)}#a(){this.view.ended_at===null&&this.connection.kind==="live"&&this.#i()}#l="";#c(){let{status:t,workflow:e}=this.view,s=this.#l;this.#l=t,s!==""&&s!==t&&t!=="waiting"&&!this.#t.isFinal&&this.#d(`${e||"Run"}: ${t}`)}#d(t){g(this.#r,t)}};var A="application/vnd.kgnb.run+json";function ft(n,t,e,s){let o={signal:s,isFinal:!0,disarmed:()=>"",isArmed:()=>!1,via:()=>"",command:()=>Promise.reject(new Error("a record takes no commands"))},i=new F(o,{isCompact:e.compact});return i.show(ce(t,e),null),i.draw(),Ae(n,i,s),i}function Me(n,t,e){let{runId:s,target:o,disarmed:i=()=>"",onEnd:r}=t,l,c=o.baseUrl&&o.log!=="kernel"?`${o.baseUrl}kgnb/runs/${encodeURIComponent(s)}`:"",d=new F({signal:e,isFinal:!1,disarmed:i,isArmed:()=>!i()&&!!l?.connection,via:()=>l?.via??"",command:p=>l?.command(p)??Promise.reject(new Error("not connected"))},{pageUrl:o.via==="page"?"":c,isCompact:t.compact});d.show(zs(t),null),d.draw(),Ae(n,d,e);let u=!1;return l=new st(s,oe(o),{onView:(p,b)=>{d.show(p,b),!(u||!k.has(p.status))&&(u=!0,r?.(p))},onState:p=>d.connect(p)},e),d}function zs({runId:n,name:t,graph:e}){let s=w();s.run_id=n,s.workflow=t??"",s.graph=I(e??{});for(let o of s.graph.nodes)s.nodes[o.id]=D();return s}function Ae(n,t,e){n.replaceChildren(t.element),Object.defineProperty(t.element,"kgnb",{configurable:!0,get:()=>({view:t.view,connection:t.connection})}),e.addEventListener("abort",()=>t.element.remove())}function kt(){try{let n=document.getElementById("jupyter-config-data")?.textContent,{baseUrl:t}=JSON.parse(n??"{}");if(typeof t!="string")return null;let e=new URL(t,location.href);return e.origin===location.origin?e.pathname:null}catch{return null}}var jt=null;function Ce(n){jt=n}function Oe(n){for(let t of Le())if(t?.sessionContext&&t.node?.contains(n))return t.sessionContext.session?.kernel??null;return null}function Le(){try{return Array.from(jt?.shell?.widgets?.("main")??[])}catch{return[]}}var Ne=new Map;function Re(n){for(let i of Le()){let r=i?.sessionContext?.session?.kernel;if(r?.id===n)return r}let t=Ne.get(n);if(t&&!t.isDisposed)return t;let e=jt?.serviceManager?.kernels,s=Array.from(e?.running()??[]).find(i=>i.id===n);if(!e||!s)return null;let o=e.connectTo({model:{id:s.id,name:s.name}});return Ne.set(n,o),o}function je(n,t){let e=new AbortController,s=t.createElement("div");ft(s,n,{},e.signal);for(let r of s.querySelectorAll("button, a, [aria-live]"))r.remove();for(let r of s.querySelectorAll("[hidden]"))r.remove();for(let r of s.querySelectorAll("details"))r.open=!0;let o=t.createElement("style");o.textContent=V,s.prepend(o);let i=s.outerHTML;return e.abort(),i}var qs=-20,Ps=2500,Us="This run belongs to another kernel than this notebook's, so its buttons are off here. Answer it in the kgnb side panel.";function Ie({Widget:n}){class t extends n{#t=null;#e="";constructor(){super(),this.addClass("kgnb-output")}async renderModel(s){let o=s.data[A]??{},i=s.metadata?.[A]??{},r=JSON.stringify([o,i]);if(r===this.#e)return;this.#e=r,this.#t?.abort(),this.#t=new AbortController;let{signal:l}=this.#t,c=document.createElement("div");this.node.replaceChildren(c),o.final&&o.record?ft(c,o.record,{...i,compact:o.compact},l):i.run_id?this.#n(c,s,o,{...i,run_id:i.run_id},l):c.textContent="This kgnb output names no run."}#n(s,o,i,r,l){let{run_id:c,kernel_id:d,log:u,transports:p}=r,b=()=>Oe(this.node),h=Me(s,{runId:c,name:i.name,graph:i.graph,compact:i.compact,target:{baseUrl:kt(),kernel:()=>d?Re(d):b(),log:u,transports:p},disarmed:()=>{let N=b()?.id;return d&&N&&N!==d?Us:""},onEnd:N=>{let Pe=setTimeout(()=>Bs(o,i,r,N,h.element),Ps);l.addEventListener("abort",()=>clearTimeout(Pe))}},l)}dispose(){this.#t?.abort(),super.dispose()}}return{id:"kgnb:renderer",description:"Draws runs of kgnb.",rendererFactory:{safe:!0,mimeTypes:[A],createRenderer:()=>new t},rank:qs,dataType:"json"}}function Bs(n,t,e,s,o){let i=n.data[A];if(!i||i.final)return;let r=ae(s),l={version:1,final:!0,record:r};t.compact&&(l.compact=!0);let{run_id:c,kernel_id:d=null}=e,u={run_id:c,kernel_id:d,...le(s)};n.setData({data:{[A]:l,"text/html":je(r,o.ownerDocument),"text/plain":`${r.workflow}: ${r.status}`},metadata:{...n.metadata,[A]:u}})}var Fs=15e3,Vs=500,Ws=40,Hs={of:()=>"",refresh:()=>Promise.resolve()},Ks={workflow_started:"running",workflow_resumed:"running",workflow_paused:"paused",workflow_stalled:"stalled",workflow_completed:"completed",workflow_failed:"failed",workflow_cancelled:"cancelled",workflow_lost:"lost"},It=class{runs=new Map;open=new Map;#t=new Set;list(t){for(let e of t){let s=this.runs.get(e.run_id);if(s&&k.has(s.status)){s.kernel_id??=e.kernel_id;continue}this.runs.set(e.run_id,e),k.has(e.status)&&this.#n(e.run_id)}}take(t){let{run_id:e}=t,s=Ks[t.type];if(s&&this.#e(t,s),s&&k.has(s)&&this.#n(e),t.type==="approval_request"){let o=t,i=`${o.data.approval_id} ${o.data.args_hash}`,r=k.has(this.runs.get(e)?.status??"");!this.#t.has(i)&&!r&&this.open.set(i,{run_id:e,request:o})}else if(t.type==="approval_resolved")for(let[o,{request:i}]of this.open)i.data.approval_id===t.data.approval_id&&(this.open.delete(o),this.#t.add(o))}#e(t,e){let s=this.runs.get(t.run_id);s&&k.has(s.status)||this.runs.set(t.run_id,{run_id:t.run_id,workflow:t.workflow||s?.workflow||"run",started_at:s?.started_at??t.timestamp??null,kernel_id:s?.kernel_id??null,status:e})}#n(t){for(let[e,s]of this.open)s.run_id===t&&this.open.delete(e)}},mt=class{onCount=()=>{};#t=new It;#e;#n;#s;#r;#o=new Map;#i=new Map;#a=x("asks","Waiting for you");#l=a("div",null);#c=x("runs","Runs");#d=a("ul",{class:"kgnb-run-list"});#u=a("p",{class:"kgnb-side-note",role:"status",hidden:!0});#g=a("p",{class:"kgnb-side-empty"},"No runs yet. kgnb.run(graph) starts one.");#p=a("div",{class:"kgnb-unseen","aria-live":"polite"});#w=0;constructor(t,e,s=Hs){this.#e=t,this.#s=e,this.#r=s,this.#n=Et(t),this.#a.element.append(this.#l),this.#c.element.append(this.#d),this.element=a("div",{class:"kgnb kgnb-side",role:"region","aria-label":"kgnb runs"},this.#u,this.#a.element,this.#c.element,this.#g,this.#p),this.#n.onState(()=>this.#f(),e),this.#n.watchAll(i=>{this.#t.take(i),this.#t.runs.get(i.run_id)?.kernel_id||this.#x(),this.#v()},e);for(let i of this.#n.views())for(let r of i.approvals)this.#t.take(Ys(i,r));let o=setInterval(()=>this.#b(),Fs);e.addEventListener("abort",()=>clearInterval(o)),this.#b()}#f(){let{state:t}=this.#n,e=t.kind!=="live"&&t.kind!=="connecting";this.#u.hidden=!e;let s="reason"in t&&t.reason?` (${t.reason})`:"";g(this.#u,t.kind==="offline"||t.kind==="closed"?`The kgnb server extension does not answer${s}. Runs are shown and answered in their cells only.`:`Not connected${s}; what is shown may be old.`),t.kind==="live"&&this.#b();for(let{card:o}of this.#o.values())o.update()}#k;#x(){this.#k??=setTimeout(()=>{this.#k=void 0,this.#s.aborted||this.#b()},Vs)}async#b(){try{let t=await fetch(`${this.#e}kgnb/api/runs`,{signal:this.#s});if(!t.ok)return;let{runs:e}=await t.json();this.#t.list(e??[]),[...this.#t.open.values()].some(i=>!this.#m(i.run_id))&&await this.#r.refresh(),this.#v();let{kind:o}=this.#n.state;o==="offline"&&await this.#n.settled(this.#s)}catch{}}#h=!1;#v(){this.#h||(this.#h=!0,setTimeout(()=>{this.#h=!1,this.#s.aborted||this.#y()},50))}#y(){this.#E(),this.#S();let t=this.#o.size;this.#a.element.hidden=t===0,this.#c.element.hidden=this.#i.size===0,this.#g.hidden=this.#i.size>0,t!==this.#w&&(this.#w=t,this.onCount(t))}#E(){for(let[t,{card:e}]of this.#o)this.#t.open.has(t)||(e.remove(),this.#o.delete(t));for(let[t,{run_id:e,request:s}]of this.#t.open){let o=this.#o.get(t);if(o){g(o.place,this.#m(e));continue}let r=`${this.#t.runs.get(e)?.workflow??s.workflow??"run"} \u203A ${s.node_id}`,l=new U(xt(s),r,this.#_()),c=a("p",{class:"kgnb-card-place"},this.#m(e));l.element.append(c),this.#o.set(t,{card:l,place:c}),this.#l.append(l.element),g(this.#p,`${r} asks: ${s.data.message}`)}}#m(t){let e=this.#t.runs.get(t)?.kernel_id;return e?this.#r.of(e):""}#_(){return{signal:this.#s,isFinal:!1,disarmed:()=>"",isArmed:()=>this.#n.state.kind==="live",via:()=>"websocket",command:t=>this.#n.command(t),announce:t=>g(this.#p,t)}}#S(){let t=[...this.#t.runs.values()].sort((o,i)=>(i.started_at??"").localeCompare(o.started_at??"")).slice(0,Ws),e=new Set([...this.#t.open.values()].map(o=>o.run_id)),s=new Set(t.map(o=>o.run_id));for(let[o,i]of this.#i)s.has(o)||(i.element.remove(),this.#i.delete(o));t.forEach((o,i)=>{let r=this.#i.get(o.run_id)??this.#$(o),l=o.status==="running"||o.status==="waiting";r.chip.update(l?e.has(o.run_id)?"waiting":"running":o.status),g(r.place,this.#m(o.run_id)),this.#d.children[i]!==r.element&&this.#d.insertBefore(r.element,this.#d.children[i]??null)})}#$(t){let e=new v,s=`${this.#e}kgnb/runs/${encodeURIComponent(t.run_id)}`,o=a("a",{class:"kgnb-run-name",href:s,target:"_blank",rel:"noopener"},t.workflow),i=a("span",{class:"kgnb-run-place"}),r=a("div",{class:"kgnb-run-when",title:L(t.started_at)},fe(t.started_at)," ",i),l=a("div",{class:"kgnb-run-what"},o,r),c=a("div",{class:"kgnb-run-line"},l,e.element),u={element:a("li",{class:"kgnb-run-row","data-run":t.run_id},c),chip:e,place:i};return this.#i.set(t.run_id,u),u}};function Ys(n,t){let{state:e,node_id:s,opened_at:o,...i}=t;return{type:e==="open"?"approval_request":"approval_resolved",run_id:n.run_id,workflow:n.workflow,node_id:s,data:i,timestamp:o}}var Gs=640;function De({Widget:n}){return{id:"kgnb:runs",description:"Lists the runs of kgnb and their open questions.",autoStart:!0,activate:t=>{Ce(t);try{Js(t,new n)}catch(e){console.warn("kgnb: no side panel here:",e)}}}}function Js(n,t){let e=kt();if(!e)return;let s=new AbortController,o=new mt(e,s.signal,Xs(n));t.id="kgnb-runs",t.title.caption="kgnb runs",t.title.iconClass="kgnb-tab-icon",t.title.className="kgnb-tab",t.node.append(o.element),o.onCount=i=>{t.title.className=i?"kgnb-tab kgnb-tab-asks":"kgnb-tab",t.title.caption=i?`kgnb runs: ${i} waiting for you`:"kgnb runs"},t.disposed.connect(()=>s.abort()),n.shell.add(t,"left",{rank:Gs})}function Xs(n){let t=n.serviceManager?.sessions;return{of:e=>Array.from(t?.running?.()??[]).find(o=>o.kernel?.id===e)?.path??"",refresh:async()=>t?.refreshRunning?.()}}var ze={};async function Qs(n){let t=Object.values(n["@lumino/widgets"]??{}),e=t.find(s=>s.loaded)??t[0];if(!e)throw new Error("the application shares no @lumino/widgets");return(await e.get())()}function Zs(){if(document.querySelector("style[data-kgnb]"))return;let n=document.createElement("style");n.dataset.kgnb="",n.textContent=V,document.head.append(n)}var to={"./mimeExtension":Ie,"./extension":De},eo={init(n){ze=n},async get(n){let t=[];try{let s=to[n];if(!s)throw new Error(`no module ${n}`);Zs(),t=s(await Qs(ze))}catch(s){console.warn("kgnb: left out of this application:",s)}let e={__esModule:!0,default:t};return()=>e}},qe=window;qe._JUPYTERLAB??={};qe._JUPYTERLAB.kgnb=eo;})();
