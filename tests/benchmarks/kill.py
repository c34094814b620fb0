"""A training killed at random moments, and what each kill cost.

    python tests/benchmarks/kill.py [--kills 20]

Trains on a made-up table, kills the process by SIGKILL 0 to 12 seconds into its epochs (some kills
fall within the writing of a checkpoint), goes on with --resume, and compares the end with that of
a training that was left alone.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

SECONDS = 12.0


def command(folder: Path, out: str, epochs: int, *, resume: bool) -> list[str]:
    """A training of some minutes on one core."""
    options = ["--num-layers", "2", "--hidden-units", "32", "--patience", "100000"]
    whole = ["train", "rows.csv", "--out", out, *options, "--max-epochs", str(epochs)]
    return [sys.executable, "-m", "tfp_maf", *whole, *(["--resume"] if resume else [])]


def epochs_kept(run: Path) -> int:
    """How many the checkpoint holds."""
    with np.load(run / "checkpoints" / "maf.npz") as stored:
        return len(json.loads(stored["values"].tobytes())["history"]["validation"])


def main() -> None:
    """Prints a line a kill, and whether the ends are equal."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=3000)
    options = parser.parse_args()
    rng = random.Random(0)
    folder = Path(tempfile.mkdtemp())
    x = np.random.default_rng(0).normal(size=[5000, 4])
    x[:, 1:] += np.sin(x[:, :-1])
    pd.DataFrame(x, columns=list("abcd")).to_csv(folder / "rows.csv", index=False)
    killed, lost, damaged = 0, 0.0, 0
    quiet = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    while killed < options.kills:
        run = folder / "killed"
        process = subprocess.Popen(
            command(folder, "killed", options.epochs, resume=run.exists()), **quiet
        )
        before = run / "checkpoints" / "maf.npz"
        last = before.stat().st_mtime if before.exists() else 0.0
        while process.poll() is None and (not before.exists() or before.stat().st_mtime == last):
            time.sleep(0.01)  # until it writes again: it is training
        wait = rng.uniform(0, SECONDS)
        try:
            status = process.wait(wait)
            print(f"ended by itself with status {status}")
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        killed += 1
        age = time.time() - before.stat().st_mtime
        lost = max(lost, age)
        try:
            kept = epochs_kept(run)
        except (OSError, ValueError) as error:
            damaged += 1
            print(f"kill {killed}: the checkpoint is damaged: {error}")
            break
        print(f"kill {killed} after {wait:.2f} s: {kept} epochs kept, {age:.2f} s lost", flush=True)
    subprocess.run(command(folder, "killed", options.epochs, resume=True), check=True, **quiet)
    subprocess.run(command(folder, "alone", options.epochs, resume=False), check=True, **quiet)
    ends = [
        json.loads((folder / n / "metrics.json").read_text())["test"] for n in ("killed", "alone")
    ]
    print(f"{killed} kills, {damaged} damaged checkpoints, at most {lost:.1f} s lost")
    print(f"test: {ends[0]['mean']} killed, {ends[1]['mean']} alone; equal: {ends[0] == ends[1]}")


if __name__ == "__main__":
    main()
