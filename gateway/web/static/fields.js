// The form of a query: its values as texts, and what is wrong with them.

import { at, element } from "./dom.js";

const form = at("form");
const controls = () => form.querySelectorAll("[name]:not([type=hidden])");
const PLAIN = new Set(["integer", "decimal", "double", "boolean"]);

// Returns what is filled in, as [name, text].
export function given() {
  const pairs = [];
  for (const control of controls()) {
    const values = control.type === "checkbox" ? (control.checked ? [control.value] : []) : "lines" in control.dataset ? control.value.split("\n").map((line) => line.trim()) : [control.value];
    for (const value of values) if (value !== "") pairs.push([control.name, value]);
  }
  return pairs;
}

export function fill(pairs) {
  for (const control of controls()) {
    const values = pairs.filter(([name]) => name === control.name).map(([, value]) => value);
    if (control.type === "checkbox") control.checked = values.includes(control.value);
    else control.value = values.join("\n");
    control.dispatchEvent(new Event("filled"));
  }
}

// Writes values as the JSON object of a POST. Numbers are written as they were typed: no digit of them is lost.
export const body = (pairs) => `{${members(pairs, literal, ",").map(([name, value]) => `${name}:${value}`).join(",")}}`;

// Writes values as a dictionary of Python, which would round decimals.
export const dictionary = (pairs) => `{${members(pairs, pythonic, ", ").map(([name, value]) => `${name}: ${value}`).join(", ")}}`;

function members(pairs, write, between) {
  const found = [];
  for (const control of new Map([...controls()].map((one) => [one.name, one])).values()) {
    const values = pairs.filter(([name]) => name === control.name).map(([, value]) => write(control, value));
    if (values.length === 0) continue;
    const many = control.type === "checkbox" || "lines" in control.dataset;
    found.push([JSON.stringify(control.name), many ? `[${values.join(between)}]` : values[0]]);
  }
  return found;
}

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
