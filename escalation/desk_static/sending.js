// What is written and pressed inside the dialogs.

import { act } from "./asking.js";
import { busy, dialogs, preview } from "./dialogs.js";
import { drafts } from "./drafts.js";
import { refreshSoon } from "./live.js";
import { tell } from "./page.js";

/** What Send does in each dialog; returns what to tell. */
const send = {
  async "reply-dialog"({ dialog, case: id, number }) {
    const text = dialog.querySelector('[name="reply_text"]').value;
    if (!text.trim()) throw new Error("Please write a reply first.");
    await act(id, "reply", { text, id: drafts.idFor("reply", id, text) });
    drafts.drop("reply", id);
    return `${number}: the reply is on its way.`;
  },
  async "note-dialog"({ dialog, case: id, number }) {
    const text = dialog.querySelector('[name="note_text"]').value;
    if (!text.trim()) throw new Error("Please write a note first.");
    await act(id, "note", { text, id: drafts.idFor("note", id, text) });
    drafts.drop("note", id);
    return `${number}: the note is added. It was not sent.`;
  },
  async "send-note-dialog"({ case: id, number, event }) {
    await act(id, "note_send", { event: Number(event) });
    return `${number}: the note is on its way to the requester.`;
  },
  async "label-dialog"({ dialog, case: id, number }) {
    const labels = [...dialog.querySelectorAll('[name="labels"]:checked')].map((box) => box.value);
    if (!labels.length) throw new Error("Please choose at least one label.");
    await act(id, "label", { labels });
    return `${number}: the labels are saved.`;
  },
  async "close-dialog"({ dialog, case: id, number }) {
    const disposition = dialog.querySelector('[name="disposition"]:checked')?.value;
    if (!disposition) {
      dialog.querySelector('[name="disposition"]').focus();
      throw new Error("Please choose a disposition.");
    }
    await act(id, "close", { disposition, note: dialog.querySelector('[name="close_note"]').value.trim() });
    return `${number}: the case is closed.`;
  },
};

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-do]");
    if (!button || button.getAttribute("aria-disabled") === "true") return;
    if (button.dataset.do === "cancel") return dialog.close();
    const open = dialogs.open;
    dialog.querySelector("[data-error]").textContent = "";
    busy(dialog, true);
    try {
      if (button.dataset.do === "preview") {
        const text = dialog.querySelector("textarea").value;
        if (!text.trim()) throw new Error("Please write a reply first.");
        await preview(text);
        dialog.querySelector("[data-preview]").focus();
      } else {
        const words = await send[dialog.id](open);
        if (dialogs.open === open) dialog.close();
        tell(words);
        refreshSoon();
      }
    } catch (problem) {
      // who has left the dialog meanwhile is still told, on the page
      if (dialogs.open === open) dialogs.error(problem);
      else tell(`${open.number}: ${problem.message}`, "error");
    } finally {
      busy(dialog, false);
    }
  });
}

for (const [name, kind] of [["reply_text", "reply"], ["note_text", "note"]]) {
  const field = document.querySelector(`[name="${name}"]`);
  field.addEventListener("input", () => {
    const id = dialogs.open?.case;
    if (!id) return;
    drafts.put(kind, id, { ...drafts.get(kind, id), text: field.value });
    const shown = field.form.querySelector("[data-preview]");
    if (shown) shown.hidden = true; // a preview of another text would mislead
  });
  // Ctrl or Cmd + Enter is no shortcut to Send: nothing goes out by a slip of the hand
}
