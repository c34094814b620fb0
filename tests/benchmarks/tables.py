"""Thousands of generated tables through what ``tfp-maf train`` does with them.

python tests/benchmarks/tables.py [--examples 10000]
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import generated_tables
from tallies import tally


def main() -> None:
    """Prints how many ended in a model, and how many in which error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.perf_counter()
    found = tally(
        generated_tables.tables(),
        generated_tables.outcome,
        examples=options.examples,
        start=options.seed,
    )
    print(f"{found.total():,} tables in {time.perf_counter() - began:.0f} s")
    for end, times in found.most_common():
        print(f"{times:6,}  {end}")


if __name__ == "__main__":
    main()
