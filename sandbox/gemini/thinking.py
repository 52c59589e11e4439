"""How many tokens a model thinks before it writes, or why it won't."""

from typing import Any

from sandbox.gemini.catalogue import THOUGHT_TOKENS, Model
from sandbox.gemini.question import BadRequest


def thought_tokens(model: Model, config: dict[str, Any]) -> int:
    """Return the tokens spent on thinking; they are paid out of ``maxOutputTokens``.

    Raises:
        BadRequest: The model can't be told to think like that.
    """
    wish = config.get("thinkingConfig") or {}
    level, budget = wish.get("thinkingLevel"), wish.get("thinkingBudget")
    level = None if level in {None, "", "THINKING_LEVEL_UNSPECIFIED"} else str(level).lower()
    if level is not None and budget is not None:
        raise BadRequest("You can only set only one of thinking budget and thinking level.")
    if not model.thinks:
        if level is not None or budget:
            raise BadRequest("Thinking is not enabled for this model")
        return 0
    if level is not None:
        return _by_level(model, level)
    usual = THOUGHT_TOKENS[model.default_level]
    return usual if budget is None or budget == -1 else _by_budget(model, budget, usual)


def _by_level(model: Model, level: str) -> int:
    if not model.levels:
        raise BadRequest("Thinking level is not supported for this model.")
    if level not in model.levels:
        raise BadRequest(
            f"'{level}' is not a supported thinking level for this model. "
            f"Allowed values are: {', '.join(model.levels)}."
        )
    return THOUGHT_TOKENS[level]


def _by_budget(model: Model, budget: int, usual: int) -> int:
    if budget < 0 or budget > 32_768:
        raise BadRequest(f"The thinking budget {budget} is invalid. Please choose a value between 0 and 32768.")
    if budget == 0 and model.must_think:
        raise BadRequest("Budget 0 is invalid. This model only works in thinking mode.")
    # A budget is a limit, not a duty.
    return min(budget, max(usual, THOUGHT_TOKENS["medium"]))
