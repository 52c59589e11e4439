"""Reads database rows into the frozen values of ``shared``, and writes addresses and senders into columns."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from shared.errands import Errand, ErrandKind, ShownMessages
from shared.jobs import Address, Job, Parameters, Picture, Prompt, Recipe, Request, Sender, Stage, State, Writing

KEYS = {"p": "press", "b": "part", "a": "album"}  # how ``Address.request_key`` begins


def read_job(row: Row[Any]) -> Job:
    """Read a whole row of ``jobs``."""
    return Job(
        id=row.id,
        address=_address(row),
        sender=Sender(id=row.user_id, language=row.language),
        number=row.number,
        request=_request(row),
        parent_id=row.parent_id,
        origin=row.origin,
        batch_id=row.batch_id,
        owner_pays=row.owner_pays,
        line=int(row.request_key.partition(".")[2]) if row.batch_id is not None else None,
        state=State(row.state),
        stage=Stage(row.stage),
        created_at=row.created_at,
        deadline=row.deadline,
        claims=row.claims,
        failures=row.failures,
        not_before=row.not_before,
        estimate_s=row.estimate_s,
        prompt=_prompt(row),
        recipe=Recipe(**row.recipe) if row.recipe else None,
        handle=row.handle,
        image_key=row.image_key,
        media_type=row.media_type,
        reason=row.reason,
        worker=row.worker,
        status_message_id=row.status_message_id,
        status_shown=row.status_shown,
        status_sending_since=row.status_sending_since,
        status_after=row.status_after,
        started_at=row.started_at,
        ended_at=row.ended_at,
        sending_before=row.sending_before,
        delivery_tries=row.delivery_tries,
        delivered_message_id=row.delivered_message_id,
        file_id=row.file_id,
        undelivered_reason=row.undelivered_reason,
    )


def read_errand(row: Row[Any]) -> Errand:
    """Read a whole row of ``errands``."""
    return Errand(
        id=row.id,
        kind=ErrandKind(row.kind),
        address=_address(row),
        sender=Sender(id=row.user_id, language=row.language),
        question=row.question,
        state=State(row.state),
        created_at=row.created_at,
        writing=Writing(**row.writing or {}),
        conversation_id=row.conversation_id,
        claims=row.claims,
        failures=row.failures,
        deadline=row.deadline,
        reason=row.reason,
        stop_asked=row.stop_asked,
        answer=row.answer,
        result=row.result,
        chat_model=row.chat_model,
        tokens_in=row.tokens_in,
        tokens_out=row.tokens_out,
        worker=row.worker,
        shown=_shown(row.shown),
        status_sending_since=row.status_sending_since,
        status_after=row.status_after,
        started_at=row.started_at,
        ended_at=row.ended_at,
        delivery_tries=row.delivery_tries,
        delivered_at=row.delivered_at,
        undelivered_reason=row.undelivered_reason,
    )


def _shown(kept: Mapping[str, Any] | None) -> ShownMessages | None:
    """The messages of an answer; a row says ``said`` only once one of them says what it is to say in the end."""
    if not kept:
        return None
    shown = ShownMessages(messages=list(kept.get("messages", ())), said=kept.get("said", 0))
    return {**shown, "parts": kept["parts"]} if "parts" in kept else shown


def read_parameters(kept: Mapping[str, Any]) -> Parameters:
    """Read parameters back from their JSON; what an older version did not know is as if it was not typed."""
    values = dict(kept)
    ratio = values.pop("ratio", None)
    return Parameters(**values, ratio=(ratio[0], ratio[1]) if ratio else None)


def _request(row: Row[Any]) -> Request:
    return Request(
        row.idea,
        read_parameters(row.parameters),
        row.pictures,
        writing=Writing(**row.writing or {}),
        picture=Picture(row.picture_key, row.picture_type) if row.picture_key else None,
        subject=row.subject or "",
    )


def _address(row: Row[Any]) -> Address:
    kind = KEYS.get(row.request_key[0])
    return Address(
        bot_id=row.bot_id,
        chat_id=row.chat_id,
        message_id=row.message_id,
        topic_id=row.topic_id,
        private=row.private,
        **({kind: row.request_key[1:]} if kind else {}),
    )


def _prompt(row: Row[Any]) -> Prompt | None:
    if row.prompt is None:
        return None
    return Prompt(
        text=row.prompt,
        negative=row.negative_prompt,
        title=row.title,
        language=row.idea_language,
        model=row.chat_model,
    )


def columns_of(address: Address, sender: Sender) -> dict[str, object]:
    """The columns that say where, by whom and in which language something was asked for."""
    return {
        "bot_id": address.bot_id,
        "chat_id": address.chat_id,
        "message_id": address.message_id,
        "topic_id": address.topic_id,
        "private": address.private,
        "user_id": sender.id,
        "language": sender.language,
    }
