"""Seconds until POWER's subset reaches +1.0 nats on validation rows, ours and other libraries'.

    python tests/benchmarks/time_to_quality.py POWER_FOLDER [--most SECONDS] [--models A,B]

Each model trains in a process of its own, on one core, in batches of 100 rows (columns
standardised), with Adam whose rate rises over the first 5 % of the steps and falls along a cosine.
The clock runs from the start of the process: importing and compiling count. Writes
``results/time_to_quality.json`` and ``.md`` after each model.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from run import HERE, make_environment

from tfp_maf.data_prep import power

GOAL = 1.0
BASE = {"epochs": 150, "batch": 100, "goal": GOAL}
RATES = (5e-3, 1e-3)  # unless a model names its own
# The other libraries' splines are those of their front pages.
MODELS: dict[str, dict] = {
    "tfp_maf, MAF MoG(5)": {
        "in": "tensorflow",
        "builder": "build_maf_mog",
        "layers": 5,
        "rates": (1e-2,),
    },
    "tfp_maf, MAF(10)": {"in": "tensorflow", "builder": "build_maf", "layers": 10},
    # The layers of flowjax's front page, without and with batch normalisation.
    "tfp_maf, NSF(8)": {
        "in": "tensorflow",
        "builder": "build_nsf",
        "layers": 8,
        "hidden": [50],
    },
    "tfp_maf, NSF(8) with batch norm": {
        "in": "tensorflow",
        "builder": "build_nsf",
        "layers": 8,
        "hidden": [50],
        "batch_norm": True,
        "rates": (1e-2, *RATES),
    },
    "plain JAX, MAF(10)": {"in": "jax", "library": "jax", "layers": 10, "hidden": [100, 100]},
    "flowjax, splines": {
        "in": "jax",
        "library": "flowjax",
        "layers": 8,
        "hidden": [50],
        "splines": True,
    },
    "zuko, NSF": {"in": "torch", "library": "zuko", "layers": 3, "hidden": [128] * 3},
    "nflows, MAF(10)": {"in": "torch", "library": "nflows", "layers": 10, "hidden": [100, 100]},
    "normflows, NSF": {"in": "torch", "library": "normflows", "layers": 16, "hidden": [128] * 2},
}


def cases() -> dict[str, dict]:
    """Every model at each of its rates."""
    return {
        f"{name}, {rate:g}": BASE | case | {"rate": rate}
        for name, case in MODELS.items()
        for rate in case.get("rates", RATES)
    }


def run_case(python: str, case: dict, most_seconds: float) -> list[dict[str, float]]:
    """Seconds, CPU seconds and validation score after each epoch, up to the goal or the time."""
    environment = os.environ | {"BENCHMARK_STARTED": str(time.time())}
    command = [python, str(HERE / "quality_worker.py"), json.dumps(case), str(most_seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def summary(epochs: list[dict[str, float]]) -> dict:
    """The time to the goal, if it was reached, and the best that was."""
    reached = next((each for each in epochs if each["validation"] >= GOAL), None)
    return {
        "reached": reached,
        "best": max(epochs, key=lambda each: each["validation"]),
        "first": epochs[0],
        "epochs": len(epochs),
    }


def markdown(models: dict[str, dict]) -> str:
    """The table, the fastest first."""

    def order(item: tuple[str, dict]) -> tuple[float, float]:
        found = item[1]
        seconds = found["reached"]["cpu"] if found["reached"] else np.inf
        return seconds, -found["best"]["validation"]

    lines = [
        f"Seconds until POWER's subset has {GOAL:+.1f} nats a row on validation rows; one core.\n",
        "| model, rate | s | CPU s | first epoch, CPU s | epochs | best score, nats |",
        "|---|---|---|---|---|---|",
    ]
    for name, found in sorted(models.items(), key=order):
        reached = found["reached"]
        times = [f"{reached[key]:.0f}" if reached else "not reached" for key in ("seconds", "cpu")]
        best, first = found["best"]["validation"], found["first"]["cpu"]
        cells = [name, *times, f"{first:.0f}", str(found["epochs"]), f"{best:.2f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Train what is asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", help="of household_power_consumption.txt")
    parser.add_argument("--most", type=float, default=300, help="seconds a model")
    parser.add_argument("--models", help="separated by semicolons; by default all")
    parser.add_argument("--environments", type=Path, default=Path(".benchmark-environments"))
    parser.add_argument(
        "--out", type=Path, default=Path("results/time_to_quality"), help="without a suffix"
    )
    options = parser.parse_args()
    every = cases()
    chosen = options.models.split(";") if options.models else list(every)
    splits = power.load(options.folder)
    models: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.npz"
        np.savez(rows, train=splits.train, validation=splits.validation)
        for name in chosen:
            case = every[name] | {"rows": str(rows)}
            is_ours = case["in"] == "tensorflow"
            python = (
                sys.executable if is_ours else make_environment(case["in"], options.environments)
            )
            models[name] = case | summary(run_case(python, case, options.most))
            del models[name]["rows"]
            print(name, models[name]["reached"] or models[name]["best"], flush=True)
            result = {"goal": GOAL, "rows": len(splits.train), "models": models}
            Path(f"{options.out}.json").write_text(json.dumps(result, indent=1) + "\n")
            Path(f"{options.out}.md").write_text(markdown(models))


if __name__ == "__main__":
    main()
