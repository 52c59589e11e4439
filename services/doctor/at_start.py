"""The cheap part of ``g2d doctor`` at a worker's start: a key that is no good is told before somebody meets it."""

import logging
import threading
from functools import partial

from services.doctor.calls import as_painter, as_prompt_writer
from services.doctor.checks import run
from services.doctor.findings import Verdict, plain
from services.doctor.services import GEMINI, HUGGINGFACE, check_gemini, check_huggingface
from shared.settings import WorkerSettings

log = logging.getLogger(__name__)

NAMES = {GEMINI: "GOOGLE_API_KEY", HUGGINGFACE: "HF_TOKEN"}


def begin(settings: WorkerSettings, stopped: threading.Event) -> None:
    """Look at the owner's keys once, in a thread that holds up nothing; once ``stopped``, nothing is said of them."""
    threading.Thread(target=look, args=(settings, stopped), name="look at keys", daemon=True).start()


def look(settings: WorkerSettings, stopped: threading.Event) -> None:
    """Ask both services about the owner's keys, and log what is wrong, with what to do. Takes ten seconds at most."""
    checks = {
        GEMINI: partial(check_gemini, settings, as_prompt_writer),
        HUGGINGFACE: partial(check_huggingface, settings, as_painter),
    }
    for finding in run(checks):
        if finding.verdict is Verdict.BAD and not stopped.is_set():
            fields = {"setting": NAMES[finding.check], "error": plain(finding.says), "cure": plain(finding.cure)}
            log.warning("a key could not be confirmed at the start", extra=fields)
