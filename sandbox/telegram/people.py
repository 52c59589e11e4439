"""What people do in Telegram: write, press, ask inline, pay, block, move a group."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Any

from sandbox.bodies import Upload
from sandbox.telegram import markup
from sandbox.telegram.errors import ApiError
from sandbox.telegram.methods.chats import ADMINISTRATORS, member_json
from sandbox.telegram.methods.content import LONGEST_CAPTION, LONGEST_TEXT
from sandbox.telegram.methods.sending import NOT_CARRIED, origin_of, reply_fields, thread_fields
from sandbox.telegram.updates import DAY_S
from sandbox.telegram.world import Bot, Callback, Chat, InlineQuestion, Json, Payment, Person, Post, World, topic_of

LONGEST_QUOTE = 1024  # characters
INACCESSIBLE_S = 2 * DAY_S  # a button older than this comes without its message
FILE_KINDS = ("photo", "document", "voice", "audio", "video", "animation", "video_note", "sticker")
# Who stands in the ``from`` of messages that a chat sends, not a person.
ANONYMOUS_ADMIN = {"id": 1087968824, "is_bot": True, "first_name": "Group", "username": "GroupAnonymousBot"}
CHANNEL_SPEAKER = {"id": 136817688, "is_bot": True, "first_name": "Channel", "username": "Channel_Bot"}
TELEGRAM = {"id": 777000, "is_bot": False, "first_name": "Telegram"}


class Mistake(Exception):
    """People can't do this; ``status`` is the HTTP status to say so with."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


# Who and where


def person(world: World, user_id: Any) -> Person:
    """Raises ``Mistake`` when there is nobody with that id."""
    try:
        return world.people[int(user_id)]
    except (KeyError, TypeError, ValueError) as error:
        raise Mistake(f"there is no person {user_id}", 404) from error


def chat(world: World, bot: Bot, chat_id: int) -> Chat:
    """Raises ``Mistake`` when there is no such chat."""
    found = world.find_chat(bot, chat_id)
    if found is None:
        raise Mistake(f"there is no chat {chat_id}", 404)
    return found


def post(place: Chat, message_id: int) -> Post:
    """Raises ``Mistake`` when there is no such message, or it was deleted."""
    found = place.post(message_id)
    if found is None:
        raise Mistake(f"there is no message {message_id}", 404)
    return found


def bots_in(world: World, bot: Bot, place: Chat) -> list[Bot]:
    """The bots that could see what happens in a chat."""
    if place.type == "private":
        return [bot]
    known = {one.id: one for one in [*world.bots.values(), bot]}
    return [one for one in known.values() if place.members.get(one.id, "left") not in ("left", "kicked")]


# Writing


def write(
    world: World,
    bot: Bot,
    place: Chat,
    author: Person,
    *,
    wish: Json,
    uploads: dict[str, Upload],
) -> Post:
    """A person writes a message, and the bots in the chat learn of it as Telegram's rules say.

    ``wish`` is the body of ``POST /chats/{chat}/messages``.

    Raises:
        Mistake: Nothing to send, not in the chat, the bot is blocked, or no right to speak for that chat.
        ApiError: What Telegram's clients would have refused: a broken photo, a missing topic.
    """
    _check_may_write(bot, place, author)
    speaker = _speaker(world, bot, place, author, wish.get("as_chat"))
    content = _read_place(world, bot, place, wish) | _read_content(world, wish, uploads)
    if place.type == "private":
        author.started.add(bot.id)
    written = world.add_post(place, speaker.pop("from"), content | speaker)
    _tell_bots(world, bot, place, written)
    if place.discussion_id is not None:
        _forward_to_discussion(world, bot, place, written)
    return written


def _tell_bots(world: World, bot: Bot, place: Chat, written: Post) -> None:
    for one in bots_in(world, bot, place):
        if _reaches(one, place, written):
            kind = "channel_post" if place.type == "channel" else "message"
            one.updates.add(kind, written.message, lane=place.id)


def _speaker(world: World, bot: Bot, place: Chat, author: Person, as_chat: Any) -> Json:
    """Who a message is from: a person, or the group or channel for which they speak.

    Raises:
        Mistake: They are no admin there.
    """
    if as_chat is None:
        return {"from": author.user}
    spoken_for = chat(world, bot, int(as_chat))
    if spoken_for.members.get(author.id) not in ADMINISTRATORS or place.type not in ("group", "supergroup"):
        raise Mistake("only an admin can speak for a chat, and only in a group")
    return {"from": ANONYMOUS_ADMIN if spoken_for is place else CHANNEL_SPEAKER, "sender_chat": spoken_for.as_json()}


def link(channel: Chat, group: Chat) -> None:
    """A channel's owner makes a supergroup the place where its posts are discussed.

    Raises:
        Mistake: Of another kind than that.
    """
    if channel.type != "channel" or group.type != "supergroup":
        raise Mistake("a channel's posts are discussed in a supergroup")
    channel.discussion_id = group.id


def _forward_to_discussion(world: World, bot: Bot, channel: Chat, written: Post) -> None:
    """Telegram itself brings a channel's post to its discussion group, where the comments reply to it."""
    group = world.groups[channel.discussion_id or 0]
    content = {name: value for name, value in written.message.items() if name not in NOT_CARRIED}
    content |= {
        "sender_chat": channel.as_json(),
        "forward_origin": origin_of(written),
        "is_automatic_forward": True,
    }
    _tell_bots(world, bot, group, world.add_post(group, TELEGRAM, content))


def _check_may_write(bot: Bot, place: Chat, author: Person) -> None:
    if place.migrated_to is not None:
        raise Mistake(f"the group has moved to {place.migrated_to}")
    if place.type == "private":
        if author.id != place.id:
            raise Mistake("this is somebody else's chat")
        if bot.id in author.blocked:
            raise Mistake("the bot is blocked; unblock it first")
    elif place.members.get(author.id, "left") in ("left", "kicked"):
        raise Mistake("not a member of this chat")


def _read_place(world: World, bot: Bot, place: Chat, wish: Json) -> Json:
    fields: Json = {}
    if thread_id := int(wish.get("message_thread_id") or 0):
        fields |= thread_fields(place, thread_id)
        # In a topic even an ordinary message answers the one that the topic began with.
        if thread_id in place.posts:
            fields |= reply_fields(place, place.posts[thread_id])
    if reply_to := int(wish.get("reply_to_message_id") or 0):
        fields |= _read_reply(place, chat(world, bot, int(wish.get("reply_to_chat") or place.id)), reply_to, wish)
    if wish.get("media_group_id"):
        fields["media_group_id"] = str(wish["media_group_id"])
    return fields


def _read_reply(place: Chat, there: Chat, message_id: int, wish: Json) -> Json:
    """What replying to a message, of this chat or of another, adds to one's own."""
    replied = post(there, message_id)
    words = replied.message.get("text") or replied.message.get("caption") or ""
    quote = str(wish.get("quote") or "")
    if quote not in words:
        raise Mistake("the quote is not in the message")
    fields = reply_fields(place, replied) if there is place else {"external_reply": external_reply(there, replied)}
    if quote:
        fields["quote"] = {"text": quote, "position": words.index(quote), "is_manual": True}
    elif words and there is not place:
        # Of a message of another chat, Telegram itself quotes the words: they are nowhere else.
        fields["quote"] = {"text": words[:LONGEST_QUOTE], "position": 0}
    return fields


def external_reply(there: Chat, replied: Post) -> Json:
    """What is told of a message of another chat: where it comes from and what it brings, but not its words."""
    origin = origin_of(replied)
    told = {name: value for name, value in replied.message.items() if name in FILE_KINDS}
    if there.type in ("supergroup", "channel"):
        told |= {"chat": there.as_json(), "message_id": replied.id}
    return {"origin": origin} | told


def _read_content(world: World, wish: Json, uploads: dict[str, Upload]) -> Json:
    for kind in FILE_KINDS:
        if kind in uploads:
            upload = uploads[kind]
            moves = {f"is_{wish['moves']}": True} if kind == "sticker" and wish.get("moves") else {}
            file: Any = world.files.add_photo(upload) if kind == "photo" else world.files.add(kind, upload, **moves)
            return {kind: file} | _words("caption", "caption_entities", wish, LONGEST_CAPTION)
    words = _words("text", "entities", wish, LONGEST_TEXT)
    if not words:
        raise Mistake("a message needs a text or a file")
    return words


def _words(name: str, entities_name: str, wish: Json, longest: int) -> Json:
    text = str(wish.get(name) or "").strip()
    if len(text) > longest:
        raise Mistake(f"{name} is longer than {longest} characters")
    if not text:
        return {}
    entities = markup.detect(text)
    return {name: text, entities_name: entities} if entities else {name: text}


def _reaches(bot: Bot, place: Chat, written: Post) -> bool:
    """Privacy mode: in groups a bot hears commands, mentions, and replies to itself."""
    if place.type in ("private", "channel") or bot.reads_all_group_messages:
        return True
    if place.members.get(bot.id) in ADMINISTRATORS:
        return True
    message = written.message
    replied = message.get("reply_to_message", {})
    if replied.get("from", {}).get("id") == bot.id and "forum_topic_created" not in replied:
        return True
    return _speaks_to(bot, message)


def _speaks_to(bot: Bot, message: Json) -> bool:
    text = message.get("text") or message.get("caption") or ""
    encoded = text.encode("utf-16-le")
    me = f"@{bot.user['username']}".lower()
    for entity in message.get("entities") or message.get("caption_entities") or []:
        start, end = entity["offset"] * 2, (entity["offset"] + entity["length"]) * 2
        words = encoded[start:end].decode("utf-16-le").lower()
        if entity["type"] == "mention" and words == me:
            return True
        if entity["type"] == "bot_command" and ("@" not in words or words.endswith(me)):
            return True
    return False


def edit(world: World, bot: Bot, place: Chat, written: Post, text: str) -> Post:
    """A person changes the words of a message."""
    name, entities_name, longest = (
        ("text", "entities", LONGEST_TEXT)
        if "text" in written.message
        else ("caption", "caption_entities", LONGEST_CAPTION)
    )
    kept = {key: value for key, value in written.message.items() if key not in (name, entities_name)}
    world.edit_post(place, written, kept | _words(name, entities_name, {name: text}, longest))
    for one in bots_in(world, bot, place):
        if _reaches(one, place, written):
            kind = "edited_channel_post" if place.type == "channel" else "edited_message"
            one.updates.add(kind, written.message, lane=place.id)
    return written


def react(world: World, bot: Bot, place: Chat, written: Post, *, who: Person, emoji: str | None) -> None:
    """A person sets, changes or takes back a reaction; bots hear of it when they asked for it."""
    before = written.reactions.get(who.id, [])
    after: list[Json] = [{"type": "emoji", "emoji": emoji}] if emoji else []
    written.reactions[who.id] = after
    world.tell(place, "reaction", message_id=written.id, user_id=who.id, reaction=after)
    update = {
        "chat": place.as_json(),
        "message_id": written.id,
        "user": who.user,
        "date": world.clock.date(),
        "old_reaction": before,
        "new_reaction": after,
    }
    for one in bots_in(world, bot, place):
        if place.type == "private" or place.members.get(one.id) in ADMINISTRATORS:
            one.updates.add("message_reaction", update, lane=place.id)


# Buttons and inline queries


def press(world: World, bot: Bot, place: Chat, written: Post, *, who: Person, data: str) -> Callback:
    """A person presses a button; as in Telegram, a crafted client may send any data."""
    owner = world.bots.get(written.author_id, bot)
    asked = Callback(world.next_query_id(), owner.id, place.id, world.clock.time())
    world.callbacks[asked.id] = asked
    query: Json = {
        "id": asked.id,
        "from": who.user,
        "chat_instance": str(abs(hash((place.id, owner.id)))),
        "data": data,
    }
    if written.inline_message_id is not None:
        query["inline_message_id"] = written.inline_message_id
    elif world.clock.time() - written.sent_at > INACCESSIBLE_S:
        query["message"] = {"chat": place.as_json(), "message_id": written.id, "date": 0}
    else:
        query["message"] = written.message
    owner.updates.add("callback_query", query, lane=who.id)
    return asked


def stop_draft(world: World, bot: Bot, place: Chat, draft_id: int) -> None:
    """A person presses the stop button on a draft.

    Raises:
        Mistake: There is no such draft any more, or it has no button.
    """
    draft = next((one for one in world.drafts_in(place) if one.id == draft_id), None)
    if draft is None:
        raise Mistake(f"there is no draft {draft_id}", 404)
    if not draft.can_stop:
        raise Mistake(f"the draft {draft_id} has no stop button")
    if draft.keep_on_stop:
        world.show_draft(place, replace(draft, can_stop=False))
    else:
        del place.drafts[topic_of(draft.content)]
        world.tell(place, "draft_gone", draft_id=draft.id)
    stopped: Json = {"chat": place.as_json(), "draft_id": draft.id}
    if "message_thread_id" in draft.content:
        stopped["message_thread_id"] = draft.content["message_thread_id"]
    world.bots.get(draft.bot_id, bot).updates.add("stopped_message_generation", stopped, lane=place.id)


def ask_inline(world: World, bot: Bot, who: Person, *, query: str, offset: str, chat_type: str) -> InlineQuestion:
    """A person types ``@bot query`` in some chat."""
    question = InlineQuestion(world.next_query_id(), bot.id, who, query, world.clock.time())
    world.inline_questions[question.id] = question
    bot.updates.add(
        "inline_query",
        {"id": question.id, "from": who.user, "query": query, "offset": offset, "chat_type": chat_type},
        lane=who.id,
    )
    return question


def choose_inline(world: World, bot: Bot, place: Chat, question: InlineQuestion, result_id: str) -> Post:
    """A person sends one of the results; the bot is told which.

    Raises:
        Mistake: The bot gave no such result.
    """
    results = (question.answer or {}).get("results", [])
    result = next((one for one in results if one["id"] == result_id), None)
    if result is None:
        raise Mistake(f"there is no result {result_id}", 404)
    chosen: Json = {"result_id": result_id, "from": question.person.user, "query": question.query}
    content = _inline_content(world, result) | {"via_bot": bot.as_user()}
    inline_message_id = None
    if "reply_markup" in result:
        content["reply_markup"] = result["reply_markup"]
        inline_message_id = chosen["inline_message_id"] = secrets.token_urlsafe(20)
    sent = world.add_post(place, question.person.user, content, inline_message_id=inline_message_id)
    if inline_message_id is not None:
        world.inline_posts[inline_message_id] = (bot.id, place, sent)
    bot.updates.add("chosen_inline_result", chosen, lane=question.person.id)
    return sent


def _inline_content(world: World, result: Json) -> Json:
    """What a result becomes in the chat."""
    given = result.get("input_message_content")
    if given and "message_text" in given:
        text, entities = markup.read_text(given["message_text"], given.get("parse_mode") or "", given.get("entities"))
        return {"text": text, "entities": entities} if entities else {"text": text}
    text, entities = markup.read_text(
        result.get("caption") or "", result.get("parse_mode") or "", result.get("caption_entities")
    )
    caption: Json = {"caption": text} if text else {}
    if entities:
        caption["caption_entities"] = entities
    if "photo_file_id" in result:
        return {"photo": world.files.photo_of(world.files.find(result["photo_file_id"]))} | caption
    if "document_file_id" in result:
        return {"document": world.files.object_of(world.files.find(result["document_file_id"]))} | caption
    address = result.get("photo_url") or result.get("document_url") or result.get("title") or ""
    return {"text": f"{address} {text}".strip()}


# Paying


def pay(world: World, bot: Bot, who: Person, place: Chat, key: str) -> Payment:
    """A person presses Pay; the bot is asked before the money moves.

    Raises:
        Mistake: That is no invoice.
    """
    if key not in world.invoices:
        raise Mistake("there is no such invoice", 404)
    bot_id, invoice = world.invoices[key]
    payment = Payment(world.next_query_id(), bot_id, who, invoice, world.clock.time(), place)
    world.payments[payment.id] = payment
    world.bots.get(bot_id, bot).updates.add(
        "pre_checkout_query",
        {
            "id": payment.id,
            "from": who.user,
            "currency": invoice["currency"],
            "total_amount": invoice["total_amount"],
            "invoice_payload": invoice["payload"],
        },
        lane=who.id,
    )
    return payment


# Coming and going


def _tell_membership(world: World, bot: Bot, place: Chat, *, who: Json, before: str, after: str) -> None:
    bot.updates.add(
        "my_chat_member",
        {
            "chat": place.as_json(),
            "from": who,
            "date": world.clock.date(),
            "old_chat_member": member_json(bot.as_user(), before),
            "new_chat_member": member_json(bot.as_user(), after),
        },
        lane=place.id,
    )


def open_group(world: World, bot: Bot, wish: Json) -> Chat:
    """A person makes a group, supergroup or channel and adds the bot.

    Raises:
        Mistake: A type or member that doesn't exist.
    """
    kind = wish.get("type", "supergroup")
    if kind not in ("group", "supergroup", "channel"):
        raise Mistake("type is group, supergroup or channel")
    members = [person(world, user_id) for user_id in wish.get("members") or []]
    about: Json = {"title": str(wish.get("title") or "A group")}
    for name in ("username", "is_forum"):
        if wish.get(name):
            about[name] = wish[name]
    place = world.add_group(kind, about, members=[member.id for member in members], bot=bot, chat_id=wish.get("id"))
    if members:
        _tell_membership(world, bot, place, who=members[0].user, before="left", after=place.members[bot.id])
    return place


def set_blocked(world: World, bot: Bot, who: Person, *, blocked: bool) -> None:
    """A person stops the bot, or lets it write again."""
    if (bot.id in who.blocked) == blocked:
        return
    (who.blocked.add if blocked else who.blocked.discard)(bot.id)
    before, after = ("member", "kicked") if blocked else ("kicked", "member")
    _tell_membership(world, bot, world.private_chat(bot, who), who=who.user, before=before, after=after)


def set_bot_status(world: World, bot: Bot, place: Chat, who: Json, status: str) -> None:
    """Somebody adds, promotes, removes or kicks the bot.

    Raises:
        Mistake: An unknown status.
    """
    if status not in ("member", "administrator", "left", "kicked"):
        raise Mistake("status is member, administrator, left or kicked")
    before = place.members.get(bot.id, "left")
    place.members[bot.id] = status
    _tell_membership(world, bot, place, who=who, before=before, after=status)


def migrate(world: World, bot: Bot, place: Chat) -> Chat:
    """A group becomes a supergroup under a new id; both say so to the bots.

    Raises:
        Mistake: It isn't a group, or has moved already.
    """
    if place.type != "group" or place.migrated_to is not None:
        raise Mistake("only a group can move")
    bots = bots_in(world, bot, place)
    people = [user_id for user_id in place.members if user_id in world.people]
    moved = world.add_group("supergroup", dict(place.about), members=[], bot=bot, chat_id=None)
    moved.members = dict(place.members)
    author = world.people[people[0]].user if people else bot.as_user()
    left = world.add_post(place, author, {"migrate_to_chat_id": moved.id})
    arrived = world.add_post(moved, author, {"migrate_from_chat_id": place.id})
    place.migrated_to = moved.id
    for one in bots:
        one.updates.add("message", left.message, lane=place.id)
        one.updates.add("message", arrived.message, lane=moved.id)
    return moved


def refused(error: ApiError | Mistake) -> tuple[str, int]:
    """The words and the HTTP status with which the users' side says no."""
    if isinstance(error, Mistake):
        return str(error), error.status
    return error.description, error.code
