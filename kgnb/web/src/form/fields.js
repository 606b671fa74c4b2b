/**
 * The field of a question: all of form/ is behind this module, which is loaded with the
 * first question that has one.
 *
 * @import * as wire from "../wire.d.ts"
 * @import { Env, Field } from "./field.js"
 */

import { EditField } from "./edit.js";
import { FileField } from "./file.js";
import { makeField } from "./make.js";
import { resolve } from "./schema.js";

/** @param {wire.ApprovalView} approval @param {Env} env @returns {Field} */
export function fieldOf({ kind, schema, payload }, env) {
  if (kind === "edit") return new EditField(payload, schema, env);
  const root = schema ?? { type: "string", format: "textarea" };
  const label = kind === "input" ? "Your input" : "Your answer";
  const spec = { schema: resolve(root, root), root, label, isRequired: true, env };
  const field = kind === "file" ? new FileField({ ...spec, isNullable: false }) : makeField(spec);
  field.element.classList.add("kgnb-form-top");
  return field;
}
