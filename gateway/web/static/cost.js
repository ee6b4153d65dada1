// What an answer cost and how old it is, in words, from the headers of its response.

import { at, bytes, element, grouped } from "./dom.js";

const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });
const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const STAGES = { bind: "read the parameters", plan: "choose the files", queue: "wait for a slot", execute: "run the query",
  keep: "keep the answer", cache: "look up and the rest", flight: "wait for another request's run" };

export const instant = (date) => (date.toDateString() === new Date().toDateString() ? clock : day).format(date);

export const age = (seconds) => (seconds < 90 ? `${Math.round(seconds)} s`
  : seconds < 5400 ? `${Math.round(seconds / 60)} min` : seconds < 172_800 ? `${Math.round(seconds / 3600)} h`
    : `${Math.round(seconds / 86_400)} days`);

// Returns when the answer was made, by the clock of the server.
export function made({ headers }) {
  return new Date(Date.parse(headers.get("Date") ?? new Date()) - 1000 * Number(headers.get("Age") ?? 0));
}

// Says what became of a request at the cache: {word, words}.
export function outcome(response) {
  const header = response.headers.get("Cache-Status") ?? "";
  const has = (word) => new RegExp(`;\\s*${word}\\b`).test(header);
  const left = Number(/;\s*ttl=(-?\d+)/.exec(header)?.[1] ?? NaN);
  const since = `kept since ${instant(made(response))}`;
  if (response.headers.has("Gateway-Default")) return { word: "default", words: "the rows declared for when there is nothing else" };
  if (has("hit")) {
    if (left < 0) return { word: "stale hit", words: `${since}; a newer one is being computed` };
    const checked = /detail="?[^"]*revalidated/.test(header) ? ", checked against the newest list of files" : "";
    return { word: "hit", words: `${since}${checked}${left > 0 ? `; fresh for another ${age(left)}` : ""}` };
  }
  if (has("fwd=stale")) return { word: "stale", words: `${since}: computing a newer one failed` };
  const [, callers] = /detail="[^"]*for (\d+) requests or more/.exec(header) ?? [];
  const others = callers ? `, by a run for ${callers} requests or more that came at the same time` : "";
  const shared = others || (has("collapsed") ? ", by a run shared with requests that came at the same time" : "");
  const stored = has("stored") ? ", and kept now" : has("fwd=bypass") ? "; this query is never kept" : "";
  return { word: has("fwd=bypass") ? "bypass" : has("collapsed") ? "miss, shared" : "miss", words: `computed for this request${shared}${stored}` };
}

const ratio = (response, name) => (response.headers.get(`Gateway-${name}`) || "").split("/").map(Number);

export function showCost(response, milliseconds) {
  const { headers } = response;
  const strip = response.ok ? [] : [["Status", `${response.status}`]];
  if (headers.has("Gateway-Rows")) strip.push(["Rows", grouped(Number(headers.get("Gateway-Rows")))]);
  if (headers.has("Cache-Status")) strip.push(["Cache", outcome(response).word]);
  if (headers.has("Cache-Status")) strip.push(["Computed", headers.get("Age") > 0 ? `${age(Number(headers.get("Age")))} ago` : "just now"]);
  for (const [label, name, write] of [["Partitions read", "Partitions", grouped], ["Bytes read", "Bytes", bytes]]) {
    const [read, total] = ratio(response, name);
    if (total !== undefined) strip.push([label, `${write(read)} of ${write(total)}`]);
  }
  strip.push(["Time", `${Math.round(milliseconds)} ms`]);
  at("cost").replaceChildren(...strip.map(([label, value]) =>
    element("div", {}, element("dt", {}, label), element("dd", {}, value))));
  at("headers").replaceChildren(...[...headers].flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

// Tells of an answer in words, beside the explanation of now: [name, text or element].
export function told(response, explanation) {
  const listed = Math.max(0, ...explanation.scans.map((scan) => scan.snapshot_age));
  const asOf = new Date(Date.now() - 1000 * listed);
  const facts = [["Answer", outcome(response).words]];
  if (explanation.scans.length) {
    facts.push(["Data", explanation.cached ? `as of ${instant(asOf)}, when the files were listed; those that were read are the ones that are there`
      : `as of ${instant(made(response))}; files may have changed since`]);
  }
  if (response.headers.has("Gateway-Requests")) {
    facts.push(["Requests", `${grouped(Number(response.headers.get("Gateway-Requests")))} to the store of the files`]);
  }
  const stages = (response.headers.get("Server-Timing") ?? "").split(",").map((text) => /^\s*(\w+);dur=([\d.]+)/.exec(text)).filter(Boolean)
    .map(([, name, text]) => [STAGES[name], Number(text)]).filter(([name]) => name);
  if (stages.length) facts.push(["Time", timeline(stages)]);
  return facts;
}

function timeline(stages) {
  const most = Math.max(...stages.map(([, time]) => time), 0.001);
  const rows = stages.map(([name, time]) => {
    const bar = element("span", { class: "bar-of-time" });
    bar.style.width = `${Math.max(1, (100 * time) / most)}%`;
    return element("tr", {}, element("th", { scope: "row" }, name), element("td", { class: "number" }, `${time.toFixed(1)} ms`),
      element("td", {}, bar));
  });
  return element("table", { class: "stages" }, element("tbody", {}, ...rows));
}
