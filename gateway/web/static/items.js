// Lists of a question: each of their items as the text that asks for it, and what a form sends without a script.

// Writes an item: what is no JSON must not begin as a list of JSON does.
export const textOf = (item) => (item.startsWith("[") ? JSON.stringify([item]) : item);

// Reads the items that a text stands for, one or a list of JSON. Numbers keep all their digits.
export function itemsOf(text) {
  if (!text.startsWith("[")) return [text];
  try {
    const items = JSON.parse(text);
    if (items.every((item) => typeof item === "string")) return items;
    if (items.every((item) => typeof item === "number")) return text.slice(text.indexOf("[") + 1, text.lastIndexOf("]")).split(",").map((item) => item.trim());
  } catch (error) {
    // It is told when it is asked.
  }
  return [text];
}

export const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

// Reads what a form has sent, as the server does: a field left empty is absent, one of several lines has an item a line,
// and an empty text is asked for by sending a field empty once more.
export function filled(given) {
  const lists = (given.find(([name]) => name === "_form")?.[1] ?? "").split(",");
  const names = new Set(given.map(([name]) => name).filter((name) => !name.startsWith("_")));
  return [...names].flatMap((name) => {
    const values = given.filter(([one]) => one === name).map(([, value]) => value);
    const isList = lists.includes(name);
    const items = values.flatMap(lines).map((line) => (isList ? textOf(line) : line));
    if (values.slice(1).includes("") && (isList || items.length === 0)) items.push("");
    return items.map((item) => [name, item]);
  });
}
