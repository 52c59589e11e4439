"""Cost of one answer of Gemini's, in micro-dollars."""

from collections.abc import Iterable

from services.worker.gemini.chat import Answer
from shared.errands import Bill
from shared.prices import Prices


def bill_of(answers: Iterable[Answer], prices: Prices, *, owner_pays: bool) -> Bill:
    """What was paid for answers; nothing where they were given on the person's own key."""
    tokens, cost = 0, 0
    for answer in answers if owner_pays else ():
        tokens_in, tokens_out = answer.tokens_in or 0, (answer.tokens_out or 0) + answer.tokens_thought
        tokens += tokens_in + tokens_out
        cost += prices.of_tokens(answer.model, tokens_in, tokens_out)
    return Bill(tokens, cost)
