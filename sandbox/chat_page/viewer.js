/* Shows photos in full size over the page: arrows go through the chat's photos, Esc closes. */

import { fileAddress } from "./api.js";
import { element, icon } from "./dom.js";
import { largest } from "./media.js";
import { momentOf, nameOf, senderOf } from "./words.js";

/** Open `message`'s photo; `photos` are all messages with photos one can go on to. */
export function openViewer(message, photos) {
  let at = photos.findIndex((other) => other.message_id === message.message_id);
  const picture = element("img", { alt: "" });
  const who = element("strong");
  const when = element("span");
  const caption = element("p", { class: "viewer-caption" });
  const save = element("a", { class: "icon-button", "aria-label": "Download", title: "Download" }, icon("download"));
  const close = element(
    "button",
    { type: "button", class: "icon-button", "aria-label": "Close", title: "Close", onclick: () => dialog.close() },
    icon("close"),
  );
  const dialog = element(
    "dialog",
    { class: "viewer", "aria-label": "Photo in full size" },
    element("header", {}, element("div", { class: "viewer-words" }, who, when), save, close),
    element("figure", {}, picture),
    caption,
  );

  const show = () => {
    const shown = photos[at];
    picture.src = fileAddress(largest(shown.photo).file_id);
    picture.alt = shown.caption ?? "Photo";
    who.textContent = nameOf(senderOf(shown));
    when.textContent = momentOf(shown.date);
    caption.textContent = shown.caption ?? "";
    save.href = picture.src;
    save.download = `photo-${shown.message_id}.jpg`;
  };
  const go = (step) => {
    at = Math.min(photos.length - 1, Math.max(0, at + step));
    show();
  };

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") go(-1);
    if (event.key === "ArrowRight") go(1);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.tagName === "FIGURE") dialog.close();
  });
  dialog.addEventListener("close", () => dialog.remove());
  show();
  document.body.append(dialog);
  dialog.showModal();
  close.focus();
}
