"""The tables, as SQLAlchemy sees them. Alembic makes them; a test keeps the two from drifting apart."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Double,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from shared.store.types import ErrorText, Instant, Json, String, Terms, Text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up by itself only in an INTEGER


def _when(condition: str) -> dict[str, Any]:
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


def _count(name: str, comment: str, kind: type[Integer] = BigInteger) -> Column[int]:
    return Column(name, kind, nullable=False, server_default="0", comment=comment)


def _status_being_sent() -> tuple[Column[datetime], Column[int]]:
    """Both are set before a status message is sent, and cleared when its number is known."""
    return (
        Column("status_sending_since", Instant, comment="A status message may be in the chat whose number is unknown"),
        Column("status_after", BigInteger, comment="That message's number is higher than this"),
    )


users = Table(
    "users",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="Telegram's user id"),
    Column("language", String(35), nullable=False, comment="IETF tag, as Telegram last told it"),
    Column("settings", Json, nullable=False, server_default="{}", comment="What this person chose"),
    Column("last_turn", Double, nullable=False, server_default="0", comment="Turn of the newest job"),
    Column("last_batch_turn", Double, nullable=False, server_default="0", comment="Turn of the newest job of a batch"),
    Column("last_question_turn", Double, nullable=False, server_default="0", comment="Turn of the newest question"),
    Column("created_at", Instant, nullable=False),
)

TO_OWNER = "To the owner, in millionths of a dollar"
OWNER_PAYS = "On the owner's key, as it was when the pictures were asked for"
UNDELIVERED = "Why its delivery was given up; NULL: it was delivered, or still may be"

updates = Table(
    "updates",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("update_id", BigInteger, primary_key=True, autoincrement=False),
    # Text, not JSON: what the library can't read is kept letter for letter.
    Column("body", Text, nullable=False, comment="The update as Telegram sent it"),
    Column("readable", Boolean, nullable=False, comment="False: our library can't parse it"),
    # How often it was started again, after the process that took it in, by one that did not end it either.
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("received_at", Instant, nullable=False),
    Column("handled_at", Instant),
    Column("chat_id", BigInteger, comment="The chat of its message"),
    Column("message_id", BigInteger, comment="New or edited; NULL: it has none"),
    Column("part_of", BigInteger, comment="The update whose text this one's goes on with"),
    Column("joined_at", Instant, comment="When the texts that go on with it were put to it"),
    Index("ix_updates_unhandled", "bot_id", "update_id", **_when("handled_at IS NULL")),
    Index("ix_updates_message", "chat_id", "message_id", **_when("message_id IS NOT NULL")),
)

open_questions = Table(
    "open_questions",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False, comment="A private chat"),
    Column("topic_id", BigInteger, primary_key=True, autoincrement=False, comment="0 outside topics"),
    Column("kind", String(16), nullable=False, comment="What is asked for"),
    Column("about", Json, nullable=False),
    Column("asked_at", Instant, nullable=False),
)

edit_hints = Table(
    "edit_hints",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False),
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
)

_RESERVED = "owner_pays AND state IN ('held', 'queued', 'working', 'waiting')"

jobs = Table(
    "jobs",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    # Who asked, where, what.
    Column("bot_id", BigInteger, nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False, comment="The message that asked"),
    Column("topic_id", BigInteger),
    Column("private", Boolean, nullable=False),
    Column("request_key", String(64), nullable=False, comment="The message or the press that asked"),
    Column("number", Integer, nullable=False, comment="Place among the pictures of one request, from 0"),
    Column("pictures", Integer, nullable=False, comment="How many pictures the request is for"),
    Column("parent_id", BigInteger, comment="The job whose picture this one goes back to"),
    Column("origin", String(255), comment="How it came from its parent"),
    Column("user_id", BigInteger, nullable=False),
    Column("language", String(35), nullable=False),
    Column("idea", Text, nullable=False),
    Column("subject", Text, comment="The words that the idea speaks of; NULL without any"),
    Column("parameters", Json, nullable=False),
    Column("writing", Json, comment="How the prompt is to be written; NULL: as the owner's settings say"),
    Column("picture_key", String(255), comment="The picture that came with the idea, in the image store"),
    Column("picture_type", String(64), comment="Its media type"),
    Column("batch_id", BigInteger, comment="The batch that it belongs to"),
    Column("owner_pays", Boolean, nullable=False, server_default=text("true"), comment=OWNER_PAYS),
    _count("estimate", "What it may cost the owner, in millionths of a dollar"),
    # Where it stands.
    Column("state", String(16), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("turn", Double, nullable=False, comment="Start tag of start-time fair queueing"),
    Column("claims", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0", comment="Of the present step"),
    Column("losses", Integer, nullable=False, server_default="0", comment="Leases that ran out"),
    Column("worker", String(64), comment="Who holds the lease"),
    Column("lease_until", Instant),
    Column("not_before", Instant, comment="While waiting"),
    Column("estimate_s", Double, comment="What the service said the wait would be"),
    Column("deadline", Instant, comment="Set by the first claim"),
    Column("reason", String(32), comment="Why it waits or failed"),
    # What was made.
    Column("prompt", Text),
    Column("negative_prompt", Text),
    Column("title", Text),
    Column("idea_language", String(35)),
    Column("chat_model", String(128), comment="NULL beside a prompt: the user's own words"),
    Column("image_model", String(192)),
    Column("provider", String(64)),
    Column("seed", BigInteger),
    Column("recipe", Json),
    Column("handle", Json, comment="A provider's order under way"),
    Column("image_key", String(255)),
    Column("media_type", String(64)),
    # When.
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    # The way home.
    Column("status_message_id", BigInteger),
    Column("status_shown", String(64), comment="What the status message says"),
    *_status_being_sent(),
    Column("delivery_lease_until", Instant),
    Column("delivery_not_before", Instant),
    Column("delivery_tries", Integer, nullable=False, server_default="0"),
    Column("sending_since", Instant),
    Column("sending_before", Instant, comment="sending_since as the present claim found it"),
    Column("delivered_at", Instant),
    Column("delivered_message_id", BigInteger),
    Column("file_id", String(255)),
    Column("undelivered_reason", ErrorText, comment=UNDELIVERED),
    UniqueConstraint("bot_id", "chat_id", "request_key", "number"),
    # A button pressed twice makes one job; once that has ended, the button makes another.
    Index(
        "uq_jobs_under_way",
        "parent_id",
        "origin",
        unique=True,
        **_when("parent_id IS NOT NULL AND number = 0 AND state IN ('held', 'queued', 'working', 'waiting')"),
    ),
    Index("ix_jobs_queued", "turn", "id", **_when("state = 'queued'")),
    # A worker keeps some slots free of batches, and fills them from here.
    Index("ix_jobs_queued_alone", "turn", "id", **_when("state = 'queued' AND batch_id IS NULL")),
    Index("ix_jobs_held", "user_id", "turn", **_when("state = 'held' AND batch_id IS NULL")),
    Index("ix_jobs_held_alone", "turn", "id", **_when("state = 'held' AND batch_id IS NULL")),
    Index("ix_jobs_held_in_batch", "batch_id", "turn", **_when("state = 'held' AND batch_id IS NOT NULL")),
    Index(
        "ix_jobs_in_group",
        "chat_id",
        **_when("NOT private AND batch_id IS NULL AND state IN ('held', 'queued', 'working', 'waiting')"),
    ),
    Index("ix_jobs_in_flight", "user_id", **_when("state IN ('queued', 'working', 'waiting')")),
    # What a person, or a group, will have of the owner's.
    Index("ix_jobs_reserved", "user_id", **_when(_RESERVED)),
    Index("ix_jobs_reserved_in_group", "chat_id", **_when(f"NOT private AND {_RESERVED}")),
    Index(
        "ix_jobs_estimate",
        "estimate",
        **_when("estimate > 0 AND state IN ('held', 'queued', 'working', 'waiting')"),
    ),
    Index("ix_jobs_batch", "batch_id", "id", **_when("batch_id IS NOT NULL")),
    Index("ix_jobs_waiting", "not_before", **_when("state = 'waiting'")),
    Index("ix_jobs_working", "lease_until", **_when("state = 'working'")),
    Index("ix_jobs_claimed_turn", "turn", **_when("started_at IS NOT NULL")),
    Index(
        "ix_jobs_outbox",
        "ended_at",
        **_when("delivered_at IS NULL AND batch_id IS NULL AND state IN ('finished', 'failed', 'cancelled')"),
    ),
    # What became of the pictures of a day, among all that were ever made.
    Index("ix_jobs_ended", "ended_at", **_when("state IN ('finished', 'failed')")),
    # Whose originals have been kept long enough.
    Index("ix_jobs_original", "ended_at", **_when("image_key IS NOT NULL")),
    Index("ix_jobs_user", "user_id", "id"),
    # A group's history; a person's goes by the index above.
    Index(
        "ix_jobs_kept_in_group",
        "chat_id",
        "id",
        **_when("NOT private AND (image_key IS NOT NULL OR file_id IS NOT NULL)"),
    ),
    Index("ix_jobs_status_sending", "status_sending_since", **_when("status_sending_since IS NOT NULL")),
    # Whether a file that somebody sent is still needed.
    Index("ix_jobs_picture", "picture_key", **_when("picture_key IS NOT NULL")),
    # A reply to a picture looks for the picture's job.
    Index("ix_jobs_delivered", "chat_id", "delivered_message_id", **_when("delivered_message_id IS NOT NULL")),
    # Many updates a row, all of them to columns outside the big indexes: leave room on the page for them.
    postgresql_with={"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.02},
)

stages = Table(
    "stages",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("job_id", BigInteger, nullable=False, index=True),
    Column("stage", String(16), nullable=False),
    Column("at", Instant, nullable=False),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("job_id", BigInteger, nullable=False, index=True),
    Column("step", String(16), nullable=False),
    Column("service", String(64), nullable=False),
    Column("model", String(192), nullable=False),
    Column("status", Integer),
    Column("request_id", String(128)),
    Column("duration_ms", Integer, nullable=False),
    Column("outcome", String(32), nullable=False),
    Column("detail", ErrorText),
    Column("at", Instant, nullable=False),
    Column("user_id", BigInteger, comment="Who asked, where the owner paid for it"),
    Column("group_id", BigInteger, comment="The group chat, where the owner paid for it"),
    _count("pictures", "Paid for; -1 takes back an order that came to nothing", Integer),
    _count("tokens_in", "Read by Gemini", Integer),
    _count("tokens_out", "Written by Gemini, thoughts included", Integer),
    _count("cost", TO_OWNER),
    Index("ix_attempts_at", "at"),
    Index("ix_attempts_detail", "at", **_when("detail IS NOT NULL")),
    Index("ix_attempts_paid", "user_id", "at", "pictures", **_when("user_id IS NOT NULL")),
    Index("ix_attempts_paid_in_group", "group_id", "at", "pictures", **_when("group_id IS NOT NULL")),
)

spending = Table(
    "spending",
    metadata,
    Column("day", Date, primary_key=True, comment="In UTC"),
    # Of several rows, so that nobody waits to add to one.
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("cost", BigInteger, nullable=False, comment="Millionths of a dollar"),
)

picture_terms = Table(
    "picture_terms",
    metadata,
    Column("job_id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("terms", Terms, nullable=False, comment="Under which the picture is found; see shared/search_terms.py"),
    # In SQLite it is a table of the same name, which triggers keep.
    Index("picture_terms_index", "terms", postgresql_using="gin").ddl_if(dialect="postgresql"),
)

favourites = Table(
    "favourites",
    metadata,
    Column("owner_id", BigInteger, primary_key=True, autoincrement=False, comment="A person; below 0 a group"),
    Column("job_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Index("ix_favourites_job_id", "job_id"),
)

inline_ideas = Table(
    "inline_ideas",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False, comment="Who typed it"),
    Column("code", String(16), primary_key=True, comment="Stands for it in a link"),
    Column("idea", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

history_views = Table(
    "history_views",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("bot_id", BigInteger, nullable=False),
    Column("chat_id", BigInteger, nullable=False, comment="Where the message is that shows it"),
    Column("user_id", BigInteger, nullable=False, comment="Who asked for it"),
    Column("search", Text, nullable=False),
    Column("favourites", Boolean, nullable=False),
    Column("model", String(192)),
    Column("here", Boolean, nullable=False, comment="Pictures of this chat alone"),
    Column("at", Instant, nullable=False),
    Index("ix_history_views_user_id", "user_id", "at"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("kind", String(32), primary_key=True, comment="What it tells of"),
    Column("period", Date, primary_key=True, comment="The first day of the day or month that it is told once in"),
    Column("noted_at", Instant, nullable=False),
    Column("told_at", Instant, comment="When a process took it upon itself to tell of it"),
    Index("ix_alerts_untold", "noted_at", **_when("told_at IS NULL")),
)

circuits = Table(
    "circuits",
    metadata,
    Column("provider", String(64), primary_key=True),
    Column("model", String(192), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("open_until", Instant),
    Column("on_trial", Boolean, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    # Who asked, where, what. A batch from a terminal has no chat.
    Column("source", String(16), nullable=False, comment="telegram or terminal"),
    Column("bot_id", BigInteger, nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False, comment="The message that asked"),
    Column("topic_id", BigInteger),
    Column("private", Boolean, nullable=False),
    Column("request_key", String(255), nullable=False, comment="The message, or the file, that it was asked with"),
    Column("user_id", BigInteger, nullable=False),
    Column("language", String(35), nullable=False),
    Column("requests", Json, nullable=False, comment="The lines that were read, each a request"),
    Column("skipped", Json, comment="Lines that were left out: their numbers in the file, each with the reason"),
    Column("pictures", Integer, nullable=False),
    Column("way", String(16), nullable=False, comment="albums or zip"),
    Column("owner_pays", Boolean, nullable=False, server_default=text("true"), comment=OWNER_PAYS),
    _count("unwritten", "Pictures of a started batch that no job stands for yet", Integer),
    _count("picture_cost", "What painting all of it may cost, in millionths of a dollar"),
    _count("writing_cost", "What its prompts may cost"),
    _count("estimate", "What of that the owner pays"),
    # Where it stands.
    Column("state", String(16), nullable=False, comment="asked, running, paused, cancelled or finished"),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    # The way home.
    Column("status_message_id", BigInteger),
    Column("status_shown", Text, comment="What the progress message says"),
    *_status_being_sent(),
    Column("sending", Json, comment="Jobs whose pictures Telegram may have got"),
    Column("witness", Json, comment="What the progress message certainly said before"),
    Column("without_buttons", Json, comment="Jobs of the album that was sent last, while its buttons were not"),
    Column("delivery_lease_until", Instant),
    Column("delivery_not_before", Instant),
    Column("delivery_tries", Integer, nullable=False, server_default="0"),
    Column("delivered_at", Instant),
    Column("undelivered_reason", ErrorText, comment=UNDELIVERED),
    UniqueConstraint("bot_id", "chat_id", "request_key"),
    Index("ix_batches_open", "id", **_when("delivered_at IS NULL")),
    Index("ix_batches_user", "user_id", "id"),
    Index("ix_batches_unwritten", "user_id", **_when("unwritten > 0")),
    Index("ix_batches_asked", "user_id", "id", **_when("state = 'asked'")),
)

conversations = Table(
    "conversations",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("bot_id", BigInteger, nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("topic_id", BigInteger, nullable=False, server_default="0", comment="0 outside topics"),
    Column("begins_after", BigInteger, nullable=False, server_default="0", comment="Errand after which it starts"),
    Column("summary", Text, comment="What older turns came to"),
    Column("summarised_until", BigInteger, nullable=False, server_default="0", comment="The last errand in it"),
    Column("created_at", Instant, nullable=False),
    UniqueConstraint("bot_id", "chat_id", "topic_id"),
)

errands = Table(
    "errands",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("kind", String(16), nullable=False, comment="What a worker is to do: chat, describe, withdraw"),
    # Who asked, where, what.
    Column("bot_id", BigInteger, nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, nullable=False, comment="The message that asked"),
    Column("topic_id", BigInteger),
    Column("private", Boolean, nullable=False),
    Column("request_key", String(64), nullable=False, comment="The message or the press that asked"),
    Column("user_id", BigInteger, nullable=False),
    Column("language", String(35), nullable=False),
    Column("conversation_id", BigInteger, comment="The conversation that a chat's turn belongs to"),
    Column("question", Json, nullable=False, comment="What is asked; its form depends on the kind"),
    Column("writing", Json, comment="Chat model and sampling; NULL: as the owner's settings say"),
    # Where it stands.
    Column("state", String(16), nullable=False),
    Column("turn", Double, nullable=False, server_default="0", comment="Start tag of start-time fair queueing"),
    Column("claims", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("losses", Integer, nullable=False, server_default="0", comment="Leases that ran out"),
    Column("worker", String(64), comment="Who holds the lease"),
    Column("lease_until", Instant),
    Column("not_before", Instant, comment="While waiting"),
    Column("deadline", Instant, comment="Set by the first claim"),
    Column("reason", String(32), comment="Why it waits or failed"),
    Column("stop_asked", Boolean, nullable=False, server_default=text("false")),
    # What came of it.
    Column("answer", Text, comment="As far as it has come"),
    Column("result", Json, comment="What an errand brings home that is no text"),
    Column("chat_model", String(128)),
    Column("tokens_in", Integer),
    Column("tokens_out", Integer),
    _count("owner_tokens", "That the owner paid for, thoughts included", Integer),
    _count("cost", TO_OWNER),
    # When.
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    # The way home.
    Column("shown", Json, comment="The messages in the chat that hold the answer, and what they say"),
    *_status_being_sent(),
    Column("delivery_lease_until", Instant),
    Column("delivery_not_before", Instant),
    Column("delivery_tries", Integer, nullable=False, server_default="0"),
    Column("delivered_at", Instant),
    Column("undelivered_reason", ErrorText, comment=UNDELIVERED),
    UniqueConstraint("bot_id", "chat_id", "kind", "request_key"),
    Index("ix_errands_queued", "turn", "id", **_when("state = 'queued'")),
    Index("ix_errands_held", "user_id", "turn", **_when("state = 'held'")),
    Index("ix_errands_in_flight", "user_id", **_when("state IN ('queued', 'working', 'waiting')")),
    Index(
        "ix_errands_in_group",
        "chat_id",
        **_when("NOT private AND state IN ('held', 'queued', 'working', 'waiting')"),
    ),
    # Whether an earlier question of the conversation has not ended.
    Index(
        "ix_errands_open",
        "conversation_id",
        "id",
        **_when("conversation_id IS NOT NULL AND state IN ('held', 'queued', 'working', 'waiting')"),
    ),
    Index("ix_errands_claimed_turn", "turn", **_when("started_at IS NOT NULL")),
    Index("ix_errands_waiting", "not_before", **_when("state = 'waiting'")),
    Index("ix_errands_working", "lease_until", **_when("state = 'working'")),
    Index("ix_errands_conversation", "conversation_id", "id", **_when("conversation_id IS NOT NULL")),
    Index("ix_errands_outbox", "id", **_when("delivered_at IS NULL")),
    Index("ix_errands_paid", "user_id", "ended_at", **_when("owner_tokens > 0")),
    Index("ix_errands_user", "user_id", "id"),
    postgresql_with={"fillfactor": 80, "autovacuum_vacuum_scale_factor": 0.02},
)

keys = Table(
    "keys",
    metadata,
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("service", String(16), primary_key=True, comment="google or huggingface"),
    Column("sealed", Text, nullable=False, comment="The key, encrypted with G2D_SECRET_KEY"),
    Column("last_four", String(4), nullable=False),
    Column("state", String(16), nullable=False, comment="unchecked, accepted, refused or unreadable"),
    Column("created_at", Instant, nullable=False),
    Column("checked_at", Instant),
    Column("checks", Integer, nullable=False, server_default="0", comment="Times that a worker asked the service"),
    Column("not_before", Instant, comment="When it may be asked next"),
    # The message in the private chat that tells how it stands.
    Column("bot_id", BigInteger),
    Column("message_id", BigInteger),
    Column("language", String(35), nullable=False, server_default="en"),
    Column("shown", String(16), comment="The state that the message tells"),
)

models = Table(
    "models",
    metadata,
    Column("kind", String(8), primary_key=True, comment="chat or image"),
    Column("id", String(192), primary_key=True, comment="Gemini's name, or the Hub's org/name"),
    Column("place", Integer, nullable=False, comment="In the list, the best first"),
    Column("card", Json, nullable=False, comment="What the service tells of it"),
    Column("seen_at", Instant, nullable=False, comment="When the service named it last"),
)

moved_chats = Table(
    "moved_chats",
    metadata,
    Column("chat_id", BigInteger, primary_key=True, autoincrement=False, comment="The group's id before"),
    Column("moved_to", BigInteger, nullable=False, comment="The supergroup's id"),
)

workers = Table(
    "workers",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("slots", Integer, nullable=False, comment="Jobs that it works at, at a time"),
    Column("alive_until", Instant, nullable=False, comment="Unless it says so again"),
    Column("lock_key", Integer, comment="Of the advisory lock that it holds while it lives; NULL: none"),
)

removals = Table(
    "removals",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("bot_id", BigInteger, nullable=False),
    Column("chat_id", BigInteger, nullable=False),
    Column("message_id", BigInteger, comment="NULL: sent, but nobody knows under which number"),
    Column("work", String(8), nullable=False, comment="What the message tells of: job, errand or batch"),
    Column("work_id", BigInteger, nullable=False),
    Column("language", String(35), nullable=False),
    Column("after", BigInteger, comment="A number that is unknown is higher than this"),
    Column("since", Instant, nullable=False, comment="When the message was to go, or was sent without an answer"),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("not_before", Instant, nullable=False, comment="When the next try is due; a try under way moves it"),
    Index("ix_removals_due", "bot_id", "not_before"),
)

flood_waits = Table(
    "flood_waits",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", String(255), primary_key=True, comment="What is closed: a chat's id, or a method of the Bot API"),
    Column("until", Instant, nullable=False, comment="When Telegram takes calls again"),
)

access = Table(
    "access",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False, comment="A person's; a group's is below 0"),
    Column("role", String(16), nullable=False, comment="owner, admin, member, guest, stranger or blocked"),
    Column("name", String(128), nullable=False, comment="As Telegram last told it"),
    Column("username", String(64)),
    Column("language", String(35), nullable=False),
    Column("noted_at", Instant, nullable=False, comment="When Telegram told that"),
    Column("told_at", Instant, comment="When they were told last that they may not use the bot"),
    Column("asked_at", Instant, comment="When the owners were asked to let them in"),
    Column("cards", Json, comment="The messages that asked: chat and number of each"),
    Column("decided_at", Instant, comment="When the role was given or denied"),
    Column("decided_by", BigInteger, comment="NULL: on the command line, or by a link"),
    Column("leave_at", Instant, comment="When the bot leaves the group unless somebody decides for it"),
    Index("ix_access_leave_at", "leave_at", **_when("leave_at IS NOT NULL")),
)

access_links = Table(
    "access_links",
    metadata,
    Column("bot_id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", String(64), primary_key=True, comment="SHA-256 of the code in the link, in hex"),
    Column("kind", String(8), nullable=False, comment="claim or invite"),
    Column("uses_left", Integer, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", BigInteger, comment="NULL: on the command line, or at the start"),
    Column("expires_at", Instant, nullable=False),
)

sent_files = Table(
    "sent_files",
    metadata,
    Column("key", String(255), primary_key=True, comment="Its name in the image store"),
    Column("user_id", BigInteger, nullable=False, comment="Who sent it"),
    Column("bytes", BigInteger, nullable=False),
    Column("kept_at", Instant, nullable=False),
    Column("is_refused", Boolean, nullable=False, server_default=text("false"), comment="It is of no use"),
    Column("leased_until", Instant, comment="While somebody deletes it"),
    Column("gone_at", Instant, comment="It was deleted; its bytes still count for a day"),
    Index("ix_sent_files_user_id_kept_at", "user_id", "kept_at"),
    Index("ix_sent_files_kept_at", "kept_at"),
    Index("ix_sent_files_refused", "key", **_when("is_refused AND gone_at IS NULL")),
)

broadcasts = Table(
    "broadcasts",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("bot_id", BigInteger, nullable=False),
    Column("text", Text, nullable=False, comment="Telegram HTML"),
    Column("state", String(16), nullable=False, comment="asked, running, stopped or finished"),
    Column("asked_by", BigInteger, comment="NULL: on the command line"),
    Column("people", Integer, nullable=False, comment="Who are to get it"),
    Column("chat_id", BigInteger, comment="Of the message that tells how it goes"),
    Column("message_id", BigInteger),
    Column("created_at", Instant, nullable=False),
    Column("started_at", Instant),
    Column("ended_at", Instant),
    Index("ix_broadcasts_bot_id", "bot_id", "state"),
)

broadcast_receivers = Table(
    "broadcast_receivers",
    metadata,
    Column("broadcast_id", BigInteger, primary_key=True, autoincrement=False),
    Column("user_id", BigInteger, primary_key=True, autoincrement=False),
    Column("receipt", String(16), nullable=False, comment="waiting, sending, or what became of it"),
    Column("since", Instant, comment="When a process began to send"),
)
