/* kgnb's panel, built from kgnb/web/src by build.mjs. BSD-3-Clause. */
"use strict";(()=>{var dt=`/* kgnb: the panel of a run. One root class, own tokens, light and dark. */

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
.kgnb .kgnb-usage { color: var(--kgnb-muted); font-variant-numeric: tabular-nums; }
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
.kgnb .kgnb-card-barred { padding: 8px 12px; border-left: 3px solid var(--kgnb-line-strong); color: var(--kgnb-fg); background: var(--kgnb-soft); }
.kgnb .kgnb-card[data-barred="true"] .kgnb-reason { display: none; }
.kgnb .kgnb-votes { display: grid; gap: 4px; }
.kgnb .kgnb-votes-rules, .kgnb .kgnb-votes-missing, .kgnb .kgnb-votes-time { color: var(--kgnb-muted); }
.kgnb .kgnb-votes-tally { font-weight: 550; font-variant-numeric: tabular-nums; }
.kgnb .kgnb-votes-list { margin: 0; padding: 0; list-style: none; }
.kgnb .kgnb-votes-row { padding: 1px 0; overflow-wrap: anywhere; }
.kgnb .kgnb-votes-row[data-mine] .kgnb-votes-who, .kgnb .kgnb-votes-value { font-weight: 600; }
.kgnb .kgnb-votes-time { font-size: 12px; font-variant-numeric: tabular-nums; }
.kgnb .kgnb-votes-reason { display: block; padding-left: 1.2em; color: var(--kgnb-muted); font-style: italic; white-space: pre-wrap; }
.kgnb .kgnb-answer-form { display: grid; gap: 10px; }
.kgnb .kgnb-options { display: flex; flex-wrap: wrap; gap: 10px; }
.kgnb .kgnb-options .kgnb-button { min-width: 92px; min-height: 38px; }

/* ---- forms ---- */

.kgnb .kgnb-button.kgnb-small { min-height: 30px; padding: 3px 12px; font-size: 12px; font-weight: 500; }
.kgnb :is(.kgnb-answer-form, .kgnb-form-row, .kgnb-form-group, .kgnb-file) { grid-template-columns: minmax(0, 1fr); }
.kgnb .kgnb-form-row { display: grid; gap: 4px; }
.kgnb .kgnb-form-row > .kgnb-input { max-width: 560px; }
.kgnb .kgnb-form-row > .kgnb-input-number { max-width: 220px; }
.kgnb .kgnb-form-label, .kgnb .kgnb-form-check { display: flex; gap: 6px; align-items: baseline; overflow-wrap: anywhere; }
.kgnb .kgnb-form-check { gap: 8px; align-items: center; min-height: 26px; }
.kgnb .kgnb-form-check > * { min-width: 0; }
.kgnb .kgnb-check { flex: none; width: 17px; height: 17px; margin: 0; accent-color: var(--kgnb-primary); }
.kgnb .kgnb-form-name { font-weight: 550; }
.kgnb .kgnb-form-optional, .kgnb .kgnb-form-about { color: var(--kgnb-muted); font-size: 12px; }
.kgnb .kgnb-form-about { max-width: 70ch; white-space: pre-line; }
.kgnb .kgnb-form-error, .kgnb .kgnb-form-summary { color: var(--kgnb-red); font-size: 12.5px; overflow-wrap: anywhere; }
.kgnb :is(.kgnb-form-error, .kgnb-form-summary):empty { display: none; }
.kgnb .kgnb-form-error::before, .kgnb .kgnb-form-summary::before { content: "! " / ""; font-weight: 700; }
.kgnb .kgnb-input[aria-invalid="true"] { border-color: var(--kgnb-red); box-shadow: 0 0 0 1px var(--kgnb-red); }
.kgnb .kgnb-input:disabled { color: var(--kgnb-muted); background: var(--kgnb-grey-soft); border-color: var(--kgnb-line); }

.kgnb .kgnb-form-group {
  display: grid;
  gap: 12px;
  max-width: 640px;
  padding: 10px 14px 14px;
  border: 1px solid var(--kgnb-line);
  border-radius: 8px;
  background: var(--kgnb-bg);
}
.kgnb .kgnb-form-group .kgnb-form-group { background: none; }
.kgnb .kgnb-form-legend { padding: 0 6px; margin-inline-start: -6px; }
.kgnb :is(.kgnb-form-top, .kgnb-edit > .kgnb-form-group, .kgnb-either > .kgnb-form-group) { max-width: none; padding: 0; border: 0; background: none; }
.kgnb .kgnb-form-group > .kgnb-form-inner > .kgnb-form-group { padding: 0; border: 0; }
.kgnb .kgnb-form-inner > .kgnb-form-group > .kgnb-form-legend,
.kgnb :is(.kgnb-form-top, .kgnb-edit > .kgnb-form-group, .kgnb-either > .kgnb-form-group) > .kgnb-form-legend,
.kgnb :is(.kgnb-form-top.kgnb-form-row, .kgnb-edit > .kgnb-form-row) > .kgnb-form-label {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
}
.kgnb .kgnb-form-inner:not([hidden]) { display: grid; gap: 10px; min-width: 0; }
.kgnb .kgnb-form-inner:empty { display: none; }
.kgnb .kgnb-form-list { display: grid; gap: 10px; }
.kgnb .kgnb-form-list:empty { display: none; }
.kgnb .kgnb-form-entry { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 6px 10px; align-items: end; }
.kgnb .kgnb-form-entry > .kgnb-input { grid-column: 1 / -1; max-width: 260px; }
.kgnb .kgnb-form-group > .kgnb-small, .kgnb .kgnb-either > .kgnb-small { justify-self: start; }

.kgnb .kgnb-edit, .kgnb .kgnb-either { display: grid; gap: 10px; }
.kgnb .kgnb-edit .kgnb-form-row > .kgnb-input { max-width: none; }
.kgnb .kgnb-either .kgnb-form-group .kgnb-form-row > .kgnb-input { max-width: 560px; }
.kgnb :is(.kgnb-changes, .kgnb-reason, .kgnb-edited) > summary { width: fit-content; color: var(--kgnb-muted); font-size: 12.5px; cursor: pointer; }
.kgnb .kgnb-changes > summary { color: var(--kgnb-amber); font-weight: 550; }
.kgnb .kgnb-reason > .kgnb-input { max-width: 560px; margin-top: 6px; }
.kgnb .kgnb-diff {
  max-height: 22em;
  margin-top: 6px;
  padding: 8px 0;
  overflow: auto;
  border: 1px solid var(--kgnb-line);
  border-radius: 8px;
  background: var(--kgnb-bg);
  font: 12.5px/1.55 var(--kgnb-mono);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.kgnb .kgnb-diff-line { display: block; padding: 0 12px; }
.kgnb .kgnb-diff-line[data-change="added"] { color: var(--kgnb-green); background: var(--kgnb-green-soft); }
.kgnb .kgnb-diff-line[data-change="removed"] { color: var(--kgnb-red); background: var(--kgnb-red-soft); }
.kgnb .kgnb-diff-gap { display: block; padding: 0 12px; color: var(--kgnb-muted); }

.kgnb .kgnb-file {
  display: grid;
  gap: 8px;
  max-width: 560px;
  padding: 14px 16px;
  border: 1.5px dashed var(--kgnb-line-strong);
  border-radius: 8px;
  background: var(--kgnb-bg);
}
.kgnb .kgnb-file[data-over="true"] { border-style: solid; border-color: var(--kgnb-blue); background: var(--kgnb-blue-soft); }
.kgnb .kgnb-file[data-chosen="true"] { border-style: solid; }
.kgnb .kgnb-file:has([aria-invalid="true"]) { border-color: var(--kgnb-red); }
.kgnb .kgnb-file-hint { color: var(--kgnb-muted); font-size: 12.5px; }
.kgnb .kgnb-file-input { width: 100%; min-width: 0; font: 13px/1.5 var(--kgnb-font); color: transparent; }
.kgnb .kgnb-file-input::file-selector-button {
  min-height: 34px;
  padding: 5px 14px;
  border: 1px solid var(--kgnb-line-strong);
  border-radius: 8px;
  font: 550 13px/1.4 var(--kgnb-font);
  color: var(--kgnb-fg);
  background: var(--kgnb-card);
  cursor: pointer;
}
.kgnb .kgnb-file-chosen { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; overflow-wrap: anywhere; }

/* ---- values ---- */

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
.kgnb .kgnb-tracks .kgnb-track { margin-inline-start: calc(var(--depth, 0) * 16px); }
.kgnb .kgnb-items { margin-top: 2px; }
.kgnb .kgnb-items[data-many="true"] { max-height: 15em; overflow: auto; }
.kgnb .kgnb-items[data-many="true"] > .kgnb-item-list {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 190px), 1fr));
  gap: 0 18px;
}
.kgnb .kgnb-items[data-many="true"] .kgnb-bar-name { flex-basis: 4.6em; }
.kgnb .kgnb-items-more { padding-top: 2px; color: var(--kgnb-muted); font-size: 12px; }

.kgnb .kgnb-bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0 10px; padding: 4px 0 2px; }
.kgnb .kgnb-bar-note { flex: 1 0 100%; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--kgnb-muted); font-size: 12px; }
.kgnb .kgnb-bar-name { flex: 0 1 min(34%, 11em); min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--kgnb-muted); font-size: 12px; }
.kgnb .kgnb-bar-track { flex: 1 1 3em; height: 6px; overflow: hidden; border-radius: 3px; background: var(--kgnb-grey-soft); }
.kgnb .kgnb-bar-fill { height: 100%; border-radius: 3px; background: var(--kgnb-blue); transform: scaleX(0); transform-origin: 0 50%; transition: transform 160ms ease-out; }
.kgnb .kgnb-bar-track[data-endless="true"] .kgnb-bar-fill { opacity: 0.35; }
.kgnb .kgnb-bar-track[data-full="true"] .kgnb-bar-fill { background: var(--kgnb-green); }
.kgnb .kgnb-bar-track[data-failed="true"] .kgnb-bar-fill { background: var(--kgnb-red); }
.kgnb .kgnb-bar-numbers { min-width: 4.2em; text-align: end; color: var(--kgnb-muted); font-size: 12px; font-variant-numeric: tabular-nums; }

@container kgnb (min-width: 700px) {
  .kgnb .kgnb-columns:has(> .kgnb-column:last-child > .kgnb-streams[data-many="true"]) { grid-template-columns: minmax(0, 1fr); }
}
.kgnb .kgnb-stream-visit + .kgnb-stream-visit { margin-top: 10px; }
.kgnb .kgnb-stream-visit[data-open="true"] > .kgnb-stream-beside {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 250px), 1fr));
  gap: 12px 16px;
  align-items: start;
}
.kgnb .kgnb-stream-visit:has(> .kgnb-stream-beside > :nth-child(2)) .kgnb-stream-text { max-height: 14em; }
.kgnb .kgnb-stream-visit > .kgnb-stream-beside[data-many="true"] .kgnb-stream-text { max-height: 8.5em; }
.kgnb .kgnb-stream-visit > .kgnb-stream-beside[data-many="true"] { max-height: 46em; overflow: auto; }
.kgnb .kgnb-stream { min-width: 0; }
.kgnb .kgnb-stream-title {
  padding: 2px 0;
  font-weight: 550;
  overflow-wrap: anywhere;
  cursor: pointer;
}
.kgnb .kgnb-stream-facts { margin-inline-start: 8px; font-weight: 400; font-size: 12px; color: var(--kgnb-muted); font-variant-numeric: tabular-nums; }
.kgnb .kgnb-stream-facts:empty { display: none; }
.kgnb .kgnb-stream[data-superseded="true"] .kgnb-stream-title > :first-child { color: var(--kgnb-muted); text-decoration: line-through; }
.kgnb .kgnb-stream[data-superseded="true"] .kgnb-stream-facts { color: var(--kgnb-amber); }
.kgnb .kgnb-stream[data-superseded="true"] .kgnb-stream-text { color: var(--kgnb-muted); text-decoration: line-through; text-decoration-color: var(--kgnb-line-strong); }
.kgnb .kgnb-stream-thought { padding: 2px 0; color: var(--kgnb-muted); font-size: 12px; cursor: pointer; }
.kgnb .kgnb-calls { display: grid; gap: 8px; margin-top: 8px; }
.kgnb .kgnb-call-head { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 8px; }
.kgnb .kgnb-call-word { color: var(--kgnb-muted); font-size: 12px; }
.kgnb .kgnb-call-name { font: 600 12.5px/1.5 var(--kgnb-mono); overflow-wrap: anywhere; }
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
.kgnb .kgnb-stream-part[data-kind="reasoning"] .kgnb-stream-text { color: var(--kgnb-muted); font-style: italic; border-inline-start: 3px solid var(--kgnb-line); }
.kgnb .kgnb-stream-part[data-kind="tool_call"] .kgnb-stream-text { max-height: 8.5em; padding: 8px 12px; font: 12.5px/1.55 var(--kgnb-mono); border-inline-start: 3px solid var(--kgnb-amber); }
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
.kgnb.kgnb-compact .kgnb-stream-visit:not(:last-child), .kgnb.kgnb-compact .kgnb-stream-superseded { display: none; }
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
`;function he(n){if(!n)return null;let t={};return n.user!=null&&(t.user=n.user),n.via&&(t.via=n.via),n.at&&(t.at=n.at),n.kind&&n.kind!=="human"&&(t.kind=n.kind),t}function ze({voter:n,user:t,value:e,at:s,reason:i,approver:r}){let o={voter:n,user:t};return e!=null&&(o.value=e),s&&(o.at=s),i!=null&&(o.reason=i),r!=null&&(o.approver=r),o}function X(n){let{data:t}=n;return{approval_id:t.approval_id,node_id:n.node_id,task_id:n.task_id??null,args_hash:t.args_hash,message:t.message,options:t.options??null,payload:t.payload??null,schema:t.schema??null,kind:t.kind??"choice",name:t.name??null,expires_at:t.expires_at??null,on_timeout:t.on_timeout??null,need:t.need??1,approvers:t.approvers??null,veto:t.veto??null,opened_at:n.timestamp??"",correction:t.correction??null,votes:[],state:"open",value:null,edited_payload:null,by:null,reason:null}}function Be(n,t){let e=X(t),s=n.findIndex(r=>r.approval_id===e.approval_id),i=n[s];if(!i)return void n.push(e);i.state==="open"&&i.args_hash===e.args_hash&&(e.votes=i.votes),n[s]=e}function ut(n,{data:t}){for(let e of n)e.approval_id===t.approval_id&&e.args_hash===t.args_hash&&(e.votes=t.votes.map(ze))}function Pe(n,{data:t}){for(let e of n)e.approval_id===t.approval_id&&(e.state=t.outcome,e.value=cs(e.kind,t.value??null),e.edited_payload=t.edited_payload??null,e.by=he(t.by),e.reason=t.reason??null,t.votes!=null&&(e.votes=t.votes.map(ze)))}function cs(n,t){if(n!=="file"||!t||typeof t!="object"||Array.isArray(t))return t;let{content:e,...s}=t;return s}function Q(n,t,e){return Object.defineProperty(n,t,{value:e,writable:!0,enumerable:!0,configurable:!0}),e}function Ue(n,t){let{percent:e,current:s,total:i,message:r,item:o,track:l,...c}=t.data,d={percent:e,current:s??null,total:i??null,message:r??null,label:c.label??null,rate:c.rate??null,remaining:c.remaining??null,elapsed:c.elapsed??null,closed:c.closed??!1,failed:c.failed??!1,attempt:t.attempt??null},u=o==null?"":`${o}/`;return d.closed&&ge(n.tracks,`${u}${l??1}.`),l!=null?(Q(n.tracks,u+l,{...d,track:l,item:o??null}),null):o==null?d:(Q(n.items,o,d),null)}function ge(n,t=""){for(let[e,s]of Object.entries(n))s.track.includes(".")&&e.startsWith(t)&&delete n[e]}function Fe(n,t){let e=t.kind??"text",s=t.call?.number??null,i=n.findLast(c=>c.stream===t.stream&&c.kind===e&&c.call===s);i||(i=ds(t,e,s),us(n,i),n.push(i)),t.call?.name&&(i.tool=t.call.name);let r=t.index??0;r>i.length&&(i.missing+=r-i.length,i.length=r,i.text+="\u2026");let o=i.length-r,l=Array.from(t.data);return i.text+=o?l.slice(o).join(""):t.data,i.length+=Math.max(0,l.length-o),i.final=i.final||(t.final??!1),!t.usage||i.usage?null:(i.usage=ht(null,t.usage),i.usage)}function ds(n,t,e){return{stream:n.stream,node_id:n.node_id,task_id:n.task_id??null,attempt:n.attempt??null,kind:t,name:n.name??null,item:n.item??null,call:e,tool:null,text:"",length:0,missing:0,final:!1,superseded:!1,usage:null}}function us(n,t){for(let e of n)e.task_id===t.task_id&&e.item===t.item&&(e.attempt??0)<(t.attempt??0)&&(e.superseded=!0)}function ht(n,t){let e=s=>(n?.[s]??0)+(t[s]??0);return{input_tokens:e("input_tokens"),output_tokens:e("output_tokens"),total_tokens:e("total_tokens"),cached_tokens:e("cached_tokens"),reasoning_tokens:e("reasoning_tokens")}}var hs=1e3,gs=1e3,fs=200,S=new Set(["completed","failed","cancelled","lost"]),gt=new Set(["completed","failed","skipped","cancelled"]);function O(){return{run_id:"",workflow:"",status:"running",seq:0,started_at:null,ended_at:null,params:{},session_id:null,message:null,graph:{name:"",start:null,nodes:[],edges:[],svg:null},nodes:{},edges:[],active_edge:null,streams:[],approvals:[],messages:[],results:{},logs:[],logs_dropped:0,timeline:[],timeline_dropped:0,custom:[],custom_dropped:0,usage:null,paused:null,result:null,error:null}}function Ve(n,t){let e=t.seq??0;if(e&&e<=n.seq)return n;if(e&&(n.seq=e),n.status==="stalled"&&(n.status=n.paused?"paused":"running"),(qs.get(t.type)??ps)(n,t),n.status==="running"||n.status==="waiting"){let s=n.approvals.some(i=>i.state==="open");n.status=s?"waiting":"running"}return n}function fe(n,t,e){return n.push(t),n.splice(0,Math.max(0,n.length-e)).length}function We(n){if(!n)return null;let{code:t,message:e,node_id:s}=n;return s==null?{code:t,message:e}:{code:t,message:e,node_id:s}}function ps(n,t){let e={type:t.type,node_id:t.node_id??"",data:t.data??null};n.custom_dropped+=fe(n.custom,e,fs)}function ms(n,t){let e=t.graph??{};n.run_id=t.run_id,n.workflow=t.workflow??"",n.status="running",n.started_at=n.started_at||(t.timestamp??""),n.ended_at=null,n.paused=null,n.params=t.params??{},n.session_id=t.session_id??null,n.message=t.message??null,n.graph=Z(e),n.error=null;for(let s of n.graph.nodes)ft(n,s.id)}function Z(n){return{name:n.name??"",start:n.start??null,nodes:(n.nodes??[]).map(t=>({id:t.id,label:t.label,kind:t.kind??"node",path:t.path??[]})),edges:(n.edges??[]).map(t=>({source:t.source,target:t.target,action:t.action??"default"})),svg:n.svg??null}}function ft(n,t){return(Object.hasOwn(n.nodes,t)?n.nodes[t]:void 0)??Q(n.nodes,t,tt())}function tt(){return{status:"idle",visits:0,active:0,task_id:null,attempt:0,progress:null,items:{},tracks:{},usage:null,message:null,duration:null,action:null,error:null}}function bs(n,t){let e=ft(n,t.node_id);if(t.progress!=null){e.message=t.message??null;return}let s=t.task_id??null,i=gt.has(t.status),r=n.timeline.findLast(o=>o.task_id===s);if(s!==e.task_id&&!r){if(i&&n.timeline_dropped){e.active=Math.max(0,e.active-1);return}r=vs(n,e,t)}if(r&&ks(r,t),i&&(e.active=Math.max(0,e.active-1)),s!==e.task_id){if(e.status==="failed"||!gt.has(e.status))return;e.task_id=s,e.attempt=0}xs(e,t),i&&e.active&&t.status!=="failed"&&ws(n,e,t.node_id)}function ks(n,t){n.attempts=Math.max(n.attempts,t.attempt||1),n.status=t.status,gt.has(t.status)&&(n.ended_at=t.timestamp??"",n.duration=t.duration??null)}function xs(n,t){n.status=t.status,n.attempt=Math.max(n.attempt,t.attempt??0),n.message=t.message??null,n.error=We(t.error),gt.has(t.status)&&(ge(n.tracks),n.duration=t.duration??null,n.action=t.action??null)}function ws(n,t,e){let s=n.timeline.findLast(i=>i.node_id===e&&i.ended_at===null);s&&(t.task_id=s.task_id,t.status=s.status,t.attempt=s.attempts,t.message=null,t.error=null,t.duration=null,t.action=null)}function vs(n,t,e){t.task_id=e.task_id??null,t.visits+=1,t.active+=1,t.attempt=e.attempt||1,t.progress=null,t.items={},t.tracks={},t.duration=null,t.action=null;let s={node_id:e.node_id,task_id:t.task_id,status:e.status,started_at:e.timestamp??"",ended_at:null,attempts:1,duration:null};return n.timeline_dropped+=fe(n.timeline,s,gs),e.via&&ys(n,e.via.node_id,e.via.action??"default",e.node_id),s}function ys(n,t,e,s){n.active_edge={source:t,action:e,target:s};let i=n.edges.find(r=>r.source===t&&r.action===e&&r.target===s);i?i.count+=1:n.edges.push({source:t,action:e,target:s,count:1})}function _s(n,t){let e=ft(n,t.node_id),s=Ue(e,t);s&&(e.progress=s)}function $s(n,t){let e=Fe(n.streams,t);if(!e)return;let s=ft(n,t.node_id);s.usage=ht(s.usage,e),n.usage=ht(n.usage,e)}function Ss(n,t){let{role:e,content:s}=t.data;n.messages.push({node_id:t.node_id,role:e,content:s})}function As(n,t){Be(n.approvals,t)}function Es(n,t){ut(n.approvals,t)}function Ns(n,t){Pe(n.approvals,t)}function Ts(n,t){Q(n.results,t.node_id,t.data??null)}function Os(n,t){let e={node_id:t.node_id,task_id:t.task_id??null,stream:t.data.stream,level:t.data.level??null,text:t.data.text};n.logs_dropped+=fe(n.logs,e,hs)}function pt(n,t,e){n.status=t,n.ended_at=e??"",n.paused=null,n.active_edge=null;for(let s of Object.values(n.nodes))s.active=0,["running","waiting","retrying"].includes(s.status)&&(s.status="cancelled");for(let s of n.timeline)s.ended_at===null&&(s.ended_at=e??"",s.status="cancelled");for(let s of n.approvals)s.state==="open"&&(s.state="cancelled")}function Ms(n,t){n.result=t.data??null,pt(n,"completed",t.timestamp)}function Ls(n,t){n.error=We(t.error),pt(n,"failed",t.timestamp)}function js(n,t){t.reason&&(n.error={code:"conflict",message:t.reason}),pt(n,"cancelled",t.timestamp)}function Cs(n,t){n.error={code:"unavailable",message:t.reason??""},pt(n,"lost",t.timestamp)}function Rs(n,t){n.status="paused",n.paused??={before:t.before??null,by:he(t.by)}}function Is(n){n.status="running",n.paused=null}function Ds(n){S.has(n.status)||(n.status="stalled")}var qs=new Map(Object.entries({workflow_started:ms,node_update:bs,step:()=>{},progress:_s,token:$s,message:Ss,approval_request:As,approval_vote:Es,approval_resolved:Ns,result:Ts,log:Os,workflow_completed:Ms,workflow_failed:Ls,workflow_cancelled:js,workflow_paused:Rs,workflow_resumed:Is,workflow_stalled:Ds,workflow_lost:Cs}));var mt=class{view=O();isSubscribed=!1;watchers=new Set;constructor(t,e=["all"]){this.runId=t,this.topics=e}take(t){let e=t.seq??0;!this.isSubscribed||e&&e<=this.view.seq||(Ve(this.view,t),this.#t(t))}replace(t){this.view=t,this.#t(null)}reset(){this.replace(O())}refuse(t){for(let e of[...this.watchers])e.onRefused?.(t)}#t(t){for(let e of[...this.watchers])e.onView(this.view,t)}};function D(){let n=crypto.getRandomValues(new Uint8Array(16));return Array.from(n,t=>t.toString(16).padStart(2,"0")).join("")}var F=class extends Error{constructor({code:t="internal",message:e="",data:s=null}){super(e||t),this.code=t,this.data=s}},zs=new Set([4001,4003,4004]),Bs=2e4,Je=1e4,Ps=3e4,Us=5e3,Fs=100,bt=class{state={kind:"connecting"};logId="";identity=null;#t=!1;#e=!1;#n=!1;#s=0;#i=0;#r=null;#o=new Map;#a=new Map;#l=new Set;#c=new Set;#d;#u;#h;constructor(t,{random:e=Math.random}={}){this.transport=t,this.random=e}onState(t,e){this.#c.add(t),e.addEventListener("abort",()=>this.#c.delete(t))}settled(t){return this.#g(),new Promise(e=>{let s=new AbortController,i=()=>{let{kind:r}=this.state,o=this.#r&&this.transport.patience===null;r==="connecting"&&!o||(e(r!=="offline"&&r!=="closed"),s.abort())};this.onState(i,AbortSignal.any([t,s.signal])),i()})}watch(t,e,s,i){this.#g();let r=this.#o.get(t);r||(r=new mt(t,i),this.#o.set(t,r),this.#e&&this.#$(r));let o=r;o.watchers.add(e),o.view.seq&&e.onView(o.view,null),s.addEventListener("abort",()=>{o.watchers.delete(e),o.watchers.size||this.#E(o)})}watchAll(t,e){this.#g(),this.#l.add(t),this.#e&&this.#l.size===1&&this.#A(),e.addEventListener("abort",()=>{this.#l.delete(t),this.#l.size||this.#r?.send({type:"unsubscribe"}),this.#f()})}views(){return[...this.#o.values()].map(t=>t.view)}command(t){if(this.#g(),this.#a.size>=Fs){let s="too many commands wait for the connection";return Promise.reject(new F({code:"unavailable",message:s}))}let e=String(t.id??D());return new Promise((s,i)=>{let r={frame:{...t,id:e},resolve:s,reject:i};this.#a.set(e,r),this.#e&&this.#r?.send(r.frame)})}retry(){this.state.kind==="reconnecting"&&this.#x()}close(){this.#k(),clearTimeout(this.#d),this.#p({kind:"closed",code:1e3,reason:"closed here"})}#g(){clearTimeout(this.#h),(this.state.kind==="offline"||this.state.kind==="closed"||this.#s===0)&&(this.state={kind:"connecting"},this.#x())}#f(){this.#o.size||this.#l.size||this.#a.size||(clearTimeout(this.#h),this.#h=setTimeout(()=>this.close(),Us))}#p(t){this.state=t;for(let e of[...this.#c])e(t)}async#x(){this.#k(),clearTimeout(this.#d);let t=++this.#s,e=()=>t===this.#s,s={onFrame:i=>e()&&this.#N(i),onActivity:()=>e()&&this.#y(),onStale:i=>e()&&this.#b(i),onClose:(i,r)=>e()&&this.#m(i,r)};try{let i=await this.transport.open(s);e()?this.#v(i):i.close()}catch(i){e()&&this.#m(1006,i instanceof Error?i.message:"")}}#v(t){this.#r=t;let{patience:e}=this.transport;if(e!==null&&!this.#e)this.#u=setTimeout(()=>this.#m(1006,"no greeting"),e);else if(this.#e)this.#_();else{this.#_();for(let s of[...this.#c])s(this.state)}}#k(){clearTimeout(this.#u),this.#s++,this.#e=!1,this.#n=!1,this.#r?.close(),this.#r=null;for(let t of this.#o.values())t.isSubscribed=!1}#m(t,e){if(this.#k(),zs.has(t))this.#p({kind:"closed",code:t,reason:e||`closed (${t})`});else if(this.#t){this.#i++;let s=e||"the connection broke";this.#p({kind:"reconnecting",attempt:this.#i,reason:s});let r=Math.min(Ps,250*2**Math.min(this.#i,10))*(.5+this.random()/2);this.#d=setTimeout(()=>this.#x(),r)}else this.#p({kind:"offline",reason:e||"nobody answers"})}#b(t){let e=this.transport.name;this.state.kind==="live"&&this.#p({kind:"stale",via:e,reason:t})}#y(){clearTimeout(this.#u),this.#e&&(this.#u=setTimeout(()=>this.#S(),Bs),this.state.kind==="stale"&&this.#w(""))}#S(){this.#r?.send({type:"ping"}),this.#u=setTimeout(()=>{this.#b("No sign of life; what is shown may be old."),this.transport.patience!==null&&(this.#u=setTimeout(()=>this.#m(1006,"silence"),Je))},Je)}#w(t){this.#t=!0,this.#i=0,this.#p({kind:"live",via:this.transport.name,server:t})}#_(){this.#e=!0,this.#l.size&&this.#A();for(let t of this.#o.values())this.#$(t);for(let{frame:t}of this.#a.values())this.#r?.send(t);this.#y()}#$(t){t.isSubscribed=!1,this.#r?.send({type:"subscribe",topics:t.topics,run_id:t.runId,since:{log_id:this.logId||null,seq:t.view.seq},id:`run:${t.runId}`})}#A(){this.#r?.send({type:"subscribe",topics:["approvals"],id:"all"})}#E(t){this.#o.get(t.runId)===t&&(this.#o.delete(t.runId),this.#e&&this.#r?.send({type:"unsubscribe",run_id:t.runId}),this.#f())}#N(t){if(this.#y(),t.type==="hello")return this.#T(t);this.state.kind==="connecting"&&this.#w("");let e=this.#o.get(t.run_id);switch(t.type){case"subscribed":e&&(e.isSubscribed=!0);return;case"snapshot":return e?.replace(t.view);case"ack":return this.#O(t);case"error":return this.#M(t);case"cursor":case"pong":case"unsubscribed":return;default:{if(!t.run_id)return;let s=t;e?.take(s);for(let i of[...this.#l])i(s)}}}#T(t){let e=this.logId!==""&&this.logId!==t.log_id;if(this.logId=t.log_id??"",this.identity=t.identity??null,e)for(let i of this.#o.values())i.reset();let s=!this.#e||e||this.#n;this.#n=!0,this.#w(t.server??""),this.#r?s&&this.#_():this.#e=!0}#O(t){this.#a.get(t.id)?.resolve(t),this.#a.delete(t.id)}#M(t){let e=this.#a.get(t.id);if(e)return this.#a.delete(t.id),e.reject(new F(t));let s=String(t.id??""),i=s.startsWith("run:")?this.#o.get(s.slice(4)):void 0;i?i.refuse({code:t.code,message:t.message}):console.warn(`kgnb: ${t.code}: ${t.message}`)}};var kt=2e3,xt="The kernel is busy and cannot hear this click over the widget channel; it will be delivered when the cell ends. Or interrupt the cell, or enable the kgnb server extension.",Ye="The kernel is busy and cannot hear this panel over the widget channel: the run shows here when the cell ends, and no click reaches it before. To answer while a cell waits, enable the kgnb server extension; without it, start the run in one cell and take its result in a later one, after the click.",Vs=1500,Ws=[500,2e3],Js="kgnb";function Ke(n){return{name:"comm",patience:null,open:async t=>{if(!n.createComm)throw new Error("no comms here");let e=n.createComm(Js);return e.onMsg=s=>Ge(s?.content?.data,t),e.onClose=()=>t.onClose(1006,"the kernel closed the channel"),n.supportsSubshells&&await Ys(Vs,e.subshellStarted),e.open({frames:[]}),{send:s=>{e.send({frames:[s]})},close:()=>{e.onClose=()=>{},e.isDisposed||e.close()}}}}}function He(n){return{name:"comm",patience:null,open:async t=>{let e=D(),s=d=>n.send({kgnb:{client:e,frames:d}}),i=[],r=!1,o=Ws.map(d=>setTimeout(()=>s(i),d)),l=()=>{r=!0,i=[],o.forEach(clearTimeout)},c=d=>{d?.kgnb?.client===e&&(l(),Ge(d.kgnb,t))};return n.on("msg:custom",c),s([]),{send:d=>{r||i.push(d),s([d])},close:()=>{l(),n.off("msg:custom",c),n.send({kgnb:{client:e,frames:[],final:!0}})}}}}}function Ys(n,t){return new Promise(e=>{let s=setTimeout(e,n),i=()=>{clearTimeout(s),e()};t?.then(i,i)})}function Ge(n,t){if(n){t.onActivity();for(let e of n.frames??[])t.onFrame(e);n.closed&&t.onClose(n.closed.code??1e3,n.closed.reason??"")}}var me=2e3,Ks=1e4,pe=60,Hs=300;function Xe(n){return{name:"control",patience:me,open:async t=>{let e=new be(s=>Gs(n,s),t);return await e.probe(),e}}}var be=class{#t=D();#e=[];#n=!0;#s=!1;#i=pe;#r;#o;#a;constructor(t,e){this.#o=t,this.#a=e}async probe(){let t=this.#o({client:this.#t,frames:[]}),e=setTimeout(()=>t.drop(new Error("no reply")),me);try{this.#u(await t.reply)}catch(s){throw this.#n=!1,new Error("the kernel does not answer on its control channel",{cause:s})}finally{clearTimeout(e)}this.#c(0)}send(t){this.#e.push(t),this.#i=pe,this.#s||this.#c(0)}close(){if(!this.#n)return;this.#l();let t={client:this.#t,frames:this.#e,final:!0};this.#o(t).reply.catch(()=>{})}#l(){this.#n=!1,clearTimeout(this.#r)}#c(t){clearTimeout(this.#r),this.#n&&(this.#r=setTimeout(()=>this.#d(),t))}async#d(){this.#s=!0;let t=this.#o({client:this.#t,frames:this.#e});this.#e=[];let e=setTimeout(()=>this.#n&&this.#a.onStale("The kernel is slow to answer."),me),s=setTimeout(()=>t.drop(new Error("no reply")),Ks);try{let i=await t.reply;this.#n&&this.#u(i)}catch{this.#h(1006,"the kernel no longer answers")}finally{clearTimeout(e),clearTimeout(s),this.#s=!1}this.#c(this.#e.length?0:this.#i)}#u(t){if(t?.status!=="ok")throw new Error(t?.evalue??t?.reason??"refused");let e=Array.isArray(t.frames)?t.frames:[];this.#i=e.length?pe:Math.min(Hs,this.#i*1.4),this.#a.onActivity();for(let s of e)this.#a.onFrame(s);t.closed&&this.#h(t.closed.code??1e3,t.closed.reason??"")}#h(t,e){this.#n&&(this.#l(),this.#a.onClose(t,e))}};function Gs(n,t){let e=()=>{};return{reply:new Promise((i,r)=>{let o={channel:"control",header:{msg_id:D(),msg_type:"kgnb_request",session:n.clientId??"",username:n.username??"",date:new Date().toISOString(),version:"5.3"},parent_header:{},metadata:{},content:t,buffers:[]};if(!n.sendControlMessage)throw new Error("no control channel");let l=n.sendControlMessage(o,!0,!0);l.onReply=c=>i(c.content),e=c=>{l.dispose(),r(c)}}),drop:i=>e(i)}}var Qe="kgnb.v1";function Ze(n,t){let e=t?[Qe,`kgnb.token.${t}`]:[Qe];return{name:"websocket",patience:5e3,open:s=>Xs(n(),e,s)}}function tn(n,t="panel",e){let s=new URL(location.href),i=e===void 0?"":`/${encodeURIComponent(e)}`;return s.protocol=s.protocol==="https:"?"wss:":"ws:",s.pathname=`${new URL(n,location.href).pathname}kgnb/ws${i}`,s.search=`?via=${t}`,s.hash="",s.href}function Xs(n,t,e){let s=new WebSocket(n,t),{promise:i,resolve:r,reject:o}=Zs(),l=!0;return s.onopen=()=>r({send:c=>{s.readyState===WebSocket.OPEN&&s.send(JSON.stringify(c))},close:()=>{l=!1,s.close(1e3)}}),s.onmessage=({data:c})=>{let d=l?Qs(c):null;d&&e.onFrame(d)},s.onclose=({code:c,reason:d})=>{o(new Error(d||`the server closed the connection (${c})`)),l&&e.onClose(c,d)},i}function Qs(n){try{let t=JSON.parse(String(n));return t&&typeof t.type=="string"?t:null}catch{return console.warn("kgnb: a frame that is not JSON was passed over"),null}}function Zs(){let n=()=>{},t=()=>{};return{promise:new Promise((s,i)=>{n=s,t=i}),resolve:n,reject:t}}var en=Symbol.for("kgnb.connections.v1");function nn(){let n=globalThis;return n[en]??=new Map,n[en]}function wt(n,t){let e=nn().get(n);if(e)return e;let s=new bt(t());return globalThis.addEventListener?.("online",()=>s.retry()),nn().set(n,s),s}var sn=new WeakMap,ti=0;function on(n){let t=sn.get(n)??`${Math.random()}.${ti++}`;return sn.set(n,t),t}function ke(n,{via:t,token:e,workflow:s}={}){let i=`websocket ${n} ${s??""} ${e??""}`,r=()=>tn(n,t,s);return wt(i,()=>Ze(r,e))}function an(n){let{baseUrl:t,via:e,token:s,kernel:i=()=>null,model:r}=n,o=new Set(n.transports??["websocket","control","comm"]);n.log==="kernel"&&o.delete("websocket");let l=[];return t&&o.has("websocket")&&l.push(()=>ke(t,{via:e,token:s})),o.has("control")&&l.push(()=>{let c=i();return c?.sendControlMessage?wt(`control ${rn(c)}`,()=>Xe(c)):null}),r&&o.has("comm")?l.push(()=>wt(`model ${on(r)}`,()=>He(r))):o.has("comm")&&l.push(()=>{let c=i();return c?.createComm?wt(`comm ${rn(c)}`,()=>Ke(c)):null}),l}function rn(n){return`${n.id??""} ${on(n)}`}function dn(n){let t=new vt(n);return{workflow:n.workflow,status:n.status,graph:n.graph,nodes:Object.fromEntries(t.sorted(Object.entries(n.nodes),([e])=>t.ofNode(e)).map(([e,s])=>[e,ci(n,s)])),edges:t.sorted(n.edges,e=>t.ofEdge(e)).map(({source:e,action:s,target:i,count:r})=>({source:e,action:s,target:i,count:r})),streams:t.sorted(n.streams,e=>t.ofStream(e)).map(li),approvals:pn(n,t).map(ni),results:Object.fromEntries(t.sorted(Object.entries(n.results),([e])=>t.ofNode(e))),messages:t.sorted(n.messages,e=>t.ofNode(e.node_id)).map(({node_id:e,role:s,content:i})=>({node_id:e,role:s,content:i})),...n.custom.length?{custom:ei(n,t)}:{},logs:di(n,t),result:n.result,error:fn(n,n.error),...yt(n,"usage")}}function ei(n,t){return t.sorted(n.custom,e=>t.ofNode(e.node_id)).map(({node_id:e,type:s,data:i})=>({node_id:e,type:s,data:i}))}function ni(n){let{node_id:t,message:e,options:s,payload:i,kind:r,state:o,value:l,reason:c}=n,{edited_payload:d,need:u,approvers:g,veto:f}=n;return{node_id:t,message:e,options:s,payload:i,kind:r,state:o,value:l,reason:c,...u===1?{}:{need:u},...g==null?{}:{approvers:g},...f==null?{}:{veto:f},...d==null?{}:{edited_payload:d}}}function un(n){let t={};for(let[i,r]of Object.entries(n.nodes))r.duration!==null&&(t[i]=r.duration);let e={},s={};return pn(n,new vt(n)).forEach(({by:i,votes:r},o)=>{i&&Object.keys(i).length&&(e[String(o)]=i);let l=r.map(({voter:c,...d})=>d);l.length&&(s[String(o)]=l)}),{started_at:n.started_at,ended_at:n.ended_at,durations:t,answered_by:e,...Object.keys(s).length?{votes:s}:{}}}function hn(n,t={}){let e=O();e.run_id=t.run_id??"",e.workflow=n.workflow,e.status=n.status,e.started_at=t.started_at??null,e.ended_at=t.ended_at??null,e.graph=Z(n.graph);for(let[s,i]of Object.entries(n.nodes)){let r=t.durations?.[s]??null,o=i.progress?{...si,...i.progress}:null;e.nodes[s]={...tt(),error:null,...i,progress:o,duration:r}}return e.edges=n.edges,e.streams=n.streams.map(ii),e.usage=n.usage??null,e.approvals=n.approvals.map((s,i)=>({edited_payload:null,need:1,approvers:null,veto:null,...s,correction:null,approval_id:`recorded-${i}`,task_id:null,args_hash:"",schema:null,name:null,expires_at:null,on_timeout:null,opened_at:"",votes:(t.votes?.[String(i)]??[]).map(r=>({...r,voter:""})),by:t.answered_by?.[String(i)]??null})),e.results=n.results,e.messages=n.messages,e.custom=n.custom??[],e.logs=n.logs.map(s=>({...s,task_id:null})),e.result=n.result,e.error=n.error,e}var si={percent:0,current:null,total:null,message:null,label:null,rate:null,remaining:null,elapsed:null,closed:!0,failed:!1,attempt:null};function ii(n,t){let{node_id:e,visit:s,stream:i=String(t),text:r,...o}=n,{item:l=null,attempt:c=1}=o,d=`${e}:${s}`;return{name:null,call:null,tool:null,missing:0,superseded:!1,usage:null,...o,stream:`${d}.${c}/${l===null?"":`${l}.`}${i}`,node_id:e,task_id:d,item:l,attempt:c,text:r,length:r.length,final:!0}}function _t(n){let t=(n??"").split(":").at(-1)??"";return/^[0-9]+$/.test(t)?Number(t):0}var ri=new Map([["stdout",0],["stderr",1],["logging",2]]),vt=class{#t;#e;constructor(t){let{nodes:e}=t.graph;this.#t=new Map(e.map((s,i)=>[s.id,i])),this.#e=new Set(e.filter(s=>s.kind==="batch").map(s=>s.id))}sorted(t,e){return t.map(s=>({entry:s,key:e(s)})).sort((s,i)=>oi(s.key,i.key)).map(({entry:s})=>s)}ofNode(t){return[this.#t.get(t)??this.#t.size,t]}ofVisit(t){return[...this.ofNode(t.node_id),_t(t.task_id)]}ofStream(t){return[...this.ofVisit(t),...t.item===null?[-1,0,""]:ln(t.item),t.attempt??0,...ln(gn(t)),t.kind,t.call??0]}ofApproval(t){let e=this.#e.has(t.node_id);return[...this.ofVisit(t),e?t.message:""]}ofEdge(t){return[...this.ofNode(t.source),...this.ofNode(t.target),t.action]}ofLog(t){return[...this.ofVisit(t),ri.get(t.stream)??3]}};function oi(n,t){for(let e=0;e<n.length;e++){let s=n[e]??"",i=t[e]??"";if(s!==i)return typeof s=="string"&&typeof i=="string"?ai(s,i):Number(s)-Number(i)}return 0}function ai(n,t){let e=Array.from(n),s=Array.from(t);for(let i=0;i<Math.min(e.length,s.length);i++){let r=e[i]?.codePointAt(0)??0,o=s[i]?.codePointAt(0)??0;if(r!==o)return r-o}return e.length-s.length}function ln(n){return/^[0-9]+$/.test(n)?[0,Number(n),""]:[1,0,n]}function gn({stream:n,task_id:t,attempt:e,item:s}){let i=cn(n,`${t}.${e}/`);return s===null?i:cn(i,`${s}.`)}function cn(n,t){return n.startsWith(t)?n.slice(t.length):n}function yt(n,...t){let e={};for(let s of t){let i=n[s];i&&(e[s]=i)}return e}function li(n){let{node_id:t,task_id:e,kind:s,text:i,attempt:r}=n,o={node_id:t,visit:_t(e),stream:gn(n),kind:s,text:i,...yt(n,"name","item","call","tool","missing","superseded","usage")};return(r??1)>1&&(o.attempt=r??1),o}function ci(n,t){let e={status:t.status,visits:t.visits};if(t.action!==null&&(e.action=t.action),t.progress!==null){let{percent:s,current:i,total:r,message:o}=t.progress;e.progress={percent:s,current:i,total:r,message:o,...yt(t.progress,"label")}}return Object.assign(e,yt(t,"usage")),t.error!==null&&(e.error=fn(n,t.error)),e}function fn(n,t){return!t||!n.run_id?t:{...t,message:t.message.replaceAll(n.run_id,"\u2026")}}function pn(n,t){return t.sorted(n.approvals,e=>t.ofApproval(e))}function di(n,t){let e=[],s="";for(let i of t.sorted(n.logs,r=>t.ofLog(r))){let{node_id:r,stream:o,level:l,text:c}=i,d=JSON.stringify(t.ofLog(i)),u=e.at(-1);u&&d===s&&o!=="logging"?u.text+=c:e.push({node_id:r,stream:o,level:l,text:c}),s=d}return e}var xe="No way to the run from here: neither a kgnb server extension nor this notebook's kernel answers. The panel shows what was saved and cannot take clicks. Answer in Python with run.answer(approval_id, value), or enable the server extension and reload.",ui=2e3,mn=2e3,hi=3e4,$t=class{state={kind:"connecting"};connection=null;#t;#e;#n;#s;#i=mn;constructor(t,e,s,i){this.#t=t,this.#e=e,this.#n=s,this.#s=i,this.#r()}get via(){return this.connection?.transport.name??""}command(t){return this.connection?this.connection.command(t):Promise.reject(new F({code:"unavailable",message:xe}))}async#r(){let t="";for(let s of this.#e){let i=s();if(!i)continue;let r=await i.settled(this.#s);if(this.#s.aborted)return;if(r){let o=await this.#o(i);if(!o||this.#s.aborted)return;t=o.message}else"reason"in i.state&&(t||=i.state.reason)}this.#a({kind:"offline",reason:t});let e=setTimeout(()=>this.#r(),this.#i);this.#s.addEventListener("abort",()=>clearTimeout(e),{once:!0}),this.#i=Math.min(hi,this.#i*2)}#o(t){this.connection=t;let e=new AbortController,s=AbortSignal.any([this.#s,e.signal]),{name:i,patience:r}=t.transport,o=!1,l=()=>{let{state:u}=t,g=u.kind==="live"||u.kind==="connecting",f={kind:"stale",via:i,reason:Ye};this.#a(o&&g?f:u)},c=u=>{clearTimeout(d),o!==u&&(o=u,l())},d=r===null?setTimeout(()=>c(!0),ui):void 0;return s.addEventListener("abort",()=>clearTimeout(d)),new Promise(u=>{let g=p=>{p&&(this.connection=null),e.abort(),u(p)};this.#s.addEventListener("abort",()=>g(null),{once:!0}),t.onState(p=>{p.kind==="closed"||p.kind==="offline"?g({code:"unavailable",message:p.reason}):l()},s),l();let f=(p,N)=>{c(!1),this.#n.onView(p,N)};t.watch(this.#t,{onView:f,onRefused:g},s)})}#a(t){this.state=t,t.kind==="live"&&(this.#i=mn),this.#n.onState(t)}};var gi="kgnb-draft ";var St=class{#t;constructor({approval_id:t,args_hash:e}){this.#t=`${gi}${t} ${e}`}load(){try{return JSON.parse(sessionStorage.getItem(this.#t)??"null")}catch{return null}}save(t){try{let e=JSON.stringify(t);e.length<=2e5&&sessionStorage.setItem(this.#t,e)}catch{}}forget(){try{sessionStorage.removeItem(this.#t)}catch{}}};function a(n,t,...e){let s=document.createElement(n);for(let[i,r]of Object.entries(t??{}))r==null||r===!1||s.setAttribute(i,r===!0?"":String(r));for(let i of e)i&&s.append(i);return s}function h(n,t){n.textContent!==t&&(n.textContent=t)}function y(n,t,e){n.getAttribute(t)!==e&&(e===null?n.removeAttribute(t):n.setAttribute(t,e))}var bn="http://www.w3.org/2000/svg",kn={idle:"M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11",running:"M8 2a6 6 0 0 1 6 6M8 5.6a2.4 2.4 0 1 1 0 4.8a2.4 2.4 0 0 1 0-4.8",waiting:"M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M8 4.8V8l2.2 1.8",retrying:"M13.2 8a5.2 5.2 0 1 1-1.6-3.8M13.4 1.6v3h-3",completed:"M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M5.2 8.2l2 2l3.7-4.1",failed:"M5.5 2h5L14 5.5v5L10.5 14h-5L2 10.5v-5zM6 6l4 4M10 6l-4 4",skipped:"M3 4l4 4l-4 4M8.5 4l4 4l-4 4",cancelled:"M8 2a6 6 0 1 1 0 12a6 6 0 0 1 0-12M4 12L12 4",paused:"M5.5 3v10M10.5 3v10",stalled:"M3 8h.1M8 8h.1M13 8h.1",lost:"M2 8h3M11 8h3M6.5 5.5l3 5M9.5 5.5l-3 5",live:"M8 6a2 2 0 1 1 0 4a2 2 0 0 1 0-4M3.8 3.8a6 6 0 0 0 0 8.4M12.2 3.8a6 6 0 0 1 0 8.4",offline:"M3 3l10 10M3.8 6a6 6 0 0 0 0 6.200M12.2 3.8a6 6 0 0 1 .6 7.7",open:"M6.5 3.5H3.5v9h9v-3M9.5 2.5h4v4M13.2 2.8L7.8 8.2"};function q(n){let t=document.createElementNS(bn,"svg");t.setAttribute("class","kgnb-icon"),t.setAttribute("viewBox","0 0 16 16"),t.setAttribute("aria-hidden","true"),t.setAttribute("focusable","false");let e=document.createElementNS(bn,"path");return e.setAttribute("d",kn[n]??kn.idle??""),t.append(e),t}var fi={live:"live",timed_out:"timed out",open:"open"};function pi(n){return fi[n]??n}var j=class{#t="";#e=a("span",{class:"kgnb-chip-word"});constructor(t=""){this.element=a("span",{class:`kgnb-chip ${t}`.trim()},this.#e)}update(t,e=pi(t)){h(this.#e,e),t!==this.#t&&(this.#t=t,this.element.dataset.status=t,this.element.querySelector("svg")?.remove(),this.element.prepend(q(t)))}};function we(n){return{role:"heading","aria-level":n}}function T(n,t,...e){let s=a("div",{class:"kgnb-section-title",...we(3)},t);return{element:a("section",{class:`kgnb-section kgnb-${n}`,"aria-label":t,hidden:!0},s,...e),heading:s}}function et(n,t,...e){let s=a("span",{class:"kgnb-fold-count"}),i=a("summary",{class:"kgnb-fold-title"},t,s);return{element:a("details",{class:`kgnb-fold kgnb-${n}`,hidden:!0},i,a("div",{class:"kgnb-fold-body"},...e)),count:s}}function _(n,t){return n.tabIndex=0,n.setAttribute("role","region"),n.setAttribute("aria-label",t),n}function A(n){if(n<9.95)return`${n.toFixed(1)} s`;if(n<59.5)return`${Math.round(n)} s`;let t=Math.round(n),e=[Math.floor(t/60)%60,t%60],s=Math.floor(t/3600),[i=0,r=0]=e,o=String(r).padStart(2,"0");return s?`${s}:${String(i).padStart(2,"0")}:${o}`:`${i}:${o}`}function C(n){let t=Date.parse(n??"");return Number.isNaN(t)?"":new Date(t).toLocaleString(void 0,{dateStyle:"medium",timeStyle:"short"})}function At(n){let t=new Date(Date.parse(n??""));return Number.isNaN(t.getTime())?"":t.toDateString()===new Date().toDateString()?t.toLocaleTimeString(void 0,{timeStyle:"short"}):t.toLocaleDateString(void 0,{dateStyle:"medium"})}function V(n){if(!n)return"";let{input_tokens:t,output_tokens:e,cached_tokens:s}=n,i=s?` (${s.toLocaleString("en")} cached)`:"";return`${`${t.toLocaleString("en")} in${i}`} \xB7 ${e.toLocaleString("en")} out`}function xn(n){return n>=10?`${Math.round(n).toLocaleString("en")}/s`:n>=1?`${n.toFixed(1)}/s`:`${A(1/n)} each`}function E(n,t){return`${n.toLocaleString("en")} ${t}${n===1?"":"s"}`}function v(n){return typeof n=="string"?n:JSON.stringify(n,null,2)}function k(n){return typeof n=="string"?n:JSON.stringify(n)}function nt(n){return n?n.kind==="script"?"a script":n.kind==="policy"?"a rule":n.user?n.via?`${n.user} (${n.via})`:n.user:n.via?`from the ${n.via}`:"a person":""}function Et({code:n,message:t},e=""){let i=[n==="internal"?"":n,e].filter(Boolean).join(" in ");return i?`${i}: ${t}`:t}var wn=/(?<![\p{Extended_Pictographic}\ufe0f\u{1f3fb}-\u{1f3ff}])\u200d|\u200d(?!\p{Extended_Pictographic})|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ue000-\uf8ff]|[\u{1d173}-\u{1d17a}]|[\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu,vn=/\r\n?/g;function m(n){let t=document.createDocumentFragment(),e=n.replace(vn,`
`),s=0;for(let i of e.matchAll(wn))t.append(e.slice(s,i.index),mi(i[0])),s=i.index+i[0].length;return t.append(e.slice(s)),t}function Nt(n){return n.replace(vn,`
`).search(wn)>=0}function mi(n){let e=`U+${(n.codePointAt(0)??0).toString(16).toUpperCase().padStart(4,"0")}`;return a("mark",{class:"kgnb-hidden",title:`hidden character ${e}`},e)}function M(n){return _(a("pre",{class:"kgnb-value","data-kind":typeof n=="string"?"text":"json"},m(v(n))),"What is shown")}var bi=1e6;function Tt(n,t){let[e,s]=[n.split(`
`),t.split(`
`)],i=0;for(;i<e.length&&i<s.length&&e[i]===s[i];)i+=1;let r=0,o=Math.min(e.length,s.length)-i;for(;r<o&&e.at(-1-r)===s.at(-1-r);)r+=1;let l=ki(e.slice(i,e.length-r),s.slice(i,s.length-r)),c=d=>({change:"same",text:d});return[...e.slice(0,i).map(c),...l,...e.slice(e.length-r).map(c)]}function ki(n,t){let e=l=>c=>({change:l,text:c});if(n.length*t.length>bi)return[...n.map(e("removed")),...t.map(e("added"))];let s=xi(n,t),i=[],[r,o]=[0,0];for(;r<n.length&&o<t.length;)n[r]===t[o]?(i.push(e("same")(n[r]??"")),r+=1,o+=1):(s[r+1]?.[o]??0)>=(s[r]?.[o+1]??0)?(i.push(e("removed")(n[r]??"")),r+=1):(i.push(e("added")(t[o]??"")),o+=1);return[...i,...n.slice(r).map(e("removed")),...t.slice(o).map(e("added"))]}function xi(n,t){let e=Array.from({length:n.length+1},()=>new Uint32Array(t.length+1));for(let s=n.length-1;s>=0;s--){let[i,r]=[e[s],e[s+1]];if(!(!i||!r))for(let o=t.length-1;o>=0;o--){let[l=0,c=0,d=0]=[i[o+1],r[o],r[o+1]];i[o]=n[s]===t[o]?d+1:Math.max(c,l)}}return e}function Ot(n){let t=r=>n.filter(o=>o.change===r).length,[e,s]=[t("added"),t("removed")];return[e&&`${E(e,"line")} added`,s&&`${E(s,"line")} removed`].filter(Boolean).join(", ")}var yn=2;function Mt(n){let t=a("pre",{class:"kgnb-diff",tabindex:0,role:"region","aria-label":"What changed"}),e=n.map((s,i)=>n.slice(Math.max(0,i-yn),i+yn+1).some(r=>r.change!=="same"));return n.forEach(({change:s,text:i},r)=>{if(!e[r]){(r===0||e[r-1])&&t.append(a("span",{class:"kgnb-diff-gap"},`\u2026
`));return}let o={same:"  ",added:"+ ",removed:"\u2212 "}[s];t.append(a("span",{class:"kgnb-diff-line","data-change":s},o,m(i),`
`))}),t}var z=class{problems=[];fail(t,e){this.problems.push({field:t,message:e})}},_n=0;function wi(){return _n+=1,`kgnb-field-${_n}`}var x=class{#t;#e;constructor(t,e,s="row",i=e){let{schema:r,label:o,isRequired:l}=t,c=wi();this.#e=e,this.#t=a("p",{class:"kgnb-form-error",id:`${c}-error`});let d=r.description?a("p",{class:"kgnb-form-about",id:`${c}-about`},m(r.description)):null,u=[d&&d.id,this.#t.id].filter(Boolean).join(" ");e.setAttribute("aria-describedby",u);let g=[a("span",{class:"kgnb-form-name"},m(o)),!l&&s!=="box"&&a("span",{class:"kgnb-form-optional"}," optional")];if(s==="group"){let N=a("legend",{class:"kgnb-form-legend"},...g);e.prepend(...[N,d,this.#t].filter(ue=>ue!==null)),this.element=e,e.tabIndex=-1;return}e.id=c,l&&s==="row"&&e.setAttribute("aria-required","true");let f=a("label",{class:"kgnb-form-label",for:c},...g),p=s==="box"?[a("div",{class:"kgnb-form-check"},e,f)]:[f,i];this.element=a("div",{class:"kgnb-form-row"},...p,d,this.#t)}complain(t){h(this.#t,t),t?this.#e.setAttribute("aria-invalid","true"):this.#e.removeAttribute("aria-invalid")}focus(){this.#e.focus()}};function W({schema:n,isRequired:t,isNullable:e},s,i,r){if(e)return t||n.default!=null?null:void 0;let o=n.default!==void 0&&n.default!==null;return t||o?i.fail(s,r):void 0}function R(n,t,e,{signal:s,changed:i}){let r=a("button",{type:"button",class:"kgnb-button kgnb-small","aria-label":t},n),o=()=>{e(),i()};return r.addEventListener("click",o,{signal:s}),r}function b(n,t){let e=Sn(n);for(let r=0;typeof e.$ref=="string"&&r<32;r++){let{$ref:o,...l}=e;e={...vi(t,o),...l}}if(!Array.isArray(e.allOf))return e;let{allOf:s,...i}=e;return[...s.map(r=>b(r,t)),i].reduce(yi,{})}function Sn(n){return n&&typeof n=="object"&&!Array.isArray(n)?n:{}}function vi(n,t){let e=n;for(let s of t.split("/").slice(1))e=e?.[s.replaceAll("~1","/").replaceAll("~0","~")];return Sn(e)}function yi(n,t){let e={...n,...t};return n.properties&&t.properties&&(e.properties={...n.properties,...t.properties}),n.required&&t.required&&(e.required=[...n.required,...t.required]),e}function An(n,t){if(Array.isArray(n.type)&&n.type.includes("null")){let o=n.type.filter(c=>c!=="null"),l=o.length===1?o[0]:o;return{schema:{...n,type:l},isNullable:!0}}if(Array.isArray(n.enum)&&n.enum.length>1&&n.enum.includes(null)){let o=n.enum.filter(l=>l!==null);return{schema:{...n,enum:o},isNullable:!0}}let e=En(n);if(!e)return{schema:n,isNullable:!1};let s=n[e].filter(o=>!_i(b(o,t)));if(s.length===n[e].length)return{schema:n,isNullable:!1};let{[e]:i,...r}=n;return s.length!==1?{schema:{...r,[e]:s},isNullable:!0}:{schema:{...b(s[0],t),...r},isNullable:!0}}function _i(n){return n.type==="null"||n.const===null}function En(n){return Array.isArray(n.anyOf)?"anyOf":Array.isArray(n.oneOf)?"oneOf":void 0}function Lt(n,t){let e=En(n);return e?n[e].map(s=>b(s,t)):Array.isArray(n.type)?n.type.map(s=>({...n,type:s,title:s})):[]}function B(n,t){if(Array.isArray(n.enum))return n.enum.map(s=>({value:s,label:$n(s)}));let e=Lt(n,t);return!e.length||!e.every(s=>"const"in s)?null:e.map(s=>({value:s.const,label:s.title??$n(s.const)}))}function $n(n){return typeof n=="string"?n:JSON.stringify(n)}function ve(n,t){let e=B(n,t);if("const"in n||e?.length===1)return"fixed";if(e)return"choice";if(Lt(n,t).length)return"union";switch(n.type??Nn(n)){case"boolean":return"boolean";case"number":case"integer":return"number";case"string":return n.contentEncoding==="base64"?"bytes":"text";case"object":return $i(n);case"array":return Si(n,t);default:return"json"}}function Nn(n){if(n.properties)return"object";if(n.items||n.prefixItems)return"array"}function $i(n){return n.properties&&Object.keys(n.properties).length?"object":n.additionalProperties&&typeof n.additionalProperties=="object"?"map":"json"}function Si(n,t){return Array.isArray(n.prefixItems)?"tuple":!n.items||typeof n.items!="object"?"json":n.uniqueItems&&B(b(n.items,t),t)?"choices":"array"}function ye(n,t,e){if("const"in n)return n.const===t;if(Array.isArray(n.enum))return n.enum.includes(t);let s=n.type??Nn(n);if(s&&!Ai(t,s))return!1;if(s!=="object"||!t||typeof t!="object")return!0;let i=t,r=Object.entries(n.properties??{});return(n.required??[]).every(o=>o in i)&&r.every(([o,l])=>{let c=b(l,e);return!("const"in c||c.enum?.length===1)||!(o in i)||ye(c,i[o]??null,e)})}function Ai(n,t){return t==="null"?n===null:t==="array"?Array.isArray(n):t==="object"?n!==null&&typeof n=="object"&&!Array.isArray(n):t==="integer"?Number.isInteger(n):typeof n===t}function st(n){if(typeof n=="string")return{type:"string"};if(typeof n=="boolean")return{type:"boolean"};if(typeof n=="number")return{type:"number"};if(n===null)return{};if(!Array.isArray(n)){let s=Object.entries(n).map(([i,r])=>[i,st(r)]);return{type:"object",properties:Object.fromEntries(s),required:Object.keys(n)}}let t=n.map(st),e=t.every(s=>JSON.stringify(s)===JSON.stringify(t[0]));return t.length>0&&e?{type:"array",items:t[0]}:{type:"array"}}function Tn(n){let t=n.replaceAll("_"," ").trim();return t?t.charAt(0).toUpperCase()+t.slice(1):n}function L(n){return n&&typeof n=="object"&&!Array.isArray(n)?n:{}}function J({schema:n}){return a("fieldset",{class:"kgnb-form-group","data-type":n.title??null})}var jt=class{#t=new Map;#e={};#n;constructor(t){let{schema:e,root:s,env:i}=t;this.label=t.label;let r=new Set(e.required??[]),o=J(t);for(let[l,c]of Object.entries(e.properties??{})){let d=b(c,s),u=$({schema:d,root:s,label:d.title&&d.title!==l?d.title:Tn(l),isRequired:r.has(l),env:i});this.#t.set(l,u),o.append(u.element)}this.#n=new x(t,o,"group"),this.element=this.#n.element,e.default&&this.fill(e.default)}read(t){let e=[...this.#t].map(([s,i])=>[s,i.read(t)]);return{...this.#e,...Object.fromEntries(e.filter(([,s])=>s!==void 0))}}fill(t){let{...e}=L(t);for(let[s,i]of this.#t)s in e&&i.fill(e[s]??null),delete e[s];this.#e=e}keep(){return Object.fromEntries([...this.#t].map(([t,e])=>[t,e.keep()]))}restore(t){let e=L(t);for(let[s,i]of this.#t)s in e&&i.restore(e[s]??null)}find([t,...e]){return this.#t.get(String(t))?.find(e)??this}complain(t){this.#n.complain(t)}clear(){this.complain("");for(let t of this.#t.values())t.clear()}focus(){this.#n.focus()}},Ct=class{#t=a("input",{type:"checkbox",class:"kgnb-check"});#e=a("div",{class:"kgnb-form-inner",hidden:!0});#n=null;#s;#i;constructor(t){let{schema:e,env:s}=t;this.label=t.label;let{default:i,description:r,...o}=e;this.#s={...t,schema:o,isRequired:!0,isNullable:!1},this.#i=new x({...t,schema:{description:r}},this.#t,"box"),this.element=a("div",{class:"kgnb-form-row"},this.#i.element,this.#e);let l=()=>{this.#r(),s.changed()};this.#t.addEventListener("input",l,{signal:s.signal}),this.isNullable=t.isNullable&&(t.isRequired||i!=null),i!=null&&this.fill(i)}#r(t=this.#t.checked){this.#t.checked=t,t&&!this.#n&&(this.#n=_e(this.#s),this.#e.append(this.#n.element)),this.#e.hidden=!t}read(t){return this.#t.checked?this.#n?.read(t):this.isNullable?null:void 0}fill(t){this.#r(t!==null),t!==null&&this.#n?.fill(t)}keep(){return{on:this.#t.checked,inner:this.#n?.keep()??null}}restore(t){let{on:e,inner:s}=L(t);this.#r(e===!0),s!=null&&this.#n?.restore(s)}find(t){return this.#t.checked&&this.#n?.find(t)||this}complain(t){this.#i.complain(t)}clear(){this.complain(""),this.#n?.clear()}focus(){this.#i.focus()}},Rt=class{#t;#e;#n;#s;#i;#r=a("div",{class:"kgnb-form-inner"});#o=new Map;constructor(t){let{schema:e,root:s,env:i}=t;this.label=t.label,this.#s=t,this.#i=Lt(e,s);let r=this.#i.map((l,c)=>a("option",{value:c},Mn(l,c)));this.#n=a("select",{class:"kgnb-input","aria-label":`${t.label}: kind`},...r),this.#t=J(t),this.#t.append(this.#n,this.#r),this.#e=new x(t,this.#t,"group"),this.element=this.#e.element;let o=()=>{this.#l(),i.changed()};this.#n.addEventListener("input",o,{signal:i.signal}),this.#l(),e.default!=null&&this.fill(e.default)}get#a(){let t=this.#o.get(Number(this.#n.value));if(!t)throw new Error("a union has chosen no member");return t}#l(t=Number(this.#n.value)){if(this.#n.value=String(t),!this.#o.has(t)){let{root:e,env:s,label:i}=this.#s,r=this.#i[t]??{},o=Mn(r,t),l=$({schema:r,root:e,env:s,isRequired:!0,label:o||i});this.#o.set(t,l)}this.#r.replaceChildren(this.#a.element)}read(t){return this.#a.read(t)}fill(t){let{root:e}=this.#s,s=this.#i.findIndex(i=>ye(i,t,e));this.#l(Math.max(0,s)),this.#a.fill(t)}keep(){return{member:Number(this.#n.value),inner:this.#a.keep()}}restore(t){let{member:e,inner:s}=L(t);typeof e!="number"||!this.#i[e]||(this.#l(e),this.#a.restore(s??null))}find(t){return t.length?this.#a.find(t):this}complain(t){this.#e.complain(t)}clear(){this.complain("");for(let t of this.#o.values())t.clear()}focus(){this.#n.focus()}},On={integer:"Whole number",number:"Number",string:"Text",boolean:"Yes or no",array:"List",object:"Object"};function Mn(n,t){return n.title??On[n.type]??On[typeof n.const]??`Kind ${t+1}`}var $e=7e5,Se=class{#t=a("p",{class:"kgnb-file-note"});#e;#n;#s=0;file=null;problem="";isReading=!1;constructor({label:t,env:e},{accept:s,largest:i}){let{signal:r,changed:o}=e;this.accept=s,this.largest=i,this.#n=o,this.input=a("input",{type:"file",class:"kgnb-file-input",accept:s&&s.join(",")}),this.#e=R("Remove",`Remove the file of ${t}`,()=>this.#l(),e),this.#e.hidden=!0;let l=[s&&s.join(", "),`at most ${Y(i)}`].filter(Boolean);this.element=a("div",{class:"kgnb-file"},a("p",{class:"kgnb-file-hint"},`Choose a file or drop it here: ${l.join("; ")}.`),this.input,a("div",{class:"kgnb-file-chosen"},this.#t,this.#e));let c=()=>{this.#r(this.input.files?.[0])};this.input.addEventListener("change",c,{signal:r}),this.#i(r),h(this.#t,"No file chosen yet.")}#i(t){let{element:e}=this,s=o=>e.dataset.over=String(o),i=o=>{o.dataTransfer?.types.includes("Files")&&(o.preventDefault(),o.stopPropagation(),s(!0))},r=o=>{i(o),s(!1);let l=o.dataTransfer?.files;if(!(!l?.length||this.input.matches(":disabled"))){if(l.length>1)return this.#a("One file at a time.");this.input.files=l,this.#r(l[0])}};e.addEventListener("dragenter",i,{signal:t}),e.addEventListener("dragover",i,{signal:t}),e.addEventListener("dragleave",()=>s(!1),{signal:t}),e.addEventListener("drop",r,{signal:t})}async#r(t){if(!t)return;let e=this.#o(t);if(e)return this.#a(e);this.#s+=1;let s=this.#s;this.isReading=!0,this.#c(`Reading ${t.name} \u2026`);try{let i=await Ni(t);if(s!==this.#s)return;this.file={name:t.name,type:t.type,size:t.size,content:i},this.problem="",this.#c(`${t.name}, ${Y(t.size)}`)}catch{s===this.#s&&this.#a(`${t.name} could not be read.`)}finally{s===this.#s&&(this.isReading=!1),this.#n()}}#o({name:t,size:e,type:s}){return e>this.largest?`${t} is too large: ${Y(e)}, and at most ${Y(this.largest)} can be sent.`:this.accept&&!this.accept.some(i=>Ei(i,t,s))?`${t} is not of the kinds that are asked for: ${this.accept.join(", ")}.`:""}#a(t){this.#l(),this.problem=t,this.#n(),this.onRefused(t)}onRefused=t=>{};#l(){this.#s+=1,this.isReading=!1,this.file=null,this.problem="",this.input.value="",this.#c("No file chosen yet."),this.onRefused("")}#c(t){h(this.#t,t),this.#e.hidden=!this.file&&!this.isReading,this.element.dataset.chosen=String(this.file!==null)}missing(t){this.file||this.#c(`Choose ${t} again: a page that is loaded anew has no files.`)}},It=class{constructor(t,e){this.spec=t,this.label=t.label,this.picker=new Se(t,e),this.frame=new x(t,this.picker.input,"row",this.picker.element),this.element=this.frame.element,this.picker.onRefused=s=>this.complain(s)}read(t){let{file:e,problem:s,isReading:i}=this.picker;return i?t.fail(this,"The file is still being read."):s?t.fail(this,s):e?this.valueOf(e):this.readEmpty(t)}readEmpty(t){return W(this.spec,this,t,"Choose a file.")}valueOf(t){return t}fill(t){}keep(){return this.picker.file?.name??null}restore(t){typeof t=="string"&&this.picker.missing(t)}find(){return this}complain(t){this.frame.complain(t)}clear(){this.frame.complain(this.picker.problem)}focus(){this.frame.focus()}},Dt=class extends It{constructor(t){let{accept:e,properties:s}=t.schema,i=L(s).size;super(t,{accept:Array.isArray(e)?e:null,largest:Number(L(i??null).maximum??$e)})}},qt=class extends It{#t=void 0;constructor(t){let{contentMediaType:e,maxLength:s}=t.schema,i=e?[e]:null;super(t,{accept:i,largest:s?Math.min($e,s*3/4):$e}),t.schema.default!==void 0&&this.fill(t.schema.default)}readEmpty(t){return this.#t===void 0?super.readEmpty(t):this.#t}valueOf({content:t}){return t}fill(t){this.#t=t??void 0}};function Ei(n,t,e){return n.startsWith(".")?t.toLowerCase().endsWith(n):n.endsWith("/*")?n==="*/*"||e.startsWith(n.slice(0,-1)):e===n}async function Ni(n){let t=new Uint8Array(await n.arrayBuffer());return btoa(Array.from(t,e=>String.fromCharCode(e)).join(""))}function Y(n){return n<1e3?`${n} B`:`${Math.round(n/1e3).toLocaleString("en")} kB`}var zt=class{entries=[];#t=a("ol",{class:"kgnb-form-list"});#e;#n=0;constructor(t,e){this.spec=t,this.label=t.label,this.hasKeys=e;let s=J(t),i=R("Add",`Add to ${t.label}`,()=>this.add().focus(),t.env);if(s.append(this.#t,i),this.#e=new x(t,s,"group"),this.element=this.#e.element,t.schema.default!=null)this.fill(t.schema.default);else for(;this.entries.length<(t.schema.minItems??0);)this.add()}add(t=""){let{schema:e,root:s,env:i,label:r}=this.spec,o=this.hasKeys?e.additionalProperties:e.items;this.#n+=1;let l=`${r} ${this.#n}`,c=$({schema:Ti(b(o,s)),root:s,env:i,label:l,isRequired:!0}),d=R("Remove",`Remove ${l}`,()=>this.#s(f),i),u=this.hasKeys?Oi(l,t,i):null,g=a("li",{class:"kgnb-form-entry"},u,c.element,d),f={field:c,element:g,key:u};return this.entries.push(f),this.#t.append(g),c}#s(t){let e=this.entries.indexOf(t);this.entries.splice(e,1),t.element.remove();let s=this.entries[Math.min(e,this.entries.length-1)];s?s.field.focus():this.#e.focus()}empty(){this.#n=0,this.entries=[],this.#t.replaceChildren()}read(t){return this.entries.map(({field:e})=>e.read(t)??null)}fill(t){this.empty();for(let e of Array.isArray(t)?t:[])this.add().fill(e)}keep(){return this.entries.map(({field:t,key:e})=>[e?.value??null,t.keep()])}restore(t){this.empty();for(let e of Array.isArray(t)?t:[]){let[s,i]=Array.isArray(e)?e:[];this.add(typeof s=="string"?s:"").restore(i??null)}}find([t,...e]){let s=this.hasKeys?this.entries.find(({key:i})=>i?.value===String(t)):this.entries[Number(t)];return t!==void 0&&s?.field.find(e)||this}complain(t){this.#e.complain(t)}clear(){this.complain("");for(let{field:t}of this.entries)t.clear()}focus(){this.#e.focus()}};function Ti({title:n,...t}){return t}function Oi(n,t,{signal:e,changed:s}){let i=a("input",{class:"kgnb-input","aria-label":`Name of ${n}`,placeholder:"Name"});return i.value=t,i.addEventListener("input",s,{signal:e}),i}var Bt=class extends zt{constructor(t){super(t,!1)}read(t){let{schema:e,isRequired:s}=this.spec,i=this.entries.length;if(!(i===0&&!s&&e.default===void 0))return i<(e.minItems??0)?t.fail(this,`At least ${e.minItems} entries.`):i>(e.maxItems??1/0)?t.fail(this,`At most ${e.maxItems} entries.`):super.read(t)}},Pt=class extends zt{constructor(t){super(t,!0)}read(t){if(this.entries.length===0&&!this.spec.isRequired)return;let e=this.entries.map(({key:i})=>i?.value??"");if(e.includes(""))return t.fail(this,"Each entry wants a name.");if(new Set(e).size<e.length)return t.fail(this,"No name may stand twice.");let s=this.entries.map(({field:i})=>i.read(t)??null);return Object.fromEntries(e.map((i,r)=>[i,s[r]??null]))}fill(t){this.empty();for(let[e,s]of Object.entries(L(t)))this.add(e).fill(s)}},Ut=class{#t;#e;constructor(t){let{schema:e,root:s,env:i,label:r}=t;this.label=r,this.#t=e.prefixItems.map((l,c)=>{let d=b(l,s),u=d.title??`${r} ${c+1}`;return $({schema:d,root:s,env:i,label:u,isRequired:!0})});let o=J(t);o.append(...this.#t.map(l=>l.element)),this.#e=new x(t,o,"group"),this.element=this.#e.element,e.default!=null&&this.fill(e.default)}read(t){return this.#t.map(e=>e.read(t)??null)}fill(t){(Array.isArray(t)?t:[]).forEach((s,i)=>this.#t[i]?.fill(s))}keep(){return this.#t.map(t=>t.keep())}restore(t){(Array.isArray(t)?t:[]).forEach((s,i)=>this.#t[i]?.restore(s))}find([t,...e]){return t!==void 0&&this.#t[Number(t)]?.find(e)||this}complain(t){this.#e.complain(t)}clear(){this.complain("");for(let t of this.#t)t.clear()}focus(){this.#e.focus()}},Ft=class{#t;#e;constructor(t){let{schema:e,root:s,env:i,label:r}=t;this.spec=t,this.label=r;let o=B(b(e.items,s),s)??[],l=J(t);this.#t=o.map(c=>{let d=a("input",{type:"checkbox",class:"kgnb-check"});return d.addEventListener("input",i.changed,{signal:i.signal}),l.append(a("label",{class:"kgnb-form-check"},d,c.label)),{box:d,value:c.value}}),this.#e=new x(t,l,"group"),this.element=this.#e.element,e.default!=null&&this.fill(e.default)}read(t){let{schema:e,isRequired:s}=this.spec,i=this.#t.filter(({box:o})=>o.checked).map(({value:o})=>o);return i.length<(e.minItems??0)?t.fail(this,`Choose at least ${e.minItems}.`):i.length>(e.maxItems??1/0)?t.fail(this,`Choose at most ${e.maxItems}.`):!i.length&&!s&&e.default===void 0?void 0:i}fill(t){let e=new Set((Array.isArray(t)?t:[]).map(s=>JSON.stringify(s)));for(let s of this.#t)s.box.checked=e.has(JSON.stringify(s.value))}keep(){return this.#t.map(({box:t})=>t.checked)}restore(t){let e=Array.isArray(t)?t:[];this.#t.forEach(({box:s},i)=>s.checked=e[i]===!0)}find(){return this}complain(t){this.#e.complain(t)}clear(){this.complain("")}focus(){this.#e.focus()}};var Mi=200,Li={date:"date","date-time":"datetime-local",time:"time",email:"email",uri:"url",password:"password",color:"color"},ji={date:"This is not a date.","datetime-local":"This is not a date and time.",time:"This is not a time.",email:"This is not an e-mail address.",url:"This is not a web address.",number:"This is not a number."},I=class{#t={shown:"",value:null,isGiven:!1};constructor(t,e){this.spec=t,this.label=t.label,this.control=e,this.frame=new x(t,e),this.element=this.frame.element;let{signal:s,changed:i}=t.env;e.addEventListener("input",i,{signal:s})}read(t){let{value:e}=this.control,{validity:s}=this.control;return s.badInput||s.typeMismatch?t.fail(this,ji[this.control.type]??"This cannot be read."):this.#t.isGiven&&e===this.#t.shown?this.#t.value:e===""?this.readEmpty(t):this.parse(e,t)}readEmpty(t){return W(this.spec,this,t,"Fill this in.")}parse(t,e){return t}show(t){return t===null?"":k(t)}fill(t){this.control.value=this.show(t),this.#t={shown:this.control.value,value:t,isGiven:t!==null}}keep(){return this.control.type==="password"?"":this.control.value}restore(t){typeof t=="string"&&(this.control.value=t)}find(){return this}complain(t){this.frame.complain(t)}clear(){this.frame.complain("")}focus(){this.frame.focus()}},Vt=class extends I{constructor(t){super(t,Ci(t)),t.schema.default!=null&&this.fill(t.schema.default)}readEmpty(t){let{schema:e,isNullable:s}=this.spec,i=!e.format&&!e.minLength&&!e.pattern;return typeof e.default=="string"&&i&&!s?"":super.readEmpty(t)}parse(t,e){let{schema:s}=this.spec;if(s.format==="date-time")return Di(t);if(s.format==="time"&&/^\d\d:\d\d$/.test(t))return`${t}:00`;let i=[...t].length;return i<(s.minLength??0)?e.fail(this,`At least ${s.minLength} characters.`):i>(s.maxLength??1/0)?e.fail(this,`At most ${s.maxLength} characters; these are ${i}.`):s.pattern&&!Ii(s.pattern,t)?e.fail(this,`This is not of the form ${s.pattern}`):t}show(t){let e=super.show(t);return this.spec.schema.format==="date-time"?qi(e):e}};function Ci({schema:n}){let t=Li[n.format];return!t&&((n.maxLength??0)>Mi||String(n.default??"").includes(`
`))||n.format==="textarea"?a("textarea",{class:"kgnb-input",rows:4}):a("input",{class:"kgnb-input",type:t??"text",step:t==="time"||t==="datetime-local"?1:null,placeholder:Ri(n),autocomplete:"off"})}function Ri({examples:n,format:t}){return t==="duration"?"P1DT2H30M":Array.isArray(n)&&typeof n[0]=="string"?n[0]:null}function Ii(n,t){try{return new RegExp(n,"u").test(t)}catch{return!0}}function Di(n){let t=-new Date(n).getTimezoneOffset();if(Number.isNaN(t))return n;let e=t<0?"-":"+",[s,i]=[Math.floor(Math.abs(t)/60),Math.abs(t)%60],r=l=>String(l).padStart(2,"0"),o=/T\d\d:\d\d$/.test(n)?":00":"";return`${n}${o}${e}${r(s)}:${r(i)}`}function qi(n){let t=new Date(n);return Number.isNaN(t.getTime())?"":new Date(t.getTime()-t.getTimezoneOffset()*6e4).toISOString().slice(0,19)}var Wt=class extends I{constructor(t){let{schema:e}=t;super(t,a("input",{class:"kgnb-input kgnb-input-number",type:"number",step:e.multipleOf??(e.type==="integer"?1:"any"),min:e.minimum,max:e.maximum,inputmode:e.type==="integer"?"numeric":"decimal",autocomplete:"off"})),e.default!=null&&this.fill(e.default)}parse(t,e){let s=Number(t),i=zi(s,this.spec.schema);return i?e.fail(this,i):s}};function zi(n,t){if(t.type==="integer"&&!Number.isInteger(n))return"This must be a whole number.";if(Number.isInteger(n)&&!Number.isSafeInteger(n))return"This number is too large to be exact.";if(n<t.minimum)return`At least ${t.minimum}.`;if(n>t.maximum)return`At most ${t.maximum}.`;if(n<=t.exclusiveMinimum)return`More than ${t.exclusiveMinimum}.`;if(n>=t.exclusiveMaximum)return`Less than ${t.exclusiveMaximum}.`;let e=n/t.multipleOf;return!t.multipleOf||Math.abs(e-Math.round(e))<1e-9?"":`A multiple of ${t.multipleOf}.`}var it=class extends I{#t;constructor(t,e=B(t.schema,t.root)??[]){let s=t.isNullable||!t.isRequired,i=a("option",{value:""},s?"Not given":"Choose \u2026"),r=e.map(({label:o},l)=>a("option",{value:l},o));super(t,a("select",{class:"kgnb-input"},i,...r)),this.#t=e,t.schema.default!==void 0&&this.fill(t.schema.default)}readEmpty(t){return W(this.spec,this,t,"Choose one.")}parse(t){return this.#t[Number(t)]?.value}show(t){let e=JSON.stringify(t),s=this.#t.findIndex(i=>JSON.stringify(i.value)===e);return s<0?"":String(s)}};function Ln(n){if(!n.isNullable)return new Ae(n);let t=[{value:!0,label:"Yes"},{value:!1,label:"No"}];return new it(n,t)}var Ae=class{#t=a("input",{type:"checkbox",class:"kgnb-check"});#e;constructor(t){this.label=t.label,this.#e=new x(t,this.#t,"box"),this.element=this.#e.element;let{signal:e,changed:s}=t.env;this.#t.addEventListener("input",s,{signal:e}),this.#t.checked=t.schema.default===!0}read(){return this.#t.checked}fill(t){this.#t.checked=t===!0}keep(){return this.#t.checked}restore(t){this.#t.checked=t===!0}find(){return this}complain(t){this.#e.complain(t)}clear(){this.#e.complain("")}focus(){this.#e.focus()}},Jt=class{element=a("div",{hidden:!0});#t;constructor({schema:t,root:e,label:s}){this.label=s,this.#t="const"in t?t.const:B(t,e)?.[0]?.value??null}read(){return this.#t}fill(){}keep(){return null}restore(){}find(){return this}complain(){}clear(){}focus(){}},K=class extends I{constructor(t,e=6){let s={class:"kgnb-input kgnb-input-json",rows:e,spellcheck:"false"};super(t,a("textarea",s));let{default:i}=t.schema;i!==void 0&&this.fill(i)}readEmpty(t){return W(this.spec,this,t,"Fill this in, as JSON.")}parse(t,e){try{return JSON.parse(t)}catch(s){return e.fail(this,`This is not JSON: ${s.message}`)}}show(t){return JSON.stringify(t,null,2)}};var Bi=new Set(["fixed","choice","boolean","number","text","bytes","json"]),Pi=new Set(["array","choices","map"]);function $(n){let{schema:t,isNullable:e}=An(n.schema,n.root),s={...n,schema:t,isNullable:e},i=ve(t,s.root);return(e||!s.isRequired&&!Pi.has(i))&&!Bi.has(i)?new Ct(s):_e(s)}function _e(n){switch(ve(n.schema,n.root)){case"fixed":return new Jt(n);case"choice":return new it(n);case"choices":return new Ft(n);case"boolean":return Ln(n);case"number":return new Wt(n);case"text":return new Vt(n);case"bytes":return new qt(n);case"object":return new jt(n);case"map":return new Pt(n);case"tuple":return new Ut(n);case"array":return new Bt(n);case"union":return new Rt(n);case"json":return new K(n)}}var Ee=class extends I{constructor(t){super(t,a("textarea",{class:"kgnb-input",rows:8}))}read(){return this.control.value}},rt=class{label="Edit";#t;#e;#n;#s=a("details",{class:"kgnb-changes",hidden:!0});#i=a("summary",null);#r;constructor(t,e,s){this.#t=t;let i=R("Undo my changes","Undo my changes",()=>this.fill(t),s),r=e??st(t),o={...s,changed:()=>(this.#a(),s.changed())},l={schema:b(r,r),root:r,label:"Edit",isRequired:!0,env:o};this.#n=Ui(t,l,e===null),this.#s.append(this.#i,a("div",{class:"kgnb-changes-body"})),this.#r=a("div",{class:"kgnb-options",hidden:!0},i),this.element=a("div",{class:"kgnb-edit"},this.#n.element,this.#s,this.#r),Nt(v(t))&&this.element.prepend(M(t)),this.#n.fill(t),this.#e=this.#o()}#o(){let t=new z,e=this.#n.read(t);return t.problems.length?null:v(e??null)}#a(){let t=this.#o();if(t===null||this.#e===null)return;let e=Tt(this.#e,t),s=Ot(e);this.element.dataset.edited=String(s!==""),h(this.#i,s&&`Edited: ${s}`),this.#s.hidden=this.#r.hidden=s==="",this.#s.lastElementChild?.replaceChildren(Mt(e))}read(t){let e=this.#n.read(t);return!t.problems.length&&v(e??null)===this.#e?this.#t:e}get isEdited(){return this.#o()!==this.#e}fill(t){this.#n.fill(t),this.#a()}keep(){return this.#n.keep()}restore(t){this.#n.restore(t),this.#a()}find(t){return this.#n.find(t)}complain(t){this.#n.complain(t)}clear(){this.#n.clear()}focus(){this.#n.focus()}};function Ui(n,t,e){let s={...t,isNullable:!1};return typeof n=="string"&&e?new Ee(s):e&&n&&typeof n=="object"?new Ne(t):$(t)}var Ne=class{label;#t;#e;#n;#s=!1;#i;constructor(t){this.label=t.label,this.#i=t,this.#t=$(t);let{schema:e,...s}=t;this.#e=new K({...s,schema:{},isNullable:!1,label:"Your answer as JSON"},10),this.#e.element.hidden=!0,this.#n=R("Edit as JSON","Edit as JSON",()=>this.#o(),t.env),this.element=a("div",{class:"kgnb-either"},this.#t.element,this.#e.element,this.#n)}get#r(){return this.#s?this.#e:this.#t}#o(){let t=new z,e=this.#r.read(t);for(let{field:s,message:i}of t.problems)s.complain(i);t.problems.length||(this.#s&&this.#a(e??null),this.#l(!this.#s),this.#r.fill(e??null))}#a(t){let e=st(t),{element:s}=this.#t;this.#t=$({...this.#i,schema:e,root:e}),s.replaceWith(this.#t.element)}#l(t){this.#s=t,this.#e.element.hidden=!t,this.#t.element.hidden=t;let e=t?"Edit field by field":"Edit as JSON";h(this.#n,e),this.#n.setAttribute("aria-label",e)}read(t){return this.#r.read(t)}fill(t){this.#r.fill(t)}keep(){return{json:this.#s,inner:this.#r.keep()}}restore(t){!t||typeof t!="object"||Array.isArray(t)||(this.#l(t.json===!0),this.#r.restore(t.inner??null))}find(t){return this.#s?this.#e:this.#t.find(t)}complain(t){this.#r.complain(t)}clear(){this.#t.clear(),this.#e.clear()}focus(){this.#r.focus()}};var Yt=class{#t;#e;#n;#s;#i;#r=a("textarea",{class:"kgnb-input",rows:2,maxlength:2e3,"aria-label":"Reason"});#o=a("p",{class:"kgnb-form-summary",role:"alert"});#a=[];constructor(t,e,s){this.#t=t,this.#e=e,this.#n=s,this.#s=new St(t),this.#i=Vi(t,{signal:s,changed:()=>this.#u()});let i=a("form",{class:"kgnb-answer-form"});i.addEventListener("submit",o=>o.preventDefault(),{signal:s});let r=a("details",{class:"kgnb-reason"},a("summary",null,"Add a reason"),this.#r);this.#r.addEventListener("input",()=>this.#u(),{signal:s}),i.append(...this.#i?[this.#i.element]:[],this.#o,this.#l(),...t.kind==="input"?[]:[r]),this.element=a("fieldset",{class:"kgnb-answer"},i),this.#h(),this.#r.value&&(r.open=!0)}update(t,e){this.element.disabled=!e;for(let s of this.#a)s.disabled=!t}refuse(t){let e=t.map(({path:s,message:i})=>({field:this.#i?.find(s),message:i}));this.#d(e)}focus(){this.#i?.focus()}forget(){this.#s.forget()}#l(){let t=a("div",{class:"kgnb-options"});for(let[e,{label:s,value:i,isAnswer:r}]of Wi(this.#t).entries()){let l=Ji(s,e===0,()=>this.#c(r?i:void 0),this.#n);this.#a.push(l),t.append(l)}return t}#c(t){let e=this.#i;e?.clear(),this.#d([]);let s=new z,i=e?.read(s);if(s.problems.length)return this.#d(s.problems,!0);let r=this.#r.value.trim(),o=r?{reason:r}:{};if(t===void 0)return this.#e(i??null,o);let l=e instanceof rt&&e.isEdited;this.#e(t,l?{...o,edited_payload:i??null}:o)}#d(t,e=!1){for(let{field:i,message:r}of t)i?.complain(r);h(this.#o,Fi(t,this.#i));let s=t.every(({field:i})=>i&&i===this.#i);this.#o.classList.toggle("kgnb-unseen",s),e&&t[0]?.field?.focus()}#u(){this.#s.save({field:this.#i?.keep()??null,reason:this.#r.value})}#h(){let{correction:t}=this.#t,e=this.#s.load();if(t){this.#i?.fill(t.value??null);let s=t.problems;setTimeout(()=>this.refuse(s))}!e||typeof e!="object"||Array.isArray(e)||(e.field!=null&&this.#i?.restore(e.field),typeof e.reason=="string"&&(this.#r.value=e.reason))}};function Fi(n,t){if(n.length===0)return"";let e=n.filter(({field:r})=>!r||r===t),s=n.filter(({field:r})=>r&&r!==t);return s.length?`Please look again at: ${[...new Set(s.map(({field:r})=>r?.label))].join(", ")}.`:e.map(({message:r})=>r).join(" ")}function Vi(n,t){let{kind:e,schema:s,payload:i,options:r}=n;if(e==="edit")return new rt(i,s,t);if(e==="confirm"||e!=="file"&&r?.length)return null;let o=s??{type:"string",format:"textarea"},l=e==="input"?"Your input":"Your answer",c={schema:b(o,o),root:o,label:l,isRequired:!0,env:t},d=e==="file"?new Dt({...c,isNullable:!1}):$(c);return d.element.classList.add("kgnb-form-top"),d}function Wi({kind:n,options:t}){return t?.length&&n!=="file"?t.map(e=>({label:k(e),value:e,isAnswer:!0})):n==="confirm"?[{label:"Yes",value:!0,isAnswer:!0},{label:"No",value:!1,isAnswer:!0}]:[{label:n==="edit"?"Approve":"Send",value:null,isAnswer:!1}]}function Ji(n,t,e,s){let r=a("button",{type:"button",class:t?"kgnb-button kgnb-primary":"kgnb-button"},m(n));return r.dataset.option=n,r.addEventListener("click",o=>o.isTrusted&&e(),{signal:s}),r}function w(n,t){return n.graph.nodes.find(e=>e.id===t)?.label??t}var Yi=80;function jn({kind:n,options:t,value:e,payload:s}){if(n==="file"&&e?.name)return`${e.name}, ${Y(e.size??0)}`;if(n==="edit"&&!t?.length)return v(e)===v(s)?"approved unchanged":"approved with changes";let i=k(e);return i.length>Yi&&typeof e=="object"?"answered":i}function Cn({kind:n,options:t,value:e,payload:s,edited_payload:i}){if(n==="file"||e===null)return null;let r=n==="edit"&&t?.length?i:e;if(n==="edit"&&r!==null&&v(r)!==v(s)){let o=Tt(v(s),v(r)),l=a("summary",null,`edited: ${Ot(o)}`);return a("details",{class:"kgnb-edited",open:!0},l,Mt(o))}return n==="edit"||typeof e!="object"?null:a("details",null,a("summary",null,"the answer"),M(e))}function Ki({need:n,approvers:t}){return n>1||t!==null}function Rn(n,t){if(!t)return"";if(t.role==="view")return"You may watch this run, but not answer its questions.";if(!Ki(n))return"";if(t.kind==="kernel")return"People are counted here, and nobody signs in to a kernel: answer on the run\u2019s own page, or in the server\u2019s panel.";if(!t.voter)return"People are counted here, and your login is nobody\u2019s in particular: sign in with a user name of your own.";if(n.approvers&&!n.approvers.includes(t.user??""))return`Only ${Te(n.approvers,"and")} may answer; you are ${t.user}.`;let e=In(n,t);return e?`You voted \u201C${ot(e.value??null,n.kind)}\u201D; a vote cannot be taken back.`:""}function In({votes:n},t){return t?.voter?n.find(({voter:e})=>e===t.voter):void 0}function Hi({need:n,approvers:t,veto:e,kind:s}){let i=t?Te(t,n>1?"and":"or"):"";if(n===1)return i&&`For ${i} to answer.`;let o=`Decided when ${i?`${n} of ${t?.length} people (${i})`:`${n} people`} choose the same.`;if(!e?.length)return o;let l=Te(e.map(c=>`\u201C${ot(c,s)}\u201D`),"or");return`${o} Veto: one vote for ${l} is enough.`}function Dn({votes:n,need:t,kind:e}){let s=n.at(-1);if(!s)return"";let i=s.value??null;return`${s.user} voted \u201C${ot(i,e)}\u201D: ${qn(n,i)} of ${t}`}var Kt=class{#t=a("p",{class:"kgnb-votes-tally"});#e=a("ul",{class:"kgnb-votes-list","aria-label":"Votes so far"});#n=a("p",{class:"kgnb-votes-missing"});#s="";constructor(t){let e=Hi(t);this.element=a("div",{class:"kgnb-votes"},a("p",{class:"kgnb-votes-rules"},m(e)),this.#t,this.#e,this.#n),this.element.hidden=e===""}update(t,e){let{votes:s,need:i,kind:r}=t,o=In(t,e),l=`${s.map(({voter:c})=>c).join()} ${o?.voter??""}`;if(l!==this.#s){this.#s=l,h(this.#t,i>1?Gi(t):""),this.#e.replaceChildren(...s.map(c=>Oe(c,r,c===o))),h(this.#n,Xi(t));for(let c of[this.#t,this.#e,this.#n])y(c,"hidden",c.textContent?null:"")}}};function Oe({user:n,value:t,at:e,reason:s},i,r=!1){let o=a("time",{class:"kgnb-votes-time",title:C(e)},At(e));return a("li",{class:"kgnb-votes-row","data-mine":r},a("span",{class:"kgnb-votes-who"},m(n),r&&" (you)"),": ",a("span",{class:"kgnb-votes-value"},m(ot(t??null,i)))," ",o,s&&a("span",{class:"kgnb-votes-reason"},m(s)))}function Gi({options:n,kind:t,votes:e,need:s}){return(n??(t==="confirm"?[!0,!1]:[])).map(r=>`${ot(r,t)}: ${qn(e,r)} of ${s}`).join(" \xB7 ")}function ot(n,t){return t==="confirm"?n?"Yes":"No":k(n)}function Xi({approvers:n,votes:t,need:e}){if(!n||e===1)return"";let s=new Set(t.map(({approver:r})=>r)),i=n.filter(r=>!s.has(r));return i.length?`Not yet: ${i.join(", ")}`:""}function qn(n,t){let e=JSON.stringify(t);return n.filter(s=>JSON.stringify(s.value??null)===e).length}function Te(n,t){return n.length<2?n.join(""):`${n.slice(0,-1).join(", ")} ${t} ${n.at(-1)}`}var Qi=500,Ht=class{#t=new Map;#e=et("decisions","Decisions");#n="";#s="";#i;constructor(t){this.#i=t,this.element=a("div",{class:"kgnb-approvals"}),this.decisions=this.#e.element}update(t){let e=t.approvals.filter(i=>i.state==="open"),s=new Set(e.map(Me));for(let[i,r]of this.#t)s.has(i)||(this.#s=r.talkedTo||this.#s,r.remove(),this.#t.delete(i));for(let i of e)this.#r(i,w(t,i.node_id));this.#o(t)}#r(t,e){let s=Me(t),i=this.#t.get(s);if(i)return i.update(t);let r=new at(t,e,this.#i);this.#t.set(s,r),this.element.append(r.element),t.kind==="input"&&t.node_id===this.#s&&!Zi()&&r.focus(),this.#i.announce(`${e} asks: ${t.message}`)}#o(t){let e=t.approvals.filter(o=>o.state!=="open"),{element:s,count:i}=this.#e;s.hidden=e.length===0,h(i,String(e.length));let r=e.map(o=>`${Me(o)}${o.state}`).join();r!==this.#n&&(this.#n=r,this.#i.isFinal&&(s.open=!0),s.lastElementChild?.replaceChildren(...e.map(o=>tr(o,w(t,o.node_id)))))}};function Zi(){return document.activeElement!==null&&document.activeElement!==document.body}function Me(n){return`${n.approval_id} ${n.args_hash}`}function tr(n,t){let s=a("span",{class:"kgnb-decision-value"},{timed_out:"timed out",cancelled:"not answered"}[n.state]??m(jn(n))),r=n.state==="timed_out"&&n.value!==null&&`: ${k(n.value)}`,o=[nt(n.by),C(n.by?.at)].filter(Boolean);return a("div",{class:"kgnb-decision","data-state":n.state},q(n.state==="answered"?"completed":"cancelled"),a("div",{class:"kgnb-decision-body"},a("div",{class:"kgnb-decision-question"},`${t}: `,m(n.message)),a("div",null,s,r,o.length>0&&` \xB7 ${o.join(" \xB7 ")}`),n.reason&&a("div",{class:"kgnb-decision-reason"},m(n.reason)),n.votes.length>0&&a("ul",{class:"kgnb-votes-list","aria-label":"Votes"},...n.votes.map(l=>Oe(l,n.kind))),n.state==="answered"&&Cn(n),n.payload!==null&&a("details",null,a("summary",null,"what was shown"),M(n.payload))))}var at=class{#t;#e;#n=a("p",{class:"kgnb-card-note",role:"status"});#s=a("p",{class:"kgnb-card-deadline"});#i;#r;#o=a("p",{class:"kgnb-card-barred",role:"status",hidden:!0});#a;#l=!1;#c=!1;#d=new AbortController;constructor(t,e,s){this.#t=t,this.#e=s;let i=AbortSignal.any([s.signal,this.#d.signal]);this.#a=new Yt(t,(l,c)=>this.#h(l,c),i),this.#i=new Kt(t),this.#r=t.votes.length;let r=a("p",{class:"kgnb-card-question"},m(t.message));this.element=a("section",{class:"kgnb-card","aria-label":`${e} asks`,"data-approval":t.approval_id},a("p",{class:"kgnb-card-who"},q("waiting"),`${e} asks`),r,t.payload!==null&&t.kind!=="edit"&&sr(t.payload),ir(t)&&or(),this.#i.element,this.#a.element,this.#o,this.#s,this.#n),this.update(),setTimeout(()=>{this.#l=!0,this.update()},Qi);let o=setInterval(()=>this.#u(),1e3);i.addEventListener("abort",()=>clearInterval(o))}update(t=this.#t){this.#t=t;let e=this.#e.identity(),s=Rn(t,e),i=this.#e.isArmed()&&this.#l&&!this.#c&&!s,r=!this.#e.isFinal&&!this.#e.disarmed()&&!s;this.#a.update(i,r),this.#i.update(t,e),h(this.#o,s),this.#o.hidden=s==="",this.element.dataset.barred=String(s!==""),t.votes.length>this.#r&&this.#e.announce(Dn(t)),this.#r=t.votes.length,this.element.dataset.armed=String(i),this.#u()}get talkedTo(){let{kind:t,node_id:e}=this.#t;return t==="input"&&this.#c?e:""}focus(){this.#a.focus()}remove(){this.#a.forget(),this.#d.abort(),this.element.remove()}#u(){let{expires_at:t,on_timeout:e}=this.#t,s=(Date.parse(t??"")-Date.now())/1e3,i=[];if(!Number.isNaN(s)){let r=e===null?"times out":`becomes \u201C${k(e)}\u201D`,o=s>0?`in ${A(s)}`:"now";i.push(`Unanswered, it ${r} ${o}.`)}h(this.#s,i.join(" ")),this.#s.hidden=i.length===0}async#h(t,e){if(this.#c||!this.#l||!this.#e.isArmed())return;this.#c=!0,this.update(),this.#g("Sending\u2026","");let s=setTimeout(()=>{let l=this.#e.via()==="comm"?xt:"Not confirmed yet; still trying.";this.#g(`${er(this.#t,t)}${l}`,"late")},kt),{approval_id:i,args_hash:r}=this.#t;try{await this.#e.command({type:"answer",approval_id:i,value:t,args_hash:r,...e}),this.#g("Recorded.","done")}catch(o){let l=o.code??"";this.#c=["already_answered","expired"].includes(l),this.#g(nr(o),"error"),this.#a.refuse(o.data?.problems??[]),this.update()}finally{clearTimeout(s)}}#g(t,e){h(this.#n,t),this.#n.dataset.kind=e}};function er({options:n},t){return n?.length?`You chose \u201C${k(t)}\u201D. `:""}function nr({code:n,message:t,data:e}){if(e?.problems?.length)return"Not accepted.";if(n!=="already_answered")return`Not accepted: ${t||n}`;let s=e?.value!==void 0?` with \u201C${k(e.value)}\u201D`:"",i=e?.by?`: ${nt(e.by)}`:"";return`Already answered${s}${i}.`}function sr(n){let t=M(n),e=(t.textContent??"").split(`
`).length,s=e>24&&a("p",{class:"kgnb-card-size"},`${E(e,"line")}, scroll to read all`);return a("div",{class:"kgnb-card-payload"},t,s)}function ir({message:n,payload:t,options:e}){return[n,t,e].some(s=>Nt(rr(s)))}function rr(n){let t=[];return JSON.stringify(n,(e,s)=>(t.push(e),typeof s=="string"&&t.push(s),s)),t.join(`
`)}function or(){return a("p",{class:"kgnb-card-warning"},"This holds characters that do not show; each stands here by its number.")}var ar={connecting:"connecting",live:"live",stale:"not answering",reconnecting:"reconnecting",offline:"offline",closed:"closed"},Gt=class{#t=new j("kgnb-run-chip");#e=a("div",{class:"kgnb-title",...we(2)});#n=a("span",{class:"kgnb-elapsed"});#s=a("span",{class:"kgnb-usage",title:"Tokens of all models",hidden:!0});#i=a("span",null);#r=a("span",{class:"kgnb-connection"},q("live"),this.#i);#o=a("button",{type:"button",class:"kgnb-button kgnb-quiet","aria-label":"Cancel run"},"Cancel");#a=a("button",{type:"button",class:"kgnb-button kgnb-quiet"});#l=a("a",{class:"kgnb-open",target:"_blank",rel:"noopener",title:"Open in a tab","aria-label":"Open in a tab",hidden:!0},q("open"));#c=a("p",{class:"kgnb-note",hidden:!0});#d;#u=!1;#h="pause";#g=!1;#f="";constructor(t,e){this.#d=t,e&&!t.isFinal&&(this.#l.href=e,this.#l.hidden=!1),this.element=a("header",{class:"kgnb-header"},a("div",{class:"kgnb-header-line"},this.#e,this.#t.element,this.#n,this.#s,a("span",{class:"kgnb-space"}),this.#r,this.#l,this.#a,this.#o),this.#c),this.#o.addEventListener("click",s=>s.isTrusted&&this.#k(),{signal:t.signal}),this.#a.addEventListener("click",s=>s.isTrusted&&this.#x(),{signal:t.signal})}update(t,e,s){let{isFinal:i}=this.#d,r=S.has(t.status),o=!i&&!r&&e.kind!=="live",l=t.seq>0||i;h(this.#e,t.workflow||"run");let c=l?`last seen ${t.status}`:"not read yet";if(this.#t.update(o?"stalled":t.status,o?c:void 0),h(this.#n,dr(t,o,i,s)),h(this.#s,V(t.usage)),this.#s.hidden=!t.usage,this.#r.hidden=i||r,this.#r.dataset.kind=e.kind,h(this.#i,ar[e.kind]),this.#r.title=e.kind==="live"?`by ${e.via}`:"",this.#o.hidden=i||r||!l,this.#o.disabled=this.#u||!this.#d.isArmed(),this.#p(t),r&&(this.#u=!1),!this.#u){let d=lr(e)||this.#d.disarmed();this.#b(i||r?"":d||this.#f||cr(t))}}#p(t){let e=t.paused?"resume":"pause";if(e!==this.#h||!this.#a.textContent){this.#h=e;let s=t.paused?"Resume":"Pause";this.#a.replaceChildren(s),this.#a.setAttribute("aria-label",`${s} run`),this.#a.classList.toggle("kgnb-quiet",!t.paused),this.#g=!1}this.#a.hidden=this.#o.hidden,this.#a.disabled=this.#o.disabled||this.#g}async#x(){let t=this.#h;this.#g=!0,this.#a.disabled=!0,await this.#v(t,t==="pause"?"Not paused":"Not resumed"),this.#g=!1}async#v(t,e){this.#f="";let s=setTimeout(()=>{this.#d.via()==="comm"&&this.#b(xt)},kt);try{return await this.#d.command({type:t,run_id:this.#m.run_id}),!0}catch(i){return this.#f=`${e}: ${i.message}`,this.#b(this.#f),!1}finally{clearTimeout(s)}}async#k(){this.#u=!0,this.#o.disabled=!0,this.#b("Cancelling\u2026"),await this.#v("cancel","Not cancelled")||(this.#u=!1)}#m={run_id:""};aim(t){this.#m={run_id:t}}#b(t){this.#c.hidden=!t,h(this.#c,t)}};function lr(n){if(n.kind==="offline"||n.kind==="closed"){let t=n.reason?` (${n.reason})`:"";return`${xe}${t}`}return n.kind==="stale"?n.reason:n.kind==="reconnecting"&&n.attempt>1?`Reconnecting: ${n.reason}. What is shown may be old.`:""}function cr(n){if(!n.paused)return"";let{before:t,by:e}=n.paused;return t?`Paused at the breakpoint before ${w(n,t)}.`:`Paused${e?`: ${nt(e)}`:""}. What has begun goes on to its next step; nothing new begins.`}function dr(n,t,e,s){let i=Date.parse(n.started_at??"");if(Number.isNaN(i))return"";let r=Date.parse(n.ended_at??"");if(Number.isNaN(r)&&(t||e))return"";let o=Math.max(0,((Number.isNaN(r)?s:r)-i)/1e3);return`${e?`${C(n.started_at)} \xB7 `:""}${A(o)}`}var Xt=class{#t;#e;#n=a("p",{class:"kgnb-dropped",hidden:!0});#s=0;#i;constructor(t,e,s){this.#t=et(t,e),this.#e=_(a("div",{class:"kgnb-log-box"}),e),this.#i=s,this.element=this.#t.element,this.element.lastElementChild?.append(this.#n,this.#e)}draw(t,e,s){let i=e.length+s;if(this.element.hidden=i===0,i===this.#s)return;i<this.#s&&(this.#e.replaceChildren(),this.#s=0);let r=gr(this.#e),o=Math.min(e.length,i-this.#s);for(let l of o?e.slice(-o):[])this.#e.append(this.#i(t,l));for(this.#s=i;this.#e.children.length>e.length;)this.#e.firstChild?.remove();h(this.#t.count,String(i)),this.#n.hidden=s===0,h(this.#n,`${E(s,"earlier entry")} not kept here.`),r&&(this.#e.scrollTop=this.#e.scrollHeight)}},Qt=class extends Xt{constructor(){super("logs","Logs",ur)}update(t){this.draw(t,t.logs,t.logs_dropped)}},Zt=class extends Xt{constructor(){super("updates","Updates",hr)}update(t){this.draw(t,t.custom,t.custom_dropped)}};function ur(n,t){return a("div",{class:"kgnb-log","data-stream":t.stream,"data-level":t.level},a("span",{class:"kgnb-log-node"},w(n,t.node_id)),a("span",{class:"kgnb-log-source"},t.level?`${t.stream} ${t.level}`:t.stream),a("span",{class:"kgnb-log-text"},t.text.replace(/\n$/,"")))}function hr(n,t){return a("div",{class:"kgnb-log"},a("span",{class:"kgnb-log-node"},w(n,t.node_id)),a("span",{class:"kgnb-log-source"},t.type),a("span",{class:"kgnb-log-text"},m(k(t.data))))}function gr(n){return n.scrollHeight-n.scrollTop-n.clientHeight<24}var te=class{#t=et("timeline","Timeline");#e=a("ol",{class:"kgnb-visits"});#n=a("p",{class:"kgnb-dropped",hidden:!0});#s=[];constructor(){this.element=this.#t.element,this.element.lastElementChild?.append(this.#n,this.#e)}update(t,e){let{timeline:s}=t;this.element.hidden=s.length===0;let i=s.length+t.timeline_dropped;if(h(this.#t.count,E(i,"visit")),this.#n.hidden=t.timeline_dropped===0,h(this.#n,`${E(t.timeline_dropped,"earlier visit")} not kept here.`),!this.element.open)return;let r=Date.parse(s[0]?.started_at??""),o=s.map(c=>Date.parse(c.ended_at??"")||e),l=Math.max(1,Math.max(...o)-r);s.forEach((c,d)=>{let u=this.#s[d];u||(u=new Le,this.#s[d]=u,this.#e.append(u.element));let g=Date.parse(c.started_at),f=o[d]??g;u.update(c,w(t,c.node_id),(g-r)/l,(f-g)/l)});for(let c of this.#s.splice(s.length))c.element.remove()}},Le=class{#t=a("span",{class:"kgnb-visit-name"});#e=a("span",{class:"kgnb-visit-fill"});#n=a("span",{class:"kgnb-visit-facts"});constructor(){let t=a("span",{class:"kgnb-visit-track"},this.#e);this.element=a("li",{class:"kgnb-visit"},this.#t,t,this.#n)}update(t,e,s,i){h(this.#t,e),y(this.element,"data-status",t.status),this.#e.style.left=`${(s*100).toFixed(2)}%`,this.#e.style.width=`${(i*100).toFixed(2)}%`;let r=[t.status];t.attempts>1&&r.push(`${t.attempts} attempts`),t.duration!==null&&r.push(A(t.duration)),h(this.#n,r.join(" \xB7 "))}};var H=class{#t=a("div",{class:"kgnb-bar-fill"});#e=a("span",{class:"kgnb-bar-name",hidden:!0});#n=a("span",{class:"kgnb-bar-numbers"});#s=a("span",{class:"kgnb-bar-note",hidden:!0});#i=a("div",{class:"kgnb-bar-track",role:"progressbar"},this.#t);#r;#o;constructor(t,e=""){this.#r=t,this.#o=e,this.element=a("div",{class:"kgnb-bar",hidden:!0},this.#e,this.#i,this.#n,this.#s)}update(t,{isLive:e,note:s=""}){if(this.element.hidden=!t,!t)return;let{percent:i,current:r,total:o,label:l}=t,c=[this.#o,l].filter(Boolean).join(" \xB7 ");Bn(this.#e,c),this.#e.title=c;let d=l&&!this.#o?`${l} of ${this.#r}`:this.#r;y(this.#i,"aria-label",`Progress of ${d}`);let u=e&&!t.closed,g=o===null&&r!==null;this.#i.dataset.endless=String(g&&u);let f=Math.min(100,Math.max(0,i));this.#t.style.transform=`scaleX(${g&&u?1:f/100})`,this.#i.dataset.full=String(f>=100&&!t.failed),this.#i.dataset.failed=String(t.failed);let p=fr(t,u);y(this.#i,"aria-valuenow",g?null:String(Math.round(f))),y(this.#i,"aria-valuetext",p),h(this.#n,p),Bn(this.#s,s)}};function fr(n,t){let{percent:e,current:s,total:i,rate:r,remaining:o,failed:l}=n;if(l)return"\u2715 failed";let c=s===null?"":zn(s),d=[];return i!==null&&s!==null?d.push(`${c} / ${zn(i)}`):s!==null?d.push(c):d.push(`${Math.round(Math.min(100,Math.max(0,e)))} %`),t&&r&&d.push(xn(r)),t&&o&&d.push(`${A(o)} left`),d.join(" \xB7 ")}function zn(n){return n.toLocaleString("en",{maximumFractionDigits:2})}function Bn(n,t){n.hidden=!t,h(n,t)}var Fn=120,Pn=7,ee=class{#t=new Map;#e=a("ol",{class:"kgnb-node-list"});constructor(){this.element=T("nodes","Steps",this.#e).element}update(t,e){let s=t.graph.nodes.map(r=>r.id),i=Object.keys(t.nodes).filter(r=>!s.includes(r));for(let r of[...s,...i]){let o=t.nodes[r];if(!o)continue;let l=this.#t.get(r);l||(l=new je(t.graph.nodes.find(c=>c.id===r),r),this.#t.set(r,l),this.#e.append(l.element)),l.update(o,pr(t,r),e)}this.element.hidden=this.#t.size===0}};function pr(n,t){let e=n.graph.edges.filter(s=>s.source===t).map(({action:s,target:i})=>s==="default"?i:`${i} on ${s}`);return e.length?`leads to ${e.join(", ")}`:""}var je=class{#t=new j("kgnb-node-chip");#e=a("span",{class:"kgnb-node-facts"});#n=a("span",{class:"kgnb-unseen"});#s=a("div",{class:"kgnb-node-message",hidden:!0});#i=a("div",{class:"kgnb-node-error",hidden:!0});#r;#o=new Map;#a=a("ul",{class:"kgnb-tracks",hidden:!0});#l=new Map;#c=a("ul",{class:"kgnb-item-list"});#d;#u=a("div",{class:"kgnb-items-more",hidden:!0});#h;constructor(t,e){let s=t?.label??e;this.#r=new H(s);let i=t?.path.length?`${t.path.join(" \u203A ")} \u203A `:"",r=a("span",{class:"kgnb-node-name"},i&&a("span",{class:"kgnb-node-path"},i),s);this.#d=_(a("div",{class:"kgnb-items",hidden:!0},this.#c),`Items of ${s}`),this.#h=s,this.element=a("li",{class:"kgnb-node-row","data-node-row":e},a("div",{class:"kgnb-node-line"},r,this.#e,this.#t.element),this.#n,this.#r.element,this.#a,this.#s,this.#i,this.#d,this.#u)}update(t,e,s){this.element.dataset.status=t.status;let i=t.status==="idle"&&s;this.#t.update(t.status,i?"not reached":void 0),h(this.#e,xr(t)),h(this.#n,e);let r=["completed","skipped","cancelled"].includes(t.status);Un(this.#s,t.message??(r?"":t.progress?.message)??""),Un(this.#i,t.error?Et(t.error):"");let o=!s&&["running","waiting"].includes(t.status);this.#r.update(t.progress,{isLive:o}),this.#g(t.items,o),this.#p(t.tracks,o)}#g(t,e){let s=Object.keys(t);for(let[d,{row:u}]of this.#l)Object.hasOwn(t,d)||(u.remove(),this.#l.delete(d));let i=s.length>Fn,r=new Set(i?kr(s,t):s);for(let d of s){let u=t[d];if(!u||!r.has(d)&&!this.#l.has(d))continue;let{row:g,bar:f}=this.#f(d);g.hidden=!r.has(d);let p=u.attempt??1,N=[p>1&&`attempt ${p}`,u.message].filter(Boolean);f.update(u,{isLive:e,note:N.join(" \xB7 ")})}this.#d.hidden=s.length===0,this.#d.dataset.many=String(r.size>=Pn),this.#u.hidden=s.length<Pn;let o=s.filter(d=>t[d]?.failed).length,c=`${s.filter(d=>(t[d]?.percent??0)>=100).length-o} of ${s.length} items done`;h(this.#u,o?`${c}, ${o} failed`:c)}#f(t){let e=this.#l.get(t);if(e)return e;let s=/^\d+$/.test(t)?`item ${t}`:t,i=new H(s,s),r=a("ul",{class:"kgnb-tracks"}),o=a("li",{class:"kgnb-item","data-item":t},i.element,r),l={row:o,bar:i,tracks:r};return this.#l.set(t,l),this.#c.append(o),l}#p(t,e){for(let[s,i]of this.#o)Object.hasOwn(t,s)||(i.element.parentElement?.remove(),this.#o.delete(s));for(let[s,i]of Object.entries(t)){let r=this.#o.get(s);if(!r){r=new H(i.label?this.#h:`loop ${i.track} of ${this.#h}`),this.#o.set(s,r);let o=i.item===null?this.#a:this.#l.get(i.item)?.tracks;mr(o??this.#a,i,r)}r.update(i,{isLive:e})}this.#a.hidden=!this.#a.children.length}};function mr(n,{track:t},e){let s=t.split(".").length-1,i=a("li",{class:"kgnb-track","data-track":t},e.element);i.style.setProperty("--depth",String(s));let r=[...n.children].find(o=>br(o.getAttribute("data-track")??"",t)>0);n.insertBefore(i,r??null)}function br(n,t){let e=n.split(".").map(Number),s=t.split(".").map(Number),i=e.findIndex((r,o)=>r!==s[o]);return i<0?e.length-s.length:(e[i]??0)-(s[i]??-1)}function kr(n,t){return n.filter(s=>(t[s]?.percent??0)<100).slice(0,Fn)}function xr(n){let t=[];return n.visits>1&&t.push(`visit ${n.visits}`),n.active>1&&t.push(`${n.active} at once`),n.attempt>1&&t.push(`attempt ${n.attempt}`),n.usage&&t.push(V(n.usage)),n.duration!==null&&t.push(A(n.duration)),t.join(" \xB7 ")}function Un(n,t){n.hidden=!t,h(n,t)}var wr="http://www.w3.org/2000/svg",vr=4e6,yr=new Set("svg g rect path text tspan title desc polygon circle line ellipse".split(" ")),_r=new Set("class role aria-label viewBox width height x y rx ry cx cy r x1 y1 x2 y2 d points fill fill-opacity stroke stroke-width stroke-dasharray opacity font-family font-size font-weight text-anchor data-node data-state data-kind data-edge data-count xmlns".split(" ")),$r={idle:"idle",paused:"\u2016 paused",running:"\u25CF running",waiting:"\u25D4 waiting",retrying:"\u21BB retrying",completed:"\u2713 completed",failed:"\u2715 failed",skipped:"\u293C skipped",cancelled:"\u2298 cancelled"};function Sr(n){if(!n||n.length>vr||/<[!?]/.test(n))return null;let t=new DOMParser().parseFromString(n,"image/svg+xml").documentElement,e=[t,...t.querySelectorAll("*")];return t.localName!=="svg"||!e.every(Ar)?null:document.importNode(t,!0)}function Ar(n){return n.namespaceURI!==wr||!yr.has(n.localName)?!1:Array.from(n.attributes).every(({name:t,value:e})=>_r.has(t)&&!/url\s*\(|javascript:/i.test(e))}var Er=.68,ne=class{#t="";#e=new Map;#n=new Map;#s="";constructor(){this.element=_(a("div",{class:"kgnb-picture",hidden:!0}),"Picture of the graph")}update(t,e){let s=t.graph.svg??"";s!==this.#t&&this.#i(s);for(let[l,c]of this.#e){let d=Object.hasOwn(t.nodes,l)?t.nodes[l]:void 0,g=t.paused?.before===l?"paused":d?.status??"idle";y(c,"data-state",g),Wn(c,".kgnb-state",g==="idle"&&e?"not reached":$r[g]??g);let p=d?.visits??0;Wn(c,".kgnb-count",p>1?`\xD7${p}`:"")}let i=t.active_edge,r=i?`${i.source}|${i.action}|${i.target}`:"",o=new Map(t.edges.map(l=>[`${l.source}|${l.action}|${l.target}`,l.count]));for(let[l,c]of this.#n)y(c,"data-count",String(o.get(l)??0)),y(c,"data-active",l===r?"true":null);this.#r(t)}#i(t){this.#t=t;let e=Sr(t);if(this.element.hidden=!e,this.element.replaceChildren(...e?[e]:[]),this.#e=Vn(e,"data-node"),this.#n=Vn(e,"data-edge"),!e)return;let s=Number(e.getAttribute("width"))||0;e.style.minWidth=`${Math.round(Math.min(s,Math.max(260,s*Er)))}px`,e.setAttribute("role","img")}#r(t){let e=t.active_edge?.target??"";if(e===this.#s)return;this.#s=e;let s=this.#e.get(e)?.getBoundingClientRect();if(!s||this.element.scrollWidth<=this.element.clientWidth)return;let i=this.element.getBoundingClientRect();(s.left<i.left||s.right>i.right)&&(this.element.scrollLeft+=s.left-i.left-24)}};function Vn(n,t){let e=n?Array.from(n.querySelectorAll(`[${t}]`)):[];return new Map(e.map(s=>[s.getAttribute(t)??"",s]))}function Wn(n,t,e){let s=n.querySelector(`:scope > ${t}`);s&&h(s,e)}var se=class{#t=a("ol",{class:"kgnb-message-list"});#e=a("div",{class:"kgnb-result-list"});#n=0;#s="";constructor(){this.messages=T("messages","Messages",this.#t).element,this.results=T("results","Results",this.#e).element}update(t,e){t.messages.length<this.#n&&(this.#t.replaceChildren(),this.#n=0);for(let s of t.messages.slice(this.#n)){let i=a("span",{class:"kgnb-message-role"},s.role),r=a("div",{class:"kgnb-message-text"},e(s.content));this.#t.append(a("li",{class:"kgnb-message","data-role":s.role},i,r))}this.#n=t.messages.length,this.messages.hidden=t.messages.length===0,this.#i(t,e)}#i(t,e){let s=Object.entries(t.results).filter(([,r])=>r!==null);this.results.hidden=s.length===0;let i=JSON.stringify(s);i!==this.#s&&(this.#s=i,this.#e.replaceChildren(...s.map(([r,o])=>a("div",{class:"kgnb-result","data-result":r},a("div",{class:"kgnb-result-name"},w(t,r)),e(o)))))}};function Jn(n,t){let{error:e,status:s}=n;if(t.hidden=!e,!e)return;let i=e.node_id?w(n,e.node_id):"";h(t,s==="cancelled"?`Cancelled: ${e.message}`:Et(e,i))}function Yn(n){let t=[[]],e="";for(let s of n.split(`
`)){let i=t.at(-1),r=/^ {0,3}(```+|~~~+)/.exec(s)?.[1]??"";e?(i.push(s),r.startsWith(e)&&(e="",t.push([]))):r?(e=r,t.push([s])):s.trim()===""?i.length&&t.push([]):Nr(s,i.at(-1))?t.push([s]):i.push(s)}return t.filter(s=>s.length).map(s=>s.join(`
`))}var Ce=/^ {0,3}(#{1,6})\s+(.*?)\s*#*$/,lt=/^(\s*)(?:[-*+]|(\d{1,9})[.)])\s+(.*)$/,ie=/^ {0,3}> ?/;function Nr(n,t){if(t===void 0)return!0;let e=lt.test(n);if(Ce.test(n)||Ce.test(t)||ie.test(n)!==ie.test(t))return!0;let s=lt.test(t)||/^\s+/.test(t);return e&&!s}function Re(n){let t=n.split(`
`),e=t[0]??"";if(/^ {0,3}(```|~~~)/.test(e))return Tr(t);let s=Ce.exec(e);if(s){let i=s[1]?.length??1;return a("p",{class:`kgnb-md-heading kgnb-md-h${i}`},P(s[2]??""))}if(/^ {0,3}([-*_])( *\1){2,} *$/.test(e))return a("hr");if(ie.test(e)){let i=t.map(r=>r.replace(ie,"")).join(`
`);return a("blockquote",null,P(i))}return lt.test(e)?Or(t):a("p",null,P(n))}function Tr(n){let t=n.length>1&&/^ {0,3}(```|~~~)/.test(n.at(-1)??""),e=n.slice(1,t?-1:void 0).join(`
`);return a("pre",{class:"kgnb-md-code"},a("code",null,e))}function Or(n){let t=lt.exec(n[0]??"")?.[2],e=t?a("ol",{start:t==="1"?null:t}):a("ul"),s=[];for(let r of n){let o=lt.exec(r),l=s.at(-1);o?s.push({depth:o[1]?.length??0,text:o[3]??""}):l&&(l.text+=`
${r.trim()}`)}let i=s[0]?.depth??0;for(let{depth:r,text:o}of s){let l=r>i;e.append(a("li",{class:l&&"kgnb-md-nested"},P(o)))}return e}var Mr=new RegExp(["(?<code>`+)(?<codeText>[^`]|[^`].*?[^`])\\k<code>(?!`)",'!?\\[(?<label>[^\\]\\n]{0,500})\\]\\((?<target>[^()\\s]{0,2000})(?:\\s+"[^"\\n]{0,500}")?\\)',"(?<strong>\\*\\*|__)(?=\\S)(?<strongText>.{1,2000}?\\S?)\\k<strong>","(?<![\\w*])(?<em>[*_])(?=[^\\s*_])(?<emText>.{0,2000}?[^\\s*_])\\k<em>(?![\\w*])"].join("|"),"su"),Lr=4;function P(n,t=0){let e=document.createDocumentFragment(),s=n;for(;s&&t<Lr;){let i=Mr.exec(s);if(!i)break;e.append(s.slice(0,i.index),jr(i,t)),s=s.slice(i.index+i[0].length)}return e.append(s),e}function jr(n,t){let{code:e,codeText:s,label:i,target:r,strong:o,strongText:l,emText:c}=n.groups??{};return e?a("code",null,s):r!==void 0?Cr(i??"",r,t):o?a("strong",null,P(l??"",t+1)):a("em",null,P(c??"",t+1))}function Cr(n,t,e){let s=a("span",{class:"kgnb-md-address"},` (${t})`);return a("span",{class:"kgnb-md-link"},P(n,e+1),s)}var G=class{#t=document.createTextNode("");#e=0;#n="";#s=!1;#i;#r=[];constructor(t,e,{isBoxed:s=!0}={}){this.#i=s,this.element=a("div",{class:"kgnb-stream-text",...e},this.#t),s&&_(this.element,t)}update(t){if(t.length===this.#n.length&&this.#n)return;if(this.#n=t,!this.#i)return this.#o();let e=this.element,s=e.scrollHeight-e.scrollTop-e.clientHeight<24;this.#o(),s&&(e.scrollTop=e.scrollHeight)}redraw(t){t!==this.#s&&(this.#s=t,this.#r=[],this.element.dataset.markdown=String(t),this.element.replaceChildren(...t?[]:[this.#t]),this.#o())}#o(){if(this.#s)return this.#a();this.#n.length<this.#e&&(this.#t.data="",this.#e=0),this.#t.appendData(this.#n.slice(this.#e)),this.#e=this.#n.length}#a(){let t=Yn(this.#n);for(t.forEach((e,s)=>{if(e===this.#r[s])return;let i=this.element.children[s];i?i.replaceWith(Re(e)):this.element.append(Re(e))});this.element.children.length>t.length;)this.element.lastChild?.remove();this.#r=t}};var Rr=2,Kn=5,re=class{#t=new Map;#e=new Map;#n=a("div",{class:"kgnb-stream-list"});#s=!1;constructor(t){let e=a("button",{type:"button",class:"kgnb-toggle","aria-pressed":"false"},"Markdown"),{element:s,heading:i}=T("streams","Text",this.#n);i.append(e),this.element=s,e.addEventListener("click",()=>{this.#s=!this.#s,e.setAttribute("aria-pressed",String(this.#s));for(let r of this.#t.values())r.redraw(this.#s)},{signal:t.signal})}update(t,e){let s=new Map;for(let o of t.streams){let l=s.get(o.stream);l?l.push(o):s.set(o.stream,[o])}for(let[o,l]of s)this.#i(t,o,l);let i=[...this.#e.values()];i.forEach((o,l)=>{o.update(e||l>=i.length-Rr)});let r=Math.max(0,...i.map(o=>o.size));this.element.dataset.many=String(r>=Kn),this.element.hidden=t.streams.length===0}#i(t,e,s){let[i]=s;if(!i)return;let r=this.#t.get(e);if(!r){let o=i.task_id??i.node_id,l=this.#e.get(o);l||(l=new Ie,this.#e.set(o,l),this.#n.append(l.element)),r=new De(e,Ir(t,i),l),r.redraw(this.#s),this.#t.set(e,r)}r.update(s)}};function Ir(n,t){let{node_id:e,task_id:s,item:i,name:r,attempt:o,stream:l}=t,c=_t(s),d=/[/.](\d+)$/.exec(l)?.[1]??"1",u=[w(n,e)];return c>1&&u.push(`visit ${c}`),i!==null&&u.push(`item ${i}`),r?u.push(r):d!=="1"&&u.push(`text ${d}`),(o??1)>1&&u.push(`attempt ${o}`),u.join(" \xB7 ")}var Ie=class{#t=a("div",{class:"kgnb-stream-superseded"});#e=_(a("div",{class:"kgnb-stream-beside"}),"Texts side by side");#n=!0;constructor(){this.element=a("div",{class:"kgnb-stream-visit"},this.#t,this.#e)}get size(){return this.#n?this.#e.children.length:0}place(t,e){(e?this.#t:this.#e).append(t)}update(t){if(this.element.dataset.open=String(t),this.#e.dataset.many=String(t&&this.size>=Kn),!(t||!this.#n)){this.#n=!1;for(let e of this.#e.children)e.removeAttribute("open")}}},De=class{#t=new Map;#e;#n;#s=!1;#i=!1;#r=a("span",{class:"kgnb-stream-facts"});#o=a("details",{class:"kgnb-stream-part","data-kind":"reasoning"});#a=a("div",{class:"kgnb-stream-part","data-kind":"text"});#l=a("ol",{class:"kgnb-calls"});constructor(t,e,s){this.#e=e,this.#n=s,this.#o.append(a("summary",{class:"kgnb-stream-thought"},"reasoning")),this.#o.hidden=this.#l.hidden=!0,this.element=a("details",{class:"kgnb-stream","data-stream-card":t,open:!0},a("summary",{class:"kgnb-stream-title"},a("span",null,e),this.#r),this.#o,this.#a,this.#l),s.place(this.element,!1)}update(t){for(let i of t)this.#c(i).update(i.text);let e=t.every(i=>i.final);this.element.dataset.final=String(e),t.some(i=>i.superseded)&&!this.#i&&(this.#i=!0,this.element.dataset.superseded="true",this.element.open=!1,this.#n.place(this.element,!0)),h(this.#r,Dr(t))}#c(t){let e=`${t.kind} ${t.call??""}`,s=this.#t.get(e);if(s)return s;let i=this.#d(t);return this.#t.set(e,i),i}#d(t){let{kind:e,stream:s,tool:i,call:r}=t;if(e==="reasoning"){let l=new G(`Reasoning of ${this.#e}`);return this.#o.append(l.element),this.#o.hidden=!1,l}if(e==="tool_call"){let l=i??`call ${r??1}`,c=new G(`Arguments of ${l}, ${this.#e}`),d=a("div",{class:"kgnb-call-head"},a("span",{class:"kgnb-call-word"},"tool call"),a("span",{class:"kgnb-call-name"},l));return this.#l.append(a("li",{class:"kgnb-stream-part","data-kind":"tool_call"},d,c.element)),this.#l.hidden=!1,c}let o=new G(`Text of ${this.#e}`,{"data-stream":s});return o.redraw(this.#s),this.#a.append(o.element),o}redraw(t){this.#s=t,this.#t.get("text ")?.redraw(t)}};function Dr(n){let t=[];n.some(i=>i.superseded)&&t.push("superseded");let e=n.reduce((i,r)=>i+r.missing,0);e&&t.push(`${E(e,"character")} missing`);let s=n.find(i=>i.usage)?.usage;return s&&t.push(V(s)),t.join(" \xB7 ")}var ct=class{view=O();connection={kind:"connecting"};#t;#e=!1;#n=1/0;#s=a("div",{class:"kgnb-error",role:"alert",hidden:!0});#i=a("div",{class:"kgnb-unseen","aria-live":"polite"});#r;constructor(t,{pageUrl:e="",isCompact:s=!1}={}){this.#t={...t,announce:r=>this.#d(r)},this.#r={header:new Gt(this.#t,e),approvals:new Ht(this.#t),picture:new ne,nodes:new ee,streams:new re(this.#t),outcomes:new se,updates:new Zt,logs:new Qt,timeline:new te};let i=this.#r;if(this.element=a("article",{class:`kgnb kgnb-panel${s?" kgnb-compact":""}`,"aria-label":"kgnb run"},i.header.element,this.#s,i.approvals.element,i.picture.element,a("div",{class:"kgnb-columns"},a("div",{class:"kgnb-column"},i.nodes.element),a("div",{class:"kgnb-column"},i.streams.element,i.outcomes.messages,i.outcomes.results)),a("div",{class:"kgnb-folds"},i.approvals.decisions,i.timeline.element,i.updates.element,i.logs.element),this.#i),i.timeline.element.addEventListener("toggle",()=>this.draw(),{signal:t.signal}),!t.isFinal){let r=setInterval(()=>this.#a(),1e3);t.signal.addEventListener("abort",()=>clearInterval(r))}}show(t,e){this.view=t;let s=Date.parse(e?.timestamp??"");Number.isNaN(s)||(this.#n=Math.min(this.#n,Date.now()-s)),this.#o()}connect(t){this.connection=t,this.#o()}draw(){this.#e=!1;let{view:t,connection:e}=this,{isFinal:s}=this.#t,i=Date.now()-(Number.isFinite(this.#n)?this.#n:0),r=this.#r;this.element.dataset.status=t.status,this.element.dataset.connection=s?"record":e.kind,t.run_id&&(this.element.dataset.run=t.run_id),r.header.aim(t.run_id),r.header.update(t,e,i),Jn(t,this.#s),r.approvals.update(t),r.picture.update(t,s||t.ended_at!==null),r.nodes.update(t,s||t.ended_at!==null),r.streams.update(t,s),r.outcomes.update(t,M),r.updates.update(t),r.logs.update(t),r.timeline.update(t,i),this.#c()}#o(){if(this.#e)return;this.#e=!0;let t=()=>this.#e&&!this.#t.signal.aborted&&this.draw();document.visibilityState==="hidden"?setTimeout(t,250):requestAnimationFrame(t)}#a(){this.view.ended_at===null&&this.connection.kind==="live"&&this.#o()}#l="";#c(){let{status:t,workflow:e}=this.view,s=this.#l;this.#l=t,s!==""&&s!==t&&t!=="waiting"&&!this.#t.isFinal&&this.#d(`${e||"Run"}: ${t}`)}#d(t){h(this.#i,t)}};var U="application/vnd.kgnb.run+json";function oe(n,t,e,s){let i={signal:s,isFinal:!0,disarmed:()=>"",isArmed:()=>!1,identity:()=>null,via:()=>"",command:()=>Promise.reject(new Error("a record takes no commands"))},r=new ct(i,{isCompact:e.compact});return r.show(hn(t,e),null),r.draw(),Gn(n,r,s),r}function Hn(n,t,e){let{runId:s,target:i,disarmed:r=()=>"",onEnd:o}=t,l,c=i.baseUrl&&i.log!=="kernel"?`${i.baseUrl}kgnb/runs/${encodeURIComponent(s)}`:"",d=new ct({signal:e,isFinal:!1,disarmed:r,isArmed:()=>!r()&&!!l?.connection,identity:()=>l?.connection?.identity??null,via:()=>l?.via??"",command:g=>l?.command(g)??Promise.reject(new Error("not connected"))},{pageUrl:i.via==="page"?"":c,isCompact:t.compact});d.show(qr(t),null),d.draw(),Gn(n,d,e);let u=!1;return l=new $t(s,an(i),{onView:(g,f)=>{d.show(g,f),!(u||!S.has(g.status))&&(u=!0,o?.(g))},onState:g=>d.connect(g)},e),d}function qr({runId:n,name:t,graph:e}){let s=O();s.run_id=n,s.workflow=t??"",s.graph=Z(e??{});for(let i of s.graph.nodes)s.nodes[i.id]=tt();return s}function Gn(n,t,e){n.replaceChildren(t.element),Object.defineProperty(t.element,"kgnb",{configurable:!0,get:()=>({view:t.view,connection:t.connection})}),e.addEventListener("abort",()=>t.element.remove())}function ae(){try{let n=document.getElementById("jupyter-config-data")?.textContent,{baseUrl:t}=JSON.parse(n??"{}");if(typeof t!="string")return null;let e=new URL(t,location.href);return e.origin===location.origin?e.pathname:null}catch{return null}}var qe=null;function Qn(n){qe=n}function Zn(n){for(let t of ts())if(t?.sessionContext&&t.node?.contains(n))return t.sessionContext.session?.kernel??null;return null}function ts(){try{return Array.from(qe?.shell?.widgets?.("main")??[])}catch{return[]}}var Xn=new Map;function es(n){for(let r of ts()){let o=r?.sessionContext?.session?.kernel;if(o?.id===n)return o}let t=Xn.get(n);if(t&&!t.isDisposed)return t;let e=qe?.serviceManager?.kernels,s=Array.from(e?.running()??[]).find(r=>r.id===n);if(!e||!s)return null;let i=e.connectTo({model:{id:s.id,name:s.name}});return Xn.set(n,i),i}function ns(n,t){let e=new AbortController,s=t.createElement("div");oe(s,n,{},e.signal);for(let o of s.querySelectorAll("button, a, [aria-live]"))o.remove();for(let o of s.querySelectorAll("[hidden]"))o.remove();for(let o of s.querySelectorAll("details"))o.open=!0;let i=t.createElement("style");i.textContent=dt,s.prepend(i);let r=s.outerHTML;return e.abort(),r}var zr=-20,Br=2500,Pr="This run belongs to another kernel than this notebook's, so its buttons are off here. Answer it in the kgnb side panel.";function ss({Widget:n}){class t extends n{#t=null;#e="";constructor(){super(),this.addClass("kgnb-output")}async renderModel(s){let i=s.data[U]??{},r=s.metadata?.[U]??{},o=JSON.stringify([i,r]);if(o===this.#e)return;this.#e=o,this.#t?.abort(),this.#t=new AbortController;let{signal:l}=this.#t,c=document.createElement("div");this.node.replaceChildren(c),i.final&&i.record?oe(c,i.record,{...r,compact:i.compact},l):r.run_id?this.#n(c,s,i,{...r,run_id:r.run_id},l):c.textContent="This kgnb output names no run."}#n(s,i,r,o,l){let{run_id:c,kernel_id:d,log:u,transports:g}=o,f=()=>Zn(this.node),p=Hn(s,{runId:c,name:r.name,graph:r.graph,compact:r.compact,target:{baseUrl:ae(),kernel:()=>d?es(d):f(),log:u,transports:g},disarmed:()=>{let N=f()?.id;return d&&N&&N!==d?Pr:""},onEnd:N=>{let ue=setTimeout(()=>Ur(i,r,o,N,p.element),Br);l.addEventListener("abort",()=>clearTimeout(ue))}},l)}dispose(){this.#t?.abort(),super.dispose()}}return{id:"kgnb:renderer",description:"Draws runs of kgnb.",rendererFactory:{safe:!0,mimeTypes:[U],createRenderer:()=>new t},rank:zr,dataType:"json"}}function Ur(n,t,e,s,i){let r=n.data[U];if(!r||r.final)return;let o=dn(s),l={version:1,final:!0,record:o};t.compact&&(l.compact=!0);let{run_id:c,kernel_id:d=null}=e,u={run_id:c,kernel_id:d,...un(s)};n.setData({data:{[U]:l,"text/html":ns(o,i.ownerDocument),"text/plain":`${o.workflow}: ${o.status}`},metadata:{...n.metadata,[U]:u}})}var Fr={workflow_started:"running",workflow_resumed:"running",workflow_paused:"paused",workflow_stalled:"stalled",workflow_completed:"completed",workflow_failed:"failed",workflow_cancelled:"cancelled",workflow_lost:"lost"},le=class{runs=new Map;open=new Map;#t=new Set;#e=new Map;list(t){for(let e of t){let s=this.runs.get(e.run_id);if(s&&S.has(s.status)){s.kernel_id??=e.kernel_id;continue}this.runs.set(e.run_id,e),S.has(e.status)&&this.#s(e.run_id)}}take(t){let{run_id:e}=t,s=Fr[t.type];if(s&&this.#n(t,s),s&&S.has(s)&&this.#s(e),t.type==="approval_request"){let i=t,r=`${i.data.approval_id} ${i.data.args_hash}`,o=S.has(this.runs.get(e)?.status??"");!this.#t.has(r)&&!o&&this.open.set(r,{run_id:e,request:i})}else if(t.type==="approval_vote"){let i=t,r=`${i.data.approval_id} ${i.data.args_hash}`,o=this.#e.get(r)?.data.votes.length??0;i.data.votes.length>o&&!this.#t.has(r)&&this.#e.set(r,i)}else if(t.type==="approval_resolved")for(let[i,{request:r}]of this.open)r.data.approval_id===t.data.approval_id&&(this.open.delete(i),this.#e.delete(i),this.#t.add(i))}approval(t){let e=this.open.get(t);if(!e)return null;let s=[X(e.request)],i=this.#e.get(t);return i&&ut(s,i),s[0]??null}#n(t,e){let s=this.runs.get(t.run_id);s&&S.has(s.status)||this.runs.set(t.run_id,{run_id:t.run_id,workflow:t.workflow||s?.workflow||"run",started_at:s?.started_at??t.timestamp??null,kernel_id:s?.kernel_id??null,status:e})}#s(t){for(let[e,s]of this.open)s.run_id===t&&(this.open.delete(e),this.#e.delete(e))}};function is({run_id:n,workflow:t},e){let{state:s,node_id:i,opened_at:r,...o}=e;return(s==="open"?["approval_request","approval_vote"]:["approval_resolved"]).map(c=>({type:c,run_id:n,workflow:t,node_id:i,data:o,timestamp:r}))}var ce=class{element=a("ul",{class:"kgnb-run-list"});#t=new Map;#e;#n;constructor(t,e){this.#e=t,this.#n=e}update(t,e,s){let i=new Set(t.map(r=>r.run_id));for(let[r,o]of this.#t)i.has(r)||(o.element.remove(),this.#t.delete(r));t.forEach((r,o)=>{let l=this.#t.get(r.run_id)??this.#s(r);l.chip.update(e(r)),h(l.place,s(r)),this.element.children[o]!==l.element&&this.element.insertBefore(l.element,this.element.children[o]??null)})}#s(t){let e=new j,s=this.#e(`kgnb/runs/${encodeURIComponent(t.run_id)}`),i=this.#n?{}:{target:"_blank",rel:"noopener"},r=a("a",{class:"kgnb-run-name",href:s,...i},t.workflow),o=a("span",{class:"kgnb-run-place"}),l=a("div",{class:"kgnb-run-when",title:C(t.started_at)},At(t.started_at)," ",o),c=a("div",{class:"kgnb-run-what"},r,l),d=a("div",{class:"kgnb-run-line"},c,e.element),g={element:a("li",{class:"kgnb-run-row","data-run":t.run_id},d),chip:e,place:o};return this.#t.set(t.run_id,g),g}};var Vr=15e3,Wr=500,Jr=40,Yr={of:()=>"",refresh:()=>Promise.resolve()},de=class{onCount=()=>{};#t=new le;#e;#n;#s;#i;#r;#o=new Map;#a=T("asks","Waiting for you");#l=a("div",null);#c=T("runs","Runs");#d;#u=a("p",{class:"kgnb-side-note",role:"status",hidden:!0});#h=a("p",{class:"kgnb-side-empty"},"No runs yet. kgnb.run(graph) starts one.");#g=a("div",{class:"kgnb-unseen","aria-live":"polite"});#f=0;constructor(t,e,s={}){this.#e=t,this.#s=e,this.#r=s,this.#i=s.places??Yr,this.#n=ke(t,s);let i=s.hrefOf??(o=>`${t}${o}`);this.#d=new ce(i,s.isTab??!1),this.#a.element.append(this.#l),this.#c.element.append(this.#d.element),this.element=a("div",{class:"kgnb kgnb-side",role:"region","aria-label":"kgnb runs"},this.#u,this.#a.element,this.#c.element,this.#h,this.#g),this.#n.onState(()=>this.#p(),e),this.#n.watchAll(o=>{this.#t.take(o),this.#t.runs.get(o.run_id)?.kernel_id||this.#v(),this.#b()},e);for(let o of this.#n.views())for(let l of o.approvals)for(let c of is(o,l))this.#t.take(c);let r=setInterval(()=>this.#k(),Vr);e.addEventListener("abort",()=>clearInterval(r)),this.#k()}get runs(){return this.#c}get connection(){return this.#n}#p(){let{state:t}=this.#n,e=t.kind!=="live"&&t.kind!=="connecting";this.#u.hidden=!e;let s="reason"in t&&t.reason?` (${t.reason})`:"";h(this.#u,t.kind==="offline"||t.kind==="closed"?`The kgnb server extension does not answer${s}. Runs are shown and answered in their cells only.`:`Not connected${s}; what is shown may be old.`),t.kind==="live"&&this.#k();for(let{card:i}of this.#o.values())i.update()}#x;#v(){this.#x??=setTimeout(()=>{this.#x=void 0,this.#s.aborted||this.#k()},Wr)}async#k(){try{let t=`${this.#e}kgnb/api/runs`,{token:e}=this.#r,s=await fetch(t,{signal:this.#s,headers:Hr(e)});if(!s.ok)return;let{runs:i}=await s.json();this.#t.list(i??[]),[...this.#t.open.values()].some(l=>!this.#w(l.run_id))&&await this.#i.refresh(),this.#b();let{kind:o}=this.#n.state;o==="offline"&&await this.#n.settled(this.#s)}catch{}}#m=!1;#b(){this.#m||(this.#m=!0,setTimeout(()=>{this.#m=!1,this.#s.aborted||this.#y()},50))}refresh(){this.#b()}#y(){this.#S(),this.#$();let t=this.#o.size;this.#a.element.hidden=t===0;let e=this.#t.runs.size===0;this.#c.element.hidden=e,this.#h.hidden=!e,t!==this.#f&&(this.#f=t,this.onCount(t))}#S(){for(let[t,{card:e}]of this.#o)this.#t.open.has(t)||(e.remove(),this.#o.delete(t));for(let[t,{run_id:e,request:s}]of this.#t.open){let i=this.#t.approval(t)??X(s),r=this.#o.get(t);if(r){h(r.place,this.#w(e)),r.card.update(i);continue}let l=`${this.#t.runs.get(e)?.workflow??s.workflow??"run"} \u203A ${s.node_id}`,c=new at(i,l,this.#_()),d=a("p",{class:"kgnb-card-place"},this.#w(e));c.element.append(d),this.#o.set(t,{card:c,place:d}),this.#l.append(c.element),h(this.#g,`${l} asks: ${s.data.message}`)}}#w(t){let e=this.#t.runs.get(t)?.kernel_id;return e?this.#i.of(e):""}#_(){return{signal:this.#s,isFinal:!1,disarmed:()=>"",isArmed:()=>this.#n.state.kind==="live",identity:()=>this.#n.identity,via:()=>"websocket",command:t=>this.#n.command(t),announce:t=>h(this.#g,t)}}#$(){let{most:t=Jr,isChosen:e,onRuns:s}=this.#r,i=new Set([...this.#t.open.values()].map(c=>c.run_id)),r=c=>Kr(c,i),o=[...this.#t.runs.values()].sort((c,d)=>(d.started_at??"").localeCompare(c.started_at??""));s?.(o,r);let l=e?o.filter(c=>e(c,r(c))):o;this.#d.update(l.slice(0,t),r,c=>this.#w(c.run_id))}};function Kr({run_id:n,status:t},e){return t!=="running"&&t!=="waiting"?t:e.has(n)?"waiting":"running"}function Hr(n){return n?{Authorization:`Bearer ${n}`}:{}}var Gr=640;function rs({Widget:n}){return{id:"kgnb:runs",description:"Lists the runs of kgnb and their open questions.",autoStart:!0,activate:t=>{Qn(t);try{Xr(t,new n)}catch(e){console.warn("kgnb: no side panel here:",e)}}}}function Xr(n,t){let e=ae();if(!e)return;let s=new AbortController,i=new de(e,s.signal,{places:Qr(n)});t.id="kgnb-runs",t.title.caption="kgnb runs",t.title.iconClass="kgnb-tab-icon",t.title.className="kgnb-tab",t.node.append(i.element),i.onCount=r=>{t.title.className=r?"kgnb-tab kgnb-tab-asks":"kgnb-tab",t.title.caption=r?`kgnb runs: ${r} waiting for you`:"kgnb runs"},t.disposed.connect(()=>s.abort()),n.shell.add(t,"left",{rank:Gr})}function Qr(n){let t=n.serviceManager?.sessions;return{of:e=>Array.from(t?.running?.()??[]).find(i=>i.kernel?.id===e)?.path??"",refresh:async()=>t?.refreshRunning?.()}}var os={};async function Zr(n){let t=Object.values(n["@lumino/widgets"]??{}),e=t.find(s=>s.loaded)??t[0];if(!e)throw new Error("the application shares no @lumino/widgets");return(await e.get())()}function to(){if(document.querySelector("style[data-kgnb]"))return;let n=document.createElement("style");n.dataset.kgnb="",n.textContent=dt,document.head.append(n)}var eo={"./mimeExtension":ss,"./extension":rs},no={init(n){os=n},async get(n){let t=[];try{let s=eo[n];if(!s)throw new Error(`no module ${n}`);to(),t=s(await Zr(os))}catch(s){console.warn("kgnb: left out of this application:",s)}let e={__esModule:!0,default:t};return()=>e}},as=window;as._JUPYTERLAB??={};as._JUPYTERLAB.kgnb=no;})();
