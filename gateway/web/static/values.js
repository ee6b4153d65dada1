// Values of a result as people read, compare and copy them, by the type of their column.

import { isFraction, isMoment, isNumber, kindOf } from "./types.js";

const MOST_DIGITS = 3;  // after the point, up to which all values of a column are given as many

export const numeric = (column) => isNumber(column.type);
export const temporal = (column) => isMoment(column.type);

// Returns what writes the values of a column: a text for any value but NULL. *values* are some of them.
export function writer(column, values) {
  if (isFraction(column.type)) return fractions(values);
  if (temporal(column)) return (value) => String(value).replace("T", " ");
  return plain;
}

export const plain = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

// Fractions of few digits stand with their points below each other. NaN and the infinities are texts.
function fractions(values) {
  const digits = Math.max(0, ...values.map((value) => (value === null ? 0 : after(value))));
  if (digits > MOST_DIGITS) return shortest;
  return (value) => (typeof value === "string" || after(value) > digits ? shortest(value)
    : (Object.is(value, -0) ? "-" : "") + value.toFixed(digits));
}

const shortest = (value) => (Object.is(value, -0) ? "-0" : String(value));
const after = (value) => (/e/.test(String(value)) ? Infinity : (String(value).split(".")[1] ?? "").length);

// Returns what compares two rows by their places among the *values* of a column, in DuckDB's order of its type; NULL
// comes last in either direction. What they are compared by is made in *pieces*.
export async function comparer(column, values, descending, pieces) {
  const { key, compare } = kindOf(column.type);
  const keys = await pieces.map(values, (value) => (value === null ? null : key(value)));
  const sign = descending ? -1 : 1;
  return (one, other) => {
    if (keys[one] === null || keys[other] === null) return (keys[one] === null) - (keys[other] === null);
    return sign * compare(keys[one], keys[other]);
  };
}

// Returns what compares a value that is not NULL with what somebody typed; null where that is no value of the column.
// Times are compared as far as they are typed: 2024-02 is equal to all times of that month.
export function comparing(column, typed) {
  const { key, typed: read } = kindOf(column.type);
  const compare = read(typed);
  return compare && ((value) => compare(key(value)));
}

// Writes rows for a spreadsheet: fields between tabs, quoted where they hold one, a quote or a line end.
export function tabbed(rows) {
  return rows.map((row) => row.map(field).join("\t")).join("\n");
}

function field(text) {
  return /["\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
