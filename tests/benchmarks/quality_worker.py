"""Trains one model until it is good enough, and prints its score after each epoch.

Run by time_to_quality.py, in the library's own environment: ``python quality_worker.py CASE
MOST_SECONDS``, the case as JSON. A library's module has a function ``scores(case)``, which yields
the mean validation log-likelihood after each epoch.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time

from worker import STARTED, limit_threads


def main(case: dict, most_seconds: float) -> None:
    """Print a line of JSON after each epoch, until the goal or the end of the time."""
    module = importlib.import_module(f"{case['in']}_quality")
    for score in module.scores(case):
        seconds = time.time() - STARTED
        # torch.compile works in processes of its own.
        cpu = sum(os.times()[:4])
        line = {"seconds": seconds, "cpu": cpu, "validation": float(score)}
        print(json.dumps(line), flush=True)
        if score >= case["goal"] or seconds > most_seconds:
            break


if __name__ == "__main__":
    limit_threads(1)
    main(json.loads(sys.argv[1]), float(sys.argv[2]))
