// Writing a message and sending it.

import { attachments } from "./attachments.js";
import { freshId } from "./fresh-id.js";
import { line } from "./line.js";
import { showQueued } from "./log.js";
import { $, complain, number, say } from "./page.js";

const TEXT_LIMIT = 20_000; // characters

function sendMessage() {
  const text = $("text").value;
  if (attachments.uploading()) return complain("upload-wait");
  if (tooLong(text)) return complain("too-long", { limit: number(TEXT_LIMIT) });
  const files = attachments.ready();
  if (!text.trim() && !files.length) return complain("nothing-to-send");
  const frame = { type: "message", id: freshId(), text, attachments: files.map((file) => file.id) };
  showQueued(line.submit(frame, { at: new Date().toISOString(), attachments: files }));
  attachments.taken();
  write("");
  $("text").focus();
}

/** Counts characters, not UTF-16 halves; a text that is long either way is not counted through. */
function tooLong(text) {
  if (text.length <= TEXT_LIMIT) return false;
  return text.length > 2 * TEXT_LIMIT || Array.from(text).length > TEXT_LIMIT;
}

export function write(text) {
  $("text").value = text;
  written();
}

function written() {
  const field = $("text");
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
  const over = tooLong(field.value);
  field.setAttribute("aria-invalid", String(over));
  const near = field.value.length > TEXT_LIMIT * 0.9;
  $("count").hidden = !near;
  $("count").toggleAttribute("data-over", over);
  if (near) $("count").textContent = say("count", { count: number(field.value.length), limit: number(TEXT_LIMIT) });
  if (!over || field.value === "") complain(null);
  else $("problem").textContent = say("too-long", { limit: number(TEXT_LIMIT) });
  try {
    sessionStorage.setItem("smi.draft", field.value);
  } catch {
    // a draft that cannot be kept is only lost on reload
  }
}

export function writeDraft() {
  try {
    write(sessionStorage.getItem("smi.draft") ?? "");
  } catch {
    write("");
  }
}

$("text").addEventListener("input", written);
$("text").addEventListener("keydown", (event) => {
  // Enter that only chooses a suggested word is no Enter; Safari tells it by 229 and not by isComposing
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  if (!event.repeat) sendMessage();
});
$("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  sendMessage();
});
