// The requester's chat page starts here. A message goes composing -> queue -> line; what comes back goes
// line -> receiving -> log. Imports lead one way only, from this file down to page.js.

import "./failed.js";
import { presses } from "./choices.js";
import { writeDraft } from "./composing.js";
import { line } from "./line.js";
import { showQueued } from "./log.js";
import { $ } from "./page.js";
import { queue } from "./queue.js";
import { known, receive } from "./receiving.js";

queue.load();
presses.load();
for (const item of queue.items.values()) showQueued(item);
writeDraft();
if (matchMedia("(hover: hover)").matches) $("text").focus(); // on a phone the keyboard would cover the page
line.start(receive, known);
