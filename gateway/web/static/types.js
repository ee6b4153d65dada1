// The types of DuckDB as the page needs them: what values of a column, as JSON has them, are compared by.
//
// A kind is {key, compare, typed}: *key* makes of a value that is not NULL what *compare* puts in DuckDB's order, and
// *typed* reads what somebody typed: as what compares a key with it, null where it is no value of the type.

import { instant, interval, time } from "./moments.js";

const INTEGERS = /^U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$/;
const DECIMAL = /^DECIMAL\(\d+,\d+\)$/;
const FRACTIONS = /^(FLOAT|DOUBLE)$/;
const MOMENTS = /^(DATE|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?)$/;

export const isNumber = (type) => INTEGERS.test(type) || DECIMAL.test(type) || FRACTIONS.test(type);
export const isFraction = (type) => FRACTIONS.test(type);
export const isMoment = (type) => MOMENTS.test(type);

// Returns the kind of a type, of nested ones too.
export function kindOf(type) {
  if (FRACTIONS.test(type)) return fraction(type);
  if (INTEGERS.test(type) || DECIMAL.test(type)) return exact;
  if (MOMENTS.test(type)) return instant;
  if (/^TIME(_NS)?$/.test(type)) return time;
  if (type === "INTERVAL") return interval;
  if (type === "BOOLEAN") return truth;
  if (type === "BLOB") return bytes;
  if (type === "UUID") return identifier;
  if (/\[\d*\]$/.test(type)) return list(kindOf(type.replace(/\[\d*\]$/, "")));
  const [, name, inner] = /^(ENUM|STRUCT|MAP)\((.*)\)$/s.exec(type) ?? [];
  return { ENUM: enumerated, STRUCT: struct, MAP: map }[name]?.(parts(inner)) ?? text;
}

export const order = (one, other) => (one < other ? -1 : Number(one > other));

// Compares lists of keys as DuckDB compares rows: NULL, and what is longer, comes last.
function each(ones, others, compare) {
  const both = Math.min(ones.length, others.length);
  for (let place = 0; place < both; place += 1) {
    const [one, other] = [ones[place], others[place]];
    const found = one === null || other === null ? (one === null) - (other === null) : compare(one, other, place);
    if (found !== 0) return found;
  }
  return ones.length - others.length;
}

// What is typed as one value of the type.
const exactly = (key, compare, read) => (typed) => {
  const value = read(typed);
  if (value === null) return null;
  const made = key(value);
  return (one) => compare(one, made);
};

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
const BEYOND = /^([+-]?)(inf(inity)?|nan)$/i;

// NaN is equal to itself and the greatest. FLOAT has fewer digits than what is typed.
function fraction(type) {
  const key = type === "FLOAT" ? (value) => Math.fround(Number(value)) : Number;
  const compare = (one, other) => (Number.isNaN(one) || Number.isNaN(other) ? Number.isNaN(one) - Number.isNaN(other) : order(one, other));
  const read = (typed) => {
    const [, sign, word] = BEYOND.exec(typed) ?? [];
    if (word) return /^n/i.test(word) ? NaN : Number(`${sign}Infinity`);
    return NUMBER.test(typed) ? Number(typed) : null;
  };
  return { key, compare, typed: exactly(key, compare, read) };
}

// Integers and decimals: those that are one double are compared digit by digit. All decimals of a column have as many
// digits after the point.
const digits = (text) => BigInt(text.replace(".", ""));
const exact = {
  key: (value) => ({ near: Number(value), text: String(value) }),
  compare: (one, other) => order(one.near, other.near) || (one.text === other.text ? 0 : order(digits(one.text), digits(other.text))),
  typed: (typed) => {
    if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(typed)) return null;
    const scaled = (text, scale) => {
      const [whole, after = ""] = text.split(".");
      return BigInt(whole.replace("+", "") + after.padEnd(scale, "0"));
    };
    const scaleOf = (text) => (text.split(".")[1] ?? "").length;
    return ({ text }) => {
      const scale = Math.max(scaleOf(text), scaleOf(typed));
      return order(scaled(text, scale), scaled(typed, scale));
    };
  },
};

// Texts by their code points: units of UTF-16 beyond the surrogates are put before them.
const moved = (unit) => String.fromCharCode(unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);
const codes = (value) => (/[\ud800-\uffff]/.test(value) ? value.replace(/[\ud800-\uffff]/g, (one) => moved(one.charCodeAt(0))) : value);
const written = (value) => codes(typeof value === "string" ? value : JSON.stringify(value));
const text = { key: written, compare: order, typed: exactly(written, order, (typed) => typed) };

const identifier = { ...text, typed: (typed) => text.typed(typed.toLowerCase()) };

const truth = {
  key: Number, compare: order,
  typed: exactly(Number, order, (typed) => (/^(true|t|1)$/i.test(typed) ? true : /^(false|f|0)$/i.test(typed) ? false : null)),
};

function decoded(typed) {
  try {
    atob(typed);
    return typed;
  } catch (error) {
    return null;
  }
}

const bytes = { key: atob, compare: order, typed: exactly(atob, order, decoded) };

// Sorted as declared; compared, as DuckDB does, as texts.
function enumerated(values) {
  const places = new Map(values.map((value, place) => [unquoted(value, "'"), place]));
  return {
    key: (value) => ({ place: places.get(value), text: written(value) }),
    compare: (one, other) => order(one.place, other.place),
    typed: (typed) => (({ text }) => order(text, written(typed))),
  };
}

const keyed = (kind, value) => (value === null || value === undefined ? null : kind.key(value));

// What is typed of a nested value is JSON, as its cells have it.
const nested = (fits, key, compare) => ({ key, compare, typed: exactly(key, compare, (typed) => {
  try {
    const value = JSON.parse(typed);
    return fits(value) ? value : null;
  } catch (error) {
    return null;
  }
}) });

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function list(kind) {
  return nested(Array.isArray, (value) => value.map((one) => keyed(kind, one)), (ones, others) => each(ones, others, kind.compare));
}

function struct(fields) {
  const named = fields.map((field) => {
    const [, name, type] = /^("(?:[^"]|"")*"|\S+) (.*)$/s.exec(field);
    return [unquoted(name, '"'), kindOf(type)];
  });
  return nested(isObject, (value) => named.map(([name, kind]) => keyed(kind, value[name])),
    (ones, others) => each(ones, others, (one, other, place) => named[place][1].compare(one, other)));
}

function map([keys, values]) {
  const kinds = [kindOf(keys), kindOf(values)];
  const entries = (value) => (Array.isArray(value) ? value.map((entry) => [entry.key, entry.value]) : Object.entries(value));
  const pair = (one, other) => each(one, other, (left, right, place) => kinds[place].compare(left, right));
  return nested((value) => isObject(value) || (Array.isArray(value) && value.every(isObject)),
    (value) => entries(value).map((entry) => entry.map((part, place) => keyed(kinds[place], part))), (ones, others) => each(ones, others, pair));
}

const unquoted = (name, mark) => (name.startsWith(mark) ? name.slice(1, -1).replaceAll(mark + mark, mark) : name);

// Splits "a INTEGER, b STRUCT(c VARCHAR, d DATE)" at the commas between its parts.
function parts(inner) {
  const found = [""];
  let depth = 0;
  for (const [piece] of inner.matchAll(/"(?:[^"]|"")*"|'(?:[^']|'')*'|, |[\s\S]/g)) {
    depth += (piece === "(") - (piece === ")");
    if (piece === ", " && depth === 0) found.push("");
    else found[found.length - 1] += piece;
  }
  return found;
}
