/* Builds page nodes. Data becomes text or an attribute here, never markup. */

const SVG = "http://www.w3.org/2000/svg";

/* Strokes on a 24 × 24 grid. */
const ICONS = {
  attach: "M20.5 11.5l-8.4 8.4a5.2 5.2 0 0 1-7.4-7.4l8.7-8.7a3.5 3.5 0 0 1 5 5l-8.6 8.6a1.7 1.7 0 0 1-2.5-2.5l7.9-7.8",
  back: "M19 12H5m6-7l-7 7 7 7",
  bug: "M9 8a3 3 0 0 1 6 0M7 10h10v5a5 5 0 0 1-10 0zM3 13h4m10 0h4M4 7l3 3m13-3l-3 3M4 20l3.6-3M20 20l-3.6-3M12 11v9",
  chevron: "M6 9l6 6 6-6",
  close: "M6 6l12 12M18 6L6 18",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
  document: "M14 3H6v18h12V7zM14 3v4h4",
  down: "M12 5v14m-6-6l6 6 6-6",
  download: "M12 4v11m-5-5l5 5 5-5M5 20h14",
  edit: "M4 20l1-4.5L16 4.5l3.5 3.5-11 11zM13.5 7l3.5 3.5",
  group: "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c0-3.5 3-6 6.5-6s6.5 2.5 6.5 6M16 4.4a3.5 3.5 0 0 1 0 6.2M18 14.6c2.2.8 3.5 2.8 3.5 5.4",
  menu: "M4 7h16M4 12h16M4 17h16",
  more: "M12 5.5v.01M12 12v.01M12 18.5v.01",
  open: "M8 16L16 8M9 8h7v7",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 3.5-7 8-7s8 3 8 7",
  plus: "M12 5v14M5 12h14",
  reply: "M10 6L4 12l6 6M4 12h9c4 0 7 2 7 7",
  send: "M3.5 20.5L21 12 3.5 3.5 5.5 10.5 14 12l-8.5 1.5z",
  ticks: "M2 13l4 4 8.5-9M11.5 16l1 1L21 8",
  trash: "M4 7h16M9 7V4h6v3M6 7l1 13h10l1-13M10 11v5m4-5v5",
  window: "M4 5h16v14H4zM4 9h16",
};

/**
 * Make an element. Attributes named `on…` are listeners, `dataset` is an object,
 * `null`, `undefined` and `false` leave an attribute or child out.
 */
export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "dataset") Object.assign(node.dataset, value);
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", `icon icon-${name}`);
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

export function byId(id) {
  return document.getElementById(id);
}

/** Take a node away once its leaving animation is over (at once where people prefer no motion). */
export function fadeOut(node) {
  node.classList.add("leaving");
  node.setAttribute("aria-hidden", "true");
  const moving = node.getAnimations().map((animation) => animation.finished.catch(() => undefined));
  Promise.all(moving).then(() => node.remove());
}

/**
 * Show a menu beside a node.
 *
 * `entries` are `{label, icon?, choose, danger?, checked?}`, or `null` for a separator.
 */
export function openMenu(anchor, entries, { x, y } = {}) {
  const opener = document.activeElement;
  const menu = element("div", { class: "menu", role: "menu", tabindex: "-1" });
  const close = () => {
    menu.remove();
    anchor.setAttribute?.("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside, true);
    opener?.focus?.({ preventScroll: true });
  };
  const outside = (event) => {
    if (!menu.contains(event.target)) close();
  };
  for (const entry of entries) {
    if (entry === null) {
      menu.append(element("hr"));
      continue;
    }
    menu.append(
      element(
        "button",
        {
          type: "button",
          role: entry.checked === undefined ? "menuitem" : "menuitemradio",
          "aria-checked": entry.checked === undefined ? null : String(entry.checked),
          class: entry.danger ? "danger" : null,
          onclick: () => {
            close();
            entry.choose();
          },
        },
        entry.face ?? (entry.icon ? icon(entry.icon) : null),
        element("span", {}, entry.label),
      ),
    );
  }
  menu.addEventListener("keydown", (event) => {
    const buttons = [...menu.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    if (event.key === "Escape" || event.key === "Tab") close();
    else if (event.key === "ArrowDown") buttons[(at + 1) % buttons.length].focus();
    else if (event.key === "ArrowUp") buttons.at(at <= 0 ? -1 : at - 1).focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  document.body.append(menu);
  const box = anchor.getBoundingClientRect();
  const left = Math.min(x ?? box.left, innerWidth - menu.offsetWidth - 8);
  const below = y ?? box.bottom + 4;
  const top = below + menu.offsetHeight > innerHeight - 8 ? Math.max(8, innerHeight - menu.offsetHeight - 8) : below;
  menu.style.left = `${Math.max(8, left)}px`;
  menu.style.top = `${top}px`;
  if (anchor.hasAttribute?.("aria-haspopup")) anchor.setAttribute("aria-expanded", "true");
  document.addEventListener("pointerdown", outside, true);
  menu.querySelector("button")?.focus();
}

/** Say something small for four seconds. */
export function toast(text) {
  const note = element("div", { class: "toast" }, text);
  byId("toasts").append(note);
  setTimeout(() => fadeOut(note), 4000);
}
