"""What each process of ours does first and always alike, done once for all that are forked from this one.

Without this a start takes half a second of CPU more: sentences are read in all languages, certificates loaded, and
the SDK of Gemini builds its data models.
"""

import gc

from services.bot.texts.locales import languages, say
from services.worker.gemini.prompts import PromptWriter

for language in languages():
    say("help", language)
PromptWriter(api_key="-", base_url=None, model="-").close()

# What is here stays; the collectors of the processes to come need not look at it.
gc.collect()
gc.freeze()
