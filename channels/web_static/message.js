// How one message looks. `html` is rendered by our server from approved Markdown; every other text is only text.

import { drawChoices } from "./choices.js";
import { dayAndTime, element, say, size, when } from "./page.js";
import { queue } from "./queue.js";

export function draw(message, state) {
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

/** Whether it has arrived; where it could not be taken, why, and the two ways on, which failed.js carries out. */
export function drawDelivery(message, state) {
  const words = element("div", { className: "delivery" }, element("span", { textContent: say(`state-${state}`) }));
  if (state === "failed") {
    const reason = queue.items.get(message.id)?.failed;
    if (reason) words.append(element("span", { textContent: say(reason) }));
    const again = element("button", { type: "button", className: "quiet retry", textContent: say("retry") });
    const back = element("button", { type: "button", className: "quiet take-back", textContent: say("take-back") });
    words.append(element("span", { className: "ways" }, again, back));
  }
  return words;
}
