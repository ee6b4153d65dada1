// Keeps parts of a page as they are on the server: [data-live] has the address of a part, which is HTML.
// What it says in [data-said] is read out when it changes; while something goes on ([data-going]) it is looked at often.

const OFTEN = 2000;
const SELDOM = 10000;

// Put what is new in place of what is there: what has the focus keeps it, and nothing moves under a pressed button.
function replace(part, html) {
  if (html === part.dataset.shown || part.querySelector(":active")) return;
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const open = [...part.querySelectorAll("details[open]")].map((one) => one.id);
  part.innerHTML = html;
  part.dataset.shown = html;
  for (const id of open) if (id) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus();
}

// Take over those elements of the page, by their ids, that have changed with what came to its end.
async function refresh(ids) {
  const response = await fetch(location.href, { cache: "no-store" });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const id of ids) {
    const [there, now] = [document.getElementById(id), page.getElementById(id)];
    if (there && now) there.replaceWith(document.adoptNode(now));
  }
}

async function look(part) {
  let pause = SELDOM;
  const going = part.querySelector("[data-going]") !== null;
  if (document.visibilityState === "visible") {
    try {
      const response = await fetch(part.dataset.live, { cache: "no-store" });
      if (response.ok) replace(part, await response.text());
      else if (response.status < 500) return;  // it is not to be seen any more
    } catch (error) {
      // The server starts again, or has ended: look again later.
    }
    const told = document.getElementById("said");
    const words = part.querySelector("[data-said]")?.textContent ?? "";
    if (told && told.textContent !== words) told.textContent = words;
    if (part.querySelector("[data-going]")) pause = OFTEN;
    else if (going && part.dataset.then) await refresh(part.dataset.then.split(" ")).catch(() => {});
  }
  setTimeout(look, pause, part);
}

for (const part of document.querySelectorAll("[data-live]")) {
  setTimeout(look, part.querySelector("[data-going]") ? OFTEN : SELDOM, part);
}
document.querySelectorAll("[data-scripted]").forEach((one) => { one.hidden = false; });
