/* Opens a bot's Mini App over the page, as Telegram's web client does: in a frame, which is told of the theme. */

import { element, icon } from "./dom.js";

const LIGHT = {
  bg_color: "#ffffff",
  secondary_bg_color: "#f4f4f5",
  text_color: "#0b0d0f",
  hint_color: "#707579",
  link_color: "#1d7fdc",
  button_color: "#3390ec",
  button_text_color: "#ffffff",
};
const DARK = {
  bg_color: "#17212b",
  secondary_bg_color: "#242f3d",
  text_color: "#f5f7f9",
  hint_color: "#7d8e9e",
  link_color: "#6ab7f4",
  button_color: "#2f8fdc",
  button_text_color: "#ffffff",
};
const MAY = "allow-scripts allow-same-origin allow-popups allow-forms allow-modals allow-downloads";

const dark = matchMedia("(prefers-color-scheme: dark)");
const colours = () => (dark.matches ? DARK : LIGHT);

/** Open a page at the address that the sandbox signed; `title` is the bot's name. */
export function openMiniApp(address, title) {
  const url = new URL(address);
  const given = new URLSearchParams(url.hash.slice(1));
  given.set("tgWebAppThemeParams", JSON.stringify(colours()));
  url.hash = given;
  const frame = element("iframe", { class: "mini-app-page", src: url.href, title, sandbox: MAY });
  const close = element(
    "button",
    { type: "button", class: "icon-button", "aria-label": "Close", title: "Close", onclick: () => dialog.close() },
    icon("close"),
  );
  const dialog = element(
    "dialog",
    { class: "mini-app", "aria-label": title },
    element("header", {}, close, element("div", { class: "mini-app-words" }, element("strong", {}, title), "mini app")),
    frame,
  );

  const tellTheme = () => tell("theme_changed", { theme_params: colours() });
  const tell = (eventType, eventData) =>
    frame.contentWindow?.postMessage(JSON.stringify({ eventType, eventData }), url.origin);
  const hear = (event) => {
    if (event.source !== frame.contentWindow || event.origin !== url.origin) return;
    const said = read(event.data);
    if (said.eventType === "web_app_close") dialog.close();
    else if (said.eventType === "web_app_request_theme") tellTheme();
    else if (said.eventType === "web_app_request_file_download") {
      download(said.eventData);
      tell("file_download_requested", { status: "downloading" });
    } else if (said.eventType === "web_app_open_link") window.open(said.eventData.url, "_blank", "noopener");
  };
  addEventListener("message", hear);
  dark.addEventListener("change", tellTheme);
  dialog.addEventListener("close", () => {
    removeEventListener("message", hear);
    dark.removeEventListener("change", tellTheme);
    dialog.remove();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function download({ url, file_name: name }) {
  if (/^https?:/u.test(url)) element("a", { href: url, download: name, rel: "noopener" }).click();
}

function read(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
