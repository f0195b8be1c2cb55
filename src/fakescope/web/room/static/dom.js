// Elements out of plain values. Text is always text: nothing here reads HTML.

/** Make an element: h("p", {class: "dim", onclick: f}, "words", otherElement). */
export function h(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "value") made.value = value;
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const byId = (id) => document.getElementById(id);

export function key(name) {
  return h("kbd", {}, name);
}

/** Whether the person is writing, so that letters are letters. */
export function writing() {
  return ["TEXTAREA", "INPUT", "SELECT"].includes(document.activeElement?.tagName);
}
