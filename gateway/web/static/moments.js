// Dates, times, instants and intervals as JSON has them, in the order of DuckDB: kinds of values, see types.js.

const DAY = 86_400;
const NANOS = 1_000_000_000;

// A moment is [seconds, nanoseconds], both exact; the infinite ones are seconds.
const compare = ([one, less], [other, more]) => (one < other ? -1 : Number(one > other)) || less - more;

// Returns what compares a key with the span of time between two moments, the end left out: of what lies in it, 0.
const within = (from, to) => (key) => (compare(key, from) < 0 ? -1 : Number(compare(key, to) >= 0));

// Days since 1970-01-01 in the calendar of ISO 8601, whose year 0 is 1 BC; years begin in March, so that leap days end them.
function days(year, month, day) {
  const shifted = year - (month <= 2 ? 1 : 0);
  const era = Math.floor(shifted / 400);
  const ofEra = shifted - era * 400;
  const ofYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146_097 + ofEra * 365 + Math.floor(ofEra / 4) - Math.floor(ofEra / 100) + ofYear - 719_468;
}

const CLOCK = String.raw`(\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d+))?)?)?`;
const INSTANT = new RegExp(String.raw`^([+-]?\d{4,})(?:-(\d\d)(?:-(\d\d)(?:[T ]${CLOCK} ?(Z|[+-]\d\d(?::?\d\d)?)?)?)?)?$`, "i");
const TIME = new RegExp(`^${CLOCK}$`);
const nanosOf = (fraction) => Number((fraction ?? "").padEnd(9, "0").slice(0, 9));

// Reads hours, minutes, seconds and their fraction as a moment of a day, and how long the last one that is given lasts.
function clock(hour, minute, second, fraction) {
  const begin = [Number(hour ?? 0) * 3600 + Number(minute ?? 0) * 60 + Number(second ?? 0), nanosOf(fraction)];
  const lasts = fraction !== undefined ? [0, 10 ** Math.max(0, 9 - fraction.length)]
    : [second !== undefined ? 1 : minute !== undefined ? 60 : hour !== undefined ? 3600 : DAY, 0];
  return { begin, lasts };
}

function after([seconds, nanos], [more, fraction]) {
  const sum = nanos + fraction;
  return sum >= NANOS ? [seconds + more + 1, sum - NANOS] : [seconds + more, sum];
}

function offsetOf(zone) {
  if (!zone || /z/i.test(zone)) return 0;
  const [, sign, hours, minutes = "0"] = /([+-])(\d\d):?(\d\d)?/.exec(zone);
  return (sign === "-" ? -1 : 1) * (Number(hours) * 3600 + Number(minutes) * 60);
}

// Reads a date or an instant, or the beginning of one, as the span that it names: {from, to}, null where it is none.
function spanOf(text) {
  const infinite = /^([+-]?)infinity$/i.exec(text);
  if (infinite) {
    const seconds = infinite[1] === "-" ? -Infinity : Infinity;
    return { from: [seconds, 0], to: [seconds, 1] };
  }
  const [, year, month, day, hour, minute, second, fraction, zone] = INSTANT.exec(text) ?? [];
  if (year === undefined) return null;
  if (month === undefined) return { from: [days(Number(year), 1, 1) * DAY, 0], to: [days(Number(year) + 1, 1, 1) * DAY, 0] };
  const [years, months] = [Number(year), Number(month)];
  const next = months === 12 ? days(years + 1, 1, 1) : days(years, months + 1, 1);
  const first = days(years, months, 1);
  if (months < 1 || months > 12 || (day !== undefined && (Number(day) < 1 || first + Number(day) > next))) return null;
  if (day === undefined) return { from: [first * DAY, 0], to: [next * DAY, 0] };
  if (Number(hour ?? 0) > 23 || Number(minute ?? 0) > 59 || Number(second ?? 0) > 59) return null;
  const { begin, lasts } = clock(hour, minute, second, fraction);
  const from = [(first + Number(day) - 1) * DAY + begin[0] - offsetOf(zone), begin[1]];
  return { from, to: after(from, lasts) };
}

// Times are compared as far as they are typed: 2024-02 is equal to all times of that month.
export const instant = {
  key: (value) => spanOf(value).from,
  compare,
  typed: (typed) => {
    const span = spanOf(typed);
    return span && within(span.from, span.to);
  },
};

const timeOf = (text) => {
  const found = TIME.exec(text);
  const read = found && clock(...found.slice(1));
  return read && read.begin[0] <= DAY ? read : null;
};

export const time = {
  key: (value) => timeOf(value).begin,
  compare,
  typed: (typed) => {
    const read = timeOf(typed);
    return read && within(read.begin, after(read.begin, read.lasts));
  },
};

const SIGNED = String.raw`([+-]?\d+(?:\.\d+)?)`;
const part = (letter) => `(?:${SIGNED}${letter})?`;
const DURATION = new RegExp(`^P(?=.)${["Y", "M", "W", "D"].map(part).join("")}(?:T(?=.)${["H", "M", "S"].map(part).join("")})?$`, "i");
const WORDS = { year: "Y", month: "M", week: "W", day: "D", hour: "H", minute: "N", second: "S" };

// Returns the lengths of the parts of "P1DT2H" or "1 day 2 hours"; null where it is no interval.
function partsOf(text) {
  const found = DURATION.exec(text);
  if (found) return Object.fromEntries(["Y", "M", "W", "D", "H", "N", "S"].map((letter, place) => [letter, found[place + 1] ?? "0"]));
  const words = [...text.matchAll(/([+-]?\d+(?:\.\d+)?)\s*(year|month|week|day|hour|minute|second)s?\b/gi)];
  if (words.length === 0 || words.map(([whole]) => whole).join("") !== text.replace(/(?<=[a-z])\s+(?=[+-]?\d)/gi, "")) return null;
  return Object.fromEntries(words.map(([, number, word]) => [WORDS[word.toLowerCase()], number]));
}

// Microseconds of "-0.5" units of as many seconds.
function micros(number = "0", seconds = 1) {
  const [whole, fraction = ""] = number.split(".");
  const all = BigInt(whole.replace(/^[+-]/, "") + fraction.padEnd(6, "0").slice(0, 6)) * BigInt(seconds);
  return number.startsWith("-") ? -all : all;
}

// [months, days, microseconds], of which each is carried into the one before: a month has 30 days. DuckDB does the same.
function lengthOf({ Y = 0, M = 0, W = 0, D = 0, H, N, S }) {
  const clock = micros(H, 3600) + micros(N, 60) + micros(S);
  const ofDay = BigInt(DAY) * 1_000_000n;
  const months = Number(Y) * 12 + Number(M);
  const days = Number(W) * 7 + Number(D);
  const carried = (days % 30) + Number(clock / ofDay);
  return [months + Math.trunc(days / 30) + Math.trunc(carried / 30), carried % 30, Number(clock % ofDay)];
}

const byLength = (one, other) => one[0] - other[0] || one[1] - other[1] || one[2] - other[2];

export const interval = {
  key: (value) => lengthOf(partsOf(value)),
  compare: byLength,
  typed: (typed) => {
    const parts = partsOf(typed);
    if (parts === null) return null;
    const length = lengthOf(parts);
    return (key) => byLength(key, length);
  },
};
