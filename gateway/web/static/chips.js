// Lists in the form: an item is a chip, added by Enter or a comma, and removed by its button, Delete or Backspace.
// The field of the server stays, hidden: its items are what is sent.

import { at, element } from "./dom.js";
import { lines } from "./items.js";

export function prepare() {
  for (const field of at("form").querySelectorAll("textarea[data-list]")) new Chips(field);
}

class Chips {
  constructor(field) {
    this.field = field;
    this.input = element("input", { type: "text", id: field.id, autocomplete: "off", spellcheck: "false", placeholder: "Enter or comma adds" });
    for (const name of ["aria-describedby", "aria-invalid"]) if (field.hasAttribute(name)) this.input.setAttribute(name, field.getAttribute(name));
    this.list = element("ul", { "aria-label": `Items of ${field.name}` });
    this.box = element("div", { class: "chips" }, this.list, this.input);
    field.removeAttribute("id");
    field.hidden = true;
    field.after(this.box);
    field.addEventListener("filled", () => this.#show(field.items));
    this.input.addEventListener("input", () => this.#write());
    this.input.addEventListener("keydown", (event) => this.#type(event));
    this.input.addEventListener("paste", (event) => this.#paste(event));
    this.list.addEventListener("keydown", (event) => this.#walk(event));
    this.list.addEventListener("click", (event) => this.#remove(event.target.closest("button")));
    this.box.addEventListener("click", (event) => { if (event.target === this.box) this.input.focus(); });
    this.#show(lines(field.value));
  }

  get buttons() { return [...this.list.querySelectorAll("button")]; }

  // Shows items as chips, and nothing that is being typed.
  #show(items) {
    this.list.replaceChildren(...items.map(chip));
    this.list.hidden = items.length === 0;
    this.input.value = "";
    this.#write();
  }

  // What is typed and no chip yet counts as an item.
  #write() {
    this.field.items = [...this.buttons.map((button) => button.dataset.item), this.input.value.trim()].filter(Boolean);
  }

  #changed() {
    this.#write();
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
  }

  #add(items) {
    this.list.append(...items.map(chip));
    this.list.hidden = this.list.childElementCount === 0;
    this.box.scrollTop = this.box.scrollHeight;
    this.#changed();
  }

  #type(event) {
    if (event.isComposing) return;
    const typed = this.input.value.trim();
    const atStart = this.input.selectionStart === 0 && this.input.selectionEnd === 0;
    if ((event.key === "Enter" || event.key === ",") && typed) {
      event.preventDefault();
      this.input.value = "";
      this.#add([typed]);
    } else if (event.key === "," && !typed) {
      event.preventDefault();
    } else if (event.key === "Backspace" && this.input.value === "") {
      this.#remove(this.buttons.at(-1));
    } else if (event.key === "ArrowLeft" && atStart) {
      this.buttons.at(-1)?.focus();
    }
  }

  // Lines of a text are items. In one line a comma may be part of an item, unless items are numbers or times.
  #paste(event) {
    const text = event.clipboardData?.getData("text") ?? "";
    const items = lines(this.field.dataset.kind === "varchar" ? text : text.replaceAll(",", "\n"));
    if (items.length < 2) return;
    event.preventDefault();
    this.#add(items);
  }

  #walk(event) {
    const [place, { buttons }] = [this.buttons.indexOf(event.target), this];
    const others = { ArrowLeft: buttons[place - 1], ArrowRight: buttons[place + 1] ?? this.input, Home: buttons[0], End: this.input };
    if (event.key === "Delete" || event.key === "Backspace") this.#remove(event.target);
    else if (event.key in others) others[event.key]?.focus();
    else return;
    event.preventDefault();
  }

  #remove(button) {
    if (!button) return;
    const [place, focused] = [this.buttons.indexOf(button), button === document.activeElement];
    button.parentElement.remove();
    this.list.hidden = this.list.childElementCount === 0;
    if (focused || document.activeElement === document.body) (this.buttons[place] ?? this.input).focus();
    this.#changed();
  }
}

function chip(item) {
  const button = element("button", { type: "button", "aria-label": `Remove ${item}` }, "×");
  button.dataset.item = item;
  return element("li", { class: "chip" }, element("span", {}, item), button);
}
