// The desk page. The server renders the cases; this keeps them current and carries out what specialists press.
// The board and previews are HTML of our own server; every other text goes in through textContent.

const $ = (id) => document.getElementById(id);
const board = $("board");
const csrf = document.querySelector('meta[name="csrf"]').content;

const REVEALED_FOR = 120_000; // ms
const REFRESH_EVERY = 60_000; // due times move on even when nothing happens

function freshId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // randomUUID is missing where the page is not served over https
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

let clearing;
function tell(text, kind = "done") {
  clearTimeout(clearing);
  $("status").dataset.kind = kind;
  $("status").textContent = text;
  if (kind === "done") clearing = setTimeout(() => ($("status").textContent = ""), 8000);
}

function tellSignedOut() {
  tell("You are signed out. Your drafts are kept. ", "error");
  $("status").append(Object.assign(document.createElement("a"), { href: "/desk/login", textContent: "Sign in again" }));
}

const signedOut = (answer) => answer.status === 401 || (answer.redirected && answer.url.includes("/desk/login"));
const cardOf = (id) => board.querySelector(`.card[data-case="${CSS.escape(String(id))}"]`);

// ---------------------------------------------------------------- keeping the board current

const folds = new Map(); // data-fold -> open?
let sources = new Map(); // data-case -> the HTML it was made from: an unchanged card is left as it is
let lastHtml = null;
let fetching = false;
let stale = false;

board.addEventListener(
  "toggle",
  (event) => event.target.dataset?.fold && folds.set(event.target.dataset.fold, event.target.open),
  true,
);

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
      replace(await answer.text());
    } while (stale);
  } catch {
    setTimeout(refresh, 5000);
  } finally {
    fetching = false;
  }
}

function replace(html) {
  if (html === lastHtml) return;
  const first = lastHtml === null;
  lastHtml = html;
  const fresh = document.createElement("template");
  fresh.innerHTML = html;

  const before = summary();
  const focus = focusOf(document.activeElement);
  const selection = keepSelection();
  const anchor = cardBeingRead();
  const anchorCase = anchor?.dataset.case;
  const anchorTop = anchor?.getBoundingClientRect().top;

  const made = new Map();
  for (const card of fresh.content.querySelectorAll(".card")) {
    const id = card.dataset.case;
    made.set(id, card.outerHTML);
    const old = cardOf(id);
    if (old && sources.get(id) === made.get(id)) card.replaceWith(old);
  }
  sources = made;
  for (const fold of fresh.content.querySelectorAll("details[data-fold]")) {
    if (folds.has(fold.dataset.fold)) fold.open = folds.get(fold.dataset.fold);
  }
  board.replaceChildren(fresh.content);

  restoreFocus(focus);
  selection?.();
  const now = anchorCase && cardOf(anchorCase);
  const still = scrollY > 0 && now && now.dataset.status === anchor.dataset.status;
  if (still) scrollBy({ top: now.getBoundingClientRect().top - anchorTop, behavior: "instant" });
  if (!first) announceChanges(before, summary());
  const waiting = Number(board.querySelector("[data-waiting]")?.dataset.waiting ?? 0);
  document.title = document.title.replace(/^\(\d+\) /, "").replace(/^/, waiting ? `(${waiting}) ` : "");
  dialogs.boardChanged();
}

/** The card that must not move under the eyes: the one with the focus or the selection, else the one in view. */
function cardBeingRead() {
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

/** Where the focus is, in words that survive a new board. */
function focusOf(focused) {
  if (!focused || !board.contains(focused) || focused === board) return null;
  const { action, event, jump } = focused.dataset;
  return {
    element: focused,
    case: focused.closest(".card")?.dataset.case,
    action,
    event,
    jump,
    fold: focused.tagName === "SUMMARY" ? focused.parentElement.dataset.fold : undefined,
    href: focused.getAttribute("href"),
  };
}

function restoreFocus(kept) {
  if (!kept) return;
  const card = kept.case && cardOf(kept.case);
  const within = card ?? board;
  const find = (selector) => within.querySelector(selector);
  const by = (name, value) => `[data-${name}="${CSS.escape(value)}"]`;
  const again =
    (board.contains(kept.element) && kept.element) ||
    (kept.action && find(`${by("action", kept.action)}${kept.event ? by("event", kept.event) : ""}:not(:disabled)`)) ||
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

function keepSelection() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed || !board.contains(selection.anchorNode)) return null;
  const { anchorNode, anchorOffset, focusNode, focusOffset } = selection;
  return () => {
    if (!board.contains(anchorNode) || !board.contains(focusNode)) return;
    getSelection().setBaseAndExtent(anchorNode, anchorOffset, focusNode, focusOffset);
  };
}

const messagesOf = (card) => [...card.querySelectorAll('.thread > li[data-kind="message"]')];

function summary() {
  const cards = [...board.querySelectorAll(".card")];
  return new Map(cards.map((card) => [card.dataset.case, { ...card.dataset, messages: messagesOf(card).length }]));
}

function announceChanges(before, after) {
  const news = [];
  for (const [id, card] of after) {
    const known = before.get(id);
    if (!known) news.push(`New case ${card.number}, priority ${card.priority}.`);
    else if (card.messages > known.messages) news.push(`New message in ${card.number}.`);
  }
  if (news.length) $("announce").textContent = news.join(" ");
}

let soon;
function refreshSoon() {
  clearTimeout(soon);
  soon = setTimeout(refresh, 100);
}

let reopenAfter = 1000;
function listen() {
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

// ---------------------------------------------------------------- asking the server

/** Why the server did not do it, in words for a person. */
class Refusal extends Error {}

/** Posts an action. Returns the answer, or throws a Refusal. */
async function act(id, action, body = {}) {
  let answer;
  try {
    answer = await fetch(`/desk/cases/${encodeURIComponent(id)}/${action}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF": csrf },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Refusal("The desk cannot be reached. Nothing was lost; please try again.");
  }
  if (signedOut(answer)) {
    tellSignedOut();
    throw new Refusal("You are signed out. Your draft is kept; sign in again in another tab.");
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const usual = { 403: "This page is too old for the server. Load it again; your drafts are kept." };
  throw new Refusal(told.message ?? usual[answer.status] ?? `The server answered with error ${answer.status}. Please try again.`);
}

// ---------------------------------------------------------------- drafts

// A text that was once handed to the server keeps its id, so that pressing Send again after a broken
// connection cannot send it twice. A changed text is another text and gets a new id.
const drafts = {
  memory: new Map(),
  key: (kind, id) => `smi-desk.${kind}.${id}`,
  get(kind, id) {
    const key = this.key(kind, id);
    try {
      return JSON.parse(localStorage.getItem(key)) ?? this.memory.get(key) ?? { text: "" };
    } catch {
      return this.memory.get(key) ?? { text: "" };
    }
  },
  put(kind, id, draft) {
    const key = this.key(kind, id);
    this.memory.set(key, draft);
    try {
      localStorage.setItem(key, JSON.stringify(draft));
    } catch {
      // storage is full or forbidden: this tab still has it
    }
  },
  drop(kind, id) {
    this.memory.delete(this.key(kind, id));
    try {
      localStorage.removeItem(this.key(kind, id));
    } catch {
      // likewise
    }
  },
  idFor(kind, id, text) {
    const draft = this.get(kind, id);
    const tried = draft.tried?.text === text ? draft.tried : { text, id: freshId() };
    this.put(kind, id, { text, tried });
    return tried.id;
  },
};

// ---------------------------------------------------------------- dialogs

const dialogs = {
  open: null, // { dialog, case, number, from, known }

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
    const preview = dialog.querySelector("[data-preview]");
    if (preview) preview.replaceChildren();
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
    const texts = fresh.map((item) => item.querySelector(".body")?.textContent ?? "(a file)");
    const words = fresh.length ? `The requester has written in the meantime:\n${texts.join("\n")}` : "";
    if (place.textContent !== words) place.textContent = words;
  },
};

function busy(dialog, yes) {
  // not `disabled`: the focus would be lost
  for (const button of dialog.querySelectorAll('button:not([data-do="cancel"])')) button.setAttribute("aria-disabled", String(yes));
}

async function preview(text) {
  const open = dialogs.open;
  const { html } = await act(open.case, "preview", { text });
  if (dialogs.open !== open) return;
  const place = open.dialog.querySelector("[data-preview]");
  place.innerHTML = html;
  place.hidden = false;
}

const noteText = (id, event) =>
  cardOf(id)?.querySelector(`.thread > li[data-event="${CSS.escape(event)}"] .body`)?.textContent ?? "";

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
      if (dialogs.open === open) dialogs.error(problem);
      else tell(`${open.number}: ${problem.message}`, "error");
    } finally {
      busy(dialog, false);
    }
  });
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

let hiding;
function hideRevealed() {
  clearTimeout(hiding);
  $("reveal-dialog").querySelector("[data-revealed]").textContent = "";
}

// ---------------------------------------------------------------- actions on cards

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
    const dialog = dialogs.show("reveal", card, button);
    dialog.querySelector("[data-revealed]").textContent = text;
    hiding = setTimeout(() => dialog.close(), REVEALED_FOR);
  },
  async reply_retry(id, number, card, button) {
    await act(id, "reply_retry", { event: Number(button.dataset.event) });
    tell(`${number}: it is being sent again.`);
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

listen();
