// The rows of a page of a result as a table.

import { at, element } from "./dom.js";

const NUMBERS = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/;
const numeric = (column) => NUMBERS.test(column.type);

function cell(value, column) {
  if (value === null) return element("td", { class: "null" }, "NULL");
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  return element("td", { class: numeric(column) ? "number" : "text" }, text);
}

export function showRows({ columns, data }) {
  const heads = columns.map((column) => element("th", { scope: "col", class: numeric(column) ? "number" : "text" },
    column.name, element("span", { class: "quiet" }, column.type)));
  const lines = data.map((row) => element("tr", {}, ...row.map((value, place) => cell(value, columns[place]))));
  at("rows").replaceChildren(element("table", {},
    element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...lines)));
  at("rows").hidden = false;
}
