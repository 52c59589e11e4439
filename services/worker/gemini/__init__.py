"""Everything that knows Gemini: the call, its failures, and the differences between its models."""
