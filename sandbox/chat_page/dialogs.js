/* Asks a person something in a modal window. Each function promises the answer, or null. */

import { avatarNode } from "./bubble.js";
import { element, icon } from "./dom.js";
import { nameOf, sizeOf } from "./words.js";

let counter = 0;

/* A modal with a title, the given content and two buttons; `read(form)` makes the answer. */
function ask(title, content, { accept, read, danger = false, cancel = "Cancel" }) {
  const titleId = `dialog-${(counter += 1)}`;
  const form = element(
    "form",
    { method: "dialog" },
    element("h2", { id: titleId }, title),
    content,
    element(
      "div",
      { class: "dialog-buttons" },
      cancel ? element("button", { type: "button", class: "flat", onclick: () => dialog.close() }, cancel) : null,
      element("button", { type: "submit", class: danger ? "flat danger" : "flat strong" }, accept),
    ),
  );
  const dialog = element("dialog", { "aria-labelledby": titleId, class: "dialog" }, form);
  return new Promise((resolve) => {
    let answer = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      answer = read(form);
      dialog.close();
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const field = (label, attributes) =>
  element("label", { class: "field" }, element("span", {}, label), element("input", { autocomplete: "off", ...attributes }));

const value = (form, name) => form.elements.namedItem(name).value.trim();

/** The person to add, as `POST /people` takes it. */
export function askForPerson() {
  const content = element(
    "div",
    { class: "dialog-content" },
    field("First name", { name: "first_name", required: true, maxlength: 64 }),
    field("Last name", { name: "last_name", maxlength: 64 }),
    field("Username", { name: "username", pattern: "[A-Za-z][A-Za-z0-9_]{3,31}", placeholder: "optional" }),
    field("Language", { name: "language_code", value: "en", pattern: "[a-z]{2}(-[A-Za-z]+)?", required: true }),
  );
  const read = (form) => {
    const names = ["first_name", "last_name", "username", "language_code"];
    return Object.fromEntries(names.map((name) => [name, value(form, name)]).filter(([, text]) => text));
  };
  return ask("Add a person", content, { accept: "Add", read });
}

/** The group to make, as `POST /chats` takes it; `me` is always in it. */
export function askForGroup(people, me) {
  const kinds = [
    ["group", "Group"],
    ["supergroup", "Supergroup"],
    ["forum", "Supergroup with topics"],
    ["channel", "Channel"],
  ];
  const members = people.map((person) =>
    element(
      "label",
      { class: "choice" },
      element("input", {
        type: "checkbox",
        name: "member",
        value: person.id,
        checked: person.id === me.id,
        disabled: person.id === me.id,
      }),
      avatarNode(person, "small"),
      element("span", {}, nameOf(person)),
    ),
  );
  const content = element(
    "div",
    { class: "dialog-content" },
    field("Title", { name: "title", required: true, maxlength: 128 }),
    element(
      "label",
      { class: "field" },
      element("span", {}, "Kind"),
      element("select", { name: "kind" }, kinds.map(([kind, label]) => element("option", { value: kind }, label))),
    ),
    element("fieldset", {}, element("legend", {}, "Members, besides the bot"), members),
  );
  const read = (form) => {
    const kind = value(form, "kind");
    const chosen = [...form.querySelectorAll("input[name=member]:checked")].map((box) => Number(box.value));
    return {
      type: kind === "forum" ? "supergroup" : kind,
      title: value(form, "title"),
      members: chosen,
      is_forum: kind === "forum",
    };
  };
  return ask("New group", content, { accept: "Create", read });
}

export function askForTopic() {
  const content = element("div", { class: "dialog-content" }, field("Name", { name: "name", required: true, maxlength: 128 }));
  return ask("New topic", content, { accept: "Create", read: (form) => value(form, "name") });
}

/** True when the person agreed. */
export async function confirmDeletion() {
  const content = element("p", {}, "Delete this message for everybody in the chat?");
  return (await ask("Delete message", content, { accept: "Delete", danger: true, read: () => true })) === true;
}

/** A bot's answer that has to be read. */
export function tell(title, words) {
  return ask(title, element("p", { class: "alert-words" }, words), { accept: "OK", cancel: null, read: () => true });
}

/** How to send the chosen files: `{caption, asPhotos}`. */
export function askHowToSend(files) {
  const allPictures = files.every((file) => /^image\/(?:jpeg|png|webp|gif|bmp)$/u.test(file.type));
  const addresses = [];
  const faces = files.map((file) => {
    if (!file.type.startsWith("image/")) {
      return element(
        "div",
        { class: "file" },
        element("span", { class: "file-icon" }, icon("document")),
        element(
          "span",
          { class: "file-words" },
          element("span", { class: "file-name" }, file.name),
          element("span", { class: "file-size" }, sizeOf(file.size)),
        ),
      );
    }
    addresses.push(URL.createObjectURL(file));
    return element("img", { src: addresses.at(-1), alt: file.name });
  });
  const content = element(
    "div",
    { class: "dialog-content" },
    element("div", { class: "previews" }, faces),
    element(
      "label",
      { class: "choice" },
      element("input", { type: "checkbox", name: "as_photos", checked: allPictures, disabled: !allPictures }),
      element("span", {}, files.length > 1 ? "Send as photos" : "Send as a photo"),
    ),
    field("Caption", { name: "caption", maxlength: 1024, autofocus: true }),
  );
  const read = (form) => ({ caption: value(form, "caption"), asPhotos: form.elements.namedItem("as_photos").checked });
  const title = files.length > 1 ? `Send ${files.length} files` : "Send a file";
  return ask(title, content, { accept: "Send", read }).finally(() => addresses.forEach(URL.revokeObjectURL));
}
