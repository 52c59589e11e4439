/* Draws what a message carries besides words: photos, albums, files, sound. */

import { fileAddress } from "./api.js";
import { element, icon } from "./dom.js";
import { sizeOf } from "./words.js";

const PHOTO_WIDTH = 420; // pixels of the page, as in Telegram Desktop
const PHOTO_HEIGHT = 460;
const NARROWEST = 140;

/* How many pictures of an album stand in each row. */
const ALBUM_ROWS = [[], [1], [2], [1, 2], [2, 2], [2, 3], [3, 3], [2, 2, 3], [2, 3, 3], [3, 3, 3], [2, 2, 3, 3]];

export const largest = (photo) => photo.reduce((one, other) => (other.width > one.width ? other : one));

/* The smallest size that still looks sharp in a bubble. */
const forBubble = (photo) =>
  photo.filter((size) => size.width >= 1.5 * PHOTO_WIDTH).sort((one, other) => one.width - other.width)[0] ??
  largest(photo);

const ratioOf = ({ width, height }) => Math.min(2.4, Math.max(0.45, width / height || 1));

function photoButton(message, whenOpened) {
  const size = forBubble(message.photo);
  const button = element(
    "button",
    {
      type: "button",
      class: "photo",
      "aria-label": message.has_media_spoiler ? "Hidden photo, show" : "Photo, open full size",
      dataset: { fileId: size.file_id },
    },
    element("img", { src: fileAddress(size.file_id), alt: message.caption ?? "Photo", draggable: "false" }),
  );
  button.classList.toggle("covered", Boolean(message.has_media_spoiler));
  button.addEventListener("click", () => {
    if (!button.classList.contains("covered")) {
      whenOpened(message);
      return;
    }
    button.classList.remove("covered");
    button.setAttribute("aria-label", "Photo, open full size");
  });
  return button;
}

/** One photo; its place is reserved by its proportions before the bytes are here. */
export function photoNode(message, whenOpened) {
  const size = largest(message.photo);
  const ratio = ratioOf(size);
  const width = Math.max(NARROWEST, Math.min(PHOTO_WIDTH, size.width, PHOTO_HEIGHT * ratio));
  const button = photoButton(message, whenOpened);
  button.style.width = `${Math.round(width)}px`;
  button.style.aspectRatio = String(ratio);
  return element("div", { class: "media" }, button);
}

/** Several photos that were sent together, in justified rows. */
export function albumNode(messages, whenOpened) {
  const album = element("div", { class: "media album" });
  album.style.width = `${PHOTO_WIDTH}px`;
  let next = 0;
  for (const count of ALBUM_ROWS[messages.length] ?? [messages.length]) {
    const inRow = messages.slice(next, next + count);
    next += count;
    const ratios = inRow.map((message) => ratioOf(largest(message.photo)));
    const row = element("div", { class: "album-row" });
    row.style.aspectRatio = String(ratios.reduce((sum, ratio) => sum + ratio));
    inRow.forEach((message, at) => {
      const button = photoButton(message, whenOpened);
      button.style.flexGrow = String(ratios[at]);
      button.dataset.messageId = message.message_id;
      row.append(button);
    });
    album.append(row);
  }
  return album;
}

function fileNode(file, name) {
  const ending = name.includes(".") ? name.split(".").at(-1).slice(0, 4) : "";
  return element(
    "a",
    { class: "file", href: fileAddress(file.file_id), download: name },
    element("span", { class: "file-icon" }, icon("download"), element("span", { class: "file-ending" }, ending)),
    element(
      "span",
      { class: "file-words" },
      element("span", { class: "file-name" }, name),
      element("span", { class: "file-size" }, sizeOf(file.file_size)),
    ),
  );
}

/** What a single message carries, or null. `whenOpened` gets the message whose photo was clicked. */
export function attachmentNode(message, whenOpened) {
  if (message.photo) return photoNode(message, whenOpened);
  if (message.animation) return moving(message.animation, { autoplay: true, loop: true, muted: true });
  if (message.video) return moving(message.video, { controls: true });
  if (message.voice ?? message.audio) {
    const sound = message.voice ?? message.audio;
    return element("audio", { class: "sound", controls: true, preload: "metadata", src: fileAddress(sound.file_id) });
  }
  if (message.document) return fileNode(message.document, message.document.file_name ?? "file");
  if (message.sticker) {
    return element("img", { class: "sticker", src: fileAddress(message.sticker.file_id), alt: message.sticker.emoji ?? "Sticker" });
  }
  if (message.invoice) return invoiceNode(message.invoice);
  return null;
}

function moving(file, attributes) {
  const video = element("video", { class: "video", playsinline: true, src: fileAddress(file.file_id), ...attributes });
  video.style.aspectRatio = String(ratioOf(file));
  return element("div", { class: "media" }, video);
}

function invoiceNode({ title, description, currency, total_amount: amount }) {
  const price = currency === "XTR" ? `${amount} ⭐` : `${(amount / 100).toFixed(2)} ${currency}`;
  return element(
    "div",
    { class: "invoice" },
    element("b", {}, title),
    element("p", {}, description),
    element("span", { class: "price" }, price),
  );
}
