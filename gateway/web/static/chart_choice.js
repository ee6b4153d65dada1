// Which chart shows rows best, by the types and names of their columns.

import { numeric, temporal } from "./values.js";

export const MARKS = { line: "Line", bar: "Bars", point: "Points", heat: "Heat map" };
const MOST_COLOURS = 12;

const named = (columns, pattern) => columns.find((column) => numeric(column) && pattern.test(column.name));
const identifies = (column) => /(^|_)id$/i.test(column.name);

// Returns {mark, x, y, color}: names of columns, color "" for none; null where there is nothing to draw.
export function best({ columns, rows }) {
  const [longitude, latitude] = [named(columns, /^(lon|lng|long|longitude)$/i), named(columns, /^(lat|latitude)$/i)];
  const numbers = columns.filter((column) => numeric(column) && !identifies(column));
  const times = columns.filter(temporal);
  const words = columns.filter((column) => !numeric(column) && !temporal(column));
  const [one, other] = numbers;
  if (longitude && latitude) return { mark: "point", x: longitude.name, y: latitude.name, color: coloured(words, columns, rows) };
  if (times.length && one) return overTime(times[0], one, words, columns, rows);
  if (words.length > 1 && one && !distinct(words[0], columns, rows)) return { mark: "heat", x: words[1].name, y: words[0].name, color: one.name };
  if (words.length && one) return { mark: "bar", x: words[0].name, y: one.name, color: "" };
  if (one && other) return { mark: "point", x: one.name, y: other.name, color: "" };
  if (words.length > 1) return { mark: "heat", x: words[1].name, y: words[0].name, color: "" };
  return null;
}

function overTime(time, number, words, columns, rows) {
  const color = distinct(time, columns, rows) ? "" : coloured(words, columns, rows);
  const mark = color === "" && !distinct(time, columns, rows) ? "point" : "line";
  return { mark, x: time.name, y: number.name, color };
}

const values = (column, columns, rows) => rows.map((row) => row[columns.indexOf(column)]);
const distinct = (column, columns, rows) => new Set(values(column, columns, rows)).size === rows.length;

function coloured(words, columns, rows) {
  return words.find((column) => new Set(values(column, columns, rows)).size <= MOST_COLOURS)?.name ?? "";
}

// Returns the chart that is asked for where all that it needs is there: first what a person chose, then what the author
// declared, then the best one; {chart, wrong}: a declared column that is not there.
export function choose(result, shown, declared) {
  const names = new Set(result.columns.map((column) => column.name));
  const usable = ({ mark, x, y, color }) => mark in MARKS && names.has(x) && names.has(y) && (!color || names.has(color));
  const chosen = { mark: shown._mark, x: shown._x, y: shown._y, color: shown._color };
  if (usable(chosen)) return { chart: chosen, wrong: null };
  const wrong = declared && [declared.x, declared.y, declared.color].find((name) => name && !names.has(name));
  if (declared && !wrong) {
    const found = best(result);
    const mark = declared.mark ?? markOf(declared, result.columns) ?? found?.mark ?? "point";
    return { chart: { mark, x: declared.x, y: declared.y, color: declared.color ?? "" }, wrong: null };
  }
  return { chart: best(result), wrong: wrong ?? null };
}

function markOf({ x, y }, columns) {
  const of = (name) => columns.find((column) => column.name === name);
  if (temporal(of(x))) return "line";
  if (numeric(of(x)) && numeric(of(y))) return "point";
  return numeric(of(y)) ? "bar" : "heat";
}
