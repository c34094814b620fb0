"""What becomes of many generated examples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, seed, settings


def tally(
    strategy: Any, outcome: Callable[[Any], str], *, examples: int, start: int | None = None
) -> Counter:
    """How many ended in which outcome.

    Args:
        strategy: gives an example.
        outcome: of an example; raises where it is a bug.
        examples: how many.
        start: a seed; by default the same examples each time.
    """
    found: Counter = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=start is None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(example: Any) -> None:
        found[outcome(example)] += 1

    (check if start is None else seed(start)(check))()
    return found
