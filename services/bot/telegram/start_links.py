"""What links to the bot hand to ``/start``: ``https://t.me/BOT?start=help-batch``. Pure."""

import re

from services.bot.telegram.callback_data import TOPICS

KEYS, SETTINGS, HELP = "keys", "settings-", "help-"  # a page of the settings and a message follow; a topic of the help
IDEA, FIRST_PICTURE, ACCESS = "idea-", "first-picture", "access"  # of inline queries; a kept idea's code follows

TO_KEYS = re.compile(rf"^/start\S* {KEYS}$")
TO_SETTINGS = re.compile(rf"^/start\S* {SETTINGS}[a-z_]+-\d+$")
TO_HELP = re.compile(rf"^/start\S* {HELP}({'|'.join(TOPICS)})$")
TO_IDEA = re.compile(rf"^/start\S* {IDEA}[0-9a-f]{{16}}$")
