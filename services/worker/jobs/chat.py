"""An exchange of a chat: history and question → answer, written down while it is being said."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from obstore.exceptions import NotFoundError

from services.worker.engine.retry import seconds_left
from services.worker.engine.user_keys import ClientPool
from services.worker.gemini.chat import CALL_S, Answer, ChatClient, Message
from services.worker.gemini.files import File
from services.worker.gemini.marks import label, mark, unmarked
from services.worker.jobs.bills import bill_of
from shared.errands import Conversation, Errand, ErrandResult, StoredFile, drawing_of
from shared.errors import FileNotUnderstood, FileTooLarge
from shared.images import Images
from shared.media_types import FILES_BYTES, TEXT_BYTES, readable_as
from shared.queue_policy import QueuePolicy
from shared.store.conversations import Conversations
from shared.store.errands import Errands
from shared.text_files import read_text

log = logging.getLogger(__name__)

HISTORY_TOKENS = 16_000  # of the exchanges that go along with a question; older ones become a summary
KEPT_TOKENS = 8_000  # of them stay word for word when that happens, so that it happens rarely
WRITE_EVERY_S = 0.7  # the answer as far as it has come
TURNS_WITH_FILES = 3  # the latest ones, whose files go along again: people ask on about a photo
CHARACTERS_A_TOKEN = 3  # cautious: English has about four, and other languages fewer


@dataclass(frozen=True, slots=True)
class Memory:
    """What goes along with a question.

    Attributes:
        paid: What Gemini was asked for to that end.
    """

    exchanges: tuple[Errand, ...] = ()
    summary: str | None = None
    paid: tuple[Answer, ...] = ()


class ChatJob:
    """Runs the exchanges of chats."""

    def __init__(
        self,
        errands: Errands,
        conversations: Conversations,
        clients: ClientPool[ChatClient],
        images: Images,
        *,
        clock: Callable[[], float] = time.monotonic,
        policy: QueuePolicy | None = None,
        history_tokens: int = HISTORY_TOKENS,
        kept_tokens: int = KEPT_TOKENS,
    ) -> None:
        """Answer with these clients.

        Args:
            history_tokens: Of the exchanges that go along with a question; older ones become a summary.
            kept_tokens: Of them stay word for word when that happens.
        """
        self._errands = errands
        self._conversations = conversations
        self._clients = clients
        self._images = images
        self._clock = clock
        self._policy = policy or QueuePolicy()
        self._history_tokens = history_tokens
        self._kept_tokens = kept_tokens

    def run(self, errand: Errand) -> None:
        """Answer and record it.

        A worker that takes the errand after one that died begins anew: what was said replaces what had been said.

        Raises:
            ImagineError: It failed; ``retry.after`` decides what follows.
            LostTurn: The errand belongs to another worker by now.
        """
        question = _said(errand, self._files(errand))
        with self._clients.borrow(errand.sender.id) as borrowed:
            writing = errand.writing
            if borrowed.owner_pays:
                self._errands.require_answer(errand)
                writing = self._policy.budgets.bound(writing)
            memory = self._recall(errand, borrowed.client)
            answer = borrowed.client.answer(
                [*self._history(memory.exchanges, spare=sum(len(file.data) for file in question.files)), question],
                summary=memory.summary,
                writing=writing,
                timeout_s=seconds_left(errand, CALL_S),
                on_text=self._scribe(errand),
            )
        bill = bill_of([answer, *memory.paid], self._policy.prices, owner_pays=borrowed.owner_pays)
        is_stopped = answer.end == "stopped" or (answer.drawing is not None and self._errands.is_to_stop(errand))
        if is_stopped and not answer.text.strip():
            self._errands.cancel(errand, bill)
            return
        result = ErrandResult(end="stopped" if is_stopped else answer.end)
        if answer.drawing is not None and not is_stopped:
            result["drawing"] = answer.drawing
        self._errands.finish(
            errand,
            answer=answer.text,
            result=result,
            chat_model=answer.model,
            tokens_in=answer.tokens_in,
            tokens_out=answer.tokens_out,
            bill=bill,
        )

    def _scribe(self, errand: Errand) -> Callable[[str], bool]:
        """Write down, every now and then, how far the answer has come; tells when the person wants no more."""
        written_at = float("-inf")

        def on_text(text: str) -> bool:
            nonlocal written_at
            if self._clock() - written_at < WRITE_EVERY_S:
                return False
            written_at = self._clock()
            return self._errands.say_more(errand, text)

        return on_text

    # Memory

    def _recall(self, errand: Errand, client: ChatClient) -> Memory:
        """The exchanges before this one, none of them too old; the older ones are summed up first where they grew."""
        talk = self._conversations.read(errand.conversation_id) if errand.conversation_id else None
        if talk is None:
            return Memory()
        exchanges = self._conversations.exchanges(talk, before=errand.id)
        if sum(map(_tokens, exchanges)) <= self._history_tokens:
            return Memory(tuple(exchanges), talk.summary)
        kept = _newest(exchanges, self._kept_tokens)
        older = exchanges[: len(exchanges) - len(kept)]
        summary = self._sum_up(talk, older, client)
        if summary is None:
            return Memory(tuple(kept), talk.summary)
        return Memory(tuple(kept), summary.text, paid=(summary,))

    def _sum_up(self, talk: Conversation, older: Sequence[Errand], client: ChatClient) -> Answer | None:
        """Put older exchanges into the summary; where that fails, they are left out this time and tried again later."""
        # What is too long even for that is summed up from its newest end.
        newest = _newest(older, 4 * self._history_tokens)
        told = [said for exchange in newest for said in (_said(exchange), _replied(exchange))]
        summary = client.summarise(told, talk.summary)
        if summary is None:
            log.warning("conversation not summarised", extra={"conversation_id": talk.id})
            return None
        self._conversations.keep_summary(talk, summary.text, until=older[-1].id)
        return summary

    def _history(self, exchanges: Sequence[Errand], *, spare: int) -> list[Message]:
        """What was said, with the files of the latest exchanges as far as there is room beside those now sent."""
        room = FILES_BYTES - spare
        told: list[Message] = []
        for place, exchange in enumerate(reversed(exchanges)):
            files: tuple[File, ...] = ()
            if place < TURNS_WITH_FILES:
                try:
                    files = self._files(exchange, limit=room)
                except (FileTooLarge, FileNotUnderstood):
                    files = ()  # Gone by now, or too much together: the words still name them.
                room -= sum(len(file.data) for file in files)
            told += [_replied(exchange), _said(exchange, files)]
        return told[::-1]

    # Files

    def _files(self, errand: Errand, *, limit: int = FILES_BYTES) -> tuple[File, ...]:
        files = []
        for attachment in errand.question.get("attachments") or ():
            file = self._file(attachment)
            limit -= len(file.data)
            if limit < 0:
                raise FileTooLarge
            files.append(file)
        return tuple(files)

    def _file(self, attachment: StoredFile) -> File:
        media_type = readable_as(attachment["media_type"])
        try:
            data = self._images.get(attachment["key"])
        except (NotFoundError, FileNotFoundError) as error:
            raise FileNotUnderstood("the file is gone") from error
        if media_type != "text/plain":
            return File(media_type, data)
        if len(data) > TEXT_BYTES:
            raise FileTooLarge
        read = read_text(data)
        if read is None:
            raise FileNotUnderstood("nobody can tell how its letters are written")
        return File(media_type, read.text.encode("utf-8", "replace"))


def _said(errand: Errand, files: tuple[File, ...] = ()) -> Message:
    """What the person said; text files stand in it word for word."""
    question = errand.question
    parts = []
    if question.get("reply_to"):
        parts.append(mark(question["reply_to"], "in_reply_to"))
    names = [attachment.get("name") or "file" for attachment in question.get("attachments") or ()]
    if files:
        parts += [
            mark(file.data.decode(), "file", name=name)
            for name, file in zip(names, files, strict=True)
            if file.media_type == "text/plain"
        ]
    elif names:
        parts.append(f"[sent along: {', '.join(map(label, names))}]")
    parts.append(unmarked(question.get("text") or ""))
    shown = tuple(file for file in files if file.media_type != "text/plain")
    return Message("user", "\n\n".join(part for part in parts if part), shown)


def _replied(errand: Errand) -> Message:
    """What was answered; a picture that was ordered with it is told of by a mark."""
    drawing = drawing_of(errand, wished=True)
    parts = [errand.answer or "", mark(drawing["idea"], "created_picture") if drawing else ""]
    return Message("model", "\n\n".join(part for part in parts if part))


def _tokens(exchange: Errand) -> int:
    """About how many tokens an exchange has: what Gemini counted of its answer, and an estimate of the question."""
    asked = len(_said(exchange).text) // CHARACTERS_A_TOKEN
    return asked + (exchange.tokens_out or len(exchange.answer or "") // CHARACTERS_A_TOKEN) + 1


def _newest(exchanges: Sequence[Errand], tokens: int) -> list[Errand]:
    """As many of the newest exchanges as have so many tokens together."""
    kept: list[Errand] = []
    for exchange in reversed(exchanges):
        tokens -= _tokens(exchange)
        if tokens < 0:
            break
        kept.append(exchange)
    return kept[::-1]
