"""Thousands of damaged files for every reader.

python tests/benchmarks/fuzz.py [--examples 2000]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))

import fuzzing


def main() -> None:
    """Prints how many were tried, read and refused; ends at the first bug."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| reader | tried | read | refused, clearly |\n|---|---|---|---|")
    for name, reader in fuzzing.READERS.items():
        found = tally(reader, options.examples, options.seed)
        tried = f"{found.total():,} | {found['read']:,} | {found['refused']:,}"
        print(f"| {name} | {tried} |", flush=True)


def tally(reader: fuzzing.Reader, examples: int, start: int) -> Counter:
    """How often which outcome."""
    found: Counter = Counter()

    @seed(start)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def check(data):
        found[fuzzing.outcome(reader, data.draw(fuzzing.files(reader)))] += 1

    check()
    return found


if __name__ == "__main__":
    main()
