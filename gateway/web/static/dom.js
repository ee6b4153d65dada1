// What every module of the query page uses: elements, words for numbers, copying.

export const at = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const grouped = (number) => number.toLocaleString("en");
export const plural = (count, word) => `${grouped(count)} ${word}${count === 1 ? "" : "s"}`;

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; count >= 1024 && unit < units.length - 1; unit += 1) count /= 1024;
  return `${count.toFixed(unit ? 1 : 0)} ${units[unit]}`;
}

export const tell = (text) => { at("state").textContent = text; };

// Over plain HTTP browsers give pages no clipboard: there it is copied from a field, as by hand.
async function copied(text) {
  try {
    if (navigator.clipboard) { await navigator.clipboard.writeText(text); return true; }
  } catch (error) {
    // Not allowed here: copy as by hand.
  }
  const field = at("by-hand");
  const before = document.activeElement;
  field.value = text;
  field.hidden = false;
  field.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch (error) {
    // It stays selected.
  }
  if (done) {
    field.hidden = true;
    before?.focus();
  }
  return done;
}

export async function copy(text, what = "") {
  tell("");
  at("by-hand").hidden = true;
  const done = await copied(text);
  tell(done ? `Copied${what && ` ${what}`}.` : "The browser does not copy it: it is selected, press Ctrl+C.");
}
