/* What the person at this window knows: chats, messages, what is unread, who is typing. No page nodes here. */

import * as api from "./api.js";
import { serviceWords } from "./words.js";

const ACTION_MS = 5_000; // Telegram shows an action for five seconds at most.
const DRAFT_MS = 30_000; // A draft that nobody continues goes by itself.

export class Chats {
  #whenChanged;
  #messages = new Map(); // chat id -> Map of message id -> message
  #actions = new Map(); // chat id -> {action, timer}
  #drafts = new Map(); // chat id -> {text, timer}
  #read; // chat id -> newest message id that was seen

  /** `whenChanged(chatId)` is called after every change; without an id the list itself changed. */
  constructor(me, whenChanged) {
    this.me = me;
    this.bot = null;
    this.list = [];
    this.#whenChanged = whenChanged;
    this.#read = new Map(Object.entries(JSON.parse(localStorage.getItem(this.#readKey) ?? "{}")));
  }

  get #readKey() {
    return `sandbox.read.${this.me.id}`;
  }

  /** Fetch everything anew: at the start, after a break of the connection, when a chat appears. */
  async refresh() {
    const [bot, list] = await Promise.all([api.getBot(), api.getChats(this.me.id)]);
    const histories = await Promise.all(list.map((chat) => api.getMessages(chat.id)));
    this.bot = bot;
    this.list = list;
    list.forEach((chat, at) => this.#takeIn(chat.id, histories[at]));
    this.#whenChanged();
  }

  /* When it fails the connection is gone too, and its return fetches everything again. */
  #refreshSoon() {
    this.refresh().catch(() => undefined);
  }

  #takeIn(chatId, history) {
    const before = this.#messages.get(chatId) ?? new Map();
    // A message that did not change stays the same object: the page redraws only what is new.
    const now = history.map((message) => [message.message_id, sameOrNew(before.get(message.message_id), message)]);
    this.#messages.set(chatId, new Map(now));
    const newest = Math.max(0, ...history.map((message) => message.message_id));
    if (this.#readUpTo(chatId) > newest) this.#read.set(String(chatId), newest); // The sandbox was started anew.
  }

  chat(chatId) {
    return this.list.find((chat) => chat.id === chatId);
  }

  /** All messages of a chat that were not deleted, oldest first. */
  messages(chatId) {
    const all = [...(this.#messages.get(chatId)?.values() ?? [])];
    return all.filter((message) => !message.deleted).sort((one, other) => one.message_id - other.message_id);
  }

  message(chatId, id) {
    const message = this.#messages.get(chatId)?.get(id);
    return message?.deleted ? undefined : message;
  }

  newest(chatId) {
    return this.messages(chatId).at(-1);
  }

  isMine(message) {
    return message.from?.id === this.me.id;
  }

  /** The topics of a forum as `{id, name}`: those fetched with it, and what messages told since. */
  topics(chatId) {
    const fetched = this.chat(chatId)?.topics ?? [];
    const names = new Map(fetched.map((topic) => [topic.message_thread_id, topic.name]));
    for (const message of this.messages(chatId)) {
      const id = message.message_thread_id;
      const name = message.forum_topic_created?.name ?? message.forum_topic_edited?.name;
      if (id && (name || !names.has(id))) names.set(id, name ?? `Topic ${id}`);
    }
    return [...names].map(([id, name]) => ({ id, name }));
  }

  action(chatId) {
    return this.#actions.get(chatId)?.action;
  }

  /** What the bot is about to say, as `{draft_id, text, entities?, can_stop}`. */
  draft(chatId) {
    return this.#drafts.get(chatId);
  }

  /** The rows of texts that the bot offers in place of typing. */
  replyKeyboard(chatId) {
    const newest = this.messages(chatId).findLast((message) => message.reply_keyboard)?.reply_keyboard;
    return (newest?.keyboard ?? []).map((row) => row.map((key) => key.text ?? key));
  }

  unread(chatId) {
    const seen = this.#readUpTo(chatId);
    return this.messages(chatId).filter(
      (message) => message.message_id > seen && !this.isMine(message) && !serviceWords(message),
    ).length;
  }

  markRead(chatId) {
    const newest = this.newest(chatId)?.message_id ?? 0;
    if (newest <= this.#readUpTo(chatId)) return;
    this.#read.set(String(chatId), newest);
    localStorage.setItem(this.#readKey, JSON.stringify(Object.fromEntries(this.#read)));
    this.#whenChanged(chatId);
  }

  #readUpTo(chatId) {
    return this.#read.get(String(chatId)) ?? 0;
  }

  /** Take a message that the sandbox answered or announced; the same one twice does no harm. */
  keep(message) {
    const chatId = message.chat.id;
    if (!this.chat(chatId)) {
      this.#refreshSoon();
      return;
    }
    const messages = this.#messages.get(chatId) ?? new Map();
    messages.set(message.message_id, sameOrNew(messages.get(message.message_id), message));
    this.#messages.set(chatId, messages);
    if (message.migrate_to_chat_id || message.new_chat_title) this.#refreshSoon();
    this.#whenChanged(chatId);
  }

  /** Take an event of the stream (docs/sandbox.md); answered buttons are not our business. */
  takeEvent(event) {
    const chatId = event.chat_id;
    switch (event.type) {
      case "message":
        if (!this.isMine(event.message)) this.#settle(chatId);
        this.keep(event.message);
        if (!this.bot) this.#refreshSoon();
        break;
      case "edited":
        this.keep(event.message);
        break;
      case "deleted":
        this.#forget(chatId, event.message_id ?? event.message.message_id);
        break;
      case "action":
        this.#hold(this.#actions, chatId, { action: event.action }, ACTION_MS);
        break;
      case "draft":
        this.#hold(this.#drafts, chatId, event, DRAFT_MS);
        break;
      case "draft_gone":
        this.#settle(chatId);
        this.#whenChanged(chatId);
        break;
    }
  }

  #forget(chatId, id) {
    const known = this.#messages.get(chatId)?.get(id);
    if (known) this.#messages.get(chatId).set(id, { ...known, deleted: true });
    this.#whenChanged(chatId);
  }

  #hold(held, chatId, value, ms) {
    clearTimeout(held.get(chatId)?.timer);
    const timer = setTimeout(() => {
      held.delete(chatId);
      this.#whenChanged(chatId);
    }, ms);
    held.set(chatId, { ...value, timer });
    this.#whenChanged(chatId);
  }

  /* What the bot was about to say has been said. */
  #settle(chatId) {
    for (const held of [this.#actions, this.#drafts]) {
      clearTimeout(held.get(chatId)?.timer);
      held.delete(chatId);
    }
  }
}

function sameOrNew(before, now) {
  return JSON.stringify(before) === JSON.stringify(now) ? before : now;
}
