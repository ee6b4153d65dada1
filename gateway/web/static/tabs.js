// Tabs: one panel is shown, the arrow keys go from one tab to the next (ARIA, "Tabs").

import { at } from "./dom.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const name = (tab) => tab.id.replace("tab-", "");

export const views = tabs.map(name);

export function show(view) {
  for (const tab of tabs) {
    const here = name(tab) === view;
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
    at(name(tab)).hidden = !here;
  }
}

// Tells *chosen* which view a person wants to see.
export function listen(chosen) {
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => chosen(name(tab)));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(place + step + tabs.length) % tabs.length];
      next.focus();
      chosen(name(next));
      event.preventDefault();
    });
  });
}
