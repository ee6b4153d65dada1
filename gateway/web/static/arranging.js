// Sorting and filtering the rows that are in the page.

import { filterOf, keysOf, missingIn, readFilters, wordsOf, written } from "./columns.js";
import { Pieces } from "./pieces.js";
import { comparer } from "./values.js";

// Reads "-name" as {place, descending}; null where there is no such column.
export function readSort(text, columns) {
  const keys = keysOf(columns);
  const descending = text.startsWith("-") && !keys.includes(text);
  const place = keys.indexOf(descending ? text.slice(1) : text);
  return text === "" || place < 0 ? null : { place, descending };
}

// Returns what follows when the head of a column is pressed: up, down, as they come.
export function pressed(sort, place, columns) {
  const key = keysOf(columns)[place];
  if (sort?.place !== place) return key;
  return sort.descending ? "" : `-${key}`;
}

// Returns the places of the rows in the order in which they are shown, null where they are shown as they come.
// *filters* are texts by the places of their columns. Raises the reason of *signal* where it is aborted meanwhile.
export async function arrange({ rows, columns }, sort, words, filters = new Map(), signal = undefined) {
  const tests = testsOf(columns, words, filters);
  if (!sort && tests.length === 0) return null;
  const pieces = new Pieces(signal);
  let order = Array.from(rows.keys());
  if (tests.length > 0) order = await pieces.filter(order, (place) => tests.every((holds) => holds(rows[place])));
  if (!sort) return order;
  const compare = await comparer(columns[sort.place], rows.map((row) => row[sort.place]), sort.descending, pieces);
  return pieces.sorted(order, compare);
}

// Says what of the options of an address cannot be done: columns that are not there, filters that compare with nothing.
export function unheeded(shown, columns) {
  const missing = new Set([...missingIn(shown._where, columns), ...missingIn(shown._hide, columns)]);
  if (shown._sort && !readSort(shown._sort, columns)) missing.add(shown._sort.replace(/^-/, ""));
  const told = [...missing].map((name) => `The address names a column ${name}, and the result has none.`);
  for (const [place, text] of readFilters(shown._where, columns)) {
    const filter = filterOf(columns[place], text);
    if (filter === null) told.push(`The filter of ${columns[place].name} has no value.`);
    if (filter?.mistake) told.push(`The filter of ${columns[place].name} finds nothing: ${filter.mistake}`);
  }
  return told.join(" ");
}

// Returns what a row has to hold: words in any of its cells, and the filters of its columns.
export function testsOf(columns, text, filters) {
  const tests = [...filters].map(([place, filter]) => [place, filterOf(columns[place], filter)])
    .filter(([, filter]) => filter !== null).map(([place, { holds }]) => (row) => holds(row[place]));
  const words = wordsOf(text);
  return words.length === 0 ? tests : [...tests, (row) => {
    const cells = row.map(written).join("\n");
    return words.every((word) => cells.includes(word));
  }];
}
