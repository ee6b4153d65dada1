"use strict";
// Runs a query from its form and shows the rows, what they cost, and the command that gets the same.
const PAGE = 100;
const form = document.getElementById("form");
const at = (id) => document.getElementById(id);
let following = null;

function given() {
  const pairs = new URLSearchParams();
  for (const control of form.querySelectorAll("[name]:not([type=hidden])")) {
    const values = control.multiple ? [...control.selectedOptions].map((option) => option.value)
      : "lines" in control.dataset ? control.value.split("\n").map((line) => line.trim()) : [control.value];
    for (const value of values) if (value !== "") pairs.append(control.name, value);
  }
  return pairs;
}

function address(path, pairs) {
  const query = pairs.toString();
  return query ? `${path}?${query}` : path;
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; unit += 1) count /= 1024;
  return `${count.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

function fate(header) {
  if (!header) return null;
  if (/;\s*hit\b/.test(header)) return /ttl=-/.test(header) ? "stale hit" : "hit";
  const forward = /fwd=([\w-]+)/.exec(header);
  return (forward ? forward[1] : "miss") + (/;\s*collapsed\b/.test(header) ? ", shared" : "");
}

function showCost(response, milliseconds) {
  const ratio = (name) => (response.headers.get(name) || "").split("/").map(Number);
  const facts = [["Status", `${response.status}`]];
  const cache = fate(response.headers.get("Cache-Status"));
  if (cache) facts.push(["Cache", cache]);
  if (response.headers.has("Age")) facts.push(["Age", `${response.headers.get("Age")} s`]);
  for (const [label, name, write] of [["Partitions read", "Gateway-Partitions", String], ["Files read", "Gateway-Files", String], ["Bytes read", "Gateway-Bytes", bytes]]) {
    const [read, total] = ratio(name);
    if (total !== undefined) facts.push([label, `${write(read)} of ${write(total)}`]);
  }
  if (response.headers.has("Gateway-Rows")) facts.push(["Rows", Number(response.headers.get("Gateway-Rows")).toLocaleString("en")]);
  facts.push(["Time", `${Math.round(milliseconds)} ms`]);
  at("cost").replaceChildren(...facts.map(([label, value]) => {
    const cell = element("div");
    cell.append(element("dt", label), element("dd", value));
    return cell;
  }));
  at("headers").replaceChildren(...[...response.headers].flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
}

function numeric(column) {
  return /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/.test(column.type);
}

function showRows(result) {
  const table = element("table");
  const head = element("tr");
  for (const column of result.columns) {
    const cell = element("th", column.name, { scope: "col", class: numeric(column) ? "number" : "text" });
    cell.append(element("span", column.type, { class: "quiet" }));
    head.append(cell);
  }
  const body = element("tbody");
  for (const row of result.data) {
    const line = element("tr");
    row.forEach((value, place) => {
      const kind = value === null ? "null" : numeric(result.columns[place]) ? "number" : "text";
      line.append(element("td", value === null ? "null" : typeof value === "object" ? JSON.stringify(value) : String(value), { class: kind }));
    });
    body.append(line);
  }
  const top = element("thead");
  top.append(head);
  table.append(top, body);
  at("rows").replaceChildren(table);
  at("rows").hidden = false;
}

function showProblem(problem) {
  const box = at("problem");
  box.replaceChildren(element("p", problem.title || "The server could not be reached."), element("p", problem.detail || ""));
  if (problem.type) box.firstChild.append(" ", element("a", "What this means", { href: problem.type }));
  box.hidden = false;
  for (const { parameter, detail } of problem.errors || []) {
    const control = at(`p-${parameter}`);
    const note = at(`e-${parameter}`);
    if (!control) { box.append(element("p", `${parameter} ${detail}`)); continue; }
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-describedby", `d-${parameter} e-${parameter}`);
    note.textContent = detail;
    note.hidden = false;
  }
}

function clear() {
  following = null;
  for (const id of ["problem", "rows", "plan", "next"]) at(id).hidden = true;
  at("cost").replaceChildren();
  for (const note of form.querySelectorAll(".wrong")) note.hidden = true;
  for (const control of form.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    control.setAttribute("aria-describedby", `d-${control.name}`);
  }
}

async function ask(url, show) {
  clear();
  for (const button of form.querySelectorAll("button")) button.disabled = true;
  at("state").textContent = "Running …";
  const started = performance.now();
  try {
    const response = await fetch(url, { cache: "no-cache" });
    const text = await response.text();
    at("answer").hidden = false;
    showCost(response, performance.now() - started);
    if (response.ok) show(text, response); else showProblem(JSON.parse(text));
    at("state").textContent = response.ok ? "Done." : "Refused.";
  } catch (error) {
    at("answer").hidden = false;
    showProblem({ detail: String(error) });
    at("state").textContent = "Failed.";
  } finally {
    for (const button of form.querySelectorAll("button")) button.disabled = false;
  }
}

// What the command needs and the browser sends by itself.
const shown = "key" in form.dataset ? '-H "Authorization: Bearer $GATEWAY_KEY" ' : "";

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function showAddress(url) {
  at("curl").textContent = `curl -i ${shown}${quoted(new URL(url, location.href).href)}`;
  at("links").replaceChildren("Get all rows as ", ...["json", "csv", "ndjson", "arrow", "parquet"].flatMap((format, place) =>
    [place ? ", " : "", element("a", format, { href: url.replace(/\/result(?=$|\?)/, `/result.${format}`) })]));
}

function run(url) {
  return ask(url, (text, response) => {
    const result = JSON.parse(text);
    showRows(result);
    const link = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("Link") || "");
    following = link && link[1];
    at("next").hidden = !following;
  });
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const pairs = given();
  showAddress(address(form.dataset.result, pairs));
  at("address").hidden = at("links").hidden = false;
  pairs.set("_shape", "arrays");
  pairs.set("_format", "json");
  pairs.set("_limit", String(PAGE));
  run(address(form.dataset.result, pairs));
});

at("next").addEventListener("click", () => { if (following) run(following); });

at("explain").addEventListener("click", () => {
  const pairs = given();
  at("curl").textContent = `curl ${shown}-H 'Accept: text/plain' ${quoted(new URL(address(form.dataset.explain, pairs), location.href).href)}`;
  at("links").hidden = true;
  pairs.set("_format", "text");
  ask(address(form.dataset.explain, pairs), (text) => {
    at("plan").textContent = text;
    at("plan").hidden = false;
  });
});

// Over plain HTTP browsers give pages no clipboard: there a selection is copied as by hand.
async function copied(text) {
  try {
    if (navigator.clipboard) { await navigator.clipboard.writeText(text); return true; }
  } catch (error) {
    // Not allowed here: copy as by hand.
  }
  const range = document.createRange();
  range.selectNodeContents(at("curl"));
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  try {
    return document.execCommand("copy");
  } catch (error) {
    return false;
  }
}

at("copy").addEventListener("click", async () => {
  at("state").textContent = "";
  const done = await copied(at("curl").textContent);
  at("state").textContent = done ? "Copied." : "The browser does not copy it: it is selected, press Ctrl+C.";
});
