"""Methods about taking updates in: long polling and the webhook."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from sandbox.telegram.api import Call, method
from sandbox.telegram.errors import ApiError, bad_request, conflict, too_many_requests
from sandbox.telegram.updates import LONGEST_POLL_S, WEBHOOK_IS_SET
from sandbox.telegram.webhook import Webhook
from sandbox.telegram.world import Json

WEBHOOK_PORTS = (80, 88, 443, 8443)


@method("getUpdates")
async def get_updates(call: Call) -> list[Json]:
    if call.bot.webhook is not None:
        raise conflict(WEBHOOK_IS_SET)
    call.bot.updates.allow(_allowed_updates(call))
    return await call.bot.updates.poll(
        offset=call.number("offset"),
        limit=min(max(call.number("limit", 100), 1), 100),
        timeout_s=min(max(call.number("timeout"), 0), LONGEST_POLL_S),
    )


def _allowed_updates(call: Call) -> list[str] | None:
    try:
        kinds: Any = call.structure("allowed_updates")
    except ApiError:
        # Telegram ignores a list that it can't read.
        return None
    return kinds if isinstance(kinds, list) else None


@method("setWebhook")
def set_webhook(call: Call) -> bool:
    url = call.text("url").strip()
    if not url:
        return delete_webhook(call)
    _check_url(url)
    secret = call.text("secret_token")
    if len(secret) > 256:
        raise bad_request("secret token is too long")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", secret):
        raise bad_request("secret token contains unallowed characters")
    bot = call.bot
    now = call.world.clock.time()
    if call.world.flood.strict and now - bot.webhook_set_at < 1:
        raise too_many_requests(1)
    bot.webhook_set_at = now
    bot.updates.allow(_allowed_updates(call))
    if call.flag("drop_pending_updates"):
        bot.updates.drop_all()
    bot.updates.end_poll("terminated by setWebhook request")
    call.note = "Webhook is already set" if bot.webhook and bot.webhook.url == url else "Webhook was set"
    if bot.webhook is not None:
        bot.webhook.stop()
    bot.webhook = Webhook(
        call.world,
        bot,
        url=url,
        secret=secret,
        most_connections=min(max(call.number("max_connections", 40), 1), 100),
        has_certificate="certificate" in call.uploads,
    )
    bot.webhook.start()
    return True


def _check_url(url: str) -> None:
    """As on Telegram: HTTPS on four ports; on one's own machines anything, as a local Bot API server allows."""
    parts = urlsplit(url)
    if _is_near(parts.hostname or ""):
        return
    if parts.scheme != "https":
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if (parts.port or 443) not in WEBHOOK_PORTS:
        raise bad_request("bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def _is_near(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost" or (host != "" and "." not in host)


@method("deleteWebhook")
def delete_webhook(call: Call) -> bool:
    bot = call.bot
    if call.flag("drop_pending_updates"):
        bot.updates.drop_all()
    call.note = "Webhook was deleted" if bot.webhook else "Webhook is already deleted"
    if bot.webhook is not None:
        bot.webhook.stop()
        bot.webhook = None
    return True


@method("getWebhookInfo")
def get_webhook_info(call: Call) -> Json:
    bot = call.bot
    info: Json = {"url": "", "has_custom_certificate": False, "pending_update_count": len(bot.updates)}
    if bot.webhook is not None:
        info |= bot.webhook.describe()
    if bot.updates.allowed:
        info["allowed_updates"] = sorted(bot.updates.allowed)
    return info
