/**
 * Reading JSON Schemas as forms: what each part is, and which control serves it.
 *
 * @import * as wire from "../wire.d.ts"
 */

/** @typedef {Record<string, any>} Schema */

/**
 * The control that serves a schema. `json` is an editor, where nothing better exists.
 * @typedef {"fixed" | "choice" | "choices" | "boolean" | "number" | "text" | "bytes"
 *   | "object" | "map" | "tuple" | "array" | "union" | "json"} Kind
 */

/**
 * A schema with its `$ref` followed and its `allOf` merged.
 * @param {unknown} schema
 * @param {Schema} root in which references point
 * @returns {Schema} `{}` for what is no object, such as `true`
 */
export function resolve(schema, root) {
  let found = asSchema(schema);
  for (let steps = 0; typeof found.$ref === "string" && steps < 32; steps++) {
    const { $ref, ...rest } = found;
    found = { ...pointed(root, $ref), ...rest };
  }
  if (!Array.isArray(found.allOf)) return found;
  const { allOf, ...own } = found;
  return [...allOf.map((part) => resolve(part, root)), own].reduce(merged, {});
}

/** @param {unknown} value @returns {Schema} */
function asSchema(value) {
  return value && typeof value === "object" && !Array.isArray(value) ? value : {};
}

/** @param {Schema} root @param {string} reference */
function pointed(root, reference) {
  /** @type {any} */
  let found = root;
  for (const step of reference.split("/").slice(1)) {
    found = found?.[step.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return asSchema(found);
}

/** @param {Schema} one @param {Schema} other */
function merged(one, other) {
  const both = { ...one, ...other };
  if (one.properties && other.properties) {
    both.properties = { ...one.properties, ...other.properties };
  }
  if (one.required && other.required) both.required = [...one.required, ...other.required];
  return both;
}

/**
 * A schema without its null, and whether it had one.
 * @param {Schema} schema resolved
 * @param {Schema} root
 * @returns {{schema: Schema, isNullable: boolean}}
 */
export function withoutNull(schema, root) {
  if (Array.isArray(schema.type) && schema.type.includes("null")) {
    const types = schema.type.filter((/** @type {string} */ type) => type !== "null");
    const type = types.length === 1 ? types[0] : types;
    return { schema: { ...schema, type }, isNullable: true };
  }
  if (Array.isArray(schema.enum) && schema.enum.length > 1 && schema.enum.includes(null)) {
    const rest = schema.enum.filter((/** @type {wire.Json} */ value) => value !== null);
    return { schema: { ...schema, enum: rest }, isNullable: true };
  }
  const key = unionKey(schema);
  if (!key) return { schema, isNullable: false };
  const members = schema[key].filter((/** @type {unknown} */ member) => !isNull(resolve(member, root)));
  if (members.length === schema[key].length) return { schema, isNullable: false };
  const { [key]: _all, ...own } = schema;
  if (members.length !== 1) return { schema: { ...own, [key]: members }, isNullable: true };
  return { schema: { ...resolve(members[0], root), ...own }, isNullable: true };
}

/** @param {Schema} schema */
function isNull(schema) {
  return schema.type === "null" || schema.const === null;
}

/** @param {Schema} schema @returns {"anyOf" | "oneOf" | undefined} */
function unionKey(schema) {
  return Array.isArray(schema.anyOf) ? "anyOf" : Array.isArray(schema.oneOf) ? "oneOf" : undefined;
}

/**
 * @param {Schema} schema
 * @param {Schema} root
 * @returns {Schema[]} the members of a union, resolved
 */
export function members(schema, root) {
  const key = unionKey(schema);
  if (key) return schema[key].map((/** @type {unknown} */ member) => resolve(member, root));
  if (!Array.isArray(schema.type)) return [];
  return schema.type.map((type) => ({ ...schema, type, title: type }));
}

/**
 * @param {Schema} schema
 * @param {Schema} root
 * @returns {{value: wire.Json, label: string}[] | null} what may be chosen, if that is all
 */
export function choicesOf(schema, root) {
  if (Array.isArray(schema.enum)) {
    return schema.enum.map((value) => ({ value, label: labelOf(value) }));
  }
  const found = members(schema, root);
  if (!found.length || !found.every((member) => "const" in member)) return null;
  return found.map((member) => ({ value: member.const, label: member.title ?? labelOf(member.const) }));
}

/** @param {wire.Json} value */
function labelOf(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * @param {Schema} schema resolved and without null
 * @param {Schema} root
 * @returns {Kind}
 */
export function kindOf(schema, root) {
  const choices = choicesOf(schema, root);
  if ("const" in schema || choices?.length === 1) return "fixed";
  if (choices) return "choice";
  if (members(schema, root).length) return "union";
  switch (schema.type ?? guessedType(schema)) {
    case "boolean":
      return "boolean";
    case "number":
    case "integer":
      return "number";
    case "string":
      return schema.contentEncoding === "base64" ? "bytes" : "text";
    case "object":
      return objectKind(schema);
    case "array":
      return arrayKind(schema, root);
    default:
      return "json";
  }
}

/** @param {Schema} schema */
function guessedType(schema) {
  if (schema.properties) return "object";
  if (schema.items || schema.prefixItems) return "array";
  return undefined;
}

/** @param {Schema} schema @returns {Kind} */
function objectKind(schema) {
  if (schema.properties && Object.keys(schema.properties).length) return "object";
  return schema.additionalProperties && typeof schema.additionalProperties === "object" ? "map" : "json";
}

/** @param {Schema} schema @param {Schema} root @returns {Kind} */
function arrayKind(schema, root) {
  if (Array.isArray(schema.prefixItems)) return "tuple";
  if (!schema.items || typeof schema.items !== "object") return "json";
  const isChosen = schema.uniqueItems && choicesOf(resolve(schema.items, root), root);
  return isChosen ? "choices" : "array";
}

/**
 * Whether a value is of this member of a union, as far as a form must know.
 * @param {Schema} schema resolved
 * @param {wire.Json} value
 * @param {Schema} root
 * @returns {boolean}
 */
export function resembles(schema, value, root) {
  if ("const" in schema) return schema.const === value;
  if (Array.isArray(schema.enum)) return schema.enum.includes(value);
  const type = schema.type ?? guessedType(schema);
  if (type && !isOfType(value, type)) return false;
  if (type !== "object" || !value || typeof value !== "object") return true;
  const given = /** @type {Record<string, wire.Json>} */ (value);
  const properties = Object.entries(schema.properties ?? {});
  return (
    (schema.required ?? []).every((/** @type {string} */ name) => name in given) &&
    properties.every(([name, part]) => {
      const property = resolve(part, root);
      const isTag = "const" in property || property.enum?.length === 1;
      return !isTag || !(name in given) || resembles(property, given[name] ?? null, root);
    })
  );
}

/** @param {wire.Json} value @param {string} type */
function isOfType(value, type) {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return value !== null && typeof value === "object" && !Array.isArray(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

/**
 * The schema of a value that has none, so that it can be edited field by field.
 * @param {wire.Json} value
 * @returns {Schema}
 */
export function inferred(value) {
  if (typeof value === "string") return { type: "string" };
  if (typeof value === "boolean") return { type: "boolean" };
  if (typeof value === "number") return { type: "number" };
  if (value === null) return {};
  if (!Array.isArray(value)) {
    const properties = Object.entries(value).map(([name, part]) => [name, inferred(part)]);
    return {
      type: "object",
      properties: Object.fromEntries(properties),
      required: Object.keys(value),
    };
  }
  const kinds = value.map(inferred);
  const isAlike = kinds.every((kind) => JSON.stringify(kind) === JSON.stringify(kinds[0]));
  return kinds.length > 0 && isAlike ? { type: "array", items: kinds[0] } : { type: "array" };
}

/**
 * @param {string} name of a property
 * @returns {string} "starts_at" as "Starts at"
 */
export function titleOf(name) {
  const words = name.replaceAll("_", " ").trim();
  return words ? words.charAt(0).toUpperCase() + words.slice(1) : name;
}
