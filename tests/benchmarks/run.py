"""Times tfp_maf beside other flow libraries, and writes a table and figures.

    .venv/bin/python tests/benchmarks/run.py

Each library runs in an environment of its own, made on the first run, and each
case in a process of its own; rounds are interleaved, so that a slow minute of the machine
meets all libraries. Figures are the least over the rounds.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
import venv
from collections import defaultdict
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

HERE = Path(__file__).parent
# Each library's environment, and the module that drives it: jax_flows for jax. This Python is
# tensorflow's.
LIBRARIES = {
    "tfp_maf": "tensorflow",
    "tfp as the post": "tensorflow",
    "jax": "jax",
    "flowjax": "jax",
    "zuko": "torch",
    "nflows": "torch",
    "normflows": "torch",
}
BASE = {"features": 8, "layers": 10, "hidden": [100, 100], "batch": 100, "steps": 100}
FIGURES = ["train_ms", "log_prob_100", "log_prob_10000", "sample_100", "sample_10000"]
TIMEOUT = 300


def growth_cases() -> dict[str, list[tuple[int, dict[str, Any]]]]:
    """For each quantity, its values and their cases."""
    wide = BASE | {"layers": 5, "hidden": [512], "steps": 20}
    return {
        "features": [
            (n, wide | {"features": n, "figures": ["train_ms", "sample_100", "naive_sample_100"]})
            for n in (2, 8, 32, 128, 784)
        ],
        "layers": [
            (n, BASE | {"layers": n, "figures": ["train_ms", "sample_100"]}) for n in (1, 5, 20)
        ],
        "batch": [
            (n, BASE | {"batch": n, "steps": 20, "figures": ["train_ms"]}) for n in (10, 1000)
        ],
    }


def make_environment(name: str, folder: Path) -> str:
    """The Python of a virtual environment with the requirements of ``name``."""
    python = folder / name / "bin" / "python"
    done = folder / name / "installed"
    requirements = HERE / f"requirements-{name}.txt"
    if not done.exists() or done.read_text() != requirements.read_text():
        click.echo(f"Making the environment of {name} (a few minutes, once)")
        venv.create(folder / name, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        done.write_text(requirements.read_text())
    return str(python)


def run_case(python: str, case: dict[str, Any]) -> dict[str, float]:
    """The figures of one case, or none, with a line saying why."""
    environment = os.environ | {"BENCHMARK_STARTED": str(time.time())}
    command = [python, str(HERE / "worker.py"), json.dumps(case)]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT, env=environment, check=True
        )
        return json.loads(result.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        last = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
        click.echo(
            f"{case['library']} {case['key']}: no figures ({' '.join(last)[:200]})", err=True
        )
        return {}


@click.command()
@click.option("--rounds", default=2, show_default=True, help="Of the main case.")
@click.option("--growth/--no-growth", default=True, help="How times grow; half an hour.")
@click.option("--library", "chosen", multiple=True, type=click.Choice(list(LIBRARIES)))
@click.option("--environments", default=".benchmark-environments", type=click.Path(path_type=Path))
@click.option("--out", default="results/speed", type=click.Path(path_type=Path), help="Prefix.")
def main(rounds: int, growth: bool, chosen: tuple[str, ...], environments: Path, out: Path) -> None:
    """Time tfp_maf beside other libraries; see the page beside this file."""
    libraries = list(chosen or LIBRARIES)
    pythons = {
        name: sys.executable if name == "tensorflow" else make_environment(name, environments)
        for name in {LIBRARIES[library] for library in libraries}
    }
    cases = [
        BASE | {"key": f"main {threads}", "threads": threads, "figures": FIGURES, "compile": True}
        for _ in range(rounds)
        for threads in (1, 2)
    ]
    if growth:
        cases += [
            case | {"key": f"{quantity} {value}", "threads": 1, "compile": False}
            for quantity, values in growth_cases().items()
            for value, case in values
        ]
    figures: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    result = {"machine": machine(), "rounds": rounds, "figures": figures}
    for case, library in tqdm([(c, library) for c in cases for library in libraries]):
        environment = LIBRARIES[library]
        case = case | {"library": library, "module": f"{environment}_flows"}
        if library == "tfp as the post":
            case = case | {"steps": 3}
        for name, value in run_case(pythons[environment], case).items():
            known = figures[case["key"]][library]
            least = max if name == "peak_mb" else min
            known[name] = least(known.get(name, value), value)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    from report import write_report

    write_report(out)


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    names = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return {
        "processor": names[0].split(":")[1].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load before": os.getloadavg()[0],
    }


if __name__ == "__main__":
    main()
