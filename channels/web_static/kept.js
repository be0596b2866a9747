// What is kept on this device. One key per item, so that two tabs never overwrite each other's messages.

export const kept = {
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
