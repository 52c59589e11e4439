/* The place where a person writes: text, replies, edits, files, and the command menu above it. */

import { byId, element, icon } from "./dom.js";
import { nameOf, previewOf, senderOf } from "./words.js";

export class Composer {
  #act;
  #form = byId("composer");
  #field = byId("message");
  #about = byId("composer-about");
  #menu = byId("command-menu");
  #menuButton = byId("menu-button");
  #chatKey = null;
  #kept = new Map(); // chat key -> {text, mode}: what was begun there
  #mode = null; // {kind: "reply" | "edit", message}
  #commands = [];
  #matching = [];
  #chosen = 0;
  #suffix = "";
  #username = null; // the bot's

  /**
   * `act` is what can be done with what was written: `send(text, replyTo)`, `edit(message, text)`,
   * `files(files, replyTo)`, `inline(query)` (null: nothing is asked), and `lastOwn()` finds the newest message that
   * could be edited.
   */
  constructor(act) {
    this.#act = act;
    byId("attach").append(icon("attach"));
    byId("send").append(icon("send"));
    this.#menuButton.append(icon("menu"));
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit();
    });
    this.#field.addEventListener("input", () => this.#whenTyped());
    this.#field.addEventListener("keydown", (event) => this.#whenKey(event));
    this.#field.addEventListener("paste", (event) => {
      if (event.clipboardData.files.length) this.#takeFiles(event.clipboardData.files);
    });
    this.#menuButton.addEventListener("click", () => this.#toggleMenu());
    this.#acceptFiles();
  }

  /** Write in another chat; what was begun here waits. `username` is the bot's, in a group commands need it. */
  open(chatKey, username, isGroup) {
    this.#suffix = isGroup && username ? `@${username}` : "";
    this.#username = username?.toLowerCase() ?? null;
    if (chatKey === this.#chatKey) return;
    if (this.#chatKey !== null) this.#kept.set(this.#chatKey, { text: this.#field.value, mode: this.#mode });
    const { text = "", mode = null } = this.#kept.get(chatKey) ?? {};
    this.#chatKey = chatKey;
    this.#field.value = text;
    this.#setMode(mode);
    this.#whenTyped();
    if (matchMedia("(pointer: fine)").matches) this.#field.focus({ preventScroll: true });
  }

  /** `commands`: [BotCommand] for the menu; `showsButton` only where one talks to the bot alone. */
  offer(commands, showsButton) {
    this.#commands = commands;
    this.#menuButton.hidden = !showsButton || commands.length === 0;
    this.#whenTyped();
  }

  /** Put words into the field, in place of what stands there. */
  write(text) {
    this.#setMode(null);
    this.#field.value = text;
    this.#whenTyped();
    this.#field.focus();
  }

  /** Answer a message; `wanted` stands in the empty field. */
  reply(message, wanted) {
    this.#setMode({ kind: "reply", message, wanted });
    this.#field.focus();
  }

  edit(message) {
    this.#setMode({ kind: "edit", message });
    this.#field.value = message.text;
    this.#grow();
    this.#field.focus();
  }

  #setMode(mode) {
    this.#mode = mode;
    this.#about.hidden = mode === null;
    this.#field.placeholder = mode?.wanted ?? "Message";
    byId("send").setAttribute("aria-label", mode?.kind === "edit" ? "Save" : "Send");
    if (mode === null) {
      this.#about.replaceChildren();
      return;
    }
    const isEdit = mode.kind === "edit";
    const title = isEdit ? "Edit message" : `Reply to ${nameOf(senderOf(mode.message))}`;
    this.#about.replaceChildren(
      icon(isEdit ? "edit" : "reply"),
      element(
        "div",
        { class: "about-words" },
        element("strong", {}, title),
        element("span", {}, previewOf(mode.message)),
      ),
      element(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Cancel", onclick: () => this.#leaveMode() },
        icon("close"),
      ),
    );
  }

  #leaveMode() {
    if (this.#mode?.kind === "edit") this.#field.value = "";
    this.#setMode(null);
    this.#whenTyped();
    this.#field.focus();
  }

  async #submit() {
    const text = this.#field.value.trim();
    if (!text) return;
    const mode = this.#mode;
    this.#field.value = "";
    this.#setMode(null);
    this.#whenTyped();
    const isDone =
      mode?.kind === "edit"
        ? await this.#act.edit(mode.message, text)
        : await this.#act.send(text, mode?.message.message_id);
    if (isDone || this.#field.value) return;
    // It did not go out: nobody has to type it twice.
    this.#field.value = text;
    this.#setMode(mode);
    this.#grow();
  }

  #whenTyped() {
    this.#grow();
    this.#form.classList.toggle("can-send", this.#field.value.trim() !== "");
    const typed = /^\/(\w*)$/u.exec(this.#field.value);
    const isMeant = typed !== null && this.#mode?.kind !== "edit";
    const asked = /^@(\w+)\s([^]*)$/u.exec(this.#field.value);
    this.#act.inline(asked && asked[1].toLowerCase() === this.#username ? asked[2] : null);
    this.#showMenu(isMeant ? this.#commands.filter(({ command }) => command.startsWith(typed[1].toLowerCase())) : []);
  }

  #grow() {
    this.#field.style.height = "auto";
    this.#field.style.height = `${Math.min(this.#field.scrollHeight, 220)}px`;
  }

  #whenKey(event) {
    if (event.isComposing) return;
    if (this.#matching.length && this.#whenMenuKey(event)) {
      event.preventDefault();
      return;
    }
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      void this.#submit();
    } else if (event.key === "Escape" && this.#mode) {
      event.stopPropagation();
      this.#leaveMode();
    } else if (event.key === "ArrowUp" && this.#field.value === "" && this.#act.lastOwn()) {
      event.preventDefault();
      this.edit(this.#act.lastOwn());
    }
  }

  #whenMenuKey(event) {
    const count = this.#matching.length;
    if (event.key === "ArrowDown") this.#choose((this.#chosen + 1) % count);
    else if (event.key === "ArrowUp") this.#choose((this.#chosen + count - 1) % count);
    else if (event.key === "Tab" && !event.shiftKey) this.#complete(this.#matching[this.#chosen]);
    else if (event.key === "Enter" && !event.shiftKey) this.#sendCommand(this.#matching[this.#chosen]);
    else if (event.key === "Escape") this.#showMenu([]);
    else return false;
    return true;
  }

  #toggleMenu() {
    this.#showMenu(this.#matching.length ? [] : this.#commands);
    this.#field.focus();
  }

  #showMenu(commands) {
    this.#matching = commands;
    this.#menu.hidden = commands.length === 0;
    this.#menuButton.setAttribute("aria-expanded", String(commands.length > 0));
    this.#menu.replaceChildren(
      ...commands.map((command, at) =>
        element(
          "li",
          {
            role: "option",
            id: `command-${at}`,
            onpointerdown: (event) => event.preventDefault(), // The field keeps the focus.
            onclick: () => this.#sendCommand(command),
          },
          element("b", {}, `/${command.command}`),
          element("span", {}, command.description),
        ),
      ),
    );
    this.#choose(0);
  }

  #choose(at) {
    this.#chosen = at;
    [...this.#menu.children].forEach((option, index) => {
      option.setAttribute("aria-selected", String(index === at));
      if (index === at) option.scrollIntoView({ block: "nearest" });
    });
    if (this.#matching.length) this.#field.setAttribute("aria-activedescendant", `command-${at}`);
    else this.#field.removeAttribute("aria-activedescendant");
  }

  #complete({ command }) {
    this.#field.value = `/${command}${this.#suffix} `;
    this.#whenTyped();
  }

  #sendCommand({ command }) {
    this.#field.value = "";
    this.#whenTyped();
    void this.#act.send(`/${command}${this.#suffix}`);
  }

  #acceptFiles() {
    const input = byId("file-input");
    byId("attach").addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.#takeFiles(input.files);
      input.value = "";
    });

    const target = byId("conversation");
    const hint = byId("drop-hint");
    const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
    target.addEventListener("dragover", (event) => {
      if (!carriesFiles(event)) return;
      event.preventDefault();
      hint.hidden = false;
    });
    target.addEventListener("dragleave", (event) => {
      if (!target.contains(event.relatedTarget)) hint.hidden = true;
    });
    target.addEventListener("drop", (event) => {
      hint.hidden = true;
      if (!carriesFiles(event)) return;
      event.preventDefault();
      this.#takeFiles(event.dataTransfer.files);
    });
  }

  #takeFiles(files) {
    if (!files.length) return;
    const replyTo = this.#mode?.kind === "reply" ? this.#mode.message.message_id : undefined;
    this.#setMode(null);
    void this.#act.files([...files], replyTo);
  }
}
