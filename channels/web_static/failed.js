// A message that the server refused is not lost: its writer sends it again, or takes it back to change it.
// The presses are caught at the log, so that drawing a message need not know how one is sent.

import { attachments } from "./attachments.js";
import { write } from "./composing.js";
import { line } from "./line.js";
import { log, remove, showQueued } from "./log.js";
import { $, announce, say } from "./page.js";
import { queue } from "./queue.js";

function retry(id) {
  const item = queue.items.get(id);
  if (!item) return;
  queue.change(item, { failed: undefined });
  showQueued(item);
  line.transmit(item);
  $("text").focus();
}

function takeBack(id) {
  const item = queue.done(id);
  remove(id);
  if (!item) return;
  if (!$("text").value.trim()) write(item.frame.text);
  attachments.putBack(item.attachments ?? []);
  announce(say("taken-back"));
  $("text").focus();
}

log.addEventListener("click", (event) => {
  const way = event.target.closest(".delivery button");
  if (!way) return;
  const { id } = way.closest(".message").dataset;
  if (way.matches(".retry")) retry(id);
  else takeBack(id);
});
