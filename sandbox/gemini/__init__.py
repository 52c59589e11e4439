"""A stand-in for the Gemini Developer API that writes prompts, chats, counts and refuses like it."""

from sandbox.gemini.replies import PRESETS
from sandbox.gemini.service import create_service

__all__ = ["PRESETS", "create_service"]
