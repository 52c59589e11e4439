"""The only room that knows Gemini: its calls, its failures, the differences between its models, and what we ask it."""

from services.worker.gemini.prompts import PromptWriter, Sampling, own_words

__all__ = ["PromptWriter", "Sampling", "own_words"]
