"""What Telegram, Gemini and HuggingFace say of the keys that were set, and what the clock shows beside theirs."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from services.doctor.calls import Ask, NotReached
from services.doctor.findings import LONGEST, Finding, bad, good, skipped
from services.worker.jobs.key_check import gemini_call, huggingface_call, verdict
from services.worker.painters.http import HttpResponse
from shared.redaction import GOOGLE, redact
from shared.redaction import HUGGINGFACE as HUB
from shared.settings import BotSettings, WorkerSettings
from shared.store.keys import REFUSED

TELEGRAM, GEMINI, HUGGINGFACE, CLOCK = "Telegram token", "Gemini key", "HuggingFace token", "Clock"
ORGANIZATION = "HuggingFace bill"
NETWORK = "see the lines on the network, and whether a firewall is in the way"
LATER = "try again later"
INFERENCE = "inference.serverless.write"  # HuggingFace's name for "Make calls to Inference Providers"
MAX_SKEW_S = 60.0


def check_telegram(settings: BotSettings, ask: Ask) -> Sequence[Finding]:
    """Ask Telegram who the bot is, and whether somebody set a webhook for it."""
    base = f"{settings.telegram_api_url}/bot{settings.telegram_bot_token.get_secret_value()}"
    try:
        me = ask(f"{base}/getMe", method="POST")
        if not _is_fine(me):
            return [telegrams_refusal(me)]
        return [*about_bot(me.json["result"]), about_webhook(ask(f"{base}/getWebhookInfo", method="POST"))]
    except NotReached as error:
        return [bad(TELEGRAM, f"Telegram is not reached, {error}", NETWORK)]


def _is_fine(answer: HttpResponse) -> bool:
    body = answer.json
    return answer.ok and isinstance(body, dict) and body.get("ok") is True and isinstance(body.get("result"), dict)


def telegrams_refusal(answer: HttpResponse) -> Finding:
    """Say what it means that Telegram doesn't tell who the bot is."""
    body = answer.json
    said = body.get("description") if isinstance(body, dict) else None
    if said is None:
        return bad(TELEGRAM, f"there is no Bot API at this address ({answer.status})", "correct TELEGRAM_API_URL")
    if answer.status in {401, 404}:
        return bad(
            TELEGRAM, f"Telegram doesn't know it ({_said(said)})", "ask @BotFather with /token, set TELEGRAM_BOT_TOKEN"
        )
    return bad(TELEGRAM, f"Telegram answers {answer.status} ({_said(said)})", LATER)


def about_bot(me: dict[str, object]) -> Sequence[Finding]:
    """Name the bot, and say what it hears in groups."""
    hears = (
        "off, in groups the bot gets every message"
        if me.get("can_read_all_group_messages")
        else "on, in groups the bot gets commands, mentions and replies to it (@BotFather changes it with /setprivacy)"
    )
    inline = (
        "on, people find their pictures by the bot's name in any chat"
        if me.get("supports_inline_queries")
        else "off, people can't find their pictures from other chats (@BotFather turns it on with /setinline)"
    )
    named = good(TELEGRAM, f"@{me.get('username')}")
    return [named, good("Telegram privacy mode", hears), good("Telegram inline mode", inline)]


def about_webhook(answer: HttpResponse) -> Finding:
    """Say whether another program gets the bot's updates."""
    check = "Telegram webhook"
    if not _is_fine(answer):
        return skipped(check, f"Telegram answers {answer.status}")
    url = str(answer.json["result"].get("url") or "")
    if not url:
        return good(check, "none, so the bot can poll for updates")
    host = urlsplit(url).hostname or "an unknown host"
    return bad(check, f"somebody has set one, at {host}", "stop that program, or give it a bot of its own")


def check_gemini(settings: WorkerSettings, ask: Ask) -> Sequence[Finding]:
    """Ask Gemini whether it knows the key."""
    if settings.google_api_key is None:
        return [skipped(GEMINI, "none, people bring their own")]
    url, headers = gemini_call(
        settings.gemini_base_url, settings.gemini_api_version, settings.google_api_key.get_secret_value()
    )
    try:
        return [about_gemini(ask(url, headers))]
    except NotReached as error:
        return [bad(GEMINI, f"Gemini is not reached, {error}", NETWORK)]


def about_gemini(answer: HttpResponse) -> Finding:
    """Say what Gemini's answer means for the key."""
    error = _dict(_dict(answer.json).get("error"))
    told = f"Gemini answers {answer.status}{_quoted(error.get('message'))}"
    if answer.ok:
        return good(GEMINI, "accepted")
    if answer.status == 429:
        return good(GEMINI, "known; its limit is reached at the moment")
    if verdict(GOOGLE, answer) == REFUSED:
        return bad(GEMINI, told, "make a key at https://aistudio.google.com/apikey and set GOOGLE_API_KEY")
    if error.get("status") == "FAILED_PRECONDITION":
        return bad(GEMINI, told, "run the worker in a country that Google serves, or set up billing for the key")
    if answer.status >= 500:
        return bad(GEMINI, told, LATER)
    return bad(GEMINI, told, "correct GOOGLE_GEMINI_BASE_URL and GOOGLE_GENAI_API_VERSION, or leave them out")


def check_huggingface(settings: WorkerSettings, ask: Ask) -> Sequence[Finding]:
    """Ask HuggingFace whose token it is, and what it may do."""
    if settings.has_google_alone:
        return [skipped(HUGGINGFACE, f"none, {settings.image_model} creates the pictures with the Gemini key")]
    if settings.hf_token is None:
        return [skipped(HUGGINGFACE, "none, people bring their own")]
    url, headers = huggingface_call(settings.hf_hub_url, settings.hf_token.get_secret_value())
    try:
        answer = ask(url, headers)
        return [about_huggingface(answer), *about_organization(answer, settings.hf_bill_to)]
    except NotReached as error:
        return [bad(HUGGINGFACE, f"HuggingFace is not reached, {error}", NETWORK)]


def about_huggingface(answer: HttpResponse) -> Finding:
    """Say what HuggingFace's answer means for the token."""
    body = _dict(answer.json)
    told = f"HuggingFace answers {answer.status}{_quoted(body.get('error'))}"
    if answer.status == 429:
        return skipped(HUGGINGFACE, "HuggingFace was asked too often, ask again in some minutes")
    if verdict(HUB, answer) == REFUSED:
        return bad(HUGGINGFACE, told, "make a token at https://huggingface.co/settings/tokens and set HF_TOKEN")
    if answer.status >= 500:
        return bad(HUGGINGFACE, told, LATER)
    if not answer.ok or "auth" not in body:
        return bad(HUGGINGFACE, f"{told}, not as HuggingFace does", "correct HF_ENDPOINT, or leave it out")
    if may_infer(body) is False:
        return bad(
            HUGGINGFACE,
            'it lacks the permission "Make calls to Inference Providers"',
            "give it that at https://huggingface.co/settings/tokens",
        )
    return good(HUGGINGFACE, f"accepted, it belongs to {body.get('name')}")


def about_organization(answer: HttpResponse, bill_to: str | None) -> Sequence[Finding]:
    """Say whether the organization that shall pay is one of the token's account; nothing where none is named."""
    orgs = _dict(answer.json).get("orgs")
    if bill_to is None or not answer.ok or not isinstance(orgs, list):
        return []
    names = [str(_dict(one).get("name")) for one in orgs]
    if bill_to not in names:
        told = f"the token's account is no member of {bill_to}, which shall pay"
        return [bad(ORGANIZATION, told, "correct G2D_HF_BILL_TO, or leave it out")]
    return [good(ORGANIZATION, f"{bill_to} pays for what the token orders")]


def may_infer(whoami: dict[str, object]) -> bool | None:
    """Whether a token may call Inference Providers; None where HuggingFace doesn't tell."""
    token = _dict(_dict(whoami.get("auth")).get("accessToken"))
    if token.get("role") != "fineGrained":
        return True
    grained = token.get("fineGrained")
    if not isinstance(grained, dict):
        return None
    scoped = [
        permission for scope in _list(grained.get("scoped")) for permission in _list(_dict(scope).get("permissions"))
    ]
    return INFERENCE in [*_list(grained.get("global")), *scoped]


def check_clock(services: Iterable[tuple[str, Ask, str]]) -> Sequence[Finding]:
    """Compare the clock with that of the first service that answers: (name, how it is called, its address)."""
    for name, ask, url in services:
        try:
            told = ask(url, method="HEAD").headers.get("date", "")
            return [about_clock(name, parsedate_to_datetime(told), datetime.now(UTC))]
        except (NotReached, ValueError):
            continue
    return [skipped(CLOCK, "no service told the time")]


def about_clock(name: str, theirs: datetime, ours: datetime) -> Finding:
    """Say how far the clocks are apart."""
    seconds = (ours - (theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC))).total_seconds()
    if abs(seconds) <= MAX_SKEW_S:
        return good(CLOCK, f"within a minute of {name}'s")
    way = "ahead of" if seconds > 0 else "behind"
    return bad(CLOCK, f"{abs(seconds):.0f} s {way} {name}'s", "let the system set it (timedatectl set-ntp true)")


def _said(text: object) -> str:
    return redact(str(text))[:LONGEST]


def _quoted(text: object) -> str:
    return f" ({_said(text)})" if text else ""


def _dict(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
