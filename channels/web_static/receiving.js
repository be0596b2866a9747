// What each frame of the server does to the page.

import { showSpecialist, showTyping } from "./banners.js";
import { takeBackPress } from "./choices.js";
import { line } from "./line.js";
import { followAll, log, show, showQueued, shown } from "./log.js";
import { $, announce, labels, say } from "./page.js";
import { queue } from "./queue.js";
import { countUnread, markSeen, reportSeenAgain } from "./seen.js";

let highest = 0; // the server's number of the latest message here

export const known = () => highest;

function take(message, quietly) {
  highest = Math.max(highest, message.seq);
  if (message.from === "you") queue.done(message.id);
  const old = shown.get(message.id);
  if (old && old.message.seq === message.seq) return;
  show({ ...message, order: message.seq }, "received", quietly);
}

export const receive = {
  history(frame) {
    const first = log.getAttribute("aria-live") === "off";
    const before = shown.size;
    for (const message of frame.messages) take(message, true);
    showSpecialist(frame.specialist, first);
    followAll(shown.size > before);
    if (first) {
      // what was said before is not read aloud; what comes now is
      setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
    }
    line.welcomed();
    reportSeenAgain();
    for (const item of [...queue.items.values()]) line.transmit(item);
    markSeen();
  },
  accepted(frame) {
    const item = queue.done(frame.id);
    const entry = shown.get(frame.id);
    // its place is after all that was said so far, until the echo tells its number
    if (item?.frame.type === "message" && entry) show({ ...entry.message, order: highest + 0.5 }, "received");
  },
  refused(frame) {
    const item = queue.items.get(frame.id);
    if (!item) return;
    const label = frame.label in labels ? frame.label : "refused";
    if (item.frame.type === "press") {
      queue.done(frame.id);
      takeBackPress(item.pressed, shown.get(item.pressed.reply)?.article);
      $("problem").textContent = say(label);
      return;
    }
    queue.change(item, { failed: label });
    showQueued(item);
    announce(`${say("state-failed")}. ${say(label)}`);
  },
  message(frame) {
    showTyping(false);
    take(frame.message);
    if (frame.message.from !== "you") countUnread();
    markSeen();
  },
  state(frame) {
    showSpecialist(frame.specialist);
    showTyping(frame.typing);
  },
};
