"""What an answer of Gemini's cost the owner."""

from services.worker.gemini.chat import Answer
from shared.errands import UNPAID, Bill
from shared.prices import Prices


def bill_of(answer: Answer, prices: Prices, *, owner_pays: bool) -> Bill:
    """What was paid for an answer; nothing where it was given on the person's own key."""
    if not owner_pays:
        return UNPAID
    tokens_in, tokens_out = answer.tokens_in or 0, (answer.tokens_out or 0) + answer.tokens_thought
    return Bill(tokens_in + tokens_out, prices.of_tokens(answer.model, tokens_in, tokens_out))
