// The chart of a result: chosen by its columns, by its author, or by hand; with files of it to take away.

import { at, element, grouped, plural, tell } from "./dom.js";
import { arrange, testsOf } from "./arranging.js";
import { choose, MARKS } from "./chart_choice.js";
import { readFilters } from "./columns.js";
import { draw, MOST, painted, written } from "./drawing.js";
import { save } from "./downloads.js";

const PARTS = ["mark", "x", "y", "color"];
const form = at("form");
const declared = form.dataset.chart ? JSON.parse(form.dataset.chart) : null;

export class Chart {
  // Told is *changed* of the chart that a person chose, as options of the address.
  constructor({ changed, failed }) {
    this.changed = changed;
    for (const part of PARTS) at(`chart-${part}`).addEventListener("change", () => this.#change());
    at("chart-svg").addEventListener("click", () => this.#save("svg", new Blob([written(this.svg)], { type: "image/svg+xml" })));
    at("chart-png").addEventListener("click", async () => this.#save("png", await painted(this.svg)));
    let resized = null;
    addEventListener("resize", () => {
      clearTimeout(resized);
      resized = setTimeout(() => this.rows && !at("chart").hidden && this.show(this.rows, this.shown, this.pairs).catch(failed), 200);
    });
  }

  // Draws rows (null: none yet) as the options of the address have it.
  async show(rows, shown, pairs) {
    Object.assign(this, { rows, shown, pairs });
    at("no-chart").hidden = rows !== null;
    at("drawn").hidden = rows === null;
    if (rows === null) return;
    const filters = readFilters(shown._where, rows.columns);
    const isFiltered = testsOf(rows.columns, shown._filter, filters).length > 0;
    await rows.upTo(isFiltered ? rows.size : Math.min(rows.size, MOST.line));
    if (rows !== this.rows || shown !== this.shown) return;
    const order = await arrange(rows, null, shown._filter, filters);
    if (rows !== this.rows || shown !== this.shown) return;
    const found = order ? order.map((place) => rows.rows[place]) : rows.rows;
    const { chart, wrong } = choose({ columns: rows.columns, rows: found }, shown, declared);
    this.#offer(chart);
    const notes = wrong ? [`The declared chart names a column that the result does not have: ${wrong}.`] : [];
    if (chart === null || found.length === 0) {
      at("picture").replaceChildren();
      notes.push(found.length === 0 ? "There are no rows to draw." : "No chart fits these columns: choose one above.");
    } else {
      notes.push(...await this.#draw(chart, found, isFiltered));
    }
    if (isFiltered) notes.push(`The filter of the table holds here: ${grouped(found.length)} of ${plural(rows.rows.length, "row")} found.`);
    at("chart-note").textContent = notes.join(" ");
    at("chart-svg").disabled = at("chart-png").disabled = at("picture").childElementCount === 0;
  }

  // Draws rows that were *found*; returns what is to be said of those that are not drawn.
  async #draw(chart, found, isFiltered) {
    const { rows } = this;
    const shown = found.slice(0, MOST[chart.mark]);
    const accent = getComputedStyle(document.documentElement).getPropertyValue("--accent").trim();
    const width = Math.max(320, Math.min(1040, at("picture").clientWidth));
    const svg = await draw(chart, rows.columns, shown, { width, accent });
    if (rows !== this.rows) return [];
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", `${MARKS[chart.mark]}: ${chart.y} by ${chart.x}${chart.color ? `, ${chart.color} as colour` : ""}`);
    this.svg = svg;
    at("picture").replaceChildren(svg);
    if (isFiltered) return shown.length < found.length ? [`Drawn are the first ${grouped(shown.length)} rows.`] : [];
    const total = rows.total ?? rows.rows.length;
    return shown.length < total || rows.total === null
      ? [`Drawn are the first ${grouped(shown.length)} rows${rows.total === null ? "; there are more" : ` of ${grouped(total)}`}.`] : [];
  }

  #offer(chart) {
    const names = this.rows.columns.map((column) => [column.name, column.name]);
    const choices = { mark: Object.entries(MARKS), x: names, y: names, color: [["", "none"], ...names] };
    for (const part of PARTS) {
      const options = choices[part].map(([value, text]) => element("option", { value }, text));
      at(`chart-${part}`).replaceChildren(...options);
      at(`chart-${part}`).value = chart?.[part] ?? "";
    }
  }

  #change() {
    const shown = { ...this.shown };
    for (const part of PARTS) shown[`_${part}`] = at(`chart-${part}`).value;
    this.changed(shown);
  }

  #save(format, blob) {
    const words = [form.dataset.name, `v${form.dataset.version}`, ...this.pairs.map(([, value]) => value)];
    const name = words.join("_").replace(/[^\p{L}\p{N}_.+-]+/gu, "-").slice(0, 110);
    save(blob, `${name}.${format}`);
    tell(`Saved the chart as ${format.toUpperCase()}.`);
  }
}
