// The messages on the page: each once, in the order of the conversation, and the page at the place being read.

import { draw, drawDelivery } from "./message.js";
import { $ } from "./page.js";

export const log = $("log");
export const shown = new Map(); // message id -> { message, article }

// ---------------------------------------------------------------- following what comes

let pinned = true; // the reader is at the end and wants to stay there
const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;

function toEnd() {
  log.scrollTop = log.scrollHeight;
  pinned = true;
  $("jump").hidden = true;
}

/** Follows a new message to the end, but a long one only so far that it can be read from its start. */
function follow(article) {
  if (article && article.dataset.from !== "you" && article.offsetHeight > log.clientHeight - 32) {
    article.scrollIntoView({ block: "start" });
    pinned = atEnd(); // what follows at once must not carry it away
  } else {
    toEnd();
  }
}

/** Moves the page after messages were shown quietly; `more`: some of them were not here before. */
export function followAll(more) {
  if (pinned) follow(log.lastElementChild);
  else if (more) $("jump").hidden = false;
}

log.addEventListener(
  "scroll",
  () => {
    pinned = atEnd();
    if (pinned) $("jump").hidden = true;
  },
  { passive: true },
);
new ResizeObserver(() => pinned && toEnd()).observe(log);
$("jump").addEventListener("click", () => {
  toEnd();
  $("text").focus();
});

// ---------------------------------------------------------------- showing

/** Shows a message, or replaces the one with the same id. `quietly`: one of many, the page is moved afterwards. */
export function show(message, state, quietly = false) {
  const old = shown.get(message.id);
  const article = old && sameWords(old.message, message) ? old.article : draw(message, state);
  if (article === old?.article) {
    // kept in place, so that it is not read aloud again
    article.dataset.state = state;
    article.querySelector(".delivery")?.replaceWith(drawDelivery(message, state));
  } else if (!old && !quietly) {
    article.dataset.new = "";
  }
  const focused = old?.article.contains(document.activeElement) ? document.activeElement.dataset : null;
  if (old && old.article !== article) old.article.remove();
  shown.set(message.id, { message, article });

  const order = (other) => shown.get(other?.dataset.id)?.message.order ?? -1;
  let next = null;
  for (let other = log.lastElementChild; other; other = other.previousElementSibling) {
    if (other === article) continue;
    if (order(other) <= message.order) break;
    next = other;
  }
  const after = article.isConnected ? article.nextElementSibling : undefined;
  if (after !== next) log.insertBefore(article, next);

  if (focused?.verb) article.querySelector(`[data-verb="${focused.verb}"]`)?.focus({ preventScroll: true });
  if (quietly) return;
  if (pinned || (!old && message.from === "you")) follow(article);
  else if (!old) $("jump").hidden = false;
}

const sameWords = (one, other) =>
  one.from === "you" && one.text === other.text && (one.attachments ?? []).length === (other.attachments ?? []).length;

/** Shows what waits in the queue, if it is a message: a press shows on its button. */
export function showQueued(item) {
  if (item.frame.type === "message") show(fromQueue(item), item.failed ? "failed" : "sending");
}

const fromQueue = (item) => ({
  id: item.id,
  from: "you",
  html: null,
  text: item.frame.text,
  at: item.at,
  buttons: [],
  attachments: item.attachments,
  order: 4e15 + item.order, // after every number of the server, which counts microseconds since 1970
});

export function remove(id) {
  shown.get(id)?.article.remove();
  shown.delete(id);
}
