"""Whether a person may choose a chat model: the owner may allow fewer on the owner's key."""

from collections.abc import Mapping

from shared.budgets import Budgets
from shared.redaction import GOOGLE
from shared.store.keys import Keys


class ChatModelChoice:
    """Knows who has a key of their own for Gemini."""

    def __init__(self, keys: Keys, budgets: Budgets) -> None:
        self._keys = keys
        self._budgets = budgets

    def allows(self, user_id: int, change: Mapping[str, object]) -> bool:
        """Whether somebody may change their choices so. Blocks."""
        chosen = change.get("chat_model")
        if not isinstance(chosen, str) or self._budgets.may_choose(chosen):
            return True
        return GOOGLE in self._keys.of(user_id)
