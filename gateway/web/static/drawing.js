// Draws charts with Observable Plot, which is loaded when the first one is wanted, and makes pictures of them.

import { numeric, temporal } from "./values.js";

const SVG = "http://www.w3.org/2000/svg";
const LIBRARIES = ["d3-7.9.2.min.js", "plot-0.6.17.umd.min.js"];
export const MOST = { line: 20_000, point: 5_000, heat: 5_000, bar: 60 };  // rows of a chart

const LONGEST_LABEL = 240;  // pixels
const MOST_NAMED = 10;  // colours of a legend

let loaded = null;

function load() {
  loaded ??= Promise.all(LIBRARIES.map((name) => script(new URL(name, import.meta.url).href)));
  return loaded;
}

function script(src) {
  return new Promise((resolve, reject) => {
    const made = Object.assign(document.createElement("script"), { src, async: false });  // they run in this order
    made.addEventListener("load", resolve);
    made.addEventListener("error", () => reject(new Error(`${src} could not be loaded.`)));
    document.head.append(made);
  });
}

// Returns what reads a column of a row as Plot wants it. Times are those of their text, whatever the zone of the browser.
function reader(columns, name, asText = false) {
  const place = columns.findIndex((column) => column.name === name);
  const column = columns[place];
  if (numeric(column) && !asText) return (row) => (row[place] === null || !Number.isFinite(Number(row[place])) ? NaN : Number(row[place]));
  if (temporal(column) && !asText) return (row) => (row[place] === null ? null : new Date(/[TZ]/.test(row[place]) ? row[place].replace(/Z?$/, "Z") : row[place]));
  return (row) => (row[place] === null ? "NULL" : typeof row[place] === "object" ? JSON.stringify(row[place]) : String(row[place]));
}

// Draws *chart* ({mark, x, y, color}) of rows; returns an SVG element.
export async function draw(chart, columns, rows, { width, accent }) {
  await load();
  const { Plot, d3 } = globalThis;
  const read = (name) => reader(columns, name);
  const is = (test, name) => test(columns.find((column) => column.name === name));
  const [x, y] = [reader(columns, chart.x, chart.mark === "bar"), read(chart.y)];
  const colour = chart.color ? read(chart.color) : null;
  const along = (name) => (is(temporal, name) ? { type: "utc" } : {});
  const named = chart.mark === "point" && !is(numeric, chart.y) && !is(temporal, chart.y);
  const labels = chart.mark === "bar" ? rows.map(x) : chart.mark === "heat" || named ? rows.map(y) : [];
  const label = shortener(Math.min(LONGEST_LABEL, width / 2));
  const left = labels.length ? 16 + labels.reduce((most, text) => Math.max(most, label.width(label.shorten(String(text)))), 0) : 60;
  const categories = new Set(labels).size;
  const common = {
    className: "chart", width, marginLeft: left, marginRight: 36, marginTop: 28, marginBottom: 42,
    style: { background: "transparent", fontSize: "12px", fontFamily: "inherit", overflow: "visible" },
    color: colour && is(numeric, chart.color) ? { scheme: "YlGnBu" } : {},
  };
  const channels = { x, y, ...(colour ? { stroke: colour } : { stroke: accent }) };
  const told = { tip: true };
  const plotted = {
    line: () => Plot.plot({ ...common, height: 380, x: { ...along(chart.x), label: chart.x }, y: up(rows.map(y), chart.y),
      marks: [Plot.lineY(rows, { ...channels, strokeWidth: 1.8, ...told })] }),
    point: () => Plot.plot({ ...common, height: 420, x: { ...along(chart.x), grid: true, label: chart.x },
      y: is(numeric, chart.y) ? { ...up(rows.map(y), chart.y), zero: false } : { grid: true, label: chart.y, ...along(chart.y), ...(named ? { tickFormat: (text) => label.shorten(String(text)) } : {}) }, marks: [Plot.dot(rows, { ...channels, r: 3, ...told })] }),
    bar: () => Plot.plot({ ...common, height: 70 + 22 * categories, x: up(rows.map(y), chart.y),
      y: { label: null, domain: [...new Set(labels)], tickFormat: (text) => label.shorten(String(text)) },
      marks: [Plot.barX(rows, { x: y, y: x, fill: colour ?? accent, inset: 0.5, ...told }), Plot.ruleX([0])] }),
    heat: () => Plot.plot({ ...common, height: 90 + 22 * categories, x: { label: chart.x, tickRotate: -30 },
      marginBottom: 70, y: { label: null, tickFormat: (text) => label.shorten(String(text)) }, color: { scheme: "YlGnBu" },
      marks: [colour ? Plot.cell(rows, { x, y, fill: colour, inset: 0.5, ...told })
        : Plot.cell(rows, Plot.group({ fill: "count" }, { x, y, inset: 0.5, ...told }))] }),
  }[chart.mark]();
  const svg = plotted.matches("svg") ? plotted : plotted.querySelector("svg");
  svg.querySelector("style")?.remove();  // the page's policy allows none within it: its rules stand in the style sheet
  for (const part of svg.querySelectorAll("g[aria-label]")) {  // a group without a role has no name
    part.dataset.part = part.getAttribute("aria-label");
    part.removeAttribute("aria-label");
  }
  roomier(svg, colour ? 24 : 0);
  if (colour) legend(svg, plotted.scale("color"), chart.color, d3);
  return svg;
}

// The axis of numbers: from zero where all are one number, in thousands and millions where they are long, with an exponent from 10^15.
function up(numbers, label) {
  const known = numbers.filter(Number.isFinite);
  const most = known.reduce((found, number) => Math.max(found, Math.abs(number)), 0);
  return { grid: true, label, zero: new Set(known).size <= 1, ...(most >= 1e15 ? { tickFormat: ".3~e" } : most >= 1e6 ? { tickFormat: "~s" } : {}) };
}

// Returns what measures labels in the letters of the page, and cuts those that are wider than *most* pixels.
function shortener(most) {
  const context = document.createElement("canvas").getContext("2d");
  context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const width = (text) => context.measureText(text).width;
  const shorten = (text) => {
    if (width(text) <= most) return text;
    let kept = [...text];
    while (kept.length > 1 && width(`${kept.join("")}…`) > most) kept = kept.slice(0, Math.min(kept.length - 1, Math.ceil((kept.length * most) / width(kept.join("")))));
    return `${kept.join("")}…`;
  };
  return { width, shorten };
}

// Makes room above the drawing for a legend, and below it for the tails of letters.
function roomier(svg, above) {
  const { width, height } = svg.viewBox.baseVal;
  svg.setAttribute("viewBox", `0 ${-above} ${width} ${height + above + 6}`);
  svg.setAttribute("height", height + above + 6);
}

// What the colours mean stands in the picture itself, so that it goes with it.
function legend(svg, scale, name, d3) {
  const group = svg.appendChild(document.createElementNS(SVG, "g"));
  group.setAttribute("text-anchor", "start");
  const ends = scale.domain.length === 2 && typeof scale.domain[0] === "number"
    ? d3.range(5).map((step) => scale.domain[0] + (step / 4) * (scale.domain[1] - scale.domain[0])) : null;
  let at = 4;
  const put = (text, fill) => {
    if (fill) append(group, "rect", { x: at, y: -20, width: 12, height: 12, rx: 2, fill });
    append(group, "text", { x: at + (fill ? 17 : 0), y: -10, fill: "currentColor" }, text);
    at += (fill ? 33 : 14) + 6.8 * text.length;
  };
  put(name);
  for (const value of ends ?? scale.domain.slice(0, MOST_NAMED)) put(ends ? d3.format(".3~s")(value) : String(value), scale.apply(value));
  if (!ends && scale.domain.length > MOST_NAMED) put(`… and ${scale.domain.length - MOST_NAMED} more`);
}

function append(parent, name, attributes, text = "") {
  const made = parent.appendChild(document.createElementNS(SVG, name));
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
}

// Writes a chart as a file of its own: colours and letters are those that it has on the page.
export function written(svg) {
  const { color, fontFamily, backgroundColor } = look(svg);
  const copied = svg.cloneNode(true);
  copied.setAttribute("xmlns", SVG);
  Object.assign(copied.style, { color, fontFamily, backgroundColor });
  for (const tip of copied.querySelectorAll('[data-part="tip"], [aria-label="tip"]')) tip.remove();
  return new XMLSerializer().serializeToString(copied);
}

function look(svg) {
  const { color, fontFamily } = getComputedStyle(svg);
  return { color, fontFamily, backgroundColor: getComputedStyle(document.body).backgroundColor };
}

// Returns a chart as PNG, of twice as many points as it has on the page.
export async function painted(svg) {
  const { width, height } = svg.viewBox.baseVal;
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(written(svg))}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: 2 * width, height: 2 * height });
  const context = canvas.getContext("2d");
  context.fillStyle = look(svg).backgroundColor;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
