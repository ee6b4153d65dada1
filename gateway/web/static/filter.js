"use strict";
// Filters the table of queries while the reader types; without scripts the whole table is there.
const field = document.querySelector(".filter");
const input = document.getElementById("filter");
const rows = [...document.querySelectorAll("#queries tbody tr")];
const none = document.getElementById("none");

function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  none.hidden = shown > 0;
}

field.hidden = rows.length < 2;
if (none) {
  input.addEventListener("input", show);
  show();
}
