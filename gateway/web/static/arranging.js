// Sorting and filtering the rows that are in the page.

import { comparer } from "./values.js";

// Reads "-name" as {place, descending}; null where there is no such column.
export function readSort(text, columns) {
  const descending = text.startsWith("-") && !columns.some((column) => column.name === text);
  const place = columns.findIndex((column) => column.name === (descending ? text.slice(1) : text));
  return text === "" || place < 0 ? null : { place, descending };
}

// Returns what follows when the head of a column is pressed: up, down, as they come.
export function pressed(sort, place, columns) {
  const { name } = columns[place];
  if (sort?.place !== place) return name;
  return sort.descending ? "" : `-${name}`;
}

// Returns the places of the rows in the order in which they are shown, null where they are shown as they come.
export function arrange({ rows, columns }, sort, filter) {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (!sort && words.length === 0) return null;
  let order = Array.from(rows.keys());
  if (words.length > 0) order = order.filter((place) => holds(rows[place], words));
  if (sort) {
    const compare = comparer(columns[sort.place], rows.map((row) => row[sort.place]), sort.descending);
    order.sort((one, other) => compare(one, other) || one - other);
  }
  return order;
}

// Each word stands in some cell of the row.
function holds(row, words) {
  const cells = row.map((value) => (value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value)));
  const text = cells.join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}
