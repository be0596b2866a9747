// What is pressed on the cards.

import { act } from "./asking.js";
import { busy, dialogs, preview, reveal } from "./dialogs.js";
import { drafts } from "./drafts.js";
import { refreshSoon } from "./live.js";
import { board, cardOf, tell } from "./page.js";

/** Opens the dialog that an action needs. */
const ask = {
  case_reply(card, button) {
    const dialog = dialogs.show("reply", card, button);
    const field = dialog.querySelector("textarea");
    field.value = drafts.get("reply", card.dataset.case).text;
    dialog.querySelector("[data-preview]").hidden = true;
    field.focus();
  },
  case_note(card, button) {
    const field = dialogs.show("note", card, button).querySelector("textarea");
    field.value = drafts.get("note", card.dataset.case).text;
    field.focus();
  },
  case_label(card, button) {
    const dialog = dialogs.show("label", card, button);
    const present = new Set([...card.querySelectorAll("[data-label]")].map((item) => item.dataset.label));
    for (const box of dialog.querySelectorAll('[name="labels"]')) box.checked = present.has(box.value);
  },
  case_close(card, button) {
    const dialog = dialogs.show("close", card, button);
    for (const radio of dialog.querySelectorAll('[name="disposition"]')) radio.checked = false;
    dialog.querySelector("textarea").value = "";
  },
  async note_send(card, button) {
    const dialog = dialogs.show("send-note", card, button);
    dialog.querySelector('[data-do="cancel"]').focus();
    busy(dialog, true);
    try {
      await preview(noteText(card.dataset.case, button.dataset.event));
      busy(dialog, false);
    } catch (problem) {
      // what cannot be shown is not sent
      dialogs.error(problem);
    }
  },
};

const noteText = (id, event) =>
  cardOf(id)?.querySelector(`.thread > li[data-event="${CSS.escape(event)}"] .body`)?.textContent ?? "";

/** Done at once. */
const quick = {
  async case_claim(id, number) {
    await act(id, "claim");
    tell(`${number} is yours now.`);
  },
  async case_release(id, number) {
    await act(id, "release");
    tell(`${number} is open again.`);
  },
  async case_reveal(id, number, card, button) {
    const { text } = await act(id, "reveal");
    reveal(text, card, button);
  },
  async label_judge(id, number, card, button) {
    const { label } = button.closest("[data-label]").dataset;
    const { verdict, raised } = button.dataset;
    await act(id, "label_judge", { label, verdict, raised_in: Number(raised) });
    tell(`${number}: ${label.replaceAll("-", " ")} is ${verdict}.`);
  },
  async reply_retry(id, number, card, button) {
    await act(id, "reply_retry", { event: Number(button.dataset.event) });
    tell(`${number}: it is being sent again.`);
  },
  async file_retry(id, number, card, button) {
    await act(id, "file_retry", { file: button.dataset.file });
    tell(`${number}: the file is being fetched again.`);
  },
};

board.addEventListener("click", async (event) => {
  const jump = event.target.closest("[data-jump]");
  if (jump) {
    event.preventDefault();
    const title = cardOf(jump.dataset.jump)?.querySelector("h3");
    title?.scrollIntoView({ block: "start" });
    title?.focus({ preventScroll: true });
    return;
  }
  const button = event.target.closest("button[data-action]");
  const card = button?.closest(".card");
  if (!card || button.getAttribute("aria-disabled") === "true") return;
  const { action } = button.dataset;
  if (ask[action]) return ask[action](card, button);
  if (!quick[action]) return;
  button.setAttribute("aria-disabled", "true");
  try {
    await quick[action](card.dataset.case, card.dataset.number, card, button);
  } catch (problem) {
    tell(`${card.dataset.number}: ${problem.message}`, "error");
  } finally {
    button.removeAttribute("aria-disabled");
    refreshSoon();
  }
});
