// What the page says around the messages: how the line is, who is here, who is typing.

import { $, announce, say } from "./page.js";

let tell;

/** The words at the top change at once; the bar waits, because most losses are over before they can be read. */
export function showConnection(state) {
  const words = say(`connection-${state}`);
  $("connection").dataset.state = state;
  if ($("connection").textContent !== words) $("connection").textContent = words;
  clearTimeout(tell);
  if (state === "lost") {
    tell = setTimeout(() => ($("lost").hidden = false), 2000);
  } else {
    $("lost").hidden = true;
  }
}

export function showSpecialist(here, silently = false) {
  const banner = $("specialist-banner");
  if (banner.hidden === !here) return;
  banner.hidden = !here;
  if (!silently) announce(say(here ? "specialist-here" : "specialist-left"));
}

let typingEnds;

export function showTyping(typing) {
  clearTimeout(typingEnds);
  const words = typing ? say($("specialist-banner").hidden ? "typing-bot" : "typing-specialist") : "";
  if ($("typing").textContent !== words) $("typing").textContent = words;
  // the server may die before it says that the typing is over
  if (typing) typingEnds = setTimeout(showTyping, 60_000, false);
}
