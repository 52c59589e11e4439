"""Telegram, Gemini and HuggingFace on localhost: stand-ins over real HTTP, with faults on demand."""
