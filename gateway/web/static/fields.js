// The form of a query: its values as texts, and what is wrong with them.

import { at, element } from "./dom.js";
import { itemsOf, lines, textOf } from "./items.js";

const form = at("form");
const controls = () => form.querySelectorAll("[name]:not([type=hidden])");
const PLAIN = new Set(["integer", "decimal", "double", "boolean"]);

const isList = (control) => "list" in control.dataset;
const isEmpty = (control) => "empty" in control.dataset;  // a box that asks for an empty text

// Returns what is filled in, as [name, text].
export function given() {
  return [...controls()].flatMap((control) => entered(control).map((value) => [control.name, value]));
}

function entered(control) {
  if (control.type === "checkbox") return control.checked ? [control.value] : [];
  if (control.tagName === "TEXTAREA") return (control.items ?? lines(control.value)).map(textOf);
  return control.value === "" ? [] : [control.value];
}

export function fill(pairs) {
  for (const control of controls()) {
    const values = pairs.filter(([name]) => name === control.name).map(([, value]) => value);
    if (control.type === "checkbox") control.checked = values.flatMap(isList(control) ? itemsOf : (value) => [value]).includes(control.value);
    else if (control.tagName === "TEXTAREA") control.items = values.flatMap(itemsOf).filter(Boolean);
    else control.value = values[0] ?? "";  // that there are more is told when it is asked
    control.dispatchEvent(new Event("filled"));
  }
}

// Writes values as the JSON object of a POST. Numbers are written as they were typed: no digit of them is lost.
export const body = (pairs) => `{${members(pairs, literal, ",").map(([name, value]) => `${name}:${value}`).join(",")}}`;

// Writes values as a dictionary of Python, which would round decimals.
export const dictionary = (pairs) => `{${members(pairs, pythonic, ", ").map(([name, value]) => `${name}: ${value}`).join(", ")}}`;

function members(pairs, write, between) {
  const found = [];
  for (const control of [...controls()].filter((one) => !isEmpty(one)).filter(isFirst)) {
    const many = isList(control);
    const texts = pairs.filter(([name]) => name === control.name).map(([, value]) => value);
    const values = (many ? texts.flatMap(itemsOf) : texts).map((value) => write(control, value));
    if (texts.length === 0) continue;
    found.push([JSON.stringify(control.name), many ? `[${values.join(between)}]` : values[0]]);
  }
  return found;
}

const isFirst = (control, place, all) => all.findIndex(({ name }) => name === control.name) === place;

function literal(control, value) {
  const plain = PLAIN.has(control.dataset.kind) && /^(-?(0|[1-9]\d*)(\.\d+)?|true|false)$/.test(value);
  return plain ? value : JSON.stringify(value);
}

function pythonic(control, value) {
  const written = literal(control, value);
  return control.dataset.kind === "decimal" ? JSON.stringify(value) : { true: "True", false: "False" }[written] ?? written;
}

// Shows mistakes at their fields; returns those that have none.
export function complain(errors) {
  const left = [];
  for (const error of errors) {
    const control = at(`p-${error.parameter}`);
    const note = at(`e-${error.parameter}`);
    if (!control) { left.push(error); continue; }
    if (control.tagName !== "FIELDSET") control.setAttribute("aria-invalid", "true");  // a group of boxes has no such state
    remark(error.parameter, error.detail);
  }
  return left;
}

// Says something of a value at its field.
export function remark(name, words) {
  at(`p-${name}`).setAttribute("aria-describedby", `d-${name} e-${name}`);
  at(`e-${name}`).textContent = words;
  at(`e-${name}`).hidden = false;
}

export function forgive() {
  for (const note of form.querySelectorAll(".wrong")) {
    const name = note.id.replace("e-", "");
    note.hidden = true;
    at(`p-${name}`).removeAttribute("aria-invalid");
    at(`p-${name}`).setAttribute("aria-describedby", `d-${name}`);
  }
}

export function showProblem(problem) {
  const box = at("problem");
  const title = element("p", {}, problem.title || "The server could not be reached.");
  if (problem.type) title.append(" ", element("a", { href: problem.type }, "What this means"));
  const others = complain(problem.errors || []);
  box.replaceChildren(title, element("p", {}, problem.detail || ""));
  for (const { parameter, detail } of others) box.append(element("p", {}, `${parameter} ${detail}`));
  box.hidden = false;
}

// Boxes that ask for an empty text: of one value, it or a text.
export function prepare() {
  for (const box of form.querySelectorAll("[data-empty]")) {
    const control = at(`p-${box.name}`);
    if (isList(box)) continue;
    const either = () => { control.required = "required" in control.dataset && !box.checked; };
    control.addEventListener("input", () => { if (control.value !== "") box.checked = false; either(); });
    box.addEventListener("input", () => { if (box.checked) control.value = ""; either(); });
    box.addEventListener("filled", either);
    either();
  }
}
