"""What the bot and the worker both need: settings, nouns, errors, the store, the queue."""
