"""Turns of chats in real workers: one that is killed in mid-stream is succeeded by whoever comes next."""

from shared.errands import ErrandKind
from shared.jobs import Address, Sender, State
from shared.store.conversations import Conversations
from shared.store.errands import Errands
from tests.end_to_end.installation import BOT_ID, wait_until
from tests.end_to_end.test_chat import STREAM

TALE = "once upon a time " * 40


def test_a_worker_killed_in_mid_stream_is_succeeded(installation, sandbox):
    ada = sandbox.person("Ada")
    sandbox.say(ada, "/start")  # a bot may not write to somebody who has never written to it
    sandbox.wait_for(lambda: sandbox.from_bot(ada))
    sandbox.arm("gemini", path=STREAM, gate="rest", gate_at=1_000)
    errands = Errands(installation.database)
    asked, _ = errands.submit(
        ErrandKind.CHAT,
        {"text": f"echo: {TALE}", "attachments": [], "reply_to": None},
        address=Address(BOT_ID, ada["id"], 1),
        sender=Sender(ada["id"]),
        conversation_id=Conversations(installation.database).of(BOT_ID, ada["id"]).id,
    )
    wait_until(lambda: errands.read(asked.id).answer, what="the beginning of the answer")

    installation.worker.kill()
    sandbox.open_gate("rest")
    begun = errands.read(asked.id)
    installation.start()
    ended = wait_until(
        lambda: (now := errands.read(asked.id)).state is State.FINISHED and now, what="the whole of the answer"
    )

    assert begun.state is State.WORKING
    assert len(begun.answer) < len(TALE) / 2
    assert (ended.answer, ended.claims) == (TALE.strip(), 2)
