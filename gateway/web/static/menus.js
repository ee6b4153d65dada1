// Menus: they close by Escape, by a click elsewhere, and when something of them is chosen.

const menus = [...document.querySelectorAll("details.menu")];

addEventListener("click", (event) => {
  for (const menu of menus) if (!menu.contains(event.target) || event.target.closest("li")) menu.open = false;
});

for (const menu of menus) {
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
