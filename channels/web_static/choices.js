// The buttons under a reply, and which of them was pressed.

import { freshId } from "./fresh-id.js";
import { kept } from "./kept.js";
import { line } from "./line.js";
import { announce, element, say } from "./page.js";

const FAMILIES = { helpful: "feedback", "not-helpful": "feedback", specialist: "specialist" };

/** Which button of which reply was pressed, so that it still shows after a reload. */
export const presses = {
  key: (reply, family) => `smi.pressed.${reply}.${family}`,
  all: new Map(),
  load() {
    this.all = kept.under("smi.pressed.");
  },
  set(reply, family, action) {
    const key = this.key(reply, family);
    this.all.set(key, { verb: action.verb, value: action.value });
    kept.put(key, this.all.get(key));
  },
  get(reply, family) {
    return this.all.get(this.key(reply, family));
  },
  undo(reply, family) {
    this.all.delete(this.key(reply, family));
    kept.drop(this.key(reply, family));
  },
};

/** Feedback, the way to a specialist and everything else are separate groups: one press closes its own group only. */
export function drawChoices(message) {
  const groups = new Map();
  for (const button of message.buttons) {
    const family = FAMILIES[button.action.verb] ?? "choice";
    if (!groups.has(family)) groups.set(family, []);
    groups.get(family).push(button);
  }
  return Array.from(groups, ([family, buttons]) => {
    const group = element("div", { className: "choices", dataset: { family, reply: message.id } });
    group.setAttribute("role", "group");
    const asks = family === "feedback" ? say("feedback") : "";
    group.setAttribute("aria-label", asks || say("choices"));
    if (asks) {
      const words = element("span", { className: "asks", textContent: asks });
      words.setAttribute("aria-hidden", "true");
      group.append(words);
    }
    for (const { text, action } of buttons) {
      const button = element("button", { type: "button", textContent: text });
      Object.assign(button.dataset, { verb: action.verb, value: action.value ?? "" });
      button.addEventListener("click", () => press(message, family, text, action, button));
      group.append(button);
    }
    markPressed(group, presses.get(message.id, family));
    return group;
  });
}

function markPressed(group, choice) {
  for (const button of group.querySelectorAll("button")) {
    const chosen = choice && button.dataset.verb === choice.verb && button.dataset.value === (choice.value ?? "");
    button.setAttribute("aria-pressed", String(Boolean(chosen)));
    // not the `disabled` property: that would throw the keyboard focus out of the group
    button.setAttribute("aria-disabled", String(Boolean(choice)));
  }
}

function press(message, family, text, action, button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  presses.set(message.id, family, action);
  markPressed(button.parentElement, action);
  announce(say("chosen", { choice: text }));
  line.submit({ type: "press", id: freshId(), action }, { pressed: { reply: message.id, family } });
}

/** The server refused the press: the group can be pressed again. `article` is the reply, where it is shown. */
export function takeBackPress({ reply, family }, article) {
  presses.undo(reply, family);
  const group = article?.querySelector(`.choices[data-family="${family}"]`);
  if (group) markPressed(group, null);
}
