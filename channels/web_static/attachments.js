// Files on their way along with the next message. They are uploaded as soon as they are chosen, so that sending
// the message does not have to wait for them.

import { freshId } from "./fresh-id.js";
import { $, announce, complain, element, labels, say, size } from "./page.js";

let uploads = []; // { key, name, state: uploading | ready | failed, file?, label? }

export const attachments = {
  uploading: () => uploads.some((upload) => upload.state === "uploading"),
  ready: () => uploads.filter((upload) => upload.state === "ready").map((upload) => upload.file),
  /** The message took the ready ones along; why the others failed can still be read. */
  taken() {
    uploads = uploads.filter((upload) => upload.state === "failed");
    drawTray();
  },
  putBack(files) {
    for (const file of files) uploads.push({ key: file.id, name: file.name, state: "ready", file });
    drawTray();
  },
};

async function upload(chosen) {
  const entry = { key: freshId(), name: chosen.name || "file", state: "uploading" };
  uploads.push(entry);
  drawTray();
  try {
    if (!chosen.size) throw "file-empty";
    const body = new FormData();
    body.append("file", chosen, entry.name);
    const answer = await fetch("/chat/attachments", { method: "POST", body, headers: { "X-Requested-With": "smi-bot" } });
    if (!answer.ok) {
      const told = await answer.json().catch(() => ({}));
      const usual = { 413: "file-too-big", 415: "file-type", 429: "too-fast" };
      throw told.label ?? usual[answer.status] ?? "upload-failed";
    }
    entry.file = await answer.json();
    entry.state = "ready";
    announce(say("upload-ready", { name: entry.name }));
  } catch (reason) {
    entry.state = "failed";
    entry.label = typeof reason === "string" && reason in labels ? reason : "upload-failed";
    announce(`${entry.name}: ${say(entry.label)}`);
  }
  if ($("problem").textContent === say("upload-wait")) complain(null);
  drawTray();
}

function drawTray() {
  const tray = $("tray");
  tray.hidden = !uploads.length;
  tray.replaceChildren(
    ...uploads.map((entry) => {
      const about = { uploading: () => say("uploading"), ready: () => size(entry.file.size), failed: () => say(entry.label) };
      const what = element("span", { className: "what" }, element("bdi", { textContent: entry.name }));
      what.append(element("span", { className: "about", textContent: about[entry.state]() }));
      const remove = element("button", { type: "button", textContent: "×" });
      remove.setAttribute("aria-label", say("upload-remove", { name: entry.name }));
      remove.addEventListener("click", () => {
        uploads = uploads.filter((other) => other !== entry);
        drawTray();
        announce(say("upload-removed", { name: entry.name }));
        $("text").focus();
      });
      return element("li", { dataset: { state: entry.state } }, what, remove);
    }),
  );
}

// ---------------------------------------------------------------- chosen, pasted, dropped

$("file").addEventListener("change", () => {
  for (const chosen of $("file").files) upload(chosen);
  $("file").value = ""; // or the same file could not be chosen again
});
$("text").addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  // office programs put a picture of the words beside the words: then the words are meant
  if (!files.length || event.clipboardData.types.includes("text/plain")) return;
  event.preventDefault();
  files.forEach(upload);
});

const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  $("drop").hidden = false;
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").hidden = true;
});
addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  $("drop").hidden = true;
  [...event.dataTransfer.files].forEach(upload);
});
