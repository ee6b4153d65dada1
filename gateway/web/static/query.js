// The page of a query: what is asked and shown is in its address, and follows it back and forward.

import { at, copy, element, tell } from "./dom.js";
import * as address from "./address.js";
import * as asked from "./asked.js";
import { ask, Refused } from "./asking.js";
import { Chart } from "./chart.js";
import * as chips from "./chips.js";
import { instant, showCost, told } from "./cost.js";
import { offer } from "./downloads.js";
import { fill, forgive, given, prepare, showProblem } from "./fields.js";
import "./menus.js";
import { estimated, facts, showEstimate, showReading } from "./reading.js";
import { Table } from "./result.js";
import { Rows } from "./rows.js";
import { snippets } from "./snippets.js";
import * as tabs from "./tabs.js";
import * as times from "./times.js";

const form = at("form");
const cheap = Number(form.dataset.cheap);
const formats = form.dataset.formats.split(" ");

let state = { pairs: [], shown: { ...address.SHOWN }, asked: false };
let rows = null;
let running = new AbortController();

const table = new Table({
  changed: (shown) => { state = { ...state, shown }; keep(); },
  failed: (error) => { if (!running.signal.aborted) fail(error); },
});

const chart = new Chart({
  changed: (shown) => {
    state = { ...state, shown };
    keep();
    draw();
  },
  failed: (error) => fail(error),
});

const draw = () => chart.show(rows, state.shown, state.pairs).catch((error) => fail(error));

function fail(error) {
  showProblem(error instanceof Refused ? error.problem : { detail: String(error) });
  tell(error instanceof Refused ? "Refused." : "Failed.");
}

function clear() {
  rows = null;
  table.show(null);
  chart.show(null);
  for (const id of ["problem", "by-hand"]) at(id).hidden = true;
  for (const plain of document.querySelectorAll(".plain")) plain.remove();
  at("cost").replaceChildren();
  clearTimeout(waiting);
  estimating.abort();
  at("estimate").textContent = "";
  at("warning").hidden = true;
  forgive();
  times.checkOrder();
}

// Does *work*, which may return the response to be told of, and says how it went. A newer question ends it.
async function doing(words, work) {
  running.abort();
  running = new AbortController();
  const { signal } = running;
  form.setAttribute("aria-busy", "true");
  clear();
  tell(words);
  const started = performance.now();
  try {
    const response = await work(signal);
    if (signal.aborted) return;
    if (response) showCost(response, performance.now() - started);
    tell(response ? "Done." : "Not run.");
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Refused) showCost(error.response, performance.now() - started);
    fail(error);
  }
  at("answer").hidden = false;
  form.removeAttribute("aria-busy");
}

async function run(signal) {
  const found = await Rows.of(state.pairs, signal);
  rows = found;
  at("answer").hidden = false;
  asked.note(state.pairs);
  await Promise.all([table.show(rows, state.shown), look()]);
  return found.response;
}

// Asks again. The browser sends the tag of what it has, and the server no rows where they are the same.
async function refresh() {
  if (!rows || document.hidden || form.hasAttribute("aria-busy")) return;
  const [{ signal }, started, before] = [running, performance.now(), rows];
  try {
    const found = await Rows.of(state.pairs, signal);
    if (signal.aborted || before !== rows) return;
    const [old, now] = [before, found].map(({ response }) => response.headers.get("ETag"));
    const same = now !== null && old === now;
    showCost(found.response, performance.now() - started);
    before.response = found.response;
    at("refreshed").textContent = `${same ? "Unchanged" : "New rows"} at ${instant(new Date())}`;
    if (same) return;
    const top = at("rows").scrollTop;
    rows = found;
    await Promise.all([table.show(rows, state.shown), look()]);
    at("rows").scrollTop = top;
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
}

let timer = null;

function refreshEvery(seconds) {
  clearInterval(timer);
  at("refresh").value = seconds;
  if (at("refresh").selectedIndex < 0) at("refresh").value = "";
  at("refreshed").textContent = "";
  if (at("refresh").value) timer = setInterval(refresh, 1000 * Number(at("refresh").value));
}

// Shows what the chosen view needs beyond the rows.
async function look(explained) {
  offer(state.pairs, formats);
  const written = snippets(state.pairs, "key" in form.dataset);
  const before = at("language").value;
  at("language").replaceChildren(...Object.keys(written).map((name) => element("option", {}, name)));
  at("language").value = before in written ? before : "curl";
  at("snippet").textContent = written[at("language").value];
  if (state.shown._view === "chart") await draw();
  if (state.shown._view !== "read") return;
  const explanation = explained ?? await explain(state.pairs, running.signal);
  const response = rows?.response;
  showReading(at("explanation"), explanation, facts(response ? told(response, explanation) : [["Estimate", estimated(explanation).words]]));
}

async function explain(pairs, signal) {
  return (await ask("explain", pairs, [["_format", "json"], ["_map", "true"]], signal)).json();
}

// Says beside the button what running it would take, some time after the last change of a value.
let waiting = null;
let estimating = new AbortController();

function estimateSoon(delay = 400) {
  clearTimeout(waiting);
  estimating.abort();
  waiting = setTimeout(async () => {
    estimating = new AbortController();
    at("warning").hidden = true;
    if (!form.checkValidity()) return;
    try {
      showEstimate(await explain(given(), estimating.signal));
    } catch (error) {
      if (!(error instanceof Refused) && !estimating.signal.aborted) throw error;
      at("estimate").textContent = "";  // what is wrong is told when it is run
    }
  }, delay);
}

function opened() {
  const before = state;
  state = address.read();
  if (!tabs.views.includes(state.shown._view)) state.shown._view = address.SHOWN._view;
  tabs.show(state.shown._view);
  refreshEvery(state.shown._refresh);
  keep();
  if (!state.asked) {
    if (state.pairs.length > 0) fill(state.pairs);
    estimateSoon(0);
    return;
  }
  fill(state.pairs);
  if (rows && address.same(before.pairs, state.pairs)) {
    table.show(rows, state.shown).then(look).catch(fail);
    return;
  }
  doing("Looking what it takes …", async (signal) => {
    const explanation = await explain(state.pairs, signal);
    if (explanation.cached || explanation.estimate.bytes <= cheap) return run(signal);
    showEstimate(explanation);
    await look(explanation);
    return null;
  });
}

const OPTIONS = { _where: "the filters of columns", _filter: "the filter", _hide: "the columns that are hidden", _sort: "the order" };

// Writes the state into the address, and says what finds no room in it.
function keep(how) {
  const whole = at("whole");
  if (whole) whole.search = address.query(state.pairs);
  const left = state.asked ? address.write(state, how).map((name) => OPTIONS[name] ?? name.replace(/^_/, "")) : [];
  at("long").hidden = left.length === 0;
  at("long").textContent = `Too long for an address: ${left.join(", ")}. A link to this page opens it without.`;
  if (state.asked) at("without")?.remove();
}

function choose(view) {
  state = { ...state, shown: { ...state.shown, _view: view } };
  tabs.show(view);
  keep({ push: true });
  if (view === "table" && rows) table.show(rows, state.shown);
  look().catch(fail);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  state = { ...state, pairs: given(), asked: true };
  keep({ push: true });
  doing("Running …", run);
});

at("explain").addEventListener("click", () => {
  state = { pairs: given(), shown: { ...state.shown, _view: "read" }, asked: true };
  tabs.show("read");
  keep({ push: true });
  doing("Explaining …", async () => { await look(); return null; });
});

at("copy").addEventListener("click", () => copy(at("snippet").textContent));
at("language").addEventListener("change", () => look().catch(fail));
at("link").addEventListener("click", () => copy(location.href, "the address of this page"));
form.addEventListener("input", () => estimateSoon());
at("refresh").addEventListener("change", () => {
  state = { ...state, shown: { ...state.shown, _refresh: at("refresh").value } };
  refreshEvery(state.shown._refresh);
  keep();
});
tabs.listen(choose);
asked.offer();
addEventListener("popstate", opened);
for (const hidden of document.querySelectorAll("[data-scripted]")) hidden.hidden = false;
prepare();
chips.prepare();
times.prepare();
opened();
form.dataset.ready = "";
