// The rows of a result as a table of which only what is in sight is made: 100,000 rows cost what 50 do.

import { element, plural } from "./dom.js";
import { numeric, tabbed, writer } from "./values.js";

const HEIGHT = 30;  // of a row, as the style sheet has it
const AROUND = 15;  // rows that are made above and below those in sight
const SAMPLE = 1_000;  // rows that columns are measured by
const WIDEST = 44;  // characters of a column

export class Grid {
  // *box* scrolls. Told are *sorted* of the column whose head was pressed, *seen* of the rows in sight (from, to),
  // *copied* of how many cells were copied, *wanted* of how many rows of the block are needed.
  constructor(box, { sorted, seen, copied, wanted }) {
    Object.assign(this, { box, sorted, seen, copied, wanted });
    box.addEventListener("scroll", () => requestAnimationFrame(() => this.#draw()));
    addEventListener("resize", () => requestAnimationFrame(() => this.#draw()));
  }

  // Shows rows: in their *order* (places in the block) or, where it is null, as they come. *sort* is {place, descending},
  // *hidden* has the places of columns that are left out, *filters* the texts of filters by place.
  show(rows, { order = null, sort = null, hidden = new Set(), filters = new Map() } = {}) {
    const same = this.rows === rows && this.order === order;
    const places = [...rows.columns.keys()].filter((place) => !hidden.has(place));
    Object.assign(this, { rows, order, sort, filters, places });
    const sample = rows.rows.slice(0, SAMPLE);
    this.writers = rows.columns.map((column, place) => writer(column, sample.map((row) => row[place])));
    this.cursor = this.anchor = null;
    this.#build(sample);
    if (!same) this.box.scrollTop = 0;
    this.#draw(true);
  }

  get count() {
    return this.order ? this.order.length : this.rows.size;
  }

  row(place) {
    return this.rows.rows[this.order ? this.order[place] : place];
  }

  // Writes all rows that are here, with the names of the columns, for a spreadsheet.
  everything() {
    const heads = this.places.map((place) => this.rows.columns[place].name);
    return tabbed([heads, ...Array.from({ length: this.count }, (_, place) => this.#texts(place))]);
  }

  #texts(place) {
    const row = this.row(place);
    return row ? this.places.map((at) => (row[at] === null ? "" : this.writers[at](row[at]))) : [];
  }

  // Gives the focus to the head of a column.
  focus(place) {
    this.box.querySelectorAll(".head")[this.places.indexOf(place)]?.focus();
  }

  // Redraws what is in sight: more rows are here.
  refresh() {
    this.#draw(true);
  }

  scrollBy(pages) {
    const head = this.table.tHead.offsetHeight;
    const step = Math.max(1, Math.floor((this.box.clientHeight - head) / HEIGHT));
    this.box.scrollTop = Math.max(0, Math.round(this.box.scrollTop / HEIGHT) + pages * step) * HEIGHT;
  }

  get atStart() { return this.box.scrollTop < HEIGHT / 2; }

  get atEnd() { return this.box.scrollTop + this.box.clientHeight >= this.box.scrollHeight - 2; }

  #build(sample) {
    const heads = this.places.map((place) => this.#head(this.rows.columns[place], place));
    this.lines = element("tbody");
    [this.above, this.below] = [1, 2].map(() => element("tbody", { "aria-hidden": "true", class: "space" },
      element("tr", {}, element("td", { colspan: heads.length }))));
    this.table = element("table", { role: "grid", tabindex: "0", "aria-label": "Rows", "aria-multiselectable": "true",
      "aria-rowcount": this.count + 1 },
    this.#widths(sample), element("thead", {}, element("tr", { "aria-rowindex": "1" }, ...heads)),
    this.above, this.lines, this.below);
    this.table.addEventListener("keydown", (event) => this.#key(event));
    this.table.addEventListener("pointerdown", (event) => this.#point(event));
    this.table.addEventListener("copy", (event) => this.#copy(event));
    this.box.replaceChildren(this.table);
    this.box.hidden = false;
    this.below.rows[0].style.height = `${this.count * HEIGHT}px`;  // so high is the box when it is first drawn
  }

  #widths(sample) {
    const columns = this.places.map((place) => {
      const column = this.rows.columns[place];
      const texts = sample.map((row) => (row[place] === null ? 4 : this.writers[place](row[place]).length));
      const text = Math.max(...texts, 0) * (numeric(column) ? 1 : 0.95);  // letters are narrower than digits
      const longest = Math.max(column.name.length + 2, this.#under(column, place).length * 0.95, text);
      const made = element("col");
      made.style.width = `calc(${Math.min(longest, WIDEST).toFixed(1)}ch + 1.5rem)`;
      return made;
    });
    return element("colgroup", {}, ...columns);
  }

  #head(column, place) {
    const here = this.sort?.place === place;
    const arrow = element("span", { class: "arrow", "aria-hidden": "true" }, here ? (this.sort.descending ? "↓" : "↑") : "");
    const button = element("button", { type: "button", class: "head" }, column.name, " ", arrow);
    button.addEventListener("click", () => this.sorted(place));
    const cell = element("th", { scope: "col", class: numeric(column) ? "number" : "text" }, button,
      element("span", { class: "quiet" }, this.#under(column, place)));
    if (here) cell.setAttribute("aria-sort", this.sort.descending ? "descending" : "ascending");
    return cell;
  }

  #under(column, place) {
    const filter = this.filters.get(place);
    return filter ? `${column.type}: ${filter.trim()}` : column.type;
  }

  #draw(always = false) {
    if (!this.table?.isConnected) return;
    const head = this.table.tHead.offsetHeight;
    const first = Math.floor(this.box.scrollTop / HEIGHT);
    const last = Math.min(this.count, Math.ceil((this.box.scrollTop + this.box.clientHeight - head) / HEIGHT));
    const [from, to] = [Math.max(0, first - AROUND), Math.min(this.count, last + AROUND)];
    this.seen(Math.min(Math.round(this.box.scrollTop / HEIGHT), Math.max(0, this.count - 1)), last);
    if (!this.order && to > this.rows.rows.length) this.wanted(to);
    if (!always && from === this.from && to === this.to) return;
    [this.from, this.to] = [from, to];
    for (const [space, rows] of [[this.above, from], [this.below, this.count - to]]) {
      space.rows[0].style.height = `${rows * HEIGHT}px`;
      space.hidden = rows === 0;
    }
    this.lines.replaceChildren(...Array.from({ length: to - from }, (_, place) => this.#line(from + place)));
    this.#mark();
  }

  #line(place) {
    const row = this.row(place);
    const cells = this.places.map((at) => this.#cell(row?.[at], this.rows.columns[at], at));
    return element("tr", { "aria-rowindex": place + 2 }, ...cells);
  }

  #cell(value, column, at) {
    if (value === undefined) return element("td", { class: "quiet" }, "…");
    if (value === null) return element("td", { class: numeric(column) ? "null number" : "null" }, "NULL");
    if (value === "") return element("td", { class: "null" }, "empty text");
    const text = this.writers[at](value);
    const cell = element("td", numeric(column) ? { class: "number" } : {}, text);
    if (text.length > WIDEST) cell.title = text;
    return cell;
  }

  // Marks the cells between the anchor and the cursor, which copying takes.
  #mark() {
    this.table.removeAttribute("aria-activedescendant");
    if (!this.cursor) return;
    const { rows, columns } = this.#picked();
    for (const line of this.lines.rows) {
      const place = line.ariaRowIndex - 2;
      [...line.cells].forEach((cell, column) => {
        const picked = place >= rows[0] && place <= rows[1] && column >= columns[0] && column <= columns[1];
        const here = place === this.cursor.row && column === this.cursor.column;
        cell.classList.toggle("picked", picked);
        cell.classList.toggle("here", here);
        if (picked) cell.setAttribute("aria-selected", "true");
        else cell.removeAttribute("aria-selected");
        if (here) cell.id = "here";
        else cell.removeAttribute("id");
        if (here) this.table.setAttribute("aria-activedescendant", "here");
      });
    }
  }

  #picked() {
    const ends = (name) => [this.anchor[name], this.cursor[name]].sort((one, other) => one - other);
    return { rows: ends("row"), columns: ends("column") };
  }

  #move(row, column, extend) {
    const within = (value, size) => Math.max(0, Math.min(value, size - 1));
    this.cursor = { row: within(row, this.count), column: within(column, this.places.length) };
    if (!extend || !this.anchor) this.anchor = this.cursor;
    const head = this.table.tHead.offsetHeight;
    const top = this.cursor.row * HEIGHT;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    const bottom = top + HEIGHT + head - this.box.clientHeight + 2;
    if (bottom > this.box.scrollTop) this.box.scrollTop = bottom;
    this.#draw(true);
    this.lines.querySelector("#here")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #key(event) {
    if (event.target !== this.table || event.altKey || this.count === 0) return;
    const { row, column } = this.cursor ?? { row: Math.ceil(this.box.scrollTop / HEIGHT), column: 0 };
    const page = Math.max(1, Math.floor(this.box.clientHeight / HEIGHT) - 2);
    const control = event.ctrlKey || event.metaKey;
    const [last, end] = [this.count - 1, this.places.length - 1];
    const goal = {
      ArrowDown: [row + 1, column], ArrowUp: [row - 1, column], ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1],
      PageDown: [row + page, column], PageUp: [row - page, column],
      Home: [control ? 0 : row, 0], End: [control ? last : row, end],
    }[event.key];
    if (control && event.key === "a") {
      this.anchor = { row: 0, column: 0 };
      this.cursor = { row: last, column: end };
      this.#mark();
      event.preventDefault();
    } else if (goal) {
      this.#move(...(this.cursor ? goal : [row, column]), event.shiftKey);
      event.preventDefault();
    }
  }

  #point(event) {
    const cell = event.target.closest("td");
    if (!cell || event.button !== 0 || cell.closest(".space")) return;
    this.cursor = { row: cell.parentNode.ariaRowIndex - 2, column: cell.cellIndex };
    if (!event.shiftKey || !this.anchor) this.anchor = this.cursor;
    else event.preventDefault();
    this.#mark();
  }

  #copy(event) {
    if (!this.cursor || String(getSelection()) !== "") return;
    const { rows: [from, to], columns: [left, right] } = this.#picked();
    const texts = Array.from({ length: to - from + 1 }, (_, place) => this.#texts(from + place).slice(left, right + 1));
    event.clipboardData.setData("text/plain", tabbed(texts));
    event.preventDefault();
    const cells = texts.reduce((sum, row) => sum + row.length, 0);
    this.copied(plural(cells, "cell"));
  }
}
