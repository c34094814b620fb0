"""Times one library on one case, and prints the figures as JSON.

Run by run.py, in the library's own environment: ``python worker.py CASE``, the case as JSON.
A library is a class of three methods, each of which returns when its result is there:
``train(steps)``, ``log_prob(rows)`` and ``sample(rows)``.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

STARTED = float(os.environ.get("BENCHMARK_STARTED", time.time()))
# A figure is the least of the calls that fit into this time, two at least; a call that takes
# longer than SLOW is not repeated.
SECONDS, SLOW = 1.5, 4.0


def limit_threads(threads: int) -> None:
    """Before anything is imported."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(threads)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if threads == 1:
        os.environ["XLA_FLAGS"] = (
            "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        )


def least_time(call: Callable[[], Any]) -> float:
    """Seconds of the fastest call, after one that may compile."""
    call()
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < 2 or time.perf_counter() - began < SECONDS:
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
        if times[-1] > SLOW:
            break
    return min(times)


def measure(case: dict[str, Any]) -> dict[str, float]:
    """The figures that ``case["figures"]`` names."""
    module = importlib.import_module(case["module"])
    flow = module.LIBRARIES[case["library"]](case)
    flow.train(1)
    figures = {"first_step_s": time.time() - STARTED}
    if "train_ms" in case["figures"]:
        steps = case["steps"]
        figures["train_ms"] = least_time(lambda: flow.train(steps)) / steps * 1e3
    for name in case["figures"]:
        kind, _, rows = name.rpartition("_")
        if kind in ("log_prob", "sample", "naive_sample") and hasattr(flow, kind):
            figures[name] = least_time(lambda k=kind, n=int(rows): getattr(flow, k)(n)) * 1e3
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


if __name__ == "__main__":
    case = json.loads(sys.argv[1])
    limit_threads(case["threads"])
    print(json.dumps(measure(case)))
