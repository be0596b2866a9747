// What a specialist has written and not yet sent, case by case, kept in this browser.
// A text that was once handed to the server keeps its id, so that pressing Send again after a broken
// connection cannot send it twice. A changed text is another text and gets a new id.

import { freshId } from "./fresh-id.js";

export const drafts = {
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
