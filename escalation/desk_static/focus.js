// The board is replaced while people work on it. This finds again where the focus, the selection and the eyes were.

import { board, cardOf } from "./page.js";

/** Where the focus is, in words that survive a new board. */
export function focusOf(focused) {
  if (!focused || !board.contains(focused) || focused === board) return null;
  const { action, event, file, of, jump } = focused.dataset;
  return {
    element: focused,
    case: focused.closest(".card")?.dataset.case,
    action,
    event,
    file,
    of,
    jump,
    fold: focused.tagName === "SUMMARY" ? focused.parentElement.dataset.fold : undefined,
    href: focused.getAttribute("href"),
  };
}

export function restoreFocus(kept) {
  if (!kept) return;
  const card = kept.case && cardOf(kept.case);
  const within = card ?? board;
  const find = (selector) => within.querySelector(selector);
  const by = (name, value) => `[data-${name}="${CSS.escape(value)}"]`;
  const which = ({ event, file, of }) =>
    event ? by("event", event) : file ? by("file", file) : of ? by("of", of) : "";
  const again =
    (board.contains(kept.element) && kept.element) ||
    (kept.action && find(`${by("action", kept.action)}${which(kept)}:not(:disabled)`)) ||
    (kept.jump && find(by("jump", kept.jump))) ||
    (kept.fold && find(`${by("fold", kept.fold)} > summary`)) ||
    (kept.href && find(`a[href="${CSS.escape(kept.href)}"]`)) ||
    card?.querySelector("h3") ||
    board;
  // a card that is folded away now (it was closed) cannot take the focus
  const folded = again.closest("details:not([open])");
  const target = folded && !again.matches("summary") ? folded.querySelector("summary") : again;
  target.focus({ preventScroll: true });
}

/** Returns what selects the same words again, as long as their cards were left as they are. */
export function keepSelection() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed || !board.contains(selection.anchorNode)) return null;
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
  return () => {
    if (!board.contains(anchorNode) || !board.contains(focusNode)) return;
    getSelection().setBaseAndExtent(anchorNode, anchorOffset, focusNode, focusOffset);
  };
}

/** The card that must not move under the eyes: the one with the focus or the selection, else the one in view. */
export function cardBeingRead() {
  const inView = [...board.querySelectorAll(".card")].filter((card) => {
    const { top, bottom } = card.getBoundingClientRect();
    return bottom > 80 && top < innerHeight;
  });
  const held = [document.activeElement, getSelection().anchorNode];
  return (
    inView.find((card) => held.some((node) => card.contains(node))) ??
    inView.find((card) => card.getBoundingClientRect().bottom > innerHeight * 0.4)
  );
}
