// Requests of the page. Questions that are too long for an address are sent by POST.

import { at } from "./dom.js";
import { query } from "./address.js";
import { body } from "./fields.js";

const LONGEST = 7000;  // bytes of an address: servers and proxies refuse those over 8,190

export class Refused extends Error {
  constructor(problem, response) {
    super(problem.detail);
    this.problem = problem;
    this.response = response;
  }
}

// Asks an address of the query ("result", "result.csv", "explain") with parameters and options; returns the response.
// Raises Refused with the problem document.
export async function ask(what, pairs, options, signal) {
  const given = query([...pairs, ...options]);
  const long = given.length > LONGEST;
  return fetched(`${base()}/${what}?${long ? query(options) : given}`, long ? pairs : null, signal);
}

// Asks an address that a response named, for instance the next page; *pairs* are sent along where they are no part of it.
export async function fetched(url, pairs, signal) {
  const post = pairs && { method: "POST", headers: { "Content-Type": "application/json" }, body: body(pairs) };
  const response = await fetch(url, { cache: "no-cache", signal, ...post });
  if (!response.ok) throw new Refused(await problem(response), response);
  return response;
}

async function problem(response) {
  try {
    return await response.json();
  } catch (error) {
    return { title: `The server answered ${response.status}.` };
  }
}

// The parameters where they are sent apart from the address, null where they are part of it.
export const apart = (pairs) => (query(pairs).length > LONGEST ? pairs : null);

export const base = () => at("form").dataset.result.replace(/\/result$/, "");

export const absolute = (what, pairs) => {
  const url = new URL(`${base()}/${what}`, location.href).href;
  return pairs.length ? `${url}?${query(pairs)}` : url;
};
