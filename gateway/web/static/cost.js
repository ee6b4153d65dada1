// What an answer cost and how old it is, from the headers of its response.

import { at, bytes, element, grouped } from "./dom.js";

function fate(header) {
  if (!header) return null;
  if (/;\s*hit\b/.test(header)) return /ttl=-/.test(header) ? "stale hit" : "hit";
  const forward = /fwd=([\w-]+)/.exec(header);
  return (forward ? forward[1] : "miss") + (/;\s*collapsed\b/.test(header) ? ", shared" : "");
}

export function showCost(response, milliseconds) {
  const { headers } = response;
  const facts = [["Status", `${response.status}`]];
  if (headers.has("Gateway-Rows")) facts.push(["Rows", grouped(Number(headers.get("Gateway-Rows")))]);
  const cache = fate(headers.get("Cache-Status"));
  if (cache) facts.push(["Cache", cache]);
  if (headers.has("Age")) facts.push(["Age", `${headers.get("Age")} s`]);
  for (const [label, name, write] of [["Partitions read", "Partitions", grouped], ["Bytes read", "Bytes", bytes]]) {
    const [read, total] = (headers.get(`Gateway-${name}`) || "").split("/").map(Number);
    if (total !== undefined) facts.push([label, `${write(read)} of ${write(total)}`]);
  }
  facts.push(["Time", `${Math.round(milliseconds)} ms`]);
  at("cost").replaceChildren(...facts.map(([label, value]) =>
    element("div", {}, element("dt", {}, label), element("dd", {}, value))));
  at("headers").replaceChildren(...[...headers].flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}
