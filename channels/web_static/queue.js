// Messages and presses that the server has not confirmed: sent again, under the same id, until it has. They are
// kept on the device, so that neither a reload nor a dead line loses what somebody has written.

import { kept } from "./kept.js";

export const queue = {
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
  waiting() {
    return [...this.items.values()].some((item) => !item.failed);
  },
};
