/* The drawer that arms a few of the sandbox's faults, so that one sees how the bot bears them. */

import * as api from "./api.js";
import { byId, element, icon, toast } from "./dom.js";

const EXAMPLE = "/imagine a lighthouse by the sea at night";

/* `fault` is what `POST /faults` takes; `expect` says what the chat then shows. */
const OFFERED = [
  {
    label: "The model is starting",
    about: "HuggingFace answers 503 for eight seconds.",
    expect: "☕️ The bot says so and waits; then the picture comes.",
    fault: { service: "router", preset: "loading", with: { estimated_time: 6 }, for_s: 8 },
  },
  {
    label: "No credits left",
    about: "Every image service answers 402 for five seconds.",
    expect: "💳 The bot says that the credit is used up, and offers the next steps.",
    fault: { service: "router", preset: "no-credits", for_s: 5 },
  },
  {
    label: "Rate limit",
    about: "HuggingFace answers 429 for six seconds.",
    expect: "⏳ The bot says that the service is busy, and tries again by itself.",
    fault: { service: "router", preset: "rate-limited", with: { retry_after: 4 }, for_s: 6 },
  },
  {
    label: "A black picture",
    about: "What a model's filter leaves, for three seconds.",
    expect: "🌑 It is never passed off as your picture: the bot says so and tries again.",
    fault: { service: "router", preset: "black-picture", for_s: 3 },
  },
  {
    label: "Gemini is overloaded",
    about: "Gemini answers 503 for twenty seconds.",
    expect: "⏳ The bot tries again; then it uses your own words, and the caption says so.",
    fault: { service: "gemini", preset: "overloaded", for_s: 20 },
  },
  {
    label: "The prompt is blocked",
    about: "Gemini refuses the idea, once.",
    expect: "😕 The bot says so, and what to do. Nothing was paid for.",
    fault: { service: "gemini", preset: "prompt-blocked" },
  },
  {
    label: "Flood control",
    about: "Telegram takes no message for five seconds.",
    expect: "🤫 Silence; then everything comes, once.",
    fault: { service: "telegram", path: "/send(?!ChatAction)", preset: "too-many-requests", with: { retry_after: 5 } },
  },
  {
    label: "A lost answer",
    about: "Telegram sends the photo, then the line breaks.",
    expect: "📨 The bot can't know, and sends it again: a photo may come twice, but is never lost.",
    fault: { service: "telegram", path: "/sendPhoto", drop: "after" },
  },
];

let showExample; // sends an idea to the bot

/** Open the drawer, or close it; `show(idea)` sends an idea to the bot and opens that chat. */
export async function toggleFaults(show) {
  showExample = show;
  const drawer = byId("faults");
  const isOpening = drawer.hidden;
  if (isOpening) await draw();
  drawer.hidden = !isOpening;
  byId("faults-button").setAttribute("aria-expanded", String(isOpening));
  if (isOpening) drawer.querySelector("button").focus();
  else byId("faults-button").focus();
}

async function draw() {
  const waiting = (await api.getFaults()).filter(({ times, hits = 0 }) => hits === 0 || times === null);
  byId("faults").replaceChildren(
    element(
      "header",
      {},
      element("h2", {}, "Faults"),
      element(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Close the faults", onclick: () => void toggleFaults(showExample) },
        icon("close"),
      ),
    ),
    element("p", {}, "Choose one, then send the bot an idea; or let “Show me” do both. It begins with the next request that fits."),
    element("ul", {}, OFFERED.map((offer) => element("li", {}, offerNode(offer)))),
    waiting.length ? armedNode(waiting) : "",
  );
}

function offerNode({ label, about, expect, fault }) {
  const arm = () => change(() => api.armFault(fault), `Armed: ${label}`);
  const show = async () => {
    await change(() => api.armFault(fault), expect);
    if (matchMedia("(width <= 720px)").matches) await toggleFaults(showExample); // It lies over the chat there.
    await showExample(EXAMPLE);
  };
  return [
    element(
      "button",
      { type: "button", class: "offer", onclick: arm },
      element("b", {}, label),
      element("span", {}, about),
      element("span", { class: "expect" }, expect),
    ),
    element("button", { type: "button", class: "flat show", "aria-label": `Show me: ${label}`, onclick: () => void show() }, "Show me"),
  ];
}

function armedNode(waiting) {
  const names = waiting.map(({ service, preset, status, drop }) => `${service}: ${preset ?? status ?? drop ?? "fault"}`);
  return element(
    "section",
    {},
    element("h3", {}, "Waiting for a request"),
    element("p", { class: "armed" }, names.join(", ")),
    element(
      "button",
      { type: "button", class: "flat danger", onclick: () => change(api.clearFaults, "All faults cleared") },
      "Clear all",
    ),
  );
}

async function change(work, words) {
  try {
    await work();
    await draw();
    toast(words);
  } catch (error) {
    if (!(error instanceof api.SandboxError)) throw error;
    toast(error.message);
  }
}
