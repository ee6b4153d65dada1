// The question of the page as code that asks the same.

import { absolute, apart, base } from "./asking.js";
import { body, dictionary } from "./fields.js";

const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const sql = (text) => `'${text.replaceAll("'", "''")}'`;
const json = JSON.stringify;

const KEY = { curl: '"Authorization: Bearer $GATEWAY_KEY"', python: '{"Authorization": f"Bearer {os.environ[\'GATEWAY_KEY\']}"}' };

// Returns {name of a language: code}. *key*: whether a key must be shown, which is then taken from GATEWAY_KEY.
export function snippets(pairs, key) {
  const byClient = { "Python client": client(pairs, key), PyTorch: torch(pairs, key) };
  return apart(pairs) ? { curl: posted(pairs, key), ...byClient } : {
    curl: `curl -i ${key ? `-H ${KEY.curl} ` : ""}${shell(absolute("result", pairs))}`,
    ...byClient,
    pandas: pandas(absolute("result.parquet", pairs), key),
    Polars: polars(absolute("result.parquet", pairs), key),
    DuckDB: duckdb(absolute("result.parquet", pairs), key),
    JavaScript: script(absolute("result", pairs), key),
  };
}

function opened(key) {
  const server = new URL(base(), location.href).href.replace(/\/v1\/queries\/.*/, "");
  return `${key ? "import os\n\n" : ""}from query_gateway_client import Client\n\n`
    + `qg = Client(${json(server)}${key ? ', key=os.environ["GATEWAY_KEY"]' : ""})\n`;
}

function asked(pairs) {
  const query = base().split("/v1/queries/")[1];
  return `${json(query)}${pairs.length ? `, ${dictionary(pairs)}` : ""}`;
}

function client(pairs, key) {
  return `${opened(key)}answer = qg.read(${asked(pairs)})\nframe = answer.pandas()  # or .polars(), .arrow(), .duckdb()\n`;
}

function torch(pairs, key) {
  return `${opened(key)}rows = qg.torch(${asked(pairs)}, seed=1, batch_size=1024)\n`
    + "for batch in rows.loader():  # a tensor a column; loader(4) reads in as many processes\n    ...\n";
}

function posted(pairs, key) {
  const url = new URL(`${base()}/result`, location.href).href;
  return `curl -i ${key ? `-H ${KEY.curl} ` : ""}--json ${shell(body(pairs))} ${shell(url)}`;
}

function pandas(url, key) {
  const options = key ? `, storage_options=${KEY.python}` : "";
  return `${key ? "import os\n\n" : ""}import pandas as pd\n\nframe = pd.read_parquet(${json(url)}${options})\n`;
}

function polars(url, key) {
  if (!key) return `import polars as pl\n\nframe = pl.read_parquet(${json(url)})\n`;
  return `import os\n\nimport httpx\nimport polars as pl\n\nanswer = httpx.get(${json(url)}, headers=${KEY.python}, timeout=None)\n`
    + "frame = pl.read_parquet(answer.raise_for_status().content)\n";
}

function duckdb(url, key) {
  const secret = key ? "CREATE SECRET (TYPE http, BEARER_TOKEN 'your key', "
    + `SCOPE ${sql(new URL(url).origin)});\n` : "";
  return `${secret}SELECT * FROM read_parquet(${sql(url)});\n`;
}

function script(url, key) {
  const options = key ? ", { headers: { Authorization: `Bearer ${process.env.GATEWAY_KEY}` } }" : "";
  return `const response = await fetch(${json(url)}${options});\nif (!response.ok) throw new Error(await response.text());\n`
    + "const { data } = await response.json();\n";
}
