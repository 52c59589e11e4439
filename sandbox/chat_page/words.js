/* Puts the Bot API's objects into words: names, times, sizes, one-line previews. */

const TIME = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long" });
const DAY_AND_YEAR = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "2-digit", month: "2-digit", year: "2-digit" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "medium" });

const ACTIONS = {
  typing: "typing",
  upload_photo: "sending photo",
  upload_document: "sending file",
  upload_video: "sending video",
  upload_voice: "sending voice message",
  record_voice: "recording voice message",
  record_video: "recording video",
  choose_sticker: "choosing a sticker",
};

export const nameOf = (who) =>
  who?.title ?? ([who?.first_name, who?.last_name].filter(Boolean).join(" ") || "Somebody");

export const senderOf = (message) => message.sender_chat ?? message.from ?? message.chat;

export const initialsOf = (name) =>
  name
    .split(/\s+/u)
    .filter(Boolean)
    .slice(0, 2)
    .map((word) => [...word][0].toUpperCase())
    .join("");

/** One of Telegram's seven colours, by id. */
export const colourOf = (id) => Math.abs(Number(id) || 0) % 7;

export const actionWords = (action) => ACTIONS[action] ?? "busy";

/* Unix seconds in, words out. */
export const timeOf = (seconds) => TIME.format(seconds * 1000);
export const momentOf = (seconds) => MOMENT.format(seconds * 1000);
export const dayKey = (seconds) => new Date(seconds * 1000).toDateString();

export function dayOf(seconds) {
  const key = dayKey(seconds);
  const now = Date.now() / 1000;
  if (key === dayKey(now)) return "Today";
  if (key === dayKey(now - 86_400)) return "Yesterday";
  const sameYear = new Date(seconds * 1000).getFullYear() === new Date().getFullYear();
  return (sameYear ? DAY : DAY_AND_YEAR).format(seconds * 1000);
}

export const listTimeOf = (seconds) =>
  dayKey(seconds) === dayKey(Date.now() / 1000) ? timeOf(seconds) : SHORT_DAY.format(seconds * 1000);

export function sizeOf(bytes) {
  if (bytes === undefined) return "";
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

/** What a service message says, or null for an ordinary message. */
export function serviceWords(message) {
  const who = nameOf(senderOf(message));
  if (message.new_chat_members) {
    const joined = message.new_chat_members.map(nameOf).join(", ");
    return joined === who ? `${who} joined the group` : `${who} added ${joined}`;
  }
  if (message.left_chat_member) return `${nameOf(message.left_chat_member)} left the group`;
  if (message.group_chat_created || message.supergroup_chat_created) return `${who} created the group`;
  if (message.channel_chat_created) return "Channel created";
  if (message.new_chat_title) return `${who} named the group “${message.new_chat_title}”`;
  if (message.forum_topic_created) return `${who} created the topic “${message.forum_topic_created.name}”`;
  if (message.forum_topic_closed) return `${who} closed the topic`;
  if (message.forum_topic_reopened) return `${who} reopened the topic`;
  if (message.pinned_message) return `${who} pinned a message`;
  if (message.migrate_to_chat_id) return "The group became a supergroup";
  if (message.migrate_from_chat_id) return `The group “${message.chat.title}” became a supergroup`;
  if (message.successful_payment) {
    const { currency, total_amount: amount } = message.successful_payment;
    return `${who} paid ${currency === "XTR" ? `${amount} ⭐` : `${amount} ${currency}`}`;
  }
  return null;
}

/** A message on one line, as chat list and quotes show it. */
export function previewOf(message) {
  const service = serviceWords(message);
  if (service) return service;
  const words = message.text ?? message.caption;
  const kind =
    (message.photo && "🖼 Photo") ||
    (message.video && "🎬 Video") ||
    (message.animation && "🎞 GIF") ||
    (message.voice && "🎤 Voice message") ||
    (message.audio && "🎵 Audio") ||
    (message.document && `📎 ${message.document.file_name ?? "File"}`) ||
    (message.sticker && `${message.sticker.emoji ?? ""} Sticker`) ||
    (message.invoice && `🧾 ${message.invoice.title}`);
  if (!kind) return (words ?? "Message").replace(/\s+/gu, " ");
  return words ? `${kind.split(" ")[0]} ${words.replace(/\s+/gu, " ")}` : kind;
}
