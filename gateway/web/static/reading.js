// What a question reads, as an explanation tells it: in words, and as a map of the partitions of each scan.

import { at, bytes, element, grouped, plural } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const CELL = 13;
const sum = (items, member) => items.reduce((total, item) => total + item[member], 0);

export const about = (seconds) => (seconds < 1 ? "less than a second" : seconds < 90 ? `about ${Math.round(seconds)} s`
  : `about ${Math.round(seconds / 60)} minutes`);

// Says in one sentence what running it would take; {words, everything}: whether whole tables would be read that are
// divided into partitions.
export function estimated({ scans, cached, estimate }) {
  const everything = scans.filter((scan) => scan.total_partitions > 1 && scan.partitions === scan.total_partitions);
  if (cached) return { words: "The answer is kept: nothing has to be read.", everything: [] };
  const partitions = `${grouped(sum(scans, "partitions"))} of ${plural(sum(scans, "total_partitions"), "partition")}`;
  const kept = sum(scans, "kept");
  const beside = kept ? `; ${grouped(kept)} of them ${kept === 1 ? "is" : "are"} kept as partials` : "";
  const words = `Reads ${bytes(estimate.bytes)}, ${partitions}${beside}; ${about(estimate.seconds)}.`;
  return { words, everything: everything.map((scan) => scan.table) };
}

export function showReading(box, explanation, facts) {
  const { scans } = explanation;
  const parts = scans.map(scanned);
  box.replaceChildren(facts, legend(scans), ...parts, ...howComputed(explanation));
}

function scanned(scan) {
  const words = scan.total_partitions === 0 ? "It has no partitions."
    : `${grouped(scan.partitions)} of ${plural(scan.total_partitions, "partition")}, ${grouped(scan.files)} of ${plural(scan.total_files, "file")}, `
      + `${bytes(scan.bytes)} of ${bytes(scan.total_bytes)}${scan.kept ? `; ${grouped(scan.kept)} kept as partials` : ""}.`;
  const part = element("section", { class: "scan" }, element("h3", {}, scan.table), element("p", {}, words));
  for (const warning of [scan.refresh_error && `It cannot be refreshed: ${scan.refresh_error}`, scan.nothing_read]) {
    if (warning) part.append(element("p", { class: "notice" }, warning));
  }
  if (scan.map.length > 1) part.append(map(scan, words));
  const reasons = [
    ...scan.used.map(({ sql, projected }) => [element("code", {}, sql), " became ", element("code", {}, projected)]),
    ...scan.unused.map(({ sql, reason }) => [element("code", {}, sql), ` leaves nothing out: ${reason}`]),
    ...scan.read_first.map((first) => [`${first.table}.${first.column} `, first.skipped ? `was not read first: ${first.skipped}`
      : `was read first: ${first.values === null ? "many values" : plural(first.values, "value")}`]),
  ];
  if (reasons.length) {
    part.append(element("details", {}, element("summary", {}, "Why"),
      element("ul", {}, ...reasons.map((words) => element("li", {}, ...words)))));
  }
  return part;
}

const KINDS = [["skipped", "not read"], ["some", "read in part"], ["read", "read"], ["kept", "kept as partials"]];

const kindOf = (cell) => (cell.read === 0 ? "skipped" : cell.kept === cell.read ? "kept"
  : cell.read < cell.partitions ? "some" : "read");

function legend(scans) {
  const there = new Set(scans.flatMap((scan) => (scan.map.length > 1 ? scan.map.map(kindOf) : [])));
  const items = KINDS.filter(([kind]) => there.has(kind)).map(([kind, words]) =>
    element("li", {}, element("span", { class: `swatch ${kind}`, "aria-hidden": "true" }), words));
  return element("ul", { class: "legend", "aria-label": "Colours of the map" }, ...items);
}

// Partitions in the order of their folders, in lines: a square is one of them, or several that follow each other.
function map(scan, words) {
  const columns = Math.min(scan.map.length, 61);
  const lines = Math.ceil(scan.map.length / columns);
  const [width, height] = [columns * CELL, lines * CELL];
  const drawing = svg("svg", { class: "map", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `Partitions of ${scan.table}: ${words}` });
  drawing.style.maxWidth = `${width}px`;
  scan.map.forEach((cell, place) => {
    const square = svg("rect", { x: (place % columns) * CELL, y: Math.floor(place / columns) * CELL, width: CELL - 2, height: CELL - 2,
      rx: 2, class: kindOf(cell) });
    square.append(Object.assign(svg("title", {}), { textContent: told(cell) }));
    drawing.append(square);
  });
  const each = scan.total_partitions / scan.map.length;
  const ends = `${folder(scan.map[0].from)} … ${folder(scan.map.at(-1).to)}`;
  return element("figure", {}, drawing, element("figcaption", { class: "quiet" },
    `${ends}${each > 1 ? `; a square is up to ${Math.ceil(each)} partitions` : ""}`));
}

function svg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const folder = (values) => Object.entries(values).map(([name, value]) => `${name}=${value ?? "NULL"}`).join("/") || "one folder";

function told(cell) {
  if (cell.partitions === 1) return `${folder(cell.from)}: ${KINDS.find(([kind]) => kind === kindOf(cell))[1]}`;
  const kept = cell.kept ? `, ${cell.kept} kept as partials` : "";
  return `${folder(cell.from)} to ${folder(cell.to)}: ${cell.read} of ${cell.partitions} read${kept}`;
}

function* howComputed({ partials, whole, engine, deterministic }) {
  if (partials) {
    yield element("p", {}, `The answer is put together of ${plural(partials.kept + partials.computed, "partial")}, one a partition: `
      + `${grouped(partials.kept)} ${partials.kept === 1 ? "is" : "are"} kept, ${grouped(partials.computed)} would be computed now.`);
  }
  if (whole) yield element("p", {}, `It is computed as a whole: ${whole}`);
  if (engine) yield element("p", {}, `Engine: ${engine.name ?? "none"}, ${engine.why}`);
  if (deterministic) yield element("p", {}, deterministic);
}

export function facts(pairs) {
  return element("dl", { class: "facts" }, ...pairs.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

export function showEstimate(explanation) {
  const { words, everything } = estimated(explanation);
  at("estimate").textContent = words;
  at("warning").hidden = everything.length === 0;
  at("warning").textContent = everything.length
    ? `This reads all of ${everything.join(" and ")}: no parameter leaves a partition out.` : "";
}
