"use strict";
// Searches the catalogue, or the tables, while the reader types; without scripts the server does, when the form is sent.
const form = document.querySelector(".search");
const input = document.getElementById("filter");
const rows = [...document.querySelectorAll(".searched tbody tr")];
const none = document.getElementById("none");
const whole = input?.value === "";

function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    row.hidden = !words.every((word) => row.dataset.words.includes(word));
    shown += row.hidden ? 0 : 1;
  }
  none.hidden = shown > 0;
}

// What the server has left out cannot be shown by typing: there the form is sent.
if (form && whole) {
  form.querySelector(".buttons").hidden = true;
  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("input", () => {
    show();
    history.replaceState(null, "", input.value.trim() ? `?${new URLSearchParams({ [input.name]: input.value })}` : location.pathname);
  });
  show();
}
