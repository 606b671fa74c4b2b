/**
 * From a schema to the field that serves it.
 *
 * @import { Field, Spec } from "./field.js"
 */

import { BytesField } from "./file.js";
import { ObjectField, OptionalField, UnionField } from "./groups.js";
import { ArrayField, ChoicesField, MapField, TupleField } from "./lists.js";
import { ChoiceField, FixedField, JsonField, NumberField, TextField, booleanField } from "./scalars.js";
import { kindOf, withoutNull } from "./schema.js";

/** Kinds whose control is empty where there is no value. */
const CAN_BE_EMPTY = new Set(["fixed", "choice", "boolean", "number", "text", "bytes", "json"]);
/** Kinds that are left out by having no entries. */
const LISTS = new Set(["array", "choices", "map"]);

/**
 * @param {Omit<Spec, "isNullable">} wanted its schema is resolved and may have a null
 * @returns {Field}
 */
export function makeField(wanted) {
  const { schema, isNullable } = withoutNull(wanted.schema, wanted.root);
  const spec = { ...wanted, schema, isNullable };
  const kind = kindOf(schema, spec.root);
  const isOptional = isNullable || (!spec.isRequired && !LISTS.has(kind));
  return isOptional && !CAN_BE_EMPTY.has(kind) ? new OptionalField(spec) : makeInner(spec);
}

/** @param {Spec} spec @returns {Field} */
export function makeInner(spec) {
  switch (kindOf(spec.schema, spec.root)) {
    case "fixed":
      return new FixedField(spec);
    case "choice":
      return new ChoiceField(spec);
    case "choices":
      return new ChoicesField(spec);
    case "boolean":
      return booleanField(spec);
    case "number":
      return new NumberField(spec);
    case "text":
      return new TextField(spec);
    case "bytes":
      return new BytesField(spec);
    case "object":
      return new ObjectField(spec);
    case "map":
      return new MapField(spec);
    case "tuple":
      return new TupleField(spec);
    case "array":
      return new ArrayField(spec);
    case "union":
      return new UnionField(spec);
    case "json":
      return new JsonField(spec);
  }
}
