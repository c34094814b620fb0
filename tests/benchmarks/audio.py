"""The spoken words' table: every recipe, three seeds, two splits by speaker.

    python tests/benchmarks/audio.py --data speech_commands_v0.01 [--runs runs/audio]

Each row is a ``tfp-maf train audio`` command, run in a process of its own; runs that are already
there are not repeated. Writes ``results/audio.json`` and ``results/audio.md``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tfp_maf.data_prep.files import write_json
from tfp_maf.experiments.run import versions

SEEDS, SPLITS = (0, 1, 2), (0, 1)
# Half of the words, at random: the densities are tested on the others.
BACKGROUND = "bed,down,five,go,left,nine,off,right,sheila,stop,tree,up,wow"
EXPERIMENTS = {
    "happy, aligned": ("happy", "aligned", None),
    "happy, ratio": ("happy", "ratio", None),
    "happy, ratio to words": ("happy", "ratio", f"cat,{BACKGROUND}"),
    "cat, aligned": ("cat", "aligned", None),
    "happy, post": ("happy", "post", None),
    "bed (10 clips), aligned": ("bed", "aligned", None),
}
COLUMNS = ("auc", "margin", "equal_error_rate", "false_alarms", "misses")


def command(word: str, recipe: str, background: str | None, seed: int, split: int) -> list[str]:
    """The arguments of ``tfp-maf``, but for the folders."""
    chosen = ["--background", background] if background else []
    given = ["--word", word, "--recipe", recipe, *chosen]
    return ["train", "audio", *given, "--seed", str(seed), "--split", str(split)]


def run(arguments: list[str], data: str, out: Path) -> dict:
    """The run's metrics; it is run unless it is there."""
    if not (out / "metrics.json").is_file():
        whole = [sys.executable, "-m", "tfp_maf", *arguments, "--data", data, "--out", str(out)]
        print("tfp-maf", *whole[3:], flush=True)
        subprocess.run(whole, check=True)
    return json.loads((out / "metrics.json").read_text())


def summary(runs: list[dict], model: str) -> dict:
    """Means over runs of a row of their tables, with the spread; words above in any of them."""
    found = [each["results"][model] for each in runs]
    row: dict = {"above": sorted({word for each in found for word in each["above"]})}
    row["most_above"] = max(len(each["above"]) for each in found)
    for name in COLUMNS:
        values = [each[name] for each in found if each[name] is not None]
        row[name] = [float(np.mean(values)), float(np.std(values))] if values else None
    return row


def table(results: dict) -> str:
    """As Markdown."""
    lines = [
        "| experiment | model | AUC | words above, at most | margin, sd | equal error "
        "| false alarms (5 % asked) | misses | training, s |",
        "|---" * 9 + "|",
    ]
    for name, experiment in results.items():
        for model, row in experiment["rows"].items():
            cells = [
                "" if row[column] is None else form.format(*row[column])
                for column, form in [
                    ("margin", "{:.2f} ± {:.2f}"),
                    ("equal_error_rate", "{:.1%} ± {:.1%}"),
                    ("false_alarms", "{:.1%} ± {:.1%}"),
                    ("misses", "{:.1%} ± {:.1%}"),
                ]
            ]
            auc = "{:.3f} ± {:.3f}".format(*row["auc"])
            ours = model == experiment["recipe"]
            seconds = f"{experiment['seconds']:.0f}" if ours else ""
            shown = f"**{model}**" if ours else model
            cells = [name, shown, auc, str(row["most_above"]), *cells, seconds]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs what is missing and writes the table of all that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="the folder of Speech Commands")
    parser.add_argument("--runs", type=Path, default=Path("runs/audio"))
    parser.add_argument("--out", type=Path, default=Path("results"))
    options = parser.parse_args()
    results = {}
    for name, experiment in EXPERIMENTS.items():
        runs = []
        for seed in SEEDS:
            for split in SPLITS:
                folder = "_".join(name.replace(",", "").split()) + f"_{seed}_{split}"
                arguments = command(*experiment, seed, split)
                runs.append(run(arguments, options.data, options.runs / folder))
        results[name] = {
            "recipe": experiment[1],
            "command": " ".join(["tfp-maf", *command(*experiment, 0, 0)]),
            "seeds": SEEDS,
            "splits": SPLITS,
            "clips": runs[0]["clips"],
            "seconds": float(np.mean([each["seconds"] for each in runs])),
            "rows": {model: summary(runs, model) for model in runs[0]["results"]},
        }
        write_json(options.out / "audio.json", {"versions": versions(), "results": results})
        (options.out / "audio.md").write_text(table(results))
    print(table(results))


if __name__ == "__main__":
    main()
