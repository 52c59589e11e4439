/* Keeps the list of bubbles in step with the messages: redraws what changed, and only that. */

import { dateNode, draftNode, messageNode, serviceNode } from "./bubble.js";
import { byId, fadeOut } from "./dom.js";
import { dayKey, dayOf, senderOf, serviceWords } from "./words.js";

const PAGE = 120; // bubbles drawn at first, and again whenever the top is reached
const GROUP_SECONDS = 600; // messages closer than that stand together
const NEAR_BOTTOM = 140; // pixels

export class History {
  #act;
  #drawn = new Map(); // key -> {node, messages, flags}
  #shown = PAGE;
  #scroller = byId("scroller");
  #list = byId("history");
  #toBottom = byId("to-bottom");
  #atBottom = true;
  #draft = null;
  #chatKey = null;
  #isFresh = true; // nothing of this chat was drawn yet
  #newestShown = undefined; // message id
  #again = () => undefined;

  constructor(act) {
    this.#act = act;
    this.#scroller.addEventListener("scroll", () => this.#whenScrolled(), { passive: true });
    this.#toBottom.addEventListener("click", () => this.goToBottom(true));
    this.#list.addEventListener("keydown", (event) => this.#walk(event));
    // Stay at the end while pictures, keyboards or the composer change their size.
    const watcher = new ResizeObserver(() => {
      if (this.#atBottom) this.goToBottom();
    });
    watcher.observe(this.#list);
    watcher.observe(this.#scroller);
  }

  /**
   * Show `messages` (oldest first) and the bot's `draft`, if any.
   *
   * `chatKey` names chat and topic: with another one everything is drawn anew, from the bottom.
   */
  show(chatKey, messages, { isMine, showsSenders, draft, stopDraft }) {
    if (chatKey !== this.#chatKey) this.#begin(chatKey);
    this.#again = () => this.show(chatKey, messages, { isMine, showsSenders, draft, stopDraft });

    const items = arrange(messages.slice(-this.#shown), isMine, showsSenders);
    const before = this.#drawn;
    this.#drawn = new Map();
    let previous = null;
    for (const item of items) {
      const old = before.get(item.key);
      before.delete(item.key);
      const entry = isSame(old, item) ? old : { ...item, node: this.#draw(item) };
      this.#place(entry.node, old?.node, previous);
      if (!old && item.messages[0]?.message_id > this.#newestShown) entry.node.classList.add("arriving");
      this.#drawn.set(item.key, entry);
      previous = entry.node;
    }
    for (const { node, kind } of before.values()) {
      if (kind === "date" || node.classList.contains("leaving")) node.remove();
      else this.#letGo(node);
    }
    this.#showDraft(draft, stopDraft);
    this.#list.querySelectorAll(".bubble[tabindex='0']").forEach((bubble) => (bubble.tabIndex = -1));
    const last = [...this.#list.querySelectorAll(".bubble[data-message-id]")].at(-1);
    if (last) last.tabIndex = 0;

    const newest = messages.at(-1);
    const hasNew = newest && newest.message_id !== this.#newestShown;
    this.#newestShown = newest?.message_id;
    if (this.#isFresh || this.#atBottom || (hasNew && isMine(newest))) this.goToBottom();
    this.#isFresh = false;
  }

  #begin(chatKey) {
    this.#chatKey = chatKey;
    this.#drawn.clear();
    this.#list.replaceChildren();
    this.#draft = null;
    this.#shown = PAGE;
    this.#atBottom = true;
    this.#isFresh = true;
    this.#newestShown = undefined;
  }

  #draw(item) {
    if (item.kind === "date") return dateNode(item.words);
    if (item.kind === "service") return serviceNode(item.messages[0]);
    return messageNode(item.messages, item.place, this.#act);
  }

  #place(node, old, previous) {
    if (old && old !== node) {
      old.replaceWith(node);
      return;
    }
    let after = previous ? previous.nextSibling : this.#list.firstChild;
    while (after?.classList.contains("leaving")) after = after.nextSibling;
    if (node !== after) this.#list.insertBefore(node, after);
  }

  /* A deleted message fades; nothing may find it any more. */
  #letGo(node) {
    for (const part of [node, ...node.querySelectorAll("[data-message-id]")]) delete part.dataset.messageId;
    fadeOut(node);
  }

  #showDraft(draft, stop) {
    const node = draft ? draftNode(draft, stop) : null;
    if (node) this.#list.append(node);
    this.#draft?.remove();
    this.#draft = node;
  }

  goToBottom(smoothly = false) {
    this.#atBottom = true;
    this.#toBottom.hidden = true;
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior: smoothly ? "smooth" : "instant" });
  }

  #whenScrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#atBottom = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM;
    this.#toBottom.hidden = this.#atBottom;
    if (scrollTop > 200 || this.#drawn.size < this.#shown) return;
    this.#shown += PAGE;
    this.#again();
    this.#scroller.scrollTop = scrollTop + this.#scroller.scrollHeight - scrollHeight;
  }

  /** Bring a message into sight and light it up. False when it is not there any more. */
  jumpTo(id) {
    let node = this.#find(id);
    if (!node) {
      this.#shown = Number.MAX_SAFE_INTEGER;
      this.#again();
      node = this.#find(id);
    }
    if (!node) return false;
    const row = node.closest(".row") ?? node;
    row.scrollIntoView({ block: "center", behavior: "smooth" });
    row.classList.remove("lit");
    void row.offsetWidth; // Let the light begin anew.
    row.classList.add("lit");
    return true;
  }

  #find(id) {
    return this.#list.querySelector(`[data-message-id="${Number(id)}"]`);
  }

  /* Arrow keys go from bubble to bubble; only one of them is a stop of the Tab key. */
  #walk(event) {
    if (!event.target.matches?.(".bubble") || (event.key !== "ArrowUp" && event.key !== "ArrowDown")) return;
    const bubbles = [...this.#list.querySelectorAll(".bubble[data-message-id]")];
    const next = bubbles[bubbles.indexOf(event.target) + (event.key === "ArrowUp" ? -1 : 1)];
    if (!next) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

function isSame(old, item) {
  return (
    old !== undefined &&
    old.flags === item.flags &&
    old.messages.length === item.messages.length &&
    old.messages.every((message, at) => message === item.messages[at])
  );
}

/* Messages → what stands in the list: days, service lines, bubbles, albums. */
function arrange(messages, isMine, showsSenders) {
  const units = bundles(messages);
  const items = [];
  units.forEach((unit, at) => {
    const head = unit[0];
    const before = units[at - 1]?.at(-1);
    const after = units[at + 1]?.[0];
    if (!before || dayKey(before.date) !== dayKey(head.date)) {
      const words = dayOf(head.date);
      items.push({ key: `day ${dayKey(head.date)}`, kind: "date", words, flags: words, messages: [] });
    }
    if (serviceWords(head)) {
      items.push({ key: head.message_id, kind: "service", flags: "", messages: unit });
      return;
    }
    const mine = isMine(head);
    const place = {
      mine,
      first: !standTogether(before, head),
      last: !standTogether(unit.at(-1), after),
      showsSender: showsSenders && !mine,
    };
    items.push({ key: head.message_id, kind: "message", place, flags: JSON.stringify(place), messages: unit });
  });
  return items;
}

/* Photos of one media group become one unit, everything else is alone. */
function bundles(messages) {
  const units = [];
  for (const message of messages) {
    const last = units.at(-1);
    const belongs = message.media_group_id && message.photo && last?.[0].media_group_id === message.media_group_id;
    if (belongs && last[0].photo) last.push(message);
    else units.push([message]);
  }
  return units;
}

function standTogether(one, other) {
  return Boolean(
    one &&
      other &&
      !serviceWords(one) &&
      !serviceWords(other) &&
      !one.reply_markup?.inline_keyboard?.length &&
      senderOf(one).id === senderOf(other).id &&
      dayKey(one.date) === dayKey(other.date) &&
      other.date - one.date < GROUP_SECONDS,
  );
}
