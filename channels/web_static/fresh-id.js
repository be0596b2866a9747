// The id under which the server recognises what is sent to it a second time.

export function freshId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // randomUUID is missing where the page is not served over https, e.g. a phone in the office network
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
