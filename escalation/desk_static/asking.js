// Asking the server to do something, and saying why it did not.

import { $, tell } from "./page.js";

const csrf = document.querySelector('meta[name="csrf"]').content;

/** Why the server did not do it, in words for a person. */
export class Refusal extends Error {}

/** Posts an action. Returns the answer, or throws a Refusal. */
export async function act(id, action, body = {}) {
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

export const signedOut = (answer) =>
  answer.status === 401 || (answer.redirected && answer.url.includes("/desk/login"));

export function tellSignedOut() {
  tell("You are signed out. Your drafts are kept. ", "error");
  $("status").append(Object.assign(document.createElement("a"), { href: "/desk/login", textContent: "Sign in again" }));
}
