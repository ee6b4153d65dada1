// What this browser asked of the query before, kept in it alone.

import { at, element } from "./dom.js";
import { query } from "./address.js";
import { instant } from "./cost.js";

const PLACE = `gateway asked ${location.pathname}`;
const MOST = 20;
const LONGEST = 2_000;  // characters of a question that is kept

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(PLACE) ?? "[]");
    return Array.isArray(found) ? found.filter((item) => typeof item?.asked === "string" && Number.isFinite(item.at)) : [];
  } catch (error) {
    return [];  // none is kept, or the browser keeps nothing
  }
}

function keep(items) {
  try {
    localStorage.setItem(PLACE, JSON.stringify(items));
  } catch (error) {
    // The browser keeps nothing.
  }
  offer();
}

export function note(pairs) {
  const asked = query(pairs);
  if (asked === "" || asked.length > LONGEST) return;
  keep([{ asked, at: Date.now() }, ...kept().filter((item) => item.asked !== asked)].slice(0, MOST));
}

export function offer() {
  const items = kept();
  at("asked").hidden = items.length === 0;
  const links = items.map((item) => {
    const words = [...new URLSearchParams(item.asked)].map(([name, value]) => `${name} ${value}`).join(", ");
    const when = element("span", { class: "quiet" }, instant(new Date(item.at)));
    return element("li", {}, element("a", { href: `?${item.asked}` }, words, " ", when));
  });
  const forget = element("button", { type: "button", class: "link" }, "Forget these");
  forget.addEventListener("click", () => keep([]));
  at("questions").replaceChildren(...links, element("li", {}, forget));
}
