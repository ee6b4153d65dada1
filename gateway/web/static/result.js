// The table of a result: sorted, filtered, read on while it is scrolled, and through the blocks of a large one.

import { at, copy, grouped, plural, tell } from "./dom.js";
import { arrange, pressed, readSort, testsOf, unheeded } from "./arranging.js";
import { Columns, readFilters, readHidden } from "./columns.js";
import { Grid } from "./grid.js";
import { BLOCK } from "./rows.js";

const span = (from, to) => (to <= from ? "No rows" : `Rows ${grouped(from + 1)} to ${grouped(to)}`);

export class Table {
  // Told are *changed* of how the rows are shown ({_sort, _filter, _where, _hide}), and *failed* of what goes wrong later.
  constructor({ changed, failed }) {
    Object.assign(this, { changed, failed, arranging: new AbortController() });
    this.grid = new Grid(at("rows"), {
      sorted: (place) => this.#press(place),
      seen: (from, to) => this.#sight(from, to),
      copied: (what) => tell(`Copied ${what}.`),
      wanted: (count) => this.#later(this.rows.upTo(count)),
    });
    this.columns = new Columns({ changed: (columns) => this.#change({ ...this.shown, ...columns }) });
    at("filter").addEventListener("input", () => this.#type());
    at("previous").addEventListener("click", () => this.#turn(-1));
    at("next").addEventListener("click", () => this.#turn(1));
    at("copy-table").addEventListener("click", () => this.#copy());
  }

  // Shows rows (null: none) as the options of the address have it.
  async show(rows, shown) {
    this.rows = rows;
    this.arranging.abort();
    at("no-rows").hidden = rows !== null;
    at("result").hidden = rows === null;
    if (rows === null) return;
    at("filter").value = shown._filter;
    this.columns.show(rows.columns, shown);
    await this.arrange(shown);
  }

  // Sorts and filters the rows. A newer call ends it.
  async arrange(shown) {
    const { rows } = this;
    this.arranging.abort();
    this.arranging = new AbortController();
    const { signal } = this.arranging;
    this.shown = shown;
    const told = unheeded(shown, rows.columns);
    Object.assign(at("unheeded"), { textContent: told, hidden: !told });
    const [sort, filters] = [readSort(shown._sort, rows.columns), readFilters(shown._where, rows.columns)];
    const isFiltered = testsOf(rows.columns, shown._filter, filters).length > 0;
    try {
      if (sort || isFiltered) await this.#whole();
      signal.throwIfAborted();
      const order = await arrange(rows, sort, shown._filter, filters, signal);
      this.isFiltered = isFiltered;
      this.grid.show(rows, { order, sort, filters, hidden: readHidden(shown._hide, rows.columns) });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #whole() {
    const { rows } = this;
    if (rows.rows.length >= rows.size) return;
    tell(`Reading ${plural(rows.size, "row")} …`);
    await rows.upTo(rows.size);
    tell("Done.");
  }

  #press(place) {
    const { columns } = this.rows;
    const sort = pressed(readSort(this.shown._sort, columns), place, columns);
    this.#change({ ...this.shown, _sort: sort }).then(() => {
      if (document.activeElement === document.body) this.grid.focus(place);  // the head that had it was drawn anew
    });
  }

  #type() {
    clearTimeout(this.typed);
    this.typed = setTimeout(() => this.#change({ ...this.shown, _filter: at("filter").value }), 150);
  }

  #change(shown) {
    this.changed(shown);
    return this.rows ? this.#later(this.arrange(shown)) : Promise.resolve();
  }

  // Shows what *reading* brings when it is there.
  async #later(reading) {
    try {
      await reading;
      this.grid.refresh();
    } catch (error) {
      this.failed(error);
    }
  }

  #sight(from, to) {
    at("sight").textContent = this.#words(from, to);
    at("previous").disabled = this.grid.atStart && this.rows.offset === 0;
    at("next").disabled = this.grid.atEnd && this.rows.isLast;
  }

  #words(from, to) {
    const { rows, grid } = this;
    const here = rows.total === null ? `the first ${grouped(rows.size)}; there are more` : grouped(rows.total);
    if (!grid.order) return `${span(from + rows.offset, to + rows.offset)} of ${here}`;
    const found = this.isFiltered ? `${span(from, to)} of ${grouped(grid.count)} found` : `${span(from, to)} of ${here}`;
    const among = rows.size === rows.total ? "" : `, among rows ${grouped(rows.offset + 1)} to ${grouped(rows.offset + rows.size)}`;
    return found + among;
  }

  async #turn(step) {
    const { grid, rows } = this;
    const leaves = step > 0 ? grid.atEnd && !rows.isLast : grid.atStart && rows.offset > 0;
    if (!leaves) { grid.scrollBy(step); return; }
    tell(`Reading the ${step > 0 ? "next" : "previous"} ${grouped(BLOCK)} rows …`);
    await this.#later((step > 0 ? rows.forward() : Promise.resolve(rows.back())).then(() => this.arrange(this.shown)));
    at("rows").scrollTop = step > 0 ? 0 : at("rows").scrollHeight;
    tell("Done.");
  }

  async #copy() {
    try {
      await this.#whole();
    } catch (error) {
      this.failed(error);
      return;
    }
    await copy(this.grid.everything(), plural(this.grid.count, "row"));
  }
}
