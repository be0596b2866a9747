// The requester's chat page. Text of people goes in through textContent only; `html` is rendered by our server
// from approved Markdown. All words come from the labels block.

const labels = JSON.parse(document.getElementById("labels").textContent);
const $ = (id) => document.getElementById(id);
const say = (key, values = {}) =>
  (labels[key] ?? labels.refused).replace(/\{(\w+)\}/g, (mark, name) => values[name] ?? mark);

const TEXT_LIMIT = 20_000; // characters
const ANSWER_WITHIN = 15_000; // ms the server may take to confirm before the line is taken for dead
const FAMILIES = { helpful: "feedback", "not-helpful": "feedback", specialist: "specialist" };

function element(name, properties = {}, ...children) {
  const { dataset, ...rest } = properties;
  const made = Object.assign(document.createElement(name), rest);
  Object.assign(made.dataset, dataset);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

function freshId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // randomUUID is missing where the page is not served over https, e.g. a phone in the office network
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

const language = document.documentElement.lang;
const timeOnly = new Intl.DateTimeFormat(language, { timeStyle: "short" });
const dayAndTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const when = (date) => (date.toDateString() === new Date().toDateString() ? timeOnly : dayAndTime).format(date);

function size(bytes) {
  const [unit, value] = bytes < 1e6 ? ["kilobyte", Math.max(1, bytes / 1e3)] : ["megabyte", bytes / 1e6];
  const style = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: unit === "megabyte" ? 1 : 0 };
  return new Intl.NumberFormat(language, style).format(value);
}

const announce = (text) => ($("announce").textContent = text);

// ---------------------------------------------------------------- what is kept on this device

// One key per item, so that two tabs never overwrite each other's messages.
const kept = {
  memory: new Map(), // also when the browser keeps nothing
  put(key, value) {
    this.memory.set(key, value);
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      // storage is full or forbidden: this tab still has it
    }
  },
  drop(key) {
    this.memory.delete(key);
    try {
      localStorage.removeItem(key);
    } catch {
      // likewise
    }
  },
  under(prefix) {
    const found = new Map([...this.memory].filter(([key]) => key.startsWith(prefix)));
    try {
      for (const key of Object.keys(localStorage)) {
        if (!key.startsWith(prefix) || found.has(key)) continue;
        try {
          found.set(key, JSON.parse(localStorage.getItem(key)));
        } catch {
          localStorage.removeItem(key); // not ours, or damaged
        }
      }
    } catch {
      // likewise
    }
    return found;
  },
};

/** Messages and presses that the server has not confirmed: sent again, under the same id, until it has. */
const queue = {
  items: new Map(),
  last: 0,
  load() {
    const found = [...kept.under("smi.queue.").values()].filter((item) => item?.id && item.frame);
    for (const item of found.sort((a, b) => a.order - b.order)) this.items.set(item.id, item);
  },
  add(frame, extra = {}) {
    this.last = Math.max(Date.now(), this.last + 1);
    const item = { id: frame.id, frame, order: this.last, ...extra };
    this.items.set(item.id, item);
    kept.put(`smi.queue.${item.id}`, item);
    return item;
  },
  change(item, changes) {
    Object.assign(item, changes);
    kept.put(`smi.queue.${item.id}`, item);
  },
  done(id) {
    const item = this.items.get(id);
    this.items.delete(id);
    kept.drop(`smi.queue.${id}`);
    return item;
  },
};

/** Which button of which reply was pressed, so that it still shows after a reload. */
const presses = {
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

// ---------------------------------------------------------------- the log

const log = $("log");
const shown = new Map(); // message id -> { message, article }
let highest = 0;

let pinned = true; // the reader is at the end and wants to stay there
const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 80;

function toEnd() {
  log.scrollTop = log.scrollHeight;
  pinned = true;
  $("jump").hidden = true;
}

/** Follows a new message to the end, but a long one only so far that it can be read from its start. */
function follow(article) {
  if (article && article.dataset.from !== "you" && article.offsetHeight > log.clientHeight - 32) {
    article.scrollIntoView({ block: "start" });
    pinned = atEnd(); // what follows at once must not carry it away
  } else {
    toEnd();
  }
}

log.addEventListener(
  "scroll",
  () => {
    pinned = atEnd();
    if (pinned) $("jump").hidden = true;
  },
  { passive: true },
);
new ResizeObserver(() => pinned && toEnd()).observe(log);
$("jump").addEventListener("click", () => {
  toEnd();
  $("text").focus();
});

/** Shows a message, or replaces the one with the same id. `quietly`: one of many, the page is moved afterwards. */
function show(message, state, quietly = false) {
  const old = shown.get(message.id);
  const article = old && sameWords(old.message, message) ? old.article : draw(message, state);
  if (article === old?.article) {
    // kept in place, so that it is not read aloud again
    article.dataset.state = state;
    article.querySelector(".delivery")?.replaceWith(drawDelivery(message, state));
  } else if (!old && !quietly) {
    article.dataset.new = "";
  }
  const focused = old?.article.contains(document.activeElement) ? document.activeElement.dataset : null;
  if (old && old.article !== article) old.article.remove();
  shown.set(message.id, { message, article });

  const order = (other) => shown.get(other?.dataset.id)?.message.order ?? -1;
  let next = null;
  for (let other = log.lastElementChild; other; other = other.previousElementSibling) {
    if (other === article) continue;
    if (order(other) <= message.order) break;
    next = other;
  }
  const after = article.isConnected ? article.nextElementSibling : undefined;
  if (after !== next) log.insertBefore(article, next);

  if (focused?.verb) article.querySelector(`[data-verb="${focused.verb}"]`)?.focus({ preventScroll: true });
  if (quietly) return;
  if (pinned || (!old && message.from === "you")) follow(article);
  else if (!old) $("jump").hidden = false;
}

const sameWords = (one, other) =>
  one.from === "you" && one.text === other.text && (one.attachments ?? []).length === (other.attachments ?? []).length;

const fromServer = (message) => ({ ...message, order: message.seq });
const fromQueue = (item) => ({
  id: item.id,
  from: "you",
  html: null,
  text: item.frame.text,
  at: item.at,
  buttons: [],
  attachments: item.attachments,
  order: 4e15 + item.order, // after every number of the server, which counts microseconds since 1970
});

function draw(message, state) {
  const at = new Date(message.at);
  const heading = element("header", {}, element("h3", { textContent: say(`from-${message.from}`) }));
  if (!Number.isNaN(at.valueOf())) {
    heading.append(element("time", { dateTime: at.toISOString(), textContent: when(at), title: dayAndTime.format(at) }));
  }
  const article = element("article", { className: "message" }, heading);
  Object.assign(article.dataset, { from: message.from, id: message.id, state });

  const bubble = element("div", { className: "bubble" });
  if (message.html !== null && message.html !== undefined && message.from !== "you") {
    const body = element("div", { className: "body", innerHTML: message.html, lang: message.language ?? "" });
    for (const link of body.querySelectorAll('a[href^="http"]')) {
      link.target = "_blank";
      link.rel = "noopener noreferrer";
    }
    bubble.append(body);
  } else if (message.text) {
    bubble.append(element("div", { className: "body plain", dir: "auto", textContent: message.text }));
  }
  if (message.attachments?.length) bubble.append(drawFiles(message.attachments));
  if (bubble.hasChildNodes()) article.append(bubble);
  if (message.buttons?.length) article.append(...drawChoices(message));
  if (message.from === "you") article.append(drawDelivery(message, state));
  return article;
}

function drawFiles(files) {
  const list = element("ul", { className: "files" });
  for (const file of files) {
    const link = element("a", { href: `/chat/attachments/${encodeURIComponent(file.id)}`, download: file.name });
    link.append(element("bdi", { textContent: file.name }));
    list.append(element("li", {}, link, element("span", { className: "size", textContent: size(file.size) })));
  }
  return list;
}

/** Feedback, the way to a specialist and everything else are separate groups: one press closes its own group only. */
function drawChoices(message) {
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

function drawDelivery(message, state) {
  const words = element("div", { className: "delivery" }, element("span", { textContent: say(`state-${state}`) }));
  if (state === "failed") {
    const reason = queue.items.get(message.id)?.failed;
    if (reason) words.append(element("span", { textContent: say(reason) }));
    const again = element("button", { type: "button", className: "quiet retry", textContent: say("retry") });
    again.addEventListener("click", () => retry(message.id));
    const back = element("button", { type: "button", className: "quiet take-back", textContent: say("take-back") });
    back.addEventListener("click", () => takeBack(message.id));
    words.append(element("span", { className: "ways" }, again, back));
  }
  return words;
}

const showQueued = (item) =>
  item.frame.type === "message" && show(fromQueue(item), item.failed ? "failed" : "sending");

// ---------------------------------------------------------------- sending

function submit(frame, extra) {
  const item = queue.add(frame, extra);
  transmit(item);
  return item;
}

function transmit(item) {
  if (!line.ready || item.failed) return;
  line.send(item.frame);
  line.expectAnswer();
}

function sendMessage() {
  const text = $("text").value;
  if (uploads.some((upload) => upload.state === "uploading")) return complain("upload-wait");
  if (tooLong(text)) return complain("too-long", { limit: number(TEXT_LIMIT) });
  const files = uploads.filter((upload) => upload.state === "ready").map((upload) => upload.file);
  if (!text.trim() && !files.length) return complain("nothing-to-send");
  const frame = { type: "message", id: freshId(), text, attachments: files.map((file) => file.id) };
  showQueued(submit(frame, { at: new Date().toISOString(), attachments: files }));
  uploads = uploads.filter((upload) => upload.state === "failed");
  drawTray();
  write("");
  $("text").focus();
}

function press(message, family, text, action, button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  presses.set(message.id, family, action);
  markPressed(button.parentElement, action);
  announce(say("chosen", { choice: text }));
  submit({ type: "press", id: freshId(), action }, { pressed: { reply: message.id, family } });
}

function retry(id) {
  const item = queue.items.get(id);
  if (!item) return;
  queue.change(item, { failed: undefined });
  showQueued(item);
  transmit(item);
  $("text").focus();
}

function takeBack(id) {
  const item = queue.done(id);
  shown.get(id)?.article.remove();
  shown.delete(id);
  if (!item) return;
  if (!$("text").value.trim()) write(item.frame.text);
  for (const file of item.attachments ?? []) uploads.push({ key: file.id, name: file.name, state: "ready", file });
  drawTray();
  announce(say("taken-back"));
  $("text").focus();
}

const number = (value) => new Intl.NumberFormat(language).format(value);

/** Counts characters, not UTF-16 halves; a text that is long either way is not counted through. */
function tooLong(text) {
  if (text.length <= TEXT_LIMIT) return false;
  return text.length > 2 * TEXT_LIMIT || Array.from(text).length > TEXT_LIMIT;
}

function complain(key, values) {
  $("problem").textContent = key ? say(key, values) : "";
  if (key) $("text").focus();
}

function write(text) {
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

$("text").addEventListener("input", written);
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  if (!event.repeat) sendMessage();
});
$("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  sendMessage();
});

// ---------------------------------------------------------------- files

let uploads = []; // { key, name, state: uploading | ready | failed, file?, label? }

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

$("file").addEventListener("change", () => {
  for (const chosen of $("file").files) upload(chosen);
  $("file").value = "";
});
$("text").addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
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

// ---------------------------------------------------------------- receiving

const seen = new Set(); // replies that stood on a visible page
let unread = 0;
const title = document.title;

function markSeen() {
  if (document.visibilityState !== "visible") return;
  unread = 0;
  document.title = title;
  const fresh = [...shown.values()].filter(({ message }) => message.from !== "you" && !seen.has(message.id));
  if (fresh.length && line.ready) reportSeen(fresh.map(({ message }) => message.id));
}

function reportSeen(replies) {
  for (const reply of replies) seen.add(reply);
  for (let start = 0; start < replies.length; start += 200) {
    line.send({ type: "seen", replies: replies.slice(start, start + 200) });
  }
}

function take(message, quietly) {
  highest = Math.max(highest, message.seq);
  if (message.from === "you") queue.done(message.id);
  const known = shown.get(message.id);
  if (known && known.message.seq === message.seq) return;
  show(fromServer(message), "received", quietly);
}

const receive = {
  history(frame) {
    const first = log.getAttribute("aria-live") === "off";
    const before = shown.size;
    for (const message of frame.messages) take(message, true);
    setSpecialist(frame.specialist, first);
    if (pinned) follow(log.lastElementChild);
    else if (shown.size > before) $("jump").hidden = false;
    if (first) {
      // what was said before is not read aloud; what comes now is
      setTimeout(() => log.setAttribute("aria-live", "polite"), 500);
    }
    line.welcomed();
    reportSeen([...seen]); // the old line may have swallowed it
    for (const item of [...queue.items.values()]) transmit(item);
    markSeen();
  },
  accepted(frame) {
    const item = queue.done(frame.id);
    const entry = shown.get(frame.id);
    // its place is after all that was said so far, until the echo tells its number
    if (item?.frame.type === "message" && entry) show({ ...entry.message, order: highest + 0.5 }, "received");
  },
  refused(frame) {
    const item = queue.items.get(frame.id);
    if (!item) return;
    const label = frame.label in labels ? frame.label : "refused";
    if (item.frame.type === "press") {
      queue.done(frame.id);
      presses.undo(item.pressed.reply, item.pressed.family);
      const article = shown.get(item.pressed.reply)?.article;
      const group = article?.querySelector(`.choices[data-family="${item.pressed.family}"]`);
      if (group) markPressed(group, null);
      $("problem").textContent = say(label);
      return;
    }
    queue.change(item, { failed: label });
    showQueued(item);
    announce(`${say("state-failed")}. ${say(label)}`);
  },
  message(frame) {
    setTyping(false);
    take(frame.message);
    if (frame.message.from !== "you" && document.visibilityState !== "visible") {
      unread += 1;
      document.title = `(${unread}) ${title}`;
    }
    markSeen();
  },
  state(frame) {
    setSpecialist(frame.specialist);
    setTyping(frame.typing);
  },
};

function setSpecialist(here, silently = false) {
  const banner = $("specialist-banner");
  if (banner.hidden === !here) return;
  banner.hidden = !here;
  if (!silently) announce(say(here ? "specialist-here" : "specialist-left"));
}

let typingEnds;
function setTyping(typing) {
  clearTimeout(typingEnds);
  const words = typing ? say($("specialist-banner").hidden ? "typing-bot" : "typing-specialist") : "";
  if ($("typing").textContent !== words) $("typing").textContent = words;
  if (typing) typingEnds = setTimeout(setTyping, 60_000, false);
}

// ---------------------------------------------------------------- the line to the server

const line = {
  socket: null,
  ready: false, // hello was answered: what is sent now arrives in order
  failures: 0,
  again: undefined,
  overdue: undefined,

  open() {
    clearTimeout(this.again);
    this.socket?.close();
    this.ready = false;
    this.state("connecting");
    const address = new URL("/chat/socket", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.socket = socket;
    this.expectAnswer(true);
    socket.addEventListener("open", () => socket === this.socket && this.send({ type: "hello", after: highest }));
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket) return;
      clearTimeout(this.overdue);
      this.overdue = undefined;
      const frame = JSON.parse(event.data);
      receive[frame.type]?.(frame);
      if (this.ready && this.waiting()) this.expectAnswer();
    });
    socket.addEventListener("close", () => socket === this.socket && this.lost());
  },

  waiting: () => [...queue.items.values()].some((item) => !item.failed),

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  },

  /** A line can be dead without telling: if nothing comes back in time, a new one is opened. */
  expectAnswer(restart = false) {
    if (this.overdue && !restart) return;
    clearTimeout(this.overdue);
    this.overdue = setTimeout(() => this.lost(), ANSWER_WITHIN);
  },

  welcomed() {
    this.ready = true;
    this.failures = 0;
    this.state("open");
  },

  lost() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.ready = false;
    clearTimeout(this.overdue);
    this.overdue = undefined;
    setTyping(false);
    this.state("lost");
    const wait = Math.min(30_000, 500 * 2 ** this.failures) * (0.5 + Math.random());
    this.failures += 1;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.open(), wait);
  },

  state(state) {
    // while it keeps trying after a loss it stays "lost": a flickering line is worse than a plain one
    if (state === "connecting" && this.failures) return;
    const words = say(`connection-${state}`);
    $("connection").dataset.state = state;
    if ($("connection").textContent !== words) $("connection").textContent = words;
    clearTimeout(this.tell);
    if (state === "lost") {
      this.tell = setTimeout(() => ($("lost").hidden = false), 2000);
    } else {
      $("lost").hidden = true;
    }
  },
};

$("try-now").addEventListener("click", () => {
  line.open();
  $("text").focus();
});
addEventListener("online", () => line.open());
addEventListener("offline", () => line.lost());
addEventListener("pageshow", (event) => event.persisted && line.open());
document.addEventListener("visibilitychange", () => {
  markSeen();
  if (document.visibilityState === "visible" && !line.ready) line.open();
});

// ---------------------------------------------------------------- start

queue.load();
presses.load();
for (const item of queue.items.values()) showQueued(item);
try {
  write(sessionStorage.getItem("smi.draft") ?? "");
} catch {
  write("");
}
if (matchMedia("(hover: hover)").matches) $("text").focus(); // on a phone the keyboard would cover the page
line.open();
