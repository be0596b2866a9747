// Where things are on the desk page, and its line of news. The board and previews are HTML of our own server;
// every other text goes in through textContent.

export const $ = (id) => document.getElementById(id);
export const board = $("board");

export const cardOf = (id) => board.querySelector(`.card[data-case="${CSS.escape(String(id))}"]`);
export const messagesOf = (card) => [...card.querySelectorAll('.thread > li[data-kind="message"]')];

let clearing;

/** What was done goes away by itself; an error stays until something else is told. */
export function tell(text, kind = "done") {
  clearTimeout(clearing);
  $("status").dataset.kind = kind;
  $("status").textContent = text;
  if (kind === "done") clearing = setTimeout(() => ($("status").textContent = ""), 8000);
}
