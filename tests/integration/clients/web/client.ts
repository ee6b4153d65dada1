// A typed client of the readings: compiled against the types made of /openapi.json, then run.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.js";

declare const process: { argv: string[] };
type Row = components["schemas"]["readings_v1_row"];

const client = createClient<paths, "application/json" | "application/problem+json">({ baseUrl: process.argv[2] });
const asked = { start: "2026-03-01", end: "2026-03-05", stations: ["007", "x"] };

const { data, error } = await client.GET("/v1/queries/readings/v1/result", { params: { query: asked } });
if (data === undefined) throw new Error(error?.detail);
const rows = data.data as Row[];
const prices: (string | null)[] = rows.map((row) => row.price);

const posted = await client.POST("/v1/queries/readings/v1/result", { body: asked });
const refused = await client.GET("/v1/queries/readings/v1/result", { params: { query: { ...asked, start: "yesterday" } } });
const wrong: string[] | undefined = refused.error?.errors?.map((each) => each.parameter);

// @ts-expect-error: a required parameter is missing
const missing = await client.GET("/v1/queries/readings/v1/result", { params: { query: { start: "2026-03-01" } } });
// @ts-expect-error: there is no such query
const unknown = await client.GET("/v1/queries/raedings/v1/result");
// @ts-expect-error: there is no such column
rows.map((row) => row.prize);

const text = await createClient<paths>({ baseUrl: process.argv[2] }).GET("/v1/queries/readings/v1/result", {
  params: { query: { ...asked, _format: "csv" } },
  parseAs: "text",
});
const lines = typeof text.data === "string" ? text.data.trimEnd().split("\r\n").length : undefined;

console.log(
  JSON.stringify({
    rows: data.rows,
    ids: rows.map((row) => String(row.id)),
    prices,
    posted: posted.data?.rows,
    lines,
    wrong,
    statuses: [missing.response.status, unknown.response.status],
  }),
);
