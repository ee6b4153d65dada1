// Which columns of a result are shown, and the filter of each: as texts of the address, and as a menu.

import { at, element } from "./dom.js";
import { comparing, plain } from "./values.js";

const part = (text, marks) => text.replace(marks, encodeURIComponent);

function whole(text) {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    return text;  // typed by hand
  }
}

// The names of columns in an address. Each is of one column, also with "-" before it: the second of a name is "name#2".
export function keysOf(columns) {
  const [names, keys] = [new Set(columns.map(({ name }) => name)), new Set()];
  const isTurned = (key) => keys.has(`-${key}`) || (key.startsWith("-") && (names.has(key.slice(1)) || keys.has(key.slice(1))));
  for (const { name } of columns) {
    let key = name;
    for (let number = 2; keys.has(key) || isTurned(key) || (key !== name && names.has(key)); number += 1) key = `${name}#${number}`;
    keys.add(key);
  }
  return [...keys];
}

// Returns what finds the place of a column by its key, else by its name; -1 where there is none.
function finder(columns) {
  const places = new Map(columns.map(({ name }, place) => [name, place]).reverse());
  keysOf(columns).forEach((key, place) => places.set(key, place));
  return (text) => places.get(whole(text)) ?? -1;
}

const listed = (text) => text.split(",").filter(Boolean);

// Reads "a,b" as the places of columns that are not shown; of all of them it hides none.
export function readHidden(text, columns) {
  const places = new Set(listed(text).map(finder(columns)).filter((place) => place >= 0));
  return places.size < columns.length ? places : new Set();
}

// Reads "a:north,b:>5" as a filter by place.
export function readFilters(text, columns) {
  const placeOf = finder(columns);
  const pairs = listed(text).map((pair) => {
    const [name, ...filter] = pair.split(":");
    return [placeOf(name), whole(filter.join(":"))];
  });
  return new Map(pairs.filter(([place, filter]) => place >= 0 && filter.trim()));
}

// Names what stands for a column in "a,b" or "a:north,b:>5", and is none.
export function missingIn(text, columns) {
  const placeOf = finder(columns);
  return listed(text).map((pair) => pair.split(":")[0]).filter((name) => placeOf(name) < 0).map(whole);
}

const keysIn = (columns) => keysOf(columns).map((key) => part(key, /[%,:]/g));

export function writeHidden(places, columns) {
  const keys = keysIn(columns);
  return [...places].sort((one, other) => one - other).map((place) => keys[place]).join(",");
}

export function writeFilters(filters, columns) {
  const keys = keysIn(columns);
  return [...filters].filter(([, filter]) => filter.trim())
    .map(([place, filter]) => `${keys[place]}:${part(filter, /[%,]/g)}`).join(",");
}

export class Columns {
  // Told is *changed* of what is to be shown: {_hide, _where}.
  constructor({ changed }) {
    this.changed = changed;
    at("all-columns").addEventListener("click", () => {
      for (const { box, field } of this.lines) { box.checked = true; field.value = ""; }
      this.#change();
    });
  }

  // Shows the columns of a result in the menu, as the options of the address have it.
  show(columns, shown) {
    this.columns = columns;
    const [hidden, filters] = [readHidden(shown._hide, columns), readFilters(shown._where, columns)];
    this.lines = columns.map((column, place) => this.#line(column, !hidden.has(place), filters.get(place) ?? ""));
    at("column-list").replaceChildren(...this.lines.map(({ line }) => line));
    this.#tell();
  }

  #line(column, isShown, filter) {
    const box = element("input", { type: "checkbox" });
    const field = element("input", { type: "search", autocomplete: "off", spellcheck: "false", "aria-label": `Filter ${column.name}` });
    const wrong = element("p", { class: "wrong", role: "status", hidden: "" });
    const label = element("label", { class: "pair" }, box, element("span", {}, column.name), element("span", { class: "quiet" }, column.type));
    box.checked = isShown;
    field.value = filter;
    box.addEventListener("change", () => this.#change());
    field.addEventListener("input", () => {
      clearTimeout(this.typed);
      this.typed = setTimeout(() => this.#change(), 150);
    });
    return { line: element("div", { class: "column" }, label, field, wrong), box, field, wrong };
  }

  #change() {
    const hidden = [...this.lines.keys()].filter((place) => !this.lines[place].box.checked);
    this.changed({ _hide: writeHidden(hidden, this.columns),
      _where: writeFilters(this.lines.map(({ field }, place) => [place, field.value]), this.columns) });
    this.#tell();
  }

  // Says how many are shown and filtered, and which filter is wrong. The last one that is shown cannot be hidden.
  #tell() {
    const shown = this.lines.filter(({ box }) => box.checked);
    const filters = this.lines.filter(({ field }, place) => filterOf(this.columns[place], field.value)).length;
    const words = [shown.length < this.lines.length && `${shown.length} of ${this.lines.length}`, filters && `${filters} filtered`];
    const told = words.filter(Boolean).join(", ");
    at("columns-shown").textContent = told ? `Columns: ${told}` : "Columns";
    this.lines.forEach(({ box, field, wrong }, place) => {
      box.disabled = shown.length === 1 && box.checked;
      const mistake = filterOf(this.columns[place], field.value)?.mistake ?? "";
      field.toggleAttribute("aria-invalid", false);
      if (mistake) field.setAttribute("aria-invalid", "true");
      Object.assign(wrong, { textContent: mistake, hidden: !mistake });
    });
  }
}

const COMPARED = /^\s*(<=|>=|!=|<>|=|<|>)\s*(.*?)\s*$/s;
const TESTS = {
  "=": (order) => order === 0, "!=": (order) => order !== 0, "<>": (order) => order !== 0,
  "<": (order) => order < 0, "<=": (order) => order <= 0, ">": (order) => order > 0, ">=": (order) => order >= 0,
};

// Reads the filter of a column: {holds} of a value, {mistake} where no value can be compared; null where it says nothing.
export function filterOf(column, text) {
  const [, operator, typed] = COMPARED.exec(text) ?? [];
  if (operator === undefined) return worded(text);
  if (typed === "") return null;
  if (typed === "NULL" && /^(=|!=|<>)$/.test(operator)) return { holds: (value) => (value === null) === (operator === "=") };
  const compare = comparing(column, /^(["']).*\1$/s.test(typed) && typed.length > 1 ? typed.slice(1, -1) : typed);
  if (compare === null) return { holds: () => false, mistake: `${typed} is no ${column.type}.` };
  return { holds: (value) => value !== null && TESTS[operator](compare(value)) };
}

function worded(text) {
  const words = wordsOf(text);
  return words.length === 0 ? null : { holds: (value) => words.every((word) => written(value).includes(word)) };
}

export const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

// Writes a value as the words of a filter look for it; NULL has none.
export const written = (value) => (value === null ? "" : plain(value).toLowerCase());
