// The guide's questions: each is a form whose answer takes the place of the recorded one.

import { bytes, element, plural } from "./dom.js";

const root = document.querySelector("article").dataset.root;
const QUESTION = /^GET (\/v1\/queries\/\S*)$/;
const LINES = 30;  // of an answer that are shown
const KEPT = 6;  // outcomes that are listed

const milliseconds = (since) => `${Math.max(1, Math.round(performance.now() - since))} ms`;

// What the header says, in a reader's words (RFC 9211).
function outcome(response) {
  if (response.status === 304) return "revalidated: still the same, no rows were sent";
  const told = response.headers.get("Cache-Status");
  if (!response.ok) return `refused (${response.status})`;
  if (told === null) return "explained, not run";
  if (!/;\s*hit\b/.test(told)) return "miss: the files were read";
  return /stale/.test(told) ? "stale: the last answer, while the next one is fetched" : "hit: it lay on the desk";
}

function details(response, body) {
  const partitions = response.headers.get("Gateway-Partitions");
  return [bytes(body.length), partitions && `of ${partitions} partition${partitions.endsWith("/1") ? "" : "s"}`].filter(Boolean).join(", ");
}

function shorten(text) {
  const lines = text.trimEnd().split("\n");
  return lines.length > LINES ? [...lines.slice(0, LINES), `… ${plural(lines.length - LINES, "more line")}`].join("\n") : lines.join("\n");
}

function make(place, number) {
  const [, path] = QUESTION.exec(place.textContent.trim());
  const answer = place.nextElementSibling;
  const recorded = element("p", { class: "quiet recorded" }, "Recorded:");
  const input = element("input", { id: `question-${number}`, value: path, spellcheck: "false", autocomplete: "off" });
  const again = element("button", { type: "button", class: "second", hidden: "" }, "Ask again with its ETag");
  const outcomes = element("ol", { class: "outcomes" });
  const form = element(
    "form", { class: "question" },
    element("div", { class: "field" }, element("label", { for: input.id }, "GET"), input),
    element("div", { class: "buttons" }, element("button", {}, "Ask"), again),
  );
  let tag = null;

  async function ask(headers) {
    const asked = input.value.trim();
    if (!asked.startsWith("/v1/queries/")) return note("An address begins with /v1/queries/.");
    const began = performance.now();
    try {
      const response = await fetch(root + asked, { cache: "no-store", headers });
      const body = await response.text();
      note(`${outcome(response)} (${milliseconds(began)}, ${details(response, body)})`);
      if (response.status === 304) return;
      answer.textContent = shorten(body);
      recorded.textContent = "Just now:";
      tag = response.ok ? response.headers.get("ETag") : null;
      again.hidden = tag === null;
    } catch (error) {
      note("The server did not answer.");
    }
  }

  function note(text) {
    outcomes.append(element("li", {}, text));
    while (outcomes.children.length > KEPT) outcomes.firstElementChild.remove();
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); ask({}); });
  again.addEventListener("click", () => ask({ "If-None-Match": tag }));
  input.addEventListener("input", () => { tag = null; again.hidden = true; });
  place.replaceChildren(form, element("div", { role: "status" }, outcomes));
  answer.before(recorded);
}

// Pages of the demonstration that the text names are links.
function link(name) {
  if (name.textContent.startsWith("/datasets/")) name.replaceWith(element("a", { href: root + name.textContent }, name.cloneNode(true)));
}

document.querySelectorAll(".ask").forEach(make);
document.querySelectorAll("p > code, li > code, li > p > code").forEach(link);
