/** @import { Field } from "./field.js" */

/** One pass over a form: what is wrong with what was typed. */
export class Reading {
  /** @type {{field: Field, message: string}[]} */
  problems = [];

  /** @param {Field} field @param {string} message @returns {undefined} no value */
  fail(field, message) {
    this.problems.push({ field, message });
    return undefined;
  }
}
