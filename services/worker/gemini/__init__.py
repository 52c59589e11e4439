"""The only room that knows Gemini: its calls, its failures, the differences between its models, and what we ask it."""
