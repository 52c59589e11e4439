"""Keeps status messages up to date: edited in place, coalesced, throttled, deleted after the delivery."""

import asyncio
import logging
import math
from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from telegram import InlineKeyboardMarkup
from telegram.constants import ChatAction
from telegram.error import TelegramError
from telegram.ext import ExtBot

from services.bot.pictures import keyboards
from services.bot.telegram.errors import words_of
from services.bot.telegram.flood_limit import ONCE, FloodLimit, Kind
from services.bot.telegram.news import wait_for_news
from services.bot.telegram.sending import Sending, Words
from services.bot.texts.locales import say
from services.bot.texts.number_format import duration, rounded
from shared.clock import present
from shared.errors import BadPicture, StoreAway
from shared.jobs import ENDED, Job, Stage, State
from shared.store.estimates import Estimates
from shared.store.jobs import MAX_BEFORE, Jobs
from shared.store.outbox import Outbox

log = logging.getLogger(__name__)

PRIVATE_PAUSE_S = 1.0  # between two edits in one chat; Telegram's limit is about one message a second,
GROUP_PAUSE_S = 3.0  # and 20 a minute in a group
EDITS_AT_ONCE = 10
READ_AT_ONCE = 2 * EDITS_AT_ONCE  # of those that changed: the others would be read again before they are edited
MAX_ACTIONS = 20  # chats that see "sending a photo" at a time
ASKING = "retrying_prompt"  # how it is shown that Gemini, not the image service, is asked again
UNUSABLE = "unusable"  # how it is shown that the picture came out black or broken, and another is asked for
RESENDING, TELLING = "resending", "telling"  # stand in the place of a stage, as ``SEVERAL`` does
DELIVERING = frozenset({str(Stage.SENDING), RESENDING, TELLING})
COALESCE_S = 0.05  # what changes together is looked at together
LOOK_EVERY_S = 3.0  # a wake-up may get lost, and places in the line change without one
MAX_SHOWN = 200  # jobs whose place in the line is kept up to date
SEVERAL = "several"  # stands in the place of a stage
# What a message says only moves forward: nothing of a lower rank follows. A service is asked again many times.
RANK = {
    Stage.QUEUED: 0,
    Stage.WRITING: 1,
    ASKING: 2,
    Stage.PAINTING: 3,
    Stage.WAKING: 4,
    Stage.RETRYING: 5,
    UNUSABLE: 6,
}
ELAPSED_MARK = "@"  # between what is shown and for how many seconds the person has waited
WORTH_TELLING_S = 15.0  # a shorter wait is over before it is read
ACTION_EVERY_S = 4.5  # a chat action lasts five seconds


class Status:
    """Keeps the status messages of this bot's jobs true."""

    def __init__(  # noqa: PLR0917 - each is another kind of thing
        self, bot: ExtBot[int], bot_id: int, jobs: Jobs, outbox: Outbox, estimates: Estimates, limit: FloodLimit
    ) -> None:
        self._bot = bot
        self._sending = Sending(bot)
        self._limit = limit
        self._bot_id = bot_id
        self._jobs = jobs
        self._outbox = outbox
        self._estimates = estimates
        self._changed: dict[int, None] = {}  # ids, those that changed first in front
        self._news = asyncio.Event()
        self._looked_at = 0.0
        self._next_edit_at: dict[int, float] = {}  # by chat
        self._next_look_at: dict[int, float] = {}  # by job: until then its message can't be edited
        self._looks: set[int] = set()  # ids of jobs that are looked at then

    def changed(self, job_id: int) -> None:
        """Take note that a job changed; its message follows as soon as it can be edited, and nothing is read before."""
        loop = asyncio.get_running_loop()
        due_at = self._next_look_at.get(job_id, 0.0)
        if due_at <= loop.time():
            self._changed[job_id] = None
            self._news.set()
        elif job_id not in self._looks:
            self._looks.add(job_id)
            loop.call_at(due_at, self._look_at, job_id)

    def _look_at(self, job_id: int) -> None:
        self._looks.discard(job_id)
        self._next_look_at.pop(job_id, None)
        self.changed(job_id)

    def promised(self, job: Job) -> None:
        """Take note that a job's status message was sent just now: its first edit keeps its distance."""
        self._keep_distance(job)
        self.changed(job.id)

    def describe_waiting(self, job: Job) -> str:
        """What is said of a job that no worker has begun. Blocks."""
        place = self._jobs.position(job.id) or 1
        return describe_place(place, self._estimates.seconds(place))

    def describe_request(self, job: Job) -> tuple[Job, str]:
        """What is said of a request that has not ended, in its status message and in ``/queue`` alike. Blocks.

        Returns:
            The picture that the status message belongs to, the request's first one, and what is said.
        """
        siblings = self._jobs.siblings(job) if job.request.count > 1 else [job]
        first = siblings[0]
        if first.state in {State.QUEUED, State.HELD} and first.claims == 0:
            return first, self.describe_waiting(first)
        return first, describe_several(siblings) if len(siblings) > 1 else describe_progress(job)

    async def say_now(self, described: Sequence[tuple[Job, str]]) -> None:
        """Let the status messages of one chat say what its person is told of them at this moment.

        In a private chat Telegram takes a few edits more than the usual one a second. In a group those that it has no
        room for follow later.

        Args:
            described: Jobs of one chat, as ``describe_request`` returns them.
        """
        untrue = [one for one in described if one[0].status_message_id is not None and one[1] != one[0].status_shown]
        edits = [self._change(job, shown) if job.address.private else self._show(job, shown) for job, shown in untrue]
        try:
            await asyncio.gather(*edits)
        except StoreAway as error:
            log.warning("status messages not updated", extra={"error": str(error)})

    async def keep_true(self) -> None:
        """Edit what has changed. Runs until cancelled."""
        while True:
            await wait_for_news(self._news, LOOK_EVERY_S)
            self._news.clear()
            try:
                await self._edit_some()
            except StoreAway as error:
                log.warning("status messages not updated", extra={"error": str(error)})
            await asyncio.sleep(COALESCE_S)

    async def _edit_some(self) -> None:
        """Edit a few messages that don't say what is."""
        jobs = await self._take_changed()
        now = asyncio.get_running_loop().time()
        if now - self._looked_at > LOOK_EVERY_S:
            self._looked_at = now
            self._next_edit_at = {chat_id: at for chat_id, at in self._next_edit_at.items() if at > now}
            self._next_look_at = {job_id: at for job_id, at in self._next_look_at.items() if at > now}
            jobs |= await self._look()
        untrue = [(job, shown) for job, shown in jobs.values() if shown != job.status_shown]
        for job, _ in untrue[EDITS_AT_ONCE:]:
            self.changed(job.id)
        await asyncio.gather(*(self._show(job, shown) for job, shown in untrue[:EDITS_AT_ONCE]))

    async def keep_acting(self) -> None:
        """Show "sending a photo" in the chats that are worked for. Runs until cancelled."""
        while True:
            try:
                chats = await asyncio.to_thread(self._jobs.chats_at_work, self._bot_id, limit=MAX_ACTIONS)
                await asyncio.gather(*(self._act(chat_id, topic_id) for chat_id, topic_id in chats))
            except StoreAway as error:
                log.warning("no chat actions", extra={"error": str(error)})
            await asyncio.sleep(ACTION_EVERY_S)

    async def _take_changed(self) -> dict[int, tuple[Job, str]]:
        changed = list(islice(self._changed, READ_AT_ONCE))
        if not changed:
            return {}
        for job_id in changed:
            del self._changed[job_id]
        if self._changed:
            self._news.set()
        jobs = await asyncio.to_thread(self._jobs.read_all, changed)
        several = {job.address: job for job in jobs if job.request.count > 1}
        found = {
            job.id: (job, describe_progress(job))
            for job in jobs
            # A queued job's place is known to the look alone.
            if job.status_message_id is not None and job.state not in ENDED and job.state is not State.QUEUED
        }
        for job in several.values():
            siblings = await asyncio.to_thread(self._jobs.siblings, job)
            if siblings[0].status_message_id is not None:
                found[siblings[0].id] = siblings[0], describe_several(siblings)
        return found

    async def _look(self) -> dict[int, tuple[Job, str]]:
        line = await asyncio.to_thread(self._jobs.line, self._bot_id, limit=MAX_SHOWN)
        under_way = await asyncio.to_thread(self._jobs.under_way, self._bot_id, limit=MAX_SHOWN)
        throughput = await asyncio.to_thread(self._estimates.throughput) if line else None
        found = {job.id: (job, describe_progress(job)) for job in under_way if job.request.count == 1}
        for place, job in line:
            if job.claims == 0:
                found[job.id] = job, describe_place(place, throughput.seconds(place) if throughput else None)
        for job in await asyncio.to_thread(self._outbox.arriving, self._bot_id, limit=MAX_SHOWN):
            found[job.id] = job, describe_delivery([job])
        return found

    async def _show(self, job: Job, shown: str) -> None:
        loop = asyncio.get_running_loop()
        chat_id = job.address.chat_id
        wait = max(self._next_edit_at.get(chat_id, 0.0) - loop.time(), self._limit.room_in_s(chat_id, Kind.EDIT))
        if wait > 0:
            loop.call_later(wait + COALESCE_S, self.changed, job.id)
            return
        await self._change(job, shown)

    async def _change(self, job: Job, shown: str) -> None:
        """Edit a status message, unless another process or round does."""
        self._keep_distance(job)
        has_ended = shown in DELIVERING
        if await asyncio.to_thread(self._jobs.change_status, job, shown, has_ended=has_ended):
            keyboard = None if has_ended else keyboards.status(job)
            await self._edit(job, sentence(shown, job.sender.language), keyboard)

    def _keep_distance(self, job: Job) -> None:
        at = asyncio.get_running_loop().time() + _pause(job)
        self._next_edit_at[job.address.chat_id] = self._next_look_at[job.id] = at

    async def _edit(self, job: Job, text: str, keyboard: InlineKeyboardMarkup | None) -> None:
        if job.status_message_id is None:
            return
        try:
            # Whether it said so already, was deleted by somebody, or gave way to the picture just now: all is fine.
            await self._sending.edit(job.address.chat_id, job.status_message_id, Words(text), keyboard)
        except TelegramError as error:
            log.info("status not edited", extra={"job_id": job.id, "error": words_of(error)})

    async def _act(self, chat_id: int, topic_id: int | None) -> None:
        if self._limit.room_in_s(chat_id, Kind.ACTION):
            return
        try:
            await self._bot.send_chat_action(
                chat_id,
                ChatAction.UPLOAD_PHOTO,
                message_thread_id=topic_id,
                rate_limit_args=ONCE,
            )
        except TelegramError as error:
            log.debug("no chat action", extra={"chat_id": chat_id, "error": type(error).__name__})


def _pause(job: Job) -> float:
    return PRIVATE_PAUSE_S if job.address.private else GROUP_PAUSE_S


def describe_progress(job: Job, now: datetime | None = None) -> str:
    """What the status message of a job under way says next, after what it says at present.

    Args:
        now: From 10 seconds after the request on, the time so far is told.
    """
    waited_s = ((now or present()) - job.created_at).total_seconds()
    said = _forward((job.status_shown or "").partition(ELAPSED_MARK)[0], describe(job))
    elapsed = _step(waited_s)
    return f"{said}{ELAPSED_MARK}{elapsed}" if elapsed and said.partition(":")[0] in RANK else said


def _forward(before: str, after: str) -> str:
    """What is said after something; the same again, without what was known of the wait, where it would step back."""
    stage_before, stage_after = before.partition(":")[0], after.partition(":")[0]
    if stage_after in RANK and RANK[stage_after] < RANK.get(stage_before, -1):
        return stage_before
    return after


def _step(seconds: float) -> int:
    """For how long somebody has waited, in steps: a message is not edited every second. 0 before the tenth."""
    every = 10 if seconds < 60 else 30 if seconds < 300 else 60
    return max(0, int(seconds // every * every))


def describe(job: Job) -> str:
    """What there is to say of a job under way: the stage, and where it helps a number after it."""
    if job.stage is Stage.WRITING and job.request.parameters.upscale is not None:
        return str(Stage.PAINTING)  # Nobody writes a prompt for it.
    if job.stage in {Stage.WAKING, Stage.RETRYING}:
        stage = _cause(job)
        known = job.estimate_s is not None and WORTH_TELLING_S <= job.estimate_s < math.inf
        return f"{stage}:{math.ceil(job.estimate_s or 0)}" if known and stage != UNUSABLE else stage
    if job.stage is Stage.PAINTING and job.handle is not None and job.handle.get("position"):
        return f"{job.stage}:{job.handle['position']}"
    return str(job.stage)


def _cause(job: Job) -> str:
    """Why a job waits, as it is shown."""
    if job.stage is not Stage.RETRYING:
        return str(job.stage)
    if job.prompt is None:
        return ASKING
    return UNUSABLE if job.reason == BadPicture.reason else str(job.stage)


def describe_place(place: int, seconds: float | None) -> str:
    """What is said of a job in the line: its place, from 1, and in about how many seconds its picture is there."""
    shown = f"{Stage.QUEUED}:{place}"
    # Of those whom nobody counted, nobody knows how long they take.
    if seconds is None or place > MAX_BEFORE + 1:
        return shown
    return f"{shown}:{rounded(seconds)}"


def describe_delivery(jobs: Sequence[Job]) -> str:
    """What is said of a request that has ended and is being delivered.

    Args:
        jobs: Of the request, the first one in front.
    """
    if jobs[0].delivery_tries > 1:
        return RESENDING
    return str(Stage.SENDING) if any(job.state is State.FINISHED for job in jobs) else TELLING


def describe_several(siblings: Sequence[Job]) -> str:
    """What the status message of several pictures says: how many are done; before the first, what the first does."""
    done = sum(job.state in ENDED for job in siblings)
    if done:
        return f"{SEVERAL}:{done}/{len(siblings)}"
    # Nothing looks at several again before something changes, so the time would stand still.
    return _forward((siblings[0].status_shown or "").partition(ELAPSED_MARK)[0], describe(siblings[0]))


def sentence(shown: str, language: str) -> str:
    """Say it to a person, as Telegram HTML."""
    shown, _, elapsed = shown.partition(ELAPSED_MARK)
    text = _stage(*shown.partition(":")[::2], language)
    if not elapsed:
        return text
    return f"{text}\n{say('status_elapsed', language, time=duration(float(elapsed), language))}"


def _stage(stage: str, detail: str, language: str) -> str:
    if stage == Stage.QUEUED:
        return _place(detail, language)
    if stage in {RESENDING, TELLING}:
        return say("status_resending" if stage == RESENDING else "status_telling", language)
    if stage in {Stage.WAKING, Stage.RETRYING, ASKING} and not detail:
        return say(f"status_{stage}_unknown", language)
    if stage in {Stage.WAKING, Stage.RETRYING, ASKING}:
        return say(f"status_{stage}", language, time=duration(float(detail), language))
    if stage == Stage.PAINTING and detail:
        return say("status_painting_in_line", language)
    return say(f"status_{stage}", language, detail=detail)


def _place(detail: str, language: str) -> str:
    place, _, seconds = detail.partition(":")
    if place in {"", "1"}:
        text = say("status_next", language)
    elif int(place) > MAX_BEFORE + 1:
        text = say("status_queued_far", language, n=MAX_BEFORE)
    else:
        text = say("status_queued", language, detail=place)
    return f"{text}\n{say('status_estimate', language, time=duration(float(seconds), language))}" if seconds else text
