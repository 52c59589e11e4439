"""Rounds of made-up examples for so many minutes, each with a seed of its own; the first that breaks is made small."""

import argparse
import random
import time
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

A_ROUND = 200  # examples


def run(examples: st.SearchStrategy[Any], look: Callable[[Any], None]) -> int:
    """Look at examples for as many minutes as the command line says; returns the exit status."""
    play(examples, look, minutes=arguments().parse_args().minutes)
    return 0


def arguments() -> argparse.ArgumentParser:
    """The command line that every fuzzer has."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    return parser


def play(examples: st.SearchStrategy[Any], look: Callable[[Any], None], *, minutes: float) -> None:
    """Look at examples for so many minutes.

    Raises:
        Exception: What ``look`` failed with, at the smallest example that was found.
    """
    until, count = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < until:
        number = random.SystemRandom().randrange(2**32)

        @seed(number)
        @settings(
            max_examples=A_ROUND,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(examples)
        def a_round(example: Any) -> None:
            nonlocal count
            count += 1
            look(example)

        try:
            a_round()
        except Exception as error:
            print(f"FOUND with seed {number}:", *getattr(error, "__notes__", ()), sep="\n")
            raise
    print(f"{count} examples, nothing found.")
