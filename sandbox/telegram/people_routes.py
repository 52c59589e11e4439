"""The users' side over HTTP: ``/people``, ``/chats``, ``/events`` and what belongs to them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.bodies import Body, UnreadableBody, read_body
from sandbox.telegram import people, web_apps
from sandbox.telegram.api import Call
from sandbox.telegram.errors import ApiError
from sandbox.telegram.methods.commands import menu_for
from sandbox.telegram.methods.profile import get_me
from sandbox.telegram.methods.sending import open_topic
from sandbox.telegram.methods.sending import remove_topic as delete_topic
from sandbox.telegram.people import Mistake
from sandbox.telegram.world import Bot, Chat, InlineQuestion, Json, Person, Post, World

Handler = Callable[["Visit"], Any]
SHOWN_IN_PLACE = frozenset({"image/gif", "image/jpeg", "image/png", "image/webp"})  # all others are attachments
BOT_FIELDS = frozenset({"first_name", "username", "has_topics_enabled", "supports_inline_queries", "can_join_groups"})


class Visit:
    """One request of a person, with its body read."""

    def __init__(self, world: World, request: Request, body: Body) -> None:
        self.world = world
        self.request = request
        self.uploads = body.uploads
        self.wish: Json = body.values if isinstance(body.values, dict) else {}
        bot_id = request.query_params.get("bot")
        self.bot: Bot = world.bot(int(bot_id) if bot_id else None)

    def need(self, name: str) -> Any:
        """A field of the body.

        Raises:
            Mistake: It is missing.
        """
        if self.wish.get(name) is None:
            raise Mistake(f"{name} is missing")
        return self.wish[name]

    def query(self, name: str) -> str | None:
        return self.request.query_params.get(name)

    @property
    def author(self) -> Person:
        return people.person(self.world, self.need("from"))

    @property
    def chat(self) -> Chat:
        return people.chat(self.world, self.bot, int(self.request.path_params["chat"]))

    @property
    def post(self) -> Post:
        return people.post(self.chat, self.request.path_params["message"])

    @property
    def person(self) -> Person:
        return people.person(self.world, self.request.path_params["person"])


def _handler(world: World, handle: Handler) -> Callable[[Request], Awaitable[Response]]:
    """Wrap a function of a visit: its result becomes JSON, its refusals become statuses."""

    async def answer(request: Request) -> Response:
        try:
            body = read_body(request.headers.get("content-type", ""), await request.body())
            result = handle(Visit(world, request, body))
            if isinstance(result, Awaitable):
                result = await result
        except (ApiError, Mistake) as error:
            words, status = people.refused(error)
            return JSONResponse({"error": words}, status_code=status)
        except (UnreadableBody, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return result if isinstance(result, Response) else JSONResponse(result)

    return answer


# People


def add_person(visit: Visit) -> Json:
    visit.need("first_name")
    about = {name: value for name, value in visit.wish.items() if value is not None}
    return visit.world.add_person(about).user


def list_people(visit: Visit) -> list[Json]:
    return [person.user for person in visit.world.people.values()]


def block(visit: Visit) -> Json:
    people.set_blocked(visit.world, visit.bot, visit.person, blocked=True)
    return {}


def unblock(visit: Visit) -> Json:
    people.set_blocked(visit.world, visit.bot, visit.person, blocked=False)
    return {}


def deactivate(visit: Visit) -> Json:
    visit.person.is_deactivated = True
    return {}


# Bots


def list_bots(visit: Visit) -> list[Json]:
    return [_bot_json(visit.world, bot) for bot in visit.world.bots.values()]


def show_bot(visit: Visit) -> Json | None:
    return _bot_json(visit.world, visit.bot) if visit.bot.id else None


def change_bot(visit: Visit) -> Json:
    for name, value in visit.wish.items():
        if name == "can_read_all_group_messages":
            visit.bot.reads_all_group_messages = bool(value)
        elif name == "updates_held":
            visit.bot.updates.hold(bool(value))
        elif name in BOT_FIELDS:
            visit.bot.user[name] = value
        else:
            raise Mistake(f"a bot has no {name} to change")
    return _bot_json(visit.world, visit.bot)


def _bot_json(world: World, bot: Bot) -> Json:
    me = get_me(Call(world, bot, "getMe", {}))
    texts = {
        name: bot.texts.get((kind, ""), "")
        for kind, name in (("Description", "description"), ("ShortDescription", "short_description"))
    }
    return {**me, **texts, "pending_updates": len(bot.updates)}


# Chats


def add_chat(visit: Visit) -> Json:
    return people.open_group(visit.world, visit.bot, visit.wish).as_json()


def list_chats(visit: Visit) -> list[Json]:
    user_id = visit.query("user")
    if user_id is None:
        seen = [*visit.bot.private_chats.values(), *visit.world.groups.values()]
    else:
        seen = visit.world.chats_of(int(user_id), visit.bot)
    return [_chat_json(chat) for chat in seen if chat.migrated_to is None]


def _chat_json(chat: Chat) -> Json:
    topics = [{"message_thread_id": topic.id, "name": topic.name} for topic in chat.topics.values()]
    return chat.as_json() | ({"topics": topics} if topics else {})


def add_topic(visit: Visit) -> Json:
    chat = visit.chat
    creator = next((who for who in chat.members if who in visit.world.people), None)
    author = visit.world.people[creator].user if creator is not None else visit.bot.as_user()
    topic = open_topic(visit.world, chat, author, str(visit.need("name")))
    return {"message_thread_id": topic["message_thread_id"], "name": topic["name"]}


def remove_topic(visit: Visit) -> Json:
    topic = visit.chat.topics.get(visit.request.path_params["topic"])
    if topic is None:
        raise Mistake("there is no such topic", 404)
    delete_topic(visit.world, visit.chat, topic)
    return {}


def migrate(visit: Visit) -> Json:
    return people.migrate(visit.world, visit.bot, visit.chat).as_json()


def link(visit: Visit) -> Json:
    people.link(visit.chat, people.chat(visit.world, visit.bot, int(visit.need("discussion"))))
    return {}


def set_bot_status(visit: Visit) -> Json:
    chat = visit.chat
    creator = next((who for who in chat.members if who in visit.world.people), None)
    who = visit.world.people[creator].user if creator is not None else visit.bot.as_user()
    people.set_bot_status(visit.world, visit.bot, chat, who, str(visit.need("status")))
    return {}


def join(visit: Visit) -> Json:
    visit.chat.members[visit.author.id] = str(visit.wish.get("status", "member"))
    return {}


# Messages


def list_messages(visit: Visit) -> list[Json]:
    return [post.as_seen() for post in visit.chat.posts.values()]


def write(visit: Visit) -> Json:
    return people.write(
        visit.world, visit.bot, visit.chat, visit.author, wish=visit.wish, uploads=visit.uploads
    ).as_seen()


def edit(visit: Visit) -> Json:
    return people.edit(visit.world, visit.bot, visit.chat, visit.post, str(visit.need("text"))).as_seen()


def delete(visit: Visit) -> Json:
    visit.world.delete_post(visit.chat, visit.post)
    return {}


def press(visit: Visit) -> Json:
    data = str(visit.need("data"))
    return {"id": people.press(visit.world, visit.bot, visit.chat, visit.post, who=visit.author, data=data).id}


def list_drafts(visit: Visit) -> list[Json]:
    return [draft.as_seen() for draft in visit.world.drafts_in(visit.chat)]


def stop_draft(visit: Visit) -> Json:
    people.stop_draft(visit.world, visit.bot, visit.chat, int(visit.request.path_params["draft"]))
    return {}


def react(visit: Visit) -> Json:
    emoji = visit.wish.get("reaction")
    people.react(visit.world, visit.bot, visit.chat, visit.post, who=visit.author, emoji=emoji)
    return {}


def pay_message(visit: Visit) -> Json:
    chat = visit.chat
    key = f"{chat.id}/{visit.post.id}"
    return {"id": people.pay(visit.world, visit.bot, visit.author, chat, key).id}


def pay_link(visit: Visit) -> Json:
    author = visit.author
    chat = visit.world.private_chat(visit.bot, author)
    return {"id": people.pay(visit.world, visit.bot, author, chat, visit.request.path_params["slug"]).id}


def show_payment(visit: Visit) -> Json:
    payment = visit.world.payments.get(visit.request.path_params["id"])
    if payment is None:
        raise Mistake("there is no such payment", 404)
    shown = dict(payment.answer or {"answered": False})
    if payment.charge_id is not None:
        shown |= {
            "telegram_payment_charge_id": payment.charge_id,
            "message_id": payment.message_id,
            "refunded": payment.is_refunded,
        }
    return shown


def show_callback(visit: Visit) -> Json:
    callback = visit.world.callbacks.get(visit.request.path_params["id"])
    if callback is None:
        raise Mistake("there is no such callback query", 404)
    return callback.answer or {"answered": False}


def open_web_app(visit: Visit) -> Json:
    url = str(visit.need("url"))
    return {"url": web_apps.open_web_app(visit.world, visit.bot, visit.post, who=visit.author, url=url)}


def ask_inline(visit: Visit) -> Json:
    question = people.ask_inline(
        visit.world,
        visit.bot,
        visit.author,
        query=str(visit.wish.get("query", "")),
        offset=str(visit.wish.get("offset", "")),
        chat_type=str(visit.wish.get("chat_type", "sender")),
    )
    return {"id": question.id}


def show_inline(visit: Visit) -> Json:
    return _question(visit).answer or {"answered": False}


def choose_inline(visit: Visit) -> Json:
    question = _question(visit)
    chat_id = int(visit.wish.get("chat") or question.person.id)
    place = people.chat(visit.world, visit.bot, chat_id)
    result_id = str(visit.need("result_id"))
    return people.choose_inline(visit.world, visit.bot, place, question, result_id).as_seen()


def _question(visit: Visit) -> InlineQuestion:
    question = visit.world.inline_questions.get(visit.request.path_params["id"])
    if question is None:
        raise Mistake("there is no such inline query", 404)
    return question


def show_commands(visit: Visit) -> list[Json]:
    person = people.person(visit.world, visit.query("user"))
    chat = people.chat(visit.world, visit.bot, int(visit.query("chat") or person.id))
    return menu_for(visit.bot, chat, person)


async def show_file(visit: Visit) -> Response:
    files = visit.world.files
    file = files.find(visit.request.path_params["file_id"])
    content = await files.content(file)
    if content is None:
        raise Mistake("this file is no longer kept", 404)
    media_type = files.media_type(file)
    headers = {"Cache-Control": "private, max-age=86400", "Content-Security-Policy": "sandbox; default-src 'none'"}
    if media_type not in SHOWN_IN_PLACE:
        # What people uploaded must not run as a page of the sandbox's own origin.
        headers["Content-Disposition"] = "attachment"
    return Response(content, media_type=media_type, headers=headers)


def follow(visit: Visit) -> Response:
    user_id, after = visit.query("user"), visit.query("after") or visit.request.headers.get("last-event-id")
    stream = visit.world.events.stream(int(user_id) if user_id else None, int(after) if after else None)
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


# The stand-in itself


def set_clock(visit: Visit) -> Json:
    if visit.wish.get("stop"):
        visit.world.clock.stop()
        return {"now": visit.world.clock.time()}
    seconds = float(visit.need("advance_s"))
    if seconds < 0:
        raise Mistake("time goes forward only")
    visit.world.clock.advance(seconds)
    return {"now": visit.world.clock.time()}


def show_limits(visit: Visit) -> Json:
    world = visit.world
    return {
        "flood": "strict" if world.flood.strict else "off",
        "repeated_polls": "strict" if world.slows_repeated_polls else "off",
    }


def set_limits(visit: Visit) -> Json:
    for name, value in visit.wish.items():
        if value not in ("off", "strict"):
            raise Mistake(f"{name} is off or strict")
        match name:
            case "flood":
                visit.world.flood.switch(strict=value == "strict")
            case "repeated_polls":
                visit.world.slow_repeated_polls(value == "strict")
            case _:
                raise Mistake(f"there is no limit {name}")
    return show_limits(visit)


def list_violations(visit: Visit) -> list[Json]:
    return visit.world.violations


def forget_violations(visit: Visit) -> Json:
    visit.world.violations.clear()
    return {}


_MESSAGE = "/chats/{chat}/messages/{message:int}"

ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "/people", add_person),
    ("GET", "/people", list_people),
    ("POST", "/people/{person:int}/block", block),
    ("POST", "/people/{person:int}/unblock", unblock),
    ("POST", "/people/{person:int}/deactivate", deactivate),
    ("GET", "/bots", list_bots),
    ("GET", "/bot", show_bot),
    ("PATCH", "/bot", change_bot),
    ("POST", "/chats", add_chat),
    ("GET", "/chats", list_chats),
    ("POST", "/chats/{chat}/topics", add_topic),
    ("DELETE", "/chats/{chat}/topics/{topic:int}", remove_topic),
    ("POST", "/chats/{chat}/migrate", migrate),
    ("POST", "/chats/{chat}/link", link),
    ("POST", "/chats/{chat}/members", join),
    ("PUT", "/chats/{chat}/bot", set_bot_status),
    ("GET", "/chats/{chat}/messages", list_messages),
    ("POST", "/chats/{chat}/messages", write),
    ("GET", "/chats/{chat}/drafts", list_drafts),
    ("POST", "/chats/{chat}/drafts/{draft}/stop", stop_draft),
    ("PATCH", _MESSAGE, edit),
    ("DELETE", _MESSAGE, delete),
    ("POST", f"{_MESSAGE}/press", press),
    ("POST", f"{_MESSAGE}/web_app", open_web_app),
    ("POST", f"{_MESSAGE}/react", react),
    ("POST", f"{_MESSAGE}/pay", pay_message),
    ("POST", "/invoices/{slug}/pay", pay_link),
    ("GET", "/payments/{id}", show_payment),
    ("GET", "/callbacks/{id}", show_callback),
    ("POST", "/inline", ask_inline),
    ("GET", "/inline/{id}", show_inline),
    ("POST", "/inline/{id}/choose", choose_inline),
    ("GET", "/commands", show_commands),
    ("GET", "/photos/{file_id}", show_file),
    ("GET", "/events", follow),
    ("POST", "/clock", set_clock),
    ("GET", "/limits", show_limits),
    ("PUT", "/limits", set_limits),
    ("GET", "/violations", list_violations),
    ("DELETE", "/violations", forget_violations),
]


def routes(world: World) -> list[Route]:
    """All routes of the users' side."""
    return [Route(path, _handler(world, handle), methods=[verb]) for verb, path, handle in ROUTES]
