/* The drawer that arms a few of the sandbox's faults, so that one sees how the bot bears them. */

import * as api from "./api.js";
import { byId, element, icon, toast } from "./dom.js";

const FLOOD = {
  ok: false,
  error_code: 429,
  description: "Too Many Requests: retry after 5",
  parameters: { retry_after: 5 },
};

/* `fault` is what `POST /faults` takes; each hits once. */
const OFFERED = [
  { label: "The model is loading", about: "HuggingFace answers 503", fault: { service: "router", preset: "loading" } },
  { label: "No credits left", about: "HuggingFace answers 402", fault: { service: "router", preset: "no-credits" } },
  { label: "Rate limit", about: "HuggingFace answers 429", fault: { service: "router", preset: "rate-limited" } },
  { label: "A black picture", about: "what a model's filter leaves", fault: { service: "router", preset: "black-picture" } },
  { label: "Gemini is overloaded", about: "503 UNAVAILABLE", fault: { service: "gemini", preset: "overloaded" } },
  { label: "The prompt is blocked", about: "Gemini refuses the idea", fault: { service: "gemini", preset: "prompt-blocked" } },
  {
    label: "Flood control",
    about: "Telegram: retry after 5 s",
    fault: { service: "telegram", path: "/send(?!ChatAction)", status: 429, reply: FLOOD },
  },
  {
    label: "A lost answer",
    about: "Telegram sends, then the line breaks",
    fault: { service: "telegram", path: "/send(?!ChatAction)", drop: "after" },
  },
];

/** Open the drawer, or close it. */
export async function toggleFaults() {
  const drawer = byId("faults");
  const isOpening = drawer.hidden;
  if (isOpening) await draw();
  drawer.hidden = !isOpening;
  byId("faults-button").setAttribute("aria-expanded", String(isOpening));
  if (isOpening) drawer.querySelector("button").focus();
  else byId("faults-button").focus();
}

async function draw() {
  const waiting = (await api.getFaults()).filter(({ times, hits = 0 }) => times === null || hits < times);
  byId("faults").replaceChildren(
    element(
      "header",
      {},
      element("h2", {}, "Faults"),
      element(
        "button",
        { type: "button", class: "icon-button", "aria-label": "Close the faults", onclick: () => void toggleFaults() },
        icon("close"),
      ),
    ),
    element("p", {}, "Choose one: the next request that fits is hit, once. Then see how the bot bears it."),
    element("ul", {}, OFFERED.map((offer) => element("li", {}, offerNode(offer)))),
    waiting.length ? armedNode(waiting) : "",
  );
}

function offerNode({ label, about, fault }) {
  const arm = () => change(() => api.armFault(fault), `Armed: ${label}`);
  return element("button", { type: "button", onclick: arm }, element("b", {}, label), element("span", {}, about));
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
