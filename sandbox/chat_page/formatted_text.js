/* Turns a text and its Bot API entities into nodes. */

import { element, toast } from "./dom.js";

/* Blocks end their line themselves, so the newline after one is not shown again. */
const BLOCKS = new Set(["pre", "blockquote", "expandable_blockquote"]);
const LONG_QUOTE_LINES = 3;

/**
 * Render `text` with its `entities`; their offsets count UTF-16 units, as JavaScript does.
 *
 * `whenCommand` is called with a clicked bot command, slash included.
 */
export function formattedText(text, entities = [], { whenCommand } = {}) {
  const sorted = [...entities].sort((one, other) => one.offset - other.offset || other.length - one.length);
  const fragment = document.createDocumentFragment();
  fragment.append(...render(text, 0, text.length, sorted, whenCommand));
  return fragment;
}

function render(text, start, end, entities, whenCommand) {
  const nodes = [];
  let at = start;
  let next = 0;
  while (next < entities.length) {
    const entity = entities[next];
    const from = Math.max(entity.offset, at);
    const to = Math.min(entity.offset + entity.length, end);
    next += 1;
    if (from >= to) continue;

    const inside = [];
    while (next < entities.length && entities[next].offset < to) {
      inside.push(entities[next]);
      next += 1;
    }
    if (from > at) nodes.push(text.slice(at, from));
    nodes.push(wrapped(entity, text.slice(from, to), render(text, from, to, inside, whenCommand), whenCommand));
    at = BLOCKS.has(entity.type) && text[to] === "\n" ? to + 1 : to;
  }
  if (at < end) nodes.push(text.slice(at, end));
  return nodes;
}

function wrapped(entity, plain, children, whenCommand) {
  switch (entity.type) {
    case "bold":
      return element("b", {}, children);
    case "italic":
      return element("i", {}, children);
    case "underline":
      return element("u", {}, children);
    case "strikethrough":
      return element("s", {}, children);
    case "spoiler":
      return spoiler(children);
    case "code":
      return element("code", { title: "Copy", onclick: () => copy(plain) }, children);
    case "pre":
      return codeBlock(entity, plain, children);
    case "blockquote":
      return element("blockquote", {}, children);
    case "expandable_blockquote":
      return expandableQuote(plain, children);
    case "text_link":
      return link(entity.url, children);
    case "url":
      return link(/^[a-z][a-z0-9+.-]*:/iu.test(plain) ? plain : `http://${plain}`, children);
    case "email":
      return link(`mailto:${plain}`, children);
    case "bot_command":
      return element("button", { type: "button", class: "inline-link", onclick: () => whenCommand?.(plain) }, children);
    case "mention":
    case "text_mention":
    case "hashtag":
    case "cashtag":
    case "phone_number":
      return element("span", { class: "inline-name" }, children);
    default:
      return element("span", {}, children);
  }
}

/* A bot may send any address: only those that open a page or a program are followed. */
function link(address, children) {
  const isSafe = /^(?:https?|tg|mailto|tel):/iu.test(address);
  if (!isSafe) return element("span", { class: "inline-name" }, children);
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer", title: address }, children);
}

function spoiler(children) {
  const reveal = (event) => {
    if (node.classList.contains("open")) return;
    event.preventDefault();
    event.stopPropagation();
    node.classList.add("open");
    node.removeAttribute("role");
    node.removeAttribute("aria-label");
  };
  const node = element(
    "span",
    { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Hidden text, show", onclick: reveal },
    element("span", {}, children),
  );
  node.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") reveal(event);
  });
  return node;
}

function codeBlock(entity, plain, children) {
  return element(
    "div",
    { class: "code-block" },
    element(
      "div",
      { class: "code-head" },
      element("span", {}, entity.language ?? "code"),
      element("button", { type: "button", class: "inline-link", onclick: () => copy(plain) }, "copy"),
    ),
    element("pre", {}, element("code", {}, children)),
  );
}

function expandableQuote(plain, children) {
  const quote = element("blockquote", { class: "expandable" }, element("div", { class: "quoted" }, children));
  if (plain.length < 120 && plain.split("\n").length <= LONG_QUOTE_LINES) return quote;
  const button = element("button", { type: "button", class: "quote-more", "aria-expanded": "false" }, "Show more");
  const toggle = () => {
    const open = quote.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Show less" : "Show more";
  };
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    toggle();
  });
  quote.addEventListener("click", () => {
    if (!quote.classList.contains("open") && getSelection().isCollapsed) toggle();
  });
  quote.classList.add("collapsible");
  quote.append(button);
  return quote;
}

/** Put a text on the clipboard and say so. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  } catch {
    toast("The browser does not let this page copy");
  }
}
