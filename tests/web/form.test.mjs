/** Schemas read as forms, and texts compared; without a page. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { lineDiff, summary } from "../../kgnb/web/src/form/diff.js";
import {
  choicesOf,
  inferred,
  kindOf,
  members,
  resembles,
  resolve,
  titleOf,
  withoutNull,
} from "../../kgnb/web/src/form/schema.js";

const ROOT = {
  $defs: {
    Item: { type: "object", properties: { a: { type: "string" } }, required: ["a"] },
    Loop: { $ref: "#/$defs/Loop" },
    "a/b": { type: "integer" },
  },
};

test("reference is followed and keeps what stands beside it", () => {
  const found = resolve({ $ref: "#/$defs/Item", title: "Mine" }, ROOT);
  assert.equal(found.title, "Mine");
  assert.deepEqual(found.required, ["a"]);
  assert.equal(resolve({ $ref: "#/$defs/a~1b" }, ROOT).type, "integer");
});

test("reference that leads nowhere or to itself ends", () => {
  assert.deepEqual(resolve({ $ref: "#/$defs/None" }, ROOT), {});
  assert.ok(resolve({ $ref: "#/$defs/Loop" }, ROOT));
  assert.deepEqual(resolve(true, ROOT), {});
});

test("allOf is merged", () => {
  const other = { properties: { b: { type: "number" } }, required: ["b"] };
  const found = resolve({ allOf: [{ $ref: "#/$defs/Item" }, other] }, ROOT);
  assert.deepEqual(Object.keys(found.properties), ["a", "b"]);
  assert.deepEqual(found.required, ["a", "b"]);
});

test("null is told from the rest of a schema", () => {
  const union = { anyOf: [{ type: "integer" }, { type: "null" }], default: null, title: "N" };
  const { schema, isNullable } = withoutNull(union, ROOT);
  assert.deepEqual([schema.type, schema.title, isNullable], ["integer", "N", true]);
  assert.equal(withoutNull({ type: ["string", "null"] }, ROOT).schema.type, "string");
  assert.deepEqual(withoutNull({ enum: ["a", null] }, ROOT).schema.enum, ["a"]);
  assert.equal(withoutNull({ type: "string" }, ROOT).isNullable, false);
});

test("each kind of schema has its control", () => {
  /** @type {[object, string][]} */
  const cases = [
    [{ const: 1 }, "fixed"],
    [{ enum: ["only"] }, "fixed"],
    [{ enum: ["a", "b"] }, "choice"],
    [{ oneOf: [{ const: 1, title: "one" }, { const: 2 }] }, "choice"],
    [{ type: "boolean" }, "boolean"],
    [{ type: "integer" }, "number"],
    [{ type: "string", format: "date" }, "text"],
    [{ type: "string", contentEncoding: "base64" }, "bytes"],
    [{ properties: { a: {} } }, "object"],
    [{ type: "object", additionalProperties: { type: "integer" } }, "map"],
    [{ type: "object" }, "json"],
    [{ type: "array", items: { type: "string" } }, "array"],
    [{ type: "array", prefixItems: [{}, {}] }, "tuple"],
    [{ type: "array", items: { enum: ["a", "b"] }, uniqueItems: true }, "choices"],
    [{ type: "array" }, "json"],
    [{ anyOf: [{ type: "integer" }, { type: "string" }] }, "union"],
    [{ type: ["integer", "string"] }, "union"],
    [{}, "json"],
  ];
  for (const [schema, kind] of cases) assert.equal(kindOf(schema, ROOT), kind, JSON.stringify(schema));
});

test("choices are labelled by their titles", () => {
  const schema = { oneOf: [{ const: 1, title: "one" }, { const: "two" }] };
  assert.deepEqual(choicesOf(schema, ROOT), [
    { value: 1, label: "one" },
    { value: "two", label: "two" },
  ]);
});

test("value is known by its type, its tag and what it must have", () => {
  const tagged = (name) => ({ type: "object", properties: { kind: { const: name } }, required: ["kind"] });
  const union = { anyOf: [tagged("cat"), tagged("dog"), { type: "integer" }] };
  const found = (value) => members(union, ROOT).findIndex((member) => resembles(member, value, ROOT));
  assert.deepEqual([found({ kind: "dog" }), found(3), found("x"), found(null)], [1, 2, -1, -1]);
});

test("value without a schema gets one", () => {
  const schema = inferred({ a: "x", n: 1, list: [1, 2], mixed: [1, "a"], none: null });
  const kinds = Object.values(schema.properties).map((part) => kindOf(part, schema));
  assert.deepEqual(kinds, ["text", "number", "array", "json", "json"]);
});

test("names of fields are read as words", () => {
  assert.deepEqual([titleOf("starts_at"), titleOf("x"), titleOf("_")], ["Starts at", "X", "_"]);
});

test("difference of two texts keeps their order", () => {
  const lines = lineDiff("a\nb\nc\nd", "a\nx\nc\ny\nd");
  assert.deepEqual(
    lines.map(({ change, text }) => `${change[0]}${text}`),
    ["sa", "rb", "ax", "sc", "ay", "sd"],
  );
  assert.equal(summary(lines), "2 lines added, 1 line removed");
  assert.equal(summary(lineDiff("a", "a")), "");
});

test("difference of large texts takes no quadratic time", () => {
  const many = (/** @type {string} */ name) => Array.from({ length: 5000 }, (_, n) => `${name}${n}`).join("\n");
  const lines = lineDiff(many("a"), many("b"));
  assert.equal(summary(lines), "5,000 lines added, 5,000 lines removed");
});
