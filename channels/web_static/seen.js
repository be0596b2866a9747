// Which replies have stood on a visible page: the server is told, and the title of the page counts the others.

import { line } from "./line.js";
import { shown } from "./log.js";

const seen = new Set(); // ids of replies
let unread = 0;
const title = document.title;

export function markSeen() {
  if (document.visibilityState !== "visible") return;
  unread = 0;
  document.title = title;
  const fresh = [...shown.values()].filter(({ message }) => message.from !== "you" && !seen.has(message.id));
  if (fresh.length && line.ready) reportSeen(fresh.map(({ message }) => message.id));
}

function reportSeen(replies) {
  for (const reply of replies) seen.add(reply);
  for (let start = 0; start < replies.length; start += 200) {
    line.send({ type: "seen", replies: replies.slice(start, start + 200) });
  }
}

/** On a new line: the old one may have swallowed what it was told. */
export const reportSeenAgain = () => reportSeen([...seen]);

export function countUnread() {
  if (document.visibilityState === "visible") return;
  unread += 1;
  document.title = `(${unread}) ${title}`;
}

document.addEventListener("visibilitychange", markSeen);
