// The dialogs of the desk: which one is open, on which case, and what it shows. What they send is in sending.js.

import { Refusal, act } from "./asking.js";
import { focusOf, restoreFocus } from "./focus.js";
import { $, cardOf, messagesOf, tell } from "./page.js";

const REVEALED_FOR = 120_000; // ms, as the dialog says

export const dialogs = {
  open: null, // { dialog, case, number, from, event, known }

  show(name, card, from) {
    const dialog = $(`${name}-dialog`);
    this.open = {
      dialog,
      case: card.dataset.case,
      number: card.dataset.number,
      from: focusOf(from),
      event: from.dataset.event,
      known: new Set(messagesOf(card).map((item) => item.dataset.event)),
    };
    dialog.querySelector("[data-recipient]").textContent = `${card.dataset.number} · ${card.dataset.recipient}`;
    for (const part of dialog.querySelectorAll("[data-error], [data-changed]")) part.textContent = "";
    const place = dialog.querySelector("[data-preview]");
    if (place) place.replaceChildren();
    busy(dialog, false);
    tell("");
    dialog.showModal();
    return dialog;
  },

  error(problem) {
    const place = this.open?.dialog.querySelector("[data-error]");
    if (place) place.textContent = problem.message;
    // behind the dialog, and still there when it is closed
    if (problem instanceof Refusal) tell(`${this.open?.number}: ${problem.message}`, "error");
  },

  /** Somebody may have written while the specialist did: say so before the reply goes out. */
  boardChanged() {
    const place = this.open?.dialog.querySelector("[data-changed]");
    const card = place && cardOf(this.open.case);
    if (!card) return;
    const fresh = messagesOf(card).filter((item) => !this.open.known.has(item.dataset.event));
    const texts = fresh.map((item) => wordsOf(item) || "(a file)");
    const words = fresh.length ? `The requester has written in the meantime:\n${texts.join("\n")}` : "";
    if (place.textContent !== words) place.textContent = words;
  },
};

const wordsOf = (item) => [...item.querySelectorAll(".body, .quoted")].map((part) => part.textContent).join("\n");

/** While the server is asked, nothing but Cancel can be pressed. */
export function busy(dialog, yes) {
  // not `disabled`: the focus would be lost
  for (const button of dialog.querySelectorAll('button:not([data-do="cancel"])')) button.setAttribute("aria-disabled", String(yes));
}

/** Shows a text as the requester will read it. */
export async function preview(text) {
  const open = dialogs.open;
  const { html } = await act(open.case, "preview", { text });
  if (dialogs.open !== open) return;
  const place = open.dialog.querySelector("[data-preview]");
  place.innerHTML = html;
  place.hidden = false;
}

let hiding;

export function reveal(text, card, from) {
  const dialog = dialogs.show("reveal", card, from);
  dialog.querySelector("[data-revealed]").textContent = text;
  hiding = setTimeout(() => dialog.close(), REVEALED_FOR);
}

function hideRevealed() {
  clearTimeout(hiding);
  $("reveal-dialog").querySelector("[data-revealed]").textContent = "";
}

for (const dialog of document.querySelectorAll("dialog")) {
  // Escape, the buttons and the browser's back gesture all end here
  dialog.addEventListener("close", () => {
    const open = dialogs.open;
    dialogs.open = null;
    if (dialog.id === "reveal-dialog") hideRevealed();
    restoreFocus(open?.from);
  });
  // Enter in a one-line field must not close a dialog as if it were done
  dialog.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
}
