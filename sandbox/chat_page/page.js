/* Builds the page once and joins its parts: events → chats → what is drawn; what is done → the sandbox. */

import * as api from "./api.js";
import { avatarNode } from "./bubble.js";
import { Chats } from "./chats.js";
import { Composer } from "./composer.js";
import { askForGroup, askForPerson, askForTopic, askHowToSend, confirmDeletion, tell } from "./dialogs.js";
import { byId, element, icon, openMenu, toast } from "./dom.js";
import { toggleFaults } from "./faults.js";
import { copy } from "./formatted_text.js";
import { History } from "./history.js";
import { faceOf, showChats, showPerson, viewOf } from "./sidebar.js";
import { InlineResults } from "./inline.js";
import { openMiniApp } from "./mini_app.js";
import { openViewer } from "./viewer.js";
import { actionWords, nameOf } from "./words.js";

const PRESS_MS = 30_000; // A button does not turn for longer, answered or not.
const REMEMBERED = "sandbox.me";

let me; // User
let chats; // Chats
let openId = null; // id of the chat on the right, or null: only the list
let openTopic = null; // message_thread_id, null is the general one
let toWrite = null; // {chat, text}: for the field of a chat that is about to be opened
const pressed = new Map(); // callback query id -> {button, timer}

const history = new History({
  openPhoto: (message) => openViewer(message, shownMessages().filter((other) => other.photo)),
  jumpTo: (id) => history.jumpTo(id) || toast("That message is not there any more"),
  find: (id) => chats.message(openId, id),
  command: (text) => void send(text),
  menu: openMessageMenu,
  reply: (message) => composer.reply(message),
  pressButton: (message, button, node) => void pressButton(message, button, node),
  pay: (message) => void tried(() => api.pay(message.chat.id, message.message_id, me.id)),
  openWebApp: (message, button) => void tried(() => openWebApp(message, button)),
  switchInline,
});

const inline = new InlineResults({
  ask: askInline,
  choose: (id, resultId) => tried(() => chooseInline(id, resultId)),
  start: (button) => void startFromInline(button),
});

const composer = new Composer({
  send,
  edit: (message, text) => tried(async () => chats.keep(await api.editMessage(message.chat.id, message.message_id, text))),
  files: sendFiles,
  inline: (query) => inline.follow(query, openId),
  lastOwn: () => shownMessages().filter(canEdit).at(-1),
});

/* Whose view this is */

/** The person of this window: named in the address, else remembered, else made now. */
async function findMe(people) {
  const asked = Number(new URLSearchParams(location.search).get("user"));
  const remembered = JSON.parse(localStorage.getItem(REMEMBERED) ?? "null");
  const wanted = asked || remembered;
  const known = people.find((person) => person.id === wanted);
  if (known) return known;

  // A sandbox that was started anew has forgotten everybody; the same id brings the same view back.
  const made = await api.addPerson({
    first_name: asked && asked !== remembered ? `Person ${asked}` : "You",
    language_code: navigator.language.split("-")[0],
    ...(wanted ? { id: wanted } : {}),
  });
  if (!asked) localStorage.setItem(REMEMBERED, JSON.stringify(made.id));
  return made;
}

async function showMe() {
  const people = await api.getPeople();
  const mayBeNew = await findMe(people);
  if (!people.some((person) => person.id === mayBeNew.id)) people.push(mayBeNew);
  me ??= mayBeNew;
  showPerson(me, people, {
    choose: (person) => location.assign(viewOf(person)),
    add: () => void tried(addPerson),
  });
}

async function addPerson() {
  const wanted = await askForPerson();
  if (wanted) location.assign(viewOf(await api.addPerson(wanted)));
}

async function addGroup() {
  const wanted = await askForGroup(await api.getPeople(), me);
  if (!wanted) return;
  const chat = await api.addChat(wanted);
  await chats.refresh();
  openChat(chat.id);
}

/* Which chat is open: its id is the fragment of the address, so Back works */

function openChat(chatId) {
  location.hash = chatId === null ? "list" : String(chatId);
}

function followAddress() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (wanted === "") {
    const address = new URL(location.href);
    address.hash = String(me.id);
    location.replace(address);
    return;
  }
  const chatId = wanted === "list" ? null : Number(wanted);
  if (chatId !== openId) openTopic = null;
  openId = chatId;
  byId("app").classList.toggle("showing-chat", openId !== null);
  draw();
  void offerCommands();
  if (toWrite?.chat === openId) {
    composer.write(toWrite.text);
    toWrite = null;
  }
}

async function offerCommands() {
  const chat = chats.chat(openId);
  if (!chat || !chats.bot) return;
  const commands = await api.getCommands(me.id, chat.id).catch(() => []);
  if (chat.id === openId) composer.offer(commands, chat.type === "private");
}

const shownMessages = () => {
  const messages = chats.messages(openId);
  if (!chats.chat(openId)?.is_forum) return messages;
  return messages.filter((message) => (message.message_thread_id ?? null) === openTopic);
};

/* Drawing; many changes that come at once are drawn once */

let isDrawingPlanned = false;

function planDrawing() {
  if (isDrawingPlanned) return;
  isDrawingPlanned = true;
  queueMicrotask(() => {
    isDrawingPlanned = false;
    draw();
  });
}

function draw() {
  if (openId !== null && document.visibilityState === "visible") chats.markRead(openId);
  const unread = showChats(chats, openId, openChat);
  const chat = chats.chat(openId);
  byId("conversation").classList.toggle("empty", !chat);
  document.title = `${unread ? `(${unread}) ` : ""}${chat ? nameOf(faceOf(chat, chats.bot)) : "Chats"} · Sandbox`;
  if (!chat) return;

  drawHead(chat);
  drawTopics(chat);
  const messages = shownMessages();
  history.show(`${chat.id} ${openTopic}`, messages, {
    isMine: (message) => chats.isMine(message),
    showsSenders: chat.type === "group" || chat.type === "supergroup",
    draft: chats.draft(chat.id),
    stopDraft: () => void tried(() => api.stopDraft(chat.id, chats.draft(chat.id).draft_id)),
  });
  drawNothingYet(chat, messages.length === 0 && !chats.draft(chat.id));
  drawFoot(chat, messages);
}

function drawHead(chat) {
  const face = faceOf(chat, chats.bot);
  byId("chat-head-face").replaceChildren(avatarNode(face, "small"));
  byId("chat-title").textContent = nameOf(face);
  const action = chats.action(chat.id);
  const subtitle = byId("chat-subtitle");
  subtitle.classList.toggle("acting", Boolean(action));
  const quiet = { private: chats.bot ? "bot" : "no bot has connected yet", channel: "channel" }[chat.type];
  const words = action ? actionWords(action) : (quiet ?? (chat.is_forum ? "group with topics" : "group"));
  if (subtitle.firstChild?.textContent === words) return;
  subtitle.replaceChildren(words, action ? element("span", { class: "dots", "aria-hidden": "true" }) : "");
}

function drawNothingYet(chat, isEmpty) {
  const card = byId("nothing-yet");
  card.hidden = !isEmpty;
  if (!isEmpty) return;
  const description = chat.type === "private" ? chats.bot?.description : "";
  const title = description ? "What can this bot do?" : "No messages here yet…";
  card.replaceChildren(element("b", {}, title), description ? element("p", {}, description) : "");
}

function drawTopics(chat) {
  const row = byId("topics");
  row.hidden = !chat.is_forum;
  if (!chat.is_forum) return;
  const tabs = [{ id: null, name: "General" }, ...chats.topics(chat.id)].map(({ id, name }) =>
    element(
      "button",
      {
        type: "button",
        role: "tab",
        "aria-selected": String(id === openTopic),
        onclick: () => {
          openTopic = id;
          draw();
        },
      },
      name,
    ),
  );
  const add = element(
    "button",
    { type: "button", class: "add-topic", "aria-label": "New topic", title: "New topic", onclick: () => void tried(addTopic) },
    icon("plus"),
  );
  row.replaceChildren(...tabs, add);
}

function drawFoot(chat, messages) {
  const isPrivate = chat.type === "private";
  const wide = byId("wide-button");
  const isBlocked = isPrivate && localStorage.getItem(blockedKey()) !== null;
  const isNew = isPrivate && messages.length === 0;
  wide.hidden = !isBlocked && !isNew;
  byId("composer").hidden = isBlocked || isNew;
  wide.textContent = isBlocked ? "UNBLOCK" : "START";
  wide.onclick = () => void (isBlocked ? tried(unblock) : send("/start"));
  drawReplyKeyboard(byId("composer").hidden ? [] : chats.replyKeyboard(chat.id));
  if (!byId("composer").hidden) composer.open(`${chat.id} ${openTopic}`, chats.bot?.username, !isPrivate);
}

function drawReplyKeyboard(rows) {
  const keyboard = byId("reply-keyboard");
  keyboard.hidden = rows.length === 0;
  const key = (text) => element("button", { type: "button", class: "reply-key", onclick: () => void send(text) }, text);
  keyboard.replaceChildren(...rows.map((row) => element("div", { class: "keyboard-row" }, row.map(key))));
}

/* What a person does */

/** Do something with the sandbox; say what went wrong. Promises whether it worked. */
async function tried(work) {
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof api.SandboxError)) throw error;
    toast(error.message);
    return false;
  }
}

const about = (replyTo) => ({
  from: me.id,
  ...(replyTo ? { reply_to_message_id: replyTo } : {}),
  ...(openTopic ? { message_thread_id: openTopic } : {}),
});

function send(text, replyTo) {
  return tried(async () => chats.keep(await api.sendMessage(openId, { ...about(replyTo), text })));
}

/** Send words to the bot in private, and look at that chat. */
async function sendToTheBot(text) {
  if (openId !== me.id) openChat(me.id);
  await tried(async () => chats.keep(await api.sendMessage(me.id, { from: me.id, text })));
}

async function sendFiles(files, replyTo) {
  const how = await askHowToSend(files);
  if (!how) return;
  const kind = how.asPhotos ? "photo" : "document";
  const album = files.length > 1 ? { media_group_id: `${me.id}${Date.now()}` } : {};
  await tried(async () => {
    for (const [at, file] of files.entries()) {
      const caption = at === 0 && how.caption ? how.caption : undefined;
      chats.keep(await api.sendFile(openId, kind, file, { ...about(replyTo), ...album, caption }));
    }
  });
}

const canEdit = (message) => chats.isMine(message) && message.text !== undefined;

function openMessageMenu(message, anchor, point) {
  const words = message.text ?? message.caption;
  const entries = [{ label: "Reply", icon: "reply", choose: () => composer.reply(message) }];
  if (words) entries.push({ label: "Copy text", icon: "copy", choose: () => void copy(words) });
  if (canEdit(message)) entries.push({ label: "Edit", icon: "edit", choose: () => composer.edit(message) });
  if (chats.isMine(message)) {
    entries.push({ label: "Delete", icon: "trash", danger: true, choose: () => void tried(() => remove(message)) });
  }
  openMenu(anchor, entries, point);
}

async function remove(message) {
  if (!(await confirmDeletion())) return;
  await api.deleteMessage(message.chat.id, message.message_id);
  chats.takeEvent({ type: "deleted", chat_id: message.chat.id, message_id: message.message_id });
}

async function pressButton(message, button, node) {
  if (node.classList.contains("turning")) return;
  node.classList.add("turning");
  node.setAttribute("aria-busy", "true");
  const isDone = await tried(async () => {
    const { id } = await api.press(message.chat.id, message.message_id, me.id, button.callback_data);
    pressed.set(id, { node, timer: setTimeout(() => release(id), PRESS_MS) });
    await lookForAnswer(id); // The bot may have been faster than our answer.
  });
  if (!isDone) stopTurning(node);
}

async function lookForAnswer(id) {
  if (!pressed.has(id)) return;
  const answer = await api.getCallback(id);
  if (!answer.answered || !pressed.has(id)) return;
  release(id);
  if (answer.url) window.open(answer.url, "_blank", "noopener");
  else if (answer.text && answer.show_alert) await tell(nameOf(chats.bot), answer.text);
  else if (answer.text) toast(answer.text);
}

function release(id) {
  const { node, timer } = pressed.get(id);
  clearTimeout(timer);
  pressed.delete(id);
  stopTurning(node);
}

function stopTurning(node) {
  node.classList.remove("turning");
  node.removeAttribute("aria-busy");
}

async function openWebApp(message, button) {
  const { url } = await api.openWebApp(message.chat.id, message.message_id, me.id, button.web_app.url);
  openMiniApp(url, nameOf(chats.bot));
}

/* Inline mode */

/** Ask the bot as if `query` had been typed after its name; promises the query's id, or null. */
async function askInline(query, offset) {
  const chat = chats.chat(openId);
  const kind = chat?.type === "private" ? "sender" : chat?.type;
  let id = null;
  await tried(async () => ({ id } = await api.askInline({ from: me.id, query, offset, chat_type: kind })));
  return id;
}

async function chooseInline(id, resultId) {
  const message = await api.chooseInline(id, { result_id: resultId, chat: openId });
  composer.write("");
  chats.keep(message);
}

async function startFromInline(button) {
  composer.write("");
  await sendToTheBot(`/start ${button.start_parameter}`);
}

/** Begin a query in this chat, or in one that is chosen first. */
function switchInline(button, node) {
  const { switch_inline_query_current_chat: here, switch_inline_query_chosen_chat: chosen } = button;
  const text = `@${chats.bot.username} ${here ?? chosen?.query ?? button.switch_inline_query ?? ""}`;
  if (here !== undefined) {
    composer.write(text);
    return;
  }
  const entries = chats.list.map((chat) => {
    const face = faceOf(chat, chats.bot);
    return { label: nameOf(face), face: avatarNode(face, "small"), choose: () => writeIn(chat.id, text) };
  });
  openMenu(node, entries);
}

function writeIn(chat, text) {
  if (chat === openId) {
    composer.write(text);
    return;
  }
  toWrite = { chat, text };
  openChat(chat);
}

async function addTopic() {
  const name = await askForTopic();
  if (!name) return;
  const topic = await api.addTopic(openId, name);
  openTopic = topic.message_thread_id;
  await chats.refresh();
}

const blockedKey = () => `sandbox.blocked.${me.id}`;

async function block() {
  await api.block(me.id);
  localStorage.setItem(blockedKey(), "yes");
  draw();
}

async function unblock() {
  await api.unblock(me.id);
  localStorage.removeItem(blockedKey());
  draw();
}

async function migrate() {
  const chat = await api.migrate(openId);
  await chats.refresh();
  openChat(chat.id);
}

function openChatMenu() {
  const chat = chats.chat(openId);
  const entries = [{ label: "Open in a new window", icon: "window", choose: () => window.open(location.href, "_blank", "noopener") }];
  if (chat?.is_forum) entries.push({ label: "New topic", icon: "plus", choose: () => void tried(addTopic) });
  if (chat?.type === "group") {
    entries.push({ label: "Make it a supergroup", icon: "group", choose: () => void tried(migrate) });
  }
  if (chat?.type === "private") {
    const isBlocked = localStorage.getItem(blockedKey()) !== null;
    entries.push(
      isBlocked
        ? { label: "Unblock the bot", icon: "person", choose: () => void tried(unblock) }
        : { label: "Block the bot", icon: "person", danger: true, choose: () => void tried(block) },
    );
  }
  openMenu(byId("chat-menu-button"), entries);
}

/* The start */

function whenEvent(event) {
  if (event.type === "callback_answer") {
    void tried(() => lookForAnswer(event.callback));
    return;
  }
  if (event.type === "inline_answer") {
    void tried(() => inline.answered(event.inline));
    return;
  }
  chats.takeEvent(event);
  if (event.type === "message") answerIfAsked(event.message);
}

/* As Telegram does where a bot asks for a reply: the field answers that message, and says what is wanted. */
function answerIfAsked(message) {
  const asked = message.reply_keyboard;
  if (asked?.force_reply && message.chat.id === openId && (message.message_thread_id ?? null) === openTopic) {
    composer.reply(message, asked.input_field_placeholder);
  }
}

async function catchUp() {
  const isDone = await tried(async () => {
    await showMe();
    await chats.refresh();
    await offerCommands();
    await Promise.all([...pressed.keys()].map(lookForAnswer));
  });
  byId("connection").hidden = isDone;
}

async function begin() {
  byId("connection").hidden = false;
  if (!(await tried(showMe))) {
    setTimeout(begin, 2000);
    return;
  }
  chats = new Chats(me, planDrawing);
  await tried(() => chats.refresh());
  addEventListener("hashchange", followAddress);
  document.addEventListener("visibilitychange", planDrawing);
  followAddress();
  api.followEvents(me.id, {
    whenEvent,
    whenUp: () => void catchUp(),
    whenDown: () => (byId("connection").hidden = false),
  });
}

byId("back").append(icon("back"));
byId("back").addEventListener("click", () => openChat(null));
byId("new-group").append(icon("edit"));
byId("new-group").addEventListener("click", () => void tried(addGroup));
byId("to-bottom").append(icon("down"));
byId("chat-menu-button").append(icon("more"));
byId("chat-menu-button").addEventListener("click", openChatMenu);
byId("faults-button").prepend(icon("bug"));
byId("faults-button").addEventListener("click", () => void tried(() => toggleFaults(sendToTheBot)));
void begin();
