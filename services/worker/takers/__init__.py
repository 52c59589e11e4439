"""Takes tickets off the queue and gives each to the engine: Celery over Redis, or inside one process."""
