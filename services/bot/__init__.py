"""The Telegram front end: takes requests in and delivers their results."""

import os

# The library gives spans of time as timedeltas from its next version on, and warns at each look until told so.
os.environ.setdefault("PTB_TIMEDELTA", "true")
