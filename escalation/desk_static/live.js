// When the board is asked for anew: the server rings, time passes, somebody comes back to the page or has pressed.

import { signedOut, tellSignedOut } from "./asking.js";
import { replaceBoard } from "./board.js";
import { $ } from "./page.js";

const REFRESH_EVERY = 60_000; // ms: due times move on even when nothing happens

let fetching = false;
let stale = false; // it changed while it was fetched

async function refresh() {
  if (fetching) {
    stale = true;
    return;
  }
  fetching = true;
  try {
    do {
      stale = false;
      const answer = await fetch("/desk/board", { headers: { Accept: "text/html" } });
      if (signedOut(answer)) return tellSignedOut();
      if (!answer.ok) throw new Error(String(answer.status));
      replaceBoard(await answer.text());
    } while (stale);
  } catch {
    setTimeout(refresh, 5000);
  } finally {
    fetching = false;
  }
}

let soon;

/** Changes come in flocks: one board for all of them. */
export function refreshSoon() {
  clearTimeout(soon);
  soon = setTimeout(refresh, 100);
}

let reopenAfter = 1000;

export function listen() {
  const events = new EventSource("/desk/events");
  events.addEventListener("changed", refreshSoon);
  events.addEventListener("open", () => {
    reopenAfter = 1000;
    live("open", "Live");
    refresh(); // something may have happened while nobody listened
  });
  events.addEventListener("error", () => {
    live("lost", "Not live, connecting again …");
    if (events.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
    refresh(); // tells whether we are signed out
    setTimeout(listen, reopenAfter * (0.5 + Math.random()));
    reopenAfter = Math.min(30_000, reopenAfter * 2);
  });
}

function live(state, words) {
  $("live").dataset.state = state;
  if ($("live").textContent !== words) $("live").textContent = words;
}

setInterval(() => document.visibilityState === "visible" && refresh(), REFRESH_EVERY);
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && refresh());
