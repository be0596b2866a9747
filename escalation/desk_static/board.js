// A new board from the server takes the place of the old one, under the hands of whoever works on it.

import { dialogs } from "./dialogs.js";
import { cardBeingRead, focusOf, keepSelection, restoreFocus } from "./focus.js";
import { $, board, cardOf, messagesOf } from "./page.js";

const folds = new Map(); // data-fold -> open?
let sources = new Map(); // data-case -> the HTML it was made from: an unchanged card is left as it is
let lastHtml = null;

board.addEventListener(
  "toggle",
  (event) => event.target.dataset?.fold && folds.set(event.target.dataset.fold, event.target.open),
  true, // a toggle does not bubble
);

export function replaceBoard(html) {
  if (html === lastHtml) return;
  const first = lastHtml === null;
  lastHtml = html;
  const fresh = document.createElement("template");
  fresh.innerHTML = html;

  const before = summary();
  const focus = focusOf(document.activeElement);
  const selection = keepSelection();
  const anchor = cardBeingRead();
  const anchorCase = anchor?.dataset.case;
  const anchorTop = anchor?.getBoundingClientRect().top;

  const made = new Map();
  for (const card of fresh.content.querySelectorAll(".card")) {
    const id = card.dataset.case;
    made.set(id, card.outerHTML);
    const old = cardOf(id);
    if (old && sources.get(id) === made.get(id)) card.replaceWith(old);
  }
  sources = made;
  for (const fold of fresh.content.querySelectorAll("details[data-fold]")) {
    if (folds.has(fold.dataset.fold)) fold.open = folds.get(fold.dataset.fold);
  }
  board.replaceChildren(fresh.content);

  restoreFocus(focus);
  selection?.();
  const now = anchorCase && cardOf(anchorCase);
  const still = scrollY > 0 && now && now.dataset.status === anchor.dataset.status;
  if (still) scrollBy({ top: now.getBoundingClientRect().top - anchorTop, behavior: "instant" });
  if (!first) announceChanges(before, summary());
  const waiting = Number(board.querySelector("[data-waiting]")?.dataset.waiting ?? 0);
  document.title = document.title.replace(/^\(\d+\) /, "").replace(/^/, waiting ? `(${waiting}) ` : "");
  dialogs.boardChanged();
}

function summary() {
  const cards = [...board.querySelectorAll(".card")];
  return new Map(cards.map((card) => [card.dataset.case, { ...card.dataset, messages: messagesOf(card).length }]));
}

function announceChanges(before, after) {
  const news = [];
  for (const [id, card] of after) {
    const known = before.get(id);
    if (!known) news.push(`New case ${card.number}, priority ${card.priority}.`);
    else if (card.messages > known.messages) news.push(`New message in ${card.number}.`);
  }
  if (news.length) $("announce").textContent = news.join(" ");
}
