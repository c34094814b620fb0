"""Thousands of damaged files for every reader.

python tests/benchmarks/fuzz.py [--examples 2000]
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import fuzzing
from tallies import tally


def main() -> None:
    """Prints how many were tried, read and refused; ends at the first bug."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print("| reader | tried | read | refused, clearly |\n|---|---|---|---|")
    for name, reader in fuzzing.READERS.items():
        found = tally(
            fuzzing.files(reader),
            partial(fuzzing.outcome, reader),
            examples=options.examples,
            start=options.seed,
        )
        tried = f"{found.total():,} | {found['read']:,} | {found['refused']:,}"
        print(f"| {name} | {tried} |", flush=True)


if __name__ == "__main__":
    main()
