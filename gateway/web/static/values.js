// Values of a result as people read, compare and copy them, by the type of their column.

const NUMBERS = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/;
const FRACTIONS = new Set(["FLOAT", "DOUBLE"]);
const MOST_DIGITS = 3;  // after the point, up to which all values of a column are given as many

export const numeric = (column) => NUMBERS.test(column.type);
export const temporal = (column) => /^(DATE|TIMESTAMP)/.test(column.type);

// Returns what writes the values of a column: a text for any value but NULL. *values* are some of them.
export function writer(column, values) {
  if (FRACTIONS.has(column.type)) return fractions(values);
  if (/^TIMESTAMP/.test(column.type)) return (value) => String(value).replace("T", " ");
  return (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));
}

// Fractions of few digits stand with their points below each other.
function fractions(values) {
  const digits = Math.max(0, ...values.map((value) => (value === null ? 0 : after(value))));
  if (digits > MOST_DIGITS) return String;
  return (value) => (after(value) <= digits ? value.toFixed(digits) : String(value));
}

const after = (value) => (/e/.test(String(value)) ? Infinity : (String(value).split(".")[1] ?? "").length);

// Returns what compares two rows by their places among the *values* of a column; NULL comes last in either direction.
export function comparer(column, values, descending) {
  const compare = numeric(column) ? numbers(values) : by(values, temporal(column) ? texts : words);
  const sign = descending ? -1 : 1;
  return (one, other) => {
    if (values[one] === null || values[other] === null) return (values[one] === null) - (values[other] === null);
    return sign * compare(one, other);
  };
}

const by = (values, compare) => (one, other) => compare(values[one], values[other]);
const words = (one, other) => (typeof one === "string" && typeof other === "string" ? collator.compare(one, other)
  : texts(JSON.stringify(one), JSON.stringify(other)));
const collator = new Intl.Collator("en");
const texts = (one, other) => (one < other ? -1 : Number(one > other));

// Integers beyond 2^53 and decimals are texts of digits, all decimals of a column with as many after the point: those
// that are one double are compared digit by digit.
function numbers(values) {
  const near = Float64Array.from(values, Number);
  return (one, other) => near[one] - near[other]
    || (typeof values[one] === "string" || typeof values[other] === "string" ? exactly(values[one], values[other]) : 0);
}

const exactly = (one, other) => (one === other ? 0 : texts(digits(one), digits(other)));
const digits = (value) => BigInt(String(value).replace(".", ""));

// Writes rows for a spreadsheet: fields between tabs, quoted where they hold one, a quote or a line end.
export function tabbed(rows) {
  return rows.map((row) => row.map(field).join("\t")).join("\n");
}

function field(text) {
  return /["\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
