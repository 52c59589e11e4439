/* Talks to the sandbox: one function a call of the users' side. */

/* With several bots in use, `?bot=ID` in the page's address says which one is meant. */
const bot = new URLSearchParams(location.search).get("bot");

export class SandboxError extends Error {}

function address(path, query = {}) {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  if (bot) url.searchParams.set("bot", bot);
  return url;
}

/** Call the sandbox. Raises `SandboxError` with its own words when it refuses or is away. */
async function call(method, path, { query, body } = {}) {
  const isForm = body instanceof FormData;
  let answer;
  try {
    answer = await fetch(address(path, query), {
      method,
      headers: body && !isForm ? { "Content-Type": "application/json" } : {},
      body: body && !isForm ? JSON.stringify(body) : body,
    });
  } catch {
    throw new SandboxError("The sandbox does not answer");
  }
  const text = await answer.text();
  if (!answer.ok) throw new SandboxError(reasonIn(text) || `The sandbox answered ${answer.status}`);
  return text ? JSON.parse(text) : null;
}

function reasonIn(text) {
  try {
    const { detail, description, error } = JSON.parse(text);
    return description ?? detail ?? (typeof error === "string" ? error : error?.message);
  } catch {
    return text.slice(0, 200);
  }
}

const message = (chat, id) => `/chats/${chat}/messages/${id}`;

export const getBot = () => call("GET", "/bot");
export const getPeople = () => call("GET", "/people");
export const addPerson = (person) => call("POST", "/people", { body: person });
export const block = (user) => call("POST", `/people/${user}/block`);
export const unblock = (user) => call("POST", `/people/${user}/unblock`);

export const getChats = (user) => call("GET", "/chats", { query: { user } });
export const addChat = (chat) => call("POST", "/chats", { body: chat });
export const addTopic = (chat, name) => call("POST", `/chats/${chat}/topics`, { body: { name } });
export const migrate = (chat) => call("POST", `/chats/${chat}/migrate`);
export const getCommands = (user, chat) => call("GET", "/commands", { query: { user, chat } });

export const getMessages = (chat) => call("GET", `/chats/${chat}/messages`);
export const sendMessage = (chat, body) => call("POST", `/chats/${chat}/messages`, { body });
export const editMessage = (chat, id, text) => call("PATCH", message(chat, id), { body: { text } });
export const deleteMessage = (chat, id) => call("DELETE", message(chat, id));
export const press = (chat, id, from, data) => call("POST", `${message(chat, id)}/press`, { body: { from, data } });
export const stopDraft = (chat, draft) => call("POST", `/chats/${chat}/drafts/${draft}/stop`);
export const pay = (chat, id, from) => call("POST", `${message(chat, id)}/pay`, { body: { from } });
export const openWebApp = (chat, id, from, url) => call("POST", `${message(chat, id)}/web_app`, { body: { from, url } });
export const askInline = (body) => call("POST", "/inline", { body });
export const getInline = (id) => call("GET", `/inline/${encodeURIComponent(id)}`);
export const chooseInline = (id, body) => call("POST", `/inline/${encodeURIComponent(id)}/choose`, { body });
export const getCallback = (id) => call("GET", `/callbacks/${encodeURIComponent(id)}`);

/** Send one file as `kind` (`photo`, `document`, `voice`); `fields` are those of `sendMessage`. */
export function sendFile(chat, kind, file, fields) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value !== null && value !== undefined) body.append(name, value);
  }
  body.append(kind, file, file.name);
  return call("POST", `/chats/${chat}/messages`, { body });
}

export const getFaults = () => call("GET", "/faults");
export const armFault = (fault) => call("POST", "/faults", { body: fault });
export const clearFaults = () => call("DELETE", "/faults");

/** Where a file's bytes are. */
export const fileAddress = (fileId) => address(`/photos/${encodeURIComponent(fileId)}`).href;

/**
 * Follow what happens in a user's chats, for as long as the page lives.
 *
 * The browser itself comes back after a broken connection, but gives up after an answer
 * other than 200, so we begin again then. `whenUp` is told after each (re)connection:
 * what happened in between has to be fetched.
 */
export function followEvents(user, { whenEvent, whenUp, whenDown }) {
  const source = new EventSource(address("/events", { user }));
  source.onopen = whenUp;
  source.onmessage = (event) => whenEvent(JSON.parse(event.data));
  source.onerror = () => {
    whenDown();
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => followEvents(user, { whenEvent, whenUp, whenDown }), 1000);
  };
}
