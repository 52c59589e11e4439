/* Inline mode: what the bot offers while somebody types "@bot …", above the place where they write. */

import * as api from "./api.js";
import { byId, element, icon } from "./dom.js";

const TYPING_MS = 300;

export class InlineResults {
  #act;
  #panel = byId("inline-results");
  #asked = null; // {id, query, chat}: what the results shown, or awaited, answer
  #timer;

  /** `act`: `ask(query, offset)` promises a query's id, `choose(id, resultId)`, `start(parameter)` goes to the bot. */
  constructor(act) {
    this.#act = act;
  }

  /** What is typed after the bot's name now; null: nothing is asked. */
  follow(query, chat) {
    clearTimeout(this.#timer);
    if (query === null) {
      this.#asked = null;
      this.#show([]);
      return;
    }
    if (query === this.#asked?.query && chat === this.#asked.chat) return;
    this.#timer = setTimeout(() => void this.#ask(query, chat), TYPING_MS);
  }

  async #ask(query, chat, offset = "") {
    const asked = { id: null, query, chat, offset };
    this.#asked = asked;
    const id = await this.#act.ask(query, offset);
    if (this.#asked !== asked || id === null) return;
    asked.id = id;
    await this.answered(id); // The bot may have been faster than our answer.
  }

  /** The bot has answered a query; the same one twice does no harm. */
  async answered(id) {
    const asked = this.#asked;
    if (asked?.id !== id || asked.isShown) return;
    const answer = await api.getInline(id);
    if (this.#asked !== asked || asked.isShown || !answer.answered) return;
    asked.isShown = true;
    this.#draw(asked, answer);
  }

  #draw(asked, { results, button, next_offset: next }) {
    const tiles = results.map((result) =>
      element("li", {}, tile(result, () => void this.#act.choose(asked.id, result.id))),
    );
    const list = asked.offset ? this.#panel.querySelector("ul") : element("ul", { "aria-label": "Results" });
    list.append(...tiles);
    const more = () => void this.#ask(asked.query, asked.chat, next);
    this.#show([
      button ? element("button", { type: "button", class: "inline-start", onclick: () => this.#act.start(button) }, button.text) : null,
      list.children.length ? list : null,
      next ? element("button", { type: "button", class: "inline-more", onclick: more }, "More results") : null,
      list.children.length || button ? null : element("p", {}, "Nothing found"),
    ]);
  }

  #show(parts) {
    const shown = parts.filter(Boolean);
    this.#panel.hidden = shown.length === 0;
    this.#panel.replaceChildren(...shown);
  }
}

function tile(result, onclick) {
  const title = result.title ?? result.caption ?? result.type;
  const fileId = result.photo_file_id;
  const face = fileId ? element("img", { src: api.fileAddress(fileId), alt: "" }) : icon("document");
  const words = element("span", { class: "inline-title" }, title);
  return element("button", { type: "button", class: "inline-result", "aria-label": title, title, onclick }, face, words);
}
