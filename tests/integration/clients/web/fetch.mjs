// Node's own fetch: every format of the readings, what an error says, and a second request with the tag of the first.
const base = process.argv[2];
const question = "start=2026-03-01&end=2026-03-05";
const at = (suffix) => `${base}/v1/queries/readings/v1/result${suffix}?${question}`;

const json = await (await fetch(at(""))).json();
const lines = (await (await fetch(at(".ndjson"))).text()).trimEnd().split("\n").map((line) => JSON.parse(line));
const csv = await fetch(at(".csv"));
const parquet = new Uint8Array(await (await fetch(at(".parquet"))).arrayBuffer());
const again = await fetch(at(".csv"), { headers: { "If-None-Match": csv.headers.get("etag") } });
const head = await fetch(at(".csv"), { method: "HEAD", headers: { "Accept-Encoding": "identity" } });
const plain = await fetch(at(".csv"), { headers: { "Accept-Encoding": "identity" } });
const accepted = await fetch(at(""), { headers: { Accept: "text/csv; charset=utf-8" } });
const search = new URLSearchParams([["start", "2026-03-01"], ["end", "2026-03-05"], ["stations", "東京 🗼"], ["stations", "=1+1"]]);
const chosen = await (await fetch(`${base}/v1/queries/readings/v1/result?${search}`)).json();
const posted = await fetch(`${base}/v1/queries/readings/v1/result`, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ start: "2026-03-01", end: "2026-03-02" }),
});
const refused = await fetch(`${base}/v1/queries/readings/v1/result?start=yesterday&end=2026-03-05`);

let streamed = 0;
const reader = (await fetch(`${base}/v1/queries/export/v1/result.ndjson?rows=600000`)).body.getReader();
for (let part = await reader.read(); !part.done; part = await reader.read()) {
  for (const byte of part.value) if (byte === 10) streamed += 1;
}

console.log(
  JSON.stringify({
    ids: json.data.map((row) => BigInt(row.id).toString()),
    stations: lines.map((row) => row.station),
    csv: [csv.headers.get("content-type").split(";")[0], (await csv.text()).split("\r\n").length],
    magic: String.fromCharCode(...parquet.slice(0, 4), ...parquet.slice(-4)),
    again: [again.status, (await again.arrayBuffer()).byteLength],
    head: Number(head.headers.get("content-length")) === (await plain.arrayBuffer()).byteLength,
    accepted: accepted.headers.get("content-type").split(";")[0],
    chosen: chosen.data.map((row) => row.station),
    posted: (await posted.json()).rows,
    refused: [refused.status, (await refused.json()).errors[0].parameter],
    streamed,
  }),
);
