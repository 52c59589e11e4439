"""How many steps our own code takes for something: the same on every machine, however busy."""

import gc
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

OURS = tuple(str(Path(__file__).parents[1] / package) for package in ("services", "shared"))


def steps_of(act: Callable[[], object]) -> int:
    """Count the lines of our packages that run, and the calls of built-in functions from them.

    It acts twice: what is kept from a first time does not count.
    """
    act()
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        count += event == "line"
        return trace

    def profile(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "c_call" and frame.f_code.co_filename.startswith(OURS)

    before = sys.gettrace(), sys.getprofile()
    gc.disable()  # What it would end just then may be ours, too.
    sys.settrace(trace)
    sys.setprofile(profile)
    try:
        act()
    finally:
        sys.setprofile(before[1])
        sys.settrace(before[0])
        gc.enable()
    return count
