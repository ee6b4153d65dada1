// The page of a query: what is asked and shown is in its address, and follows it back and forward.

import { at, bytes, copy, element, grouped, tell } from "./dom.js";
import * as address from "./address.js";
import { absolute, apart, ask, fetched, Refused } from "./asking.js";
import { fill, forgive, given, showProblem } from "./fields.js";
import { showRows } from "./table.js";

const PAGE = 100;
const form = at("form");
const cheap = Number(form.dataset.cheap);
const withKey = "key" in form.dataset ? '-H "Authorization: Bearer $GATEWAY_KEY" ' : "";

let state = { pairs: [], shown: { ...address.SHOWN } };
let following = null;
let running = new AbortController();

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

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
  if (response.headers.has("Gateway-Rows")) facts.push(["Rows", grouped(Number(response.headers.get("Gateway-Rows")))]);
  facts.push(["Time", `${Math.round(milliseconds)} ms`]);
  at("cost").replaceChildren(...facts.map(([label, value]) =>
    element("div", {}, element("dt", {}, label), element("dd", {}, value))));
  at("headers").replaceChildren(...[...response.headers].flatMap(([name, value]) =>
    [element("dt", {}, name), element("dd", {}, value)]));
}

function clear() {
  following = null;
  for (const id of ["problem", "rows", "plan", "next", "address", "links", "by-hand"]) at(id).hidden = true;
  for (const plain of document.querySelectorAll(".plain")) plain.remove();
  at("cost").replaceChildren();
  at("estimate").textContent = "";
  forgive();
}

// Does *work*, which returns a response and shows it, and tells how it went. A newer question ends it.
async function doing(words, work) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  clear();
  tell(words);
  form.setAttribute("aria-busy", "true");
  const started = performance.now();
  try {
    const response = await work(signal);
    if (response) showCost(response, performance.now() - started);
    tell(response ? "Done." : "Not run.");
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Refused) showCost(error.response, performance.now() - started);
    showProblem(error instanceof Refused ? error.problem : { detail: String(error) });
    tell(error instanceof Refused ? "Refused." : "Failed.");
  }
  at("answer").hidden = false;
  form.removeAttribute("aria-busy");
}

async function show(response) {
  const result = await response.json();
  showRows(result);
  following = result.next ?? null;
  at("next").hidden = !following;
  return response;
}

function showAddresses() {
  at("curl").textContent = `curl -i ${withKey}${quoted(absolute("result", state.pairs))}`;
  at("links").replaceChildren("All rows as ", ...form.dataset.formats.split(" ").flatMap((format, place) =>
    [place ? ", " : "", element("a", { href: absolute(`result.${format}`, state.pairs) }, format)]));
  at("address").hidden = at("links").hidden = apart(state.pairs) !== null;
}

async function rows(signal) {
  showAddresses();
  return show(await ask("result", state.pairs, [["_shape", "arrays"], ["_format", "json"], ["_limit", PAGE]], signal));
}

// What the question would read, in words, and whether it is cheap enough to be run without being told to.
async function estimate(signal) {
  const response = await ask("explain", state.pairs, [["_format", "json"]], signal);
  const { scans, cached } = await response.json();
  const size = scans.reduce((sum, scan) => sum + scan.bytes, 0);
  const partitions = scans.reduce((sum, scan) => sum + scan.partitions.length, 0);
  const words = cached ? "The answer is kept: nothing has to be read."
    : `It would read ${bytes(size)} in ${grouped(partitions)} partition${partitions === 1 ? "" : "s"}.`;
  return { cheap: cached || size <= cheap, words };
}

function opened() {
  state = address.read();
  if (state.asked) fill(state.pairs);
  keep();
  if (!state.asked) return;
  doing("Looking what it takes …", async (signal) => {
    const found = await estimate(signal);
    if (found.cheap) return rows(signal);
    at("estimate").textContent = found.words;
    return null;
  });
}

// Writes the state into the address, and says so where the parameters find no room in it.
function keep(how) {
  const fits = !state.asked || address.write(state, how);
  at("long").hidden = fits;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  state = { ...state, pairs: given(), asked: true };
  keep({ push: true });
  doing("Running …", rows);
});

at("next").addEventListener("click", () => {
  const url = following;
  if (url) doing("Reading on …", async (signal) => {
    showAddresses();
    return show(await fetched(url, apart(state.pairs), signal));
  });
});

at("explain").addEventListener("click", () => {
  const pairs = given();
  doing("Explaining …", async (signal) => {
    const response = await ask("explain", pairs, [["_format", "text"]], signal);
    at("curl").textContent = `curl ${withKey}-H 'Accept: text/plain' ${quoted(absolute("explain", pairs))}`;
    at("address").hidden = apart(pairs) !== null;
    at("plan").textContent = await response.text();
    at("plan").hidden = false;
    return response;
  });
});

at("copy").addEventListener("click", () => copy(at("curl").textContent));
at("link").addEventListener("click", () => copy(location.href, "the address of this page"));
addEventListener("popstate", opened);
for (const hidden of document.querySelectorAll("[data-scripted]")) hidden.hidden = false;
opened();
