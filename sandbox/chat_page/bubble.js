/* Draws one message, or one album, as a bubble. */

import { element, icon } from "./dom.js";
import { copy, formattedText } from "./formatted_text.js";
import { albumNode, attachmentNode } from "./media.js";
import { colourOf, initialsOf, momentOf, nameOf, previewOf, senderOf, serviceWords, timeOf } from "./words.js";

export function avatarNode(who, extra = "") {
  const name = nameOf(who);
  return element(
    "span",
    { class: `avatar colour-${colourOf(who?.id)} ${extra}`, "aria-hidden": "true" },
    initialsOf(name),
  );
}

export const dateNode = (words) => element("div", { class: "date" }, element("span", {}, words));

export function serviceNode(message) {
  return element(
    "div",
    { class: "service", dataset: { messageId: message.message_id } },
    element("span", {}, serviceWords(message)),
  );
}

/** The bubble that grows while the bot is still writing; `stop` is called by its button, where it has one. */
export function draftNode({ text, entities, can_stop }, stop) {
  const words = text ? formattedText(text, entities) : element("span", { class: "thinking" }, "Thinking…");
  const bubble = element(
    "article",
    { class: "bubble draft", "aria-label": "The bot is writing", "aria-busy": "true" },
    element("div", { class: "text" }, words, element("span", { class: "caret", "aria-hidden": "true" })),
  );
  const button = element("button", { type: "button", class: "stop-draft", onclick: stop }, "Stop");
  const parts = can_stop ? [bubble, button] : [bubble];
  return element("div", { class: "row in last" }, element("div", { class: "stack" }, ...parts));
}

/**
 * Draw messages that stand in one bubble (several only for an album).
 *
 * `place` says where it stands: `{mine, first, last, showsSender}`. `act` holds what a person can
 * do: `openPhoto(message)`, `jumpTo(id)`, `command(text)`, `menu(message, anchor, point)`,
 * `reply(message)`, `pressButton(message, button, node)`, `pay(message)`, `openWebApp(message, button)`,
 * `switchInline(button, node)`; `find(id)` looks a message up.
 */
export function messageNode(messages, place, act) {
  const head = messages[0];
  const carrier = messages.find((message) => message.caption) ?? head;
  const sender = senderOf(head);
  const words = carrier.text ?? carrier.caption;
  const attachment = messages.length > 1 ? albumNode(messages, act.openPhoto) : attachmentNode(head, act.openPhoto);
  const isMedia = attachment?.classList.contains("media");

  const bubble = element(
    "article",
    {
      class: "bubble",
      tabindex: "-1",
      "aria-label": `${place.mine ? "You" : nameOf(sender)}, ${timeOf(head.date)}`,
      dataset: { messageId: head.message_id },
    },
    place.showsSender && place.first ? element("div", { class: `sender name-${colourOf(sender.id)}` }, nameOf(sender)) : null,
    head.via_bot ? element("div", { class: "via" }, `via @${head.via_bot.username}`) : null,
    quoteNode(head, act),
    attachment,
  );
  const meta = metaNode(carrier, place.mine);
  if (words) {
    const text = formattedText(words, carrier.entities ?? carrier.caption_entities, { whenCommand: act.command });
    bubble.append(element("div", { class: "text" }, text, meta));
  } else if (!attachment) {
    bubble.append(element("div", { class: "text muted" }, "This page cannot show this kind of message", meta));
  } else {
    meta.classList.add(isMedia ? "over-media" : "below-media");
    bubble.append(meta);
  }
  bubble.classList.toggle("has-media", Boolean(isMedia));
  bubble.classList.toggle("only-media", Boolean(isMedia) && !words);
  bubble.classList.toggle("bare", Boolean(head.sticker));
  if (isMedia && words) bubble.style.setProperty("--media-width", attachment.firstChild.style.width || attachment.style.width);

  bubble.addEventListener("contextmenu", (event) => {
    if (event.target.closest("a") || !getSelection().isCollapsed) return;
    event.preventDefault();
    act.menu(head, bubble, { x: event.clientX, y: event.clientY });
  });
  bubble.addEventListener("dblclick", (event) => {
    if (event.target.closest("button, a, .photo")) return;
    getSelection().removeAllRanges();
    act.reply(head);
  });
  bubble.addEventListener("keydown", (event) => {
    if (event.target !== bubble || (event.key !== "Enter" && event.key !== "ContextMenu")) return;
    event.preventDefault();
    act.menu(head, bubble, {});
  });

  const stack = element("div", { class: "stack" }, bubble, keyboardNode(head, act));
  const row = element("div", { class: `row ${place.mine ? "out" : "in"}` });
  row.classList.toggle("first", place.first);
  row.classList.toggle("last", place.last);
  if (place.showsSender) row.append(place.last ? avatarNode(sender) : element("span", { class: "avatar empty" }));
  row.append(stack);
  return row;
}

function quoteNode(message, act) {
  const quoted = message.reply_to_message;
  // In a forum every message formally answers the one that opened its topic.
  if (!quoted || quoted.forum_topic_created) return null;
  const who = senderOf(quoted);
  const now = act.find(quoted.message_id);
  const words = message.quote?.text ?? (now || !quoted.deleted ? previewOf(now ?? quoted) : "Deleted message");
  return element(
    "button",
    {
      type: "button",
      class: `quote name-${colourOf(who.id)}`,
      "aria-label": `In reply to ${nameOf(who)}: ${words}`,
      onclick: () => act.jumpTo(quoted.message_id),
    },
    element("span", { class: "quote-name" }, nameOf(who)),
    element("span", { class: "quote-words" }, words),
  );
}

function metaNode(message, mine) {
  return element(
    "span",
    { class: "meta", title: momentOf(message.date) },
    message.edited || message.edit_date ? element("span", { class: "edited" }, "edited") : null,
    element("time", { datetime: new Date(message.date * 1000).toISOString() }, timeOf(message.date)),
    mine ? icon("ticks") : null,
  );
}

function keyboardNode(message, act) {
  // An invoice without buttons of its own has one to pay it.
  const rows = message.reply_markup?.inline_keyboard ?? (message.invoice ? [[{ text: "Pay", pay: true }]] : []);
  if (!rows.length) return null;
  return element(
    "div",
    { class: "keyboard", role: "group", "aria-label": "Buttons" },
    rows.map((row) => element("div", { class: "keyboard-row" }, row.map((button) => buttonNode(message, button, act)))),
  );
}

function buttonNode(message, button, act) {
  const style = button.style ? `style-${button.style}` : "";
  const label = element("span", { class: "key-label" }, button.text);
  const address = button.url ?? button.login_url?.url;
  if (address && /^(?:https?|tg):/iu.test(address)) {
    const goes = { href: address, target: "_blank", rel: "noopener noreferrer" };
    return element("a", { class: `key ${style}`, ...goes }, label, icon("open"));
  }
  if (button.copy_text) {
    const whenClicked = () => copy(button.copy_text.text);
    return element("button", { type: "button", class: `key ${style}`, onclick: whenClicked }, label, icon("copy"));
  }
  const node = element("button", { type: "button", class: `key ${style}` }, label);
  const switches = ["switch_inline_query", "switch_inline_query_current_chat", "switch_inline_query_chosen_chat"];
  if (button.pay) node.addEventListener("click", () => act.pay(message));
  else if (button.web_app) {
    node.append(icon("window"));
    node.addEventListener("click", () => act.openWebApp(message, button));
  } else if (switches.some((name) => button[name] !== undefined)) {
    node.append(icon("reply"));
    node.addEventListener("click", () => act.switchInline(button, node));
  }
  else if (button.callback_data === undefined) node.disabled = true;
  else node.addEventListener("click", () => act.pressButton(message, button, node));
  return node;
}
