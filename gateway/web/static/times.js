// Times in the form: a calendar beside each, ranges of two, and what is said where they are the wrong way round.

import { at, element } from "./dom.js";
import { remark } from "./fields.js";

const TIMES = new Set(["date", "timestamp", "timestamptz"]);
const PAIRS = [["start", "end"], ["from", "to"], ["since", "until"], ["begin", "end"], ["after", "before"], ["first", "last"]];
const PLAIN = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?)?$/;

const field = (name) => document.querySelector(`input[name="${name}"]`);
const isTime = (control) => control && TIMES.has(control.dataset.kind);
const pair = PAIRS.map((names) => names.map(field)).find((both) => both.every(isTime)) ?? null;

function put(control, value) {
  control.value = value;
  control.dispatchEvent(new Event("input", { bubbles: true }));
}

// A text takes every way to write a time; the calendar of the browser fills it in.
function addCalendar(control) {
  const kind = control.dataset.kind === "date" ? "date" : "datetime-local";
  const calendar = element("input", { type: kind, class: "calendar", tabindex: "-1", "aria-hidden": "true", step: "1" });
  const button = element("button", { type: "button", class: "small", "aria-label": `Calendar for ${control.name}` }, "▾");
  button.addEventListener("click", () => {
    if (PLAIN.test(control.value)) calendar.value = kind === "date" ? control.value.slice(0, 10) : control.value.replace(" ", "T").padEnd(19, "T00:00:00".slice(control.value.length - 10));
    calendar.showPicker();
  });
  calendar.addEventListener("input", (event) => {
    event.stopPropagation();
    if (calendar.value) put(control, calendar.value.replace(/T00:00(:00)?$/, ""));
  });
  const both = element("span", { class: "with-calendar" });
  control.replaceWith(both);
  both.append(control, calendar, button);
}

// Today's date by the clocks of a zone, as the midnight of UTC that has its number.
function today(zone) {
  const written = new Intl.DateTimeFormat("en-CA", { timeZone: zone ?? "UTC", dateStyle: "short" }).format(new Date());
  return new Date(`${written}T00:00:00Z`);
}

const later = (day, { days = 0, months = 0 }) => new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth() + months, day.getUTCDate() + days));
const month = (day) => new Date(Date.UTC(day.getUTCFullYear(), day.getUTCMonth(), 1));
const year = (day) => new Date(Date.UTC(day.getUTCFullYear(), 0, 1));

// Each as the first day, and the first day after it.
export const RANGES = {
  "Today": (day) => [day, later(day, { days: 1 })],
  "Yesterday": (day) => [later(day, { days: -1 }), day],
  "Last 7 days": (day) => [later(day, { days: -7 }), day],
  "Last 30 days": (day) => [later(day, { days: -30 }), day],
  "This month": (day) => [month(day), later(month(day), { months: 1 })],
  "Last month": (day) => [later(month(day), { months: -1 }), month(day)],
  "This year": (day) => [year(day), later(year(day), { months: 12 })],
};

// Whether the second of two times is the last that counts, as its author says.
const inclusive = (control) => /inclusive|included|last (day|hour)/i.test(at(`d-${control.name}`).textContent);

function choose(name) {
  const [from, to] = pair;
  const days = /^Last (\d+) days$/.exec(name);
  if (days && pair.every((control) => "relative" in control.dataset)) {
    put(from, `now-${days[1]}d`);
    put(to, "now");
    return;
  }
  const [first, after] = RANGES[name](today(from.dataset.zone));
  const end = inclusive(to) ? later(after, { days: -1 }) : after;
  for (const [control, day] of [[from, first], [to, end]]) put(control, day.toISOString().slice(0, 10));
}

// Says at the second field that the first is after it.
export function checkOrder() {
  if (!pair) return;
  const [from, to] = pair;
  const note = at(`e-${to.name}`);
  const plain = pair.every((control) => PLAIN.test(control.value));
  const [first, last] = pair.map((control) => control.value.replace(" ", "T"));
  if (plain && first > last) remark(to.name, `is before ${from.name}: no time lies between them`);
  else if (note.textContent.startsWith("is before ")) note.hidden = true;
}

export function prepare() {
  for (const control of document.querySelectorAll("#form input[type=text]")) if (isTime(control)) addCalendar(control);
  if (!pair) return;
  const select = at("range");
  select.replaceChildren(...["choose …", ...Object.keys(RANGES)].map((name) => element("option", {}, name)));
  select.addEventListener("change", () => {
    if (select.value in RANGES) choose(select.value);
    select.selectedIndex = 0;
  });
  at("ranges").hidden = false;
  for (const control of pair) control.addEventListener("input", checkOrder);
}
