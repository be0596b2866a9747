// The line to the server: opened, watched, opened again. It carries frames both ways and does not know what they
// mean; chat.js tells it who receives them.

import { showConnection, showTyping } from "./banners.js";
import { $ } from "./page.js";
import { queue } from "./queue.js";

const ANSWER_WITHIN = 15_000; // ms the server may take to confirm before the line is taken for dead

export const line = {
  socket: null,
  ready: false, // hello was answered: what is sent now arrives in order
  failures: 0,
  again: undefined,
  overdue: undefined,
  receive: {}, // frame type -> what is done with such a frame
  known: () => 0, // the number of the latest message that this page has

  start(receive, known) {
    this.receive = receive;
    this.known = known;
    this.open();
  },

  open() {
    clearTimeout(this.again);
    this.socket?.close();
    this.ready = false;
    // while it keeps trying after a loss it stays "lost": a flickering line is worse than a plain one
    if (!this.failures) showConnection("connecting");
    const address = new URL("/chat/socket", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    this.socket = socket;
    this.expectAnswer(true);
    socket.addEventListener("open", () => socket === this.socket && this.send({ type: "hello", after: this.known() }));
    socket.addEventListener("message", (event) => {
      if (socket !== this.socket) return;
      clearTimeout(this.overdue);
      this.overdue = undefined;
      const frame = JSON.parse(event.data);
      this.receive[frame.type]?.(frame);
      if (this.ready && queue.waiting()) this.expectAnswer();
    });
    socket.addEventListener("close", () => socket === this.socket && this.lost());
  },

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  },

  /** Queues what must not get lost, and sends it at once where that is possible. */
  submit(frame, extra) {
    const item = queue.add(frame, extra);
    this.transmit(item);
    return item;
  },

  transmit(item) {
    if (!this.ready || item.failed) return;
    this.send(item.frame);
    this.expectAnswer();
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
    showConnection("open");
  },

  lost() {
    const socket = this.socket;
    this.socket = null;
    socket?.close();
    this.ready = false;
    clearTimeout(this.overdue);
    this.overdue = undefined;
    showTyping(false);
    showConnection("lost");
    const wait = Math.min(8_000, 500 * 2 ** this.failures) * (0.5 + Math.random());
    this.failures += 1;
    clearTimeout(this.again);
    this.again = setTimeout(() => this.open(), wait);
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
  if (document.visibilityState === "visible" && !line.ready) line.open();
});
