// Shows one's pictures; every question bears what Telegram gave to the page.
import { wordsFor } from "./words.js";

const app = window.Telegram?.WebApp;
const language = app?.initDataUnsafe?.user?.language_code || navigator.language;
const words = wordsFor(language);
const find = (id) => document.getElementById(id);
const grid = find("grid"), notice = find("notice"), older = find("older"), dialog = find("picture"), done = find("done");
const wanted = { search: "", favourites: false };
let before = null, round = 0, open = null, address = null;

function say() {
  document.documentElement.lang = language.slice(0, 2);
  document.documentElement.dir = language.startsWith("ar") ? "rtl" : "ltr";
  document.title = words.title;
  for (const one of document.querySelectorAll("[data-say]")) one.textContent = words[one.dataset.say];
  for (const one of document.querySelectorAll("[data-say-label]")) {
    one.setAttribute("aria-label", words[one.dataset.sayLabel]);
    if (one.matches("input")) one.placeholder = words[one.dataset.sayLabel];
  }
}

function theme() {
  document.documentElement.classList.toggle("dark", app?.colorScheme === "dark");
}

async function ask(path, method = "GET") {
  const answer = await fetch(`api/pictures${path}`, { method, headers: { authorization: `tma ${app?.initData || ""}` } });
  if (!answer.ok) throw new Error({ 401: words.expired, 403: words.closed, 409: words.limit }[answer.status] || words.failed);
  return answer;
}

async function load() {
  const mine = round;
  const query = new URLSearchParams({ search: wanted.search });
  if (wanted.favourites) query.set("favourites", "1");
  if (before !== null) query.set("before", before);
  older.hidden = true;
  try {
    const page = await (await ask(`?${query}`)).json();
    if (mine !== round) return;
    for (const picture of page.pictures) grid.append(tile(picture));
    before = page.older;
    older.hidden = before === null;
    notice.textContent = grid.children.length ? "" : words.none;
  } catch (error) {
    if (mine === round) notice.textContent = error.message || words.failed;
  }
}

function restart() {
  round += 1;
  before = null;
  for (const image of grid.querySelectorAll("img")) URL.revokeObjectURL(image.src);
  grid.replaceChildren();
  notice.textContent = "";
  load();
}

function tile(picture) {
  const item = document.createElement("li"), button = document.createElement("button"), image = document.createElement("img");
  const star = document.createElement("span");
  button.type = "button";
  image.alt = picture.idea || picture.prompt.slice(0, 80);
  star.className = "star";
  star.ariaHidden = "true";
  button.append(image);
  item.append(button, star);
  const mark = () => (star.textContent = picture.favourite ? "⭐" : "");
  mark();
  button.addEventListener("click", () => show(picture, mark));
  blob(`/${picture.id}/thumbnail`).then((src) => (image.src = src), () => {});
  return item;
}

async function blob(path) {
  return URL.createObjectURL(await (await ask(path)).blob());
}

function show(picture, mark) {
  open = { picture, mark };
  done.textContent = "";
  find("idea").textContent = picture.idea;
  find("prompt").textContent = picture.prompt;
  const made = new Date(picture.made).toLocaleDateString(language, { dateStyle: "medium" });
  const facts = { model: picture.model, seed: picture.seed, size: picture.size, steps: picture.steps, made };
  const rows = Object.entries(facts).filter(([, value]) => value);
  find("facts").replaceChildren(...rows.flatMap(([name, value]) => [text("dt", words[name]), text("dd", value)]));
  star();
  const image = find("original"), link = find("download");
  image.removeAttribute("src");
  image.alt = picture.idea || words.title;
  link.removeAttribute("href");
  dialog.showModal();
  blob(`/${picture.id}/original`).then((src) => {
    if (open?.picture !== picture) return URL.revokeObjectURL(src);
    address = image.src = link.href = src;
    link.download = picture.file;
  }, (error) => (done.textContent = error.message));
}

function text(name, value) {
  const made = document.createElement(name);
  made.textContent = value;
  return made;
}

function star() {
  find("star").textContent = open.picture.favourite ? words.starred : words.star;
  find("star").ariaPressed = String(open.picture.favourite);
}

async function act(work) {
  try {
    await work();
  } catch (error) {
    done.textContent = error.message || words.failed;
  }
}

find("search").addEventListener("submit", (event) => event.preventDefault());
let typing;
find("search").words.addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(() => { wanted.search = event.target.value.trim(); restart(); }, 300);
});
find("favourites").addEventListener("click", (event) => {
  wanted.favourites = !wanted.favourites;
  event.target.ariaPressed = String(wanted.favourites);
  event.target.textContent = wanted.favourites ? "⭐" : "☆";
  restart();
});
older.addEventListener("click", load);
find("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  open = null;
  if (address) URL.revokeObjectURL(address);
  address = null;
});
find("star").addEventListener("click", () => act(async () => {
  const { picture, mark } = open;
  await ask(`/${picture.id}/favourite`, picture.favourite ? "DELETE" : "PUT");
  picture.favourite = !picture.favourite;
  mark();
  if (open?.picture === picture) star();
}));
find("download").addEventListener("click", (event) => {
  // Telegram's apps on phones download nothing by a link in the page: they are handed an address.
  if (!app?.downloadFile || !app.isVersionAtLeast("8.0")) return;
  event.preventDefault();
  act(async () => {
    const { id, file } = open.picture;
    const { path } = await (await ask(`/${id}/link`, "POST")).json();
    app.downloadFile({ url: new URL(path, location.href).href, file_name: file });
  });
});
find("again").addEventListener("click", () => act(async () => {
  const press = crypto.randomUUID().replaceAll("-", "");
  find("again").disabled = true;
  try {
    await ask(`/${open.picture.id}/again?press=${press}`, "POST");
    done.textContent = words.ordered;
  } finally {
    find("again").disabled = false;
  }
}));

say();
theme();
app?.onEvent?.("themeChanged", theme);
app?.ready?.();
app?.expand?.();
load();
