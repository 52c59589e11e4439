"""Mini Apps: the address with which Telegram's clients open one, signed for its bot.

https://core.telegram.org/bots/webapps#validating-data-received-via-the-mini-app
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from urllib.parse import urlencode, urlsplit

from sandbox.telegram.people import Mistake
from sandbox.telegram.world import Bot, Json, Person, Post, World

VERSION = "9.1"  # of the Mini Apps' interface, as clients tell it
PLATFORM = "weba"
SCHEMES = {"https", "http"}  # Telegram takes https alone; here the own machine is reached without


def open_web_app(world: World, bot: Bot, written: Post, *, who: Person, url: str) -> str:
    """A person presses a ``web_app`` button; returns the address that their client opens.

    The page at the other end reads what stands after ``#``, with Telegram's own script or the sandbox's.

    Raises:
        Mistake: The message has no such button, or its bot has not spoken yet.
    """
    owner = world.bots.get(written.author_id, bot)
    rows = written.message.get("reply_markup", {}).get("inline_keyboard", [])
    if not any(button.get("web_app", {}).get("url") == url for row in rows for button in row):
        raise Mistake("there is no such button", 404)
    if owner.token is None or urlsplit(url).scheme not in SCHEMES:
        raise Mistake("this page can't be opened")
    given = {
        "tgWebAppData": urlencode(init_data(owner.token, who.user, world.clock.date())),
        "tgWebAppVersion": VERSION,
        "tgWebAppPlatform": PLATFORM,
    }
    return f"{url.partition('#')[0]}#{urlencode(given)}"


def init_data(token: str, user: Json, date: int) -> dict[str, str]:
    """The fields of ``initData``, signed with the bot's token."""
    about = {name: value for name, value in user.items() if name != "is_bot"}
    fields = {
        "query_id": secrets.token_urlsafe(18),
        "user": json.dumps(about | {"allows_write_to_pm": True}, ensure_ascii=False, separators=(",", ":")),
        "auth_date": str(date),
        # Telegram's own signature, for those who don't have the token; nobody can check this one.
        "signature": secrets.token_urlsafe(64),
    }
    checked = "\n".join(f"{name}={fields[name]}" for name in sorted(fields))
    key = hmac.new(b"WebAppData", token.encode(), hashlib.sha256).digest()
    return fields | {"hash": hmac.new(key, checked.encode(), hashlib.sha256).hexdigest()}
