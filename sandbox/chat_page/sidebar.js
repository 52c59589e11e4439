/* The left column: whose view this is, and the chats this person sees. */

import { avatarNode } from "./bubble.js";
import { byId, element, icon, openMenu } from "./dom.js";
import { actionWords, listTimeOf, nameOf, previewOf, senderOf } from "./words.js";

/** The button with the person's name; its menu leads to the other people. */
export function showPerson(me, people, { add, choose }) {
  const button = byId("person-button");
  button.replaceChildren(
    avatarNode(me, "small"),
    element(
      "span",
      { class: "person-words" },
      element("strong", {}, nameOf(me)),
      element("span", {}, "You see what this person sees"),
    ),
    icon("chevron"),
  );
  button.setAttribute("aria-label", `You are ${nameOf(me)}. Choose a person`);
  button.onclick = () =>
    openMenu(button, [
      ...people.map((person) => ({
        label: nameOf(person),
        face: avatarNode(person, "small"),
        checked: person.id === me.id,
        choose: () => choose(person),
      })),
      null,
      { label: "Add a person…", icon: "plus", choose: add },
      ...people
        .filter((person) => person.id !== me.id)
        .map((person) => ({
          label: `Open ${nameOf(person)} in a new window`,
          icon: "window",
          choose: () => window.open(viewOf(person), "_blank", "noopener"),
        })),
    ]);
}

/** The page's address as another person sees it. */
export function viewOf(person) {
  const url = new URL(location.href);
  url.searchParams.set("user", person.id);
  url.hash = "";
  return url.href;
}

/** How a chat is called here: a private one by the bot, as the person sees it. */
export function faceOf(chat, bot) {
  if (chat.type !== "private") return chat;
  return bot ?? { id: 0, first_name: "The bot" };
}

/** Draw the chats, the one with the newest message first; returns how many messages are unread. */
export function showChats(chats, openId, open) {
  const newestFirst = [...chats.list].sort((one, other) => dateOf(chats, other) - dateOf(chats, one));
  const focused = document.activeElement?.closest?.(".chat-entry")?.dataset.chatId;
  byId("chat-list").replaceChildren(...newestFirst.map((chat) => entryNode(chats, chat, chat.id === openId, open)));
  if (focused) byId("chat-list").querySelector(`[data-chat-id="${focused}"]`)?.focus();
  return chats.list.reduce((sum, chat) => sum + chats.unread(chat.id), 0);
}

const dateOf = (chats, chat) => chats.newest(chat.id)?.date ?? 0;

function entryNode(chats, chat, isOpen, open) {
  const face = faceOf(chat, chats.bot);
  const newest = chats.newest(chat.id);
  const unread = chats.unread(chat.id);
  const badge = unread
    ? element("span", { class: "badge", "aria-label": `${unread} unread` }, unread)
    : null;
  const entry = element(
    "button",
    {
      type: "button",
      class: "chat-entry",
      "aria-current": isOpen ? "true" : null,
      dataset: { chatId: chat.id },
      onclick: () => open(chat.id),
    },
    avatarNode(face),
    element(
      "span",
      { class: "entry-words" },
      element(
        "span",
        { class: "entry-top" },
        element("strong", {}, chat.type === "private" ? null : icon("group"), nameOf(face)),
        newest ? element("time", {}, listTimeOf(newest.date)) : null,
      ),
      element("span", { class: "entry-bottom" }, lastWords(chats, chat, newest), badge),
    ),
  );
  return element("li", {}, entry);
}

function lastWords(chats, chat, newest) {
  const action = chats.action(chat.id);
  if (action) return element("span", { class: "entry-preview acting" }, `${actionWords(action)}…`);
  if (!newest) return element("span", { class: "entry-preview" }, chat.type === "private" ? "Press START to begin" : "No messages yet");
  const isMine = chats.isMine(newest);
  const speaker = isMine ? "You" : chat.type === "private" || chat.type === "channel" ? "" : nameOf(senderOf(newest));
  return element(
    "span",
    { class: "entry-preview" },
    speaker ? element("span", { class: "entry-speaker" }, `${speaker}: `) : null,
    previewOf(newest),
  );
}
