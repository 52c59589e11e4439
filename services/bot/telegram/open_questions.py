"""Questions that the next message answers, whether or not the client sends it as a reply.

A force reply is closed easily, and some clients don't show it. So in a private chat the question is written down before
it is sent, and the message that answers it is marked before it is written down itself. In groups only a reply answers.
"""

import asyncio
from collections.abc import Mapping

from telegram import Message

from shared.jobs import Address
from shared.questions import Asked, Place, Question
from shared.store.questions import Questions

MARK = "answers_question"  # the field that is added to a message; the library hands it through in ``api_kwargs``


class OpenQuestions:
    """Writes down what is asked in private chats."""

    def __init__(self, questions: Questions) -> None:
        self._questions = questions

    async def ask(self, address: Address, question: Question) -> None:
        """Take note of a question that is about to be sent to this address."""
        if address.private:
            place = Place(address.chat_id, address.topic_id or 0)
            await asyncio.to_thread(self._questions.ask, place, question)

    async def ask_again(self, message: Message, address: Address) -> None:
        """Let the next message answer, where this one, which could not be taken, answered a question."""
        if (question := answered(message)) is not None:
            await self.ask(address, question)

    async def withdraw(self, message: Message, address: Address) -> None:
        """Ask no longer what this message answered, if that was asked again: the answer came by a button."""
        question = answered(message)
        if question is not None and address.private:
            place = Place(address.chat_id, address.topic_id or 0)
            await asyncio.to_thread(self._questions.withdraw, place, question)


def answered(message: Message) -> Question | None:
    """The question that a message answers without being a reply to it."""
    return question_in(message.api_kwargs)


def question_in(fields: Mapping[str, object]) -> Question | None:
    """The question that a message, as it is written down, answers without being a reply to it."""
    match fields.get(MARK):
        case {"kind": str() as kind, "about": dict() as about}:
            return Question(Asked(kind), about)
        case _:
            return None


def answers(message: Message, kind: Asked) -> bool:
    """Whether a message answers a question of this kind without being a reply to it."""
    question = answered(message)
    return question is not None and question.kind is kind
