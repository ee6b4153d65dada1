// The state of the page as its address: what is asked, and how it is shown.

import { filled } from "./items.js";

const LONGEST = 4096;  // longer addresses are cut off on the way by mail programs and proxies

// Options, each with what needs no mention.
export const SHOWN = { _view: "table", _sort: "", _filter: "", _where: "", _hide: "",
  _mark: "", _x: "", _y: "", _color: "", _refresh: "", _embed: "" };

// Returns {pairs, shown, asked}: parameters as [name, text], the options, and whether anything is asked at all. An address
// that lacks parameters asks nothing: it would be another question.
export function read() {
  const given = [...new URLSearchParams(location.search)];
  const kept = history.state?.pairs ? history.state : null;
  const shown = { ...SHOWN };
  for (const [name, value] of given) if (name in SHOWN) shown[name] = name === "_embed" ? embedded(value) : value;
  const pairs = kept?.pairs ?? (asForm(given) ? filled(given) : given.filter(([name]) => !name.startsWith("_")));
  const lacks = !kept && document.getElementById("without") !== null;
  return { pairs, shown: { ...shown, ...kept?.shown }, asked: !lacks && (pairs.length > 0 || (given.length > 0 && !needed())) };
}

// "_embed" alone and "_embed=1" embed the page; "_embed=0" does not.
const embedded = (value) => (/^(0|false|off|no)$/i.test(value) ? "" : "1");

// Whether there is a parameter that a question must have.
const needed = () => document.querySelector("#form [data-required]") !== null;

const asForm = (given) => given.some(([name]) => name === "_form");

// Makes the state the address of the page; returns the names of what found no room in it, of which the longest stays out
// first. The address names the parameters that it lacks.
export function write({ pairs, shown }, { push = false } = {}) {
  const options = Object.entries(shown).filter(([name, value]) => value !== SHOWN[name]);
  const { written, left } = shortened([...pairs, ...options]);
  const target = `${location.pathname}?${written || "_view=table"}`;
  const kept = left.length === 0 ? null : { pairs, shown };
  if (push && target !== location.pathname + location.search) history.pushState(kept, "", target);
  else history.replaceState(kept, "", target);
  return left;
}

export function shortened(pairs) {
  const left = [];
  const here = () => {
    const lacking = left.filter((name) => !name.startsWith("_"));
    return query([...pairs.filter(([name]) => !left.includes(name)), ...(lacking.length ? [["_without", lacking.join(",")]] : [])]);
  };
  const size = (name) => query(pairs.filter(([one]) => one === name)).length;
  const longest = [...new Set(pairs.map(([name]) => name))].sort((one, other) => size(other) - size(one));
  while (here().length > LONGEST && longest.length > 0) left.push(longest.shift());
  return { written: here(), left };
}

export const query = (pairs) => new URLSearchParams(pairs).toString();

export const same = (one, other) => query(one) === query(other);
