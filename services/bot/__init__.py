"""Takes ideas in from Telegram and carries pictures home."""
