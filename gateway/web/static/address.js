// The state of the page as its address: what is asked, and how it is shown.

import { filled } from "./items.js";

const LONGEST = 4096;  // longer addresses are cut off on the way by mail programs and proxies

// Options, each with what needs no mention.
export const SHOWN = { _view: "table", _sort: "", _filter: "", _where: "", _hide: "",
  _mark: "", _x: "", _y: "", _color: "", _refresh: "", _embed: "" };

// Returns {pairs, shown, asked}: parameters as [name, text], the options, and whether anything is asked at all.
export function read() {
  const given = [...new URLSearchParams(location.search)];
  const kept = history.state?.pairs;
  const shown = { ...SHOWN };
  for (const [name, value] of given) if (name in SHOWN) shown[name] = name === "_embed" ? "1" : value;
  const pairs = kept ?? (asForm(given) ? filled(given) : given.filter(([name]) => !name.startsWith("_")));
  return { pairs, shown, asked: pairs.length > 0 || (given.length > 0 && !needed()) };
}

// Whether there is a parameter that a question must have.
const needed = () => document.querySelector("#form [data-required]") !== null;

const asForm = (given) => given.some(([name]) => name === "_form");

// Makes the state the address of the page; returns whether the parameters found room in it.
export function write({ pairs, shown }, { push = false } = {}) {
  const options = Object.entries(shown).filter(([name, value]) => value !== SHOWN[name]);
  const whole = query([...pairs, ...options]);
  const fits = whole.length <= LONGEST;
  const written = (fits ? whole : query(options)) || "_view=table";
  const target = `${location.pathname}?${written}`;
  const kept = fits ? null : { pairs };
  if (push && target !== location.pathname + location.search) history.pushState(kept, "", target);
  else history.replaceState(kept, "", target);
  return fits;
}

export const query = (pairs) => new URLSearchParams(pairs).toString();

export const same = (one, other) => query(one) === query(other);
