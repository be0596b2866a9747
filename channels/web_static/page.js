// What every part of the chat page draws and speaks with. No word stands in a script: all come from the approved
// labels, which the server writes into the page. What people wrote goes in through textContent only.

export const labels = JSON.parse(document.getElementById("labels").textContent);
export const $ = (id) => document.getElementById(id);
export const say = (key, values = {}) =>
  (labels[key] ?? labels.refused).replace(/\{(\w+)\}/g, (mark, name) => values[name] ?? mark);

export function element(name, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  Object.assign(made.dataset, dataset);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

const language = document.documentElement.lang;
const timeOnly = new Intl.DateTimeFormat(language, { timeStyle: "short" });
export const dayAndTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
export const when = (date) =>
  (date.toDateString() === new Date().toDateString() ? timeOnly : dayAndTime).format(date);

export const number = (value) => new Intl.NumberFormat(language).format(value);

export function size(bytes) {
  const [unit, value] = bytes < 1e6 ? ["kilobyte", Math.max(1, bytes / 1e3)] : ["megabyte", bytes / 1e6];
  const style = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: unit === "megabyte" ? 1 : 0 };
  return new Intl.NumberFormat(language, style).format(value);
}

/** For those who hear the page: what others can see by themselves. */
export const announce = (text) => ($("announce").textContent = text);

/** What stands in the way of sending, above the text; without a key, nothing does. */
export function complain(key, values) {
  $("problem").textContent = key ? say(key, values) : "";
  if (key) $("text").focus();
}
