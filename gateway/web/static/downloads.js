// The files in which a result can be had. The server names them by the query and its parameters.

import { at, element, tell } from "./dom.js";
import { absolute, apart, ask } from "./asking.js";

const FILES = [["csv", "CSV"], ["csv?_bom=true", "CSV for Excel"], ["xlsx", "Excel workbook"], ["parquet", "Parquet"],
  ["arrow", "Arrow stream"], ["json", "JSON"], ["ndjson", "NDJSON, an object a line"]];

export function offer(pairs, formats) {
  const there = FILES.filter(([name]) => formats.includes(name.split("?")[0]));
  const note = element("li", { class: "quiet" }, "A file holds all rows and columns, whatever the table shows of them.");
  at("files").replaceChildren(note, ...there.map(([name, title]) => element("li", {}, link(name, title, pairs))));
}

function link(name, title, pairs) {
  const [format, option] = name.split("?");
  const options = option ? [option.split("=")] : [];
  if (!apart(pairs)) return element("a", { href: absolute(`result.${format}`, [...pairs, ...options]), download: "" }, title);
  const button = element("button", { type: "button", class: "link" }, title);
  button.addEventListener("click", () => fetchFile(format, pairs, options));
  return button;
}

// Saves what only a POST can ask for.
async function fetchFile(format, pairs, options) {
  tell("Downloading …");
  try {
    const response = await ask(`result.${format}`, pairs, options);
    const named = /filename="([^"]*)"/.exec(response.headers.get("Content-Disposition") ?? "");
    save(await response.blob(), named ? named[1] : `result.${format}`);
    tell("Downloaded.");
  } catch (error) {
    tell(`Not downloaded: ${error.message}`);
  }
}

// Has the browser keep a file that was made here.
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  element("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
