"use strict";
// While an author writes: loads the page again when a save is right, and shows what is wrong when it is not.
// In a block of its own: the other scripts of a page share the names outside of it.
{
  const EVERY = 300;
  const SAVED = document.currentScript.dataset.saved;
  let shown = null;

  function notice() {
    const made = document.createElement("section");
    made.id = "saved";
    made.className = "notice";
    made.setAttribute("role", "alert");
    made.hidden = true;
    made.append(document.createElement("p"), document.createElement("pre"));
    made.lastChild.className = "code";
    document.getElementById("content").prepend(made);
    return made;
  }

  const box = notice();

  function show(saved) {
    box.hidden = !saved.broken;
    if (!saved.broken) return;
    box.firstChild.textContent = "The last save has mistakes; what was right before is still served.";
    box.lastChild.textContent = saved.text;
  }

  async function look() {
    try {
      const response = await fetch(SAVED, { cache: "no-store" });
      const saved = await response.json();
      if (shown !== null && saved.number !== shown && !saved.broken) { location.reload(); return; }
      if (saved.number !== shown) show(saved);
      shown = saved.number;
    } catch (error) {
      // The server starts again, or has ended: look again later.
    }
    setTimeout(look, EVERY);
  }

  look();
}
