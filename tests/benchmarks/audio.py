"""The spoken words' tables: every recipe and baseline, in noise and in a room.

    python tests/benchmarks/audio.py --data speech_commands_v0.01 [--runs runs/audio]

Each row is a ``tfp-maf train audio`` command with three seeds and two splits by speaker, run in a
process of its own; runs that are already there are not repeated. Writes ``results/audio.json`` and
``results/audio.md`` after each run, of what there is by then.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfp_maf.audio.conditions import Heard
from tfp_maf.audio.recipes import train_aligned
from tfp_maf.audio.report import parts_of
from tfp_maf.data_prep import speech_commands
from tfp_maf.data_prep.files import write_json
from tfp_maf.estimators.anomaly import threshold_of
from tfp_maf.evaluation.detection import Detection
from tfp_maf.experiments.run import versions

SEEDS, SPLITS = (0, 1, 2), (0, 1)
# Half of the words, at random: the densities are tested on the others.
BACKGROUND = "bed,down,five,go,left,nine,off,right,sheila,stop,tree,up,wow"
EXPERIMENTS = {
    "happy, aligned": ("happy", "aligned", None),
    "cat, aligned": ("cat", "aligned", None),
    "happy, ratio to words": ("happy", "ratio", f"cat,{BACKGROUND}"),
    "cat, ratio to words": ("cat", "ratio", f"happy,{BACKGROUND}"),
    "bed (10 clips), aligned": ("bed", "aligned", None),
    "happy, post": ("happy", "post", None),
}
COLUMNS = ("auc", "margin", "equal_error_rate", "false_alarms", "misses")
IN_NOISE = ("auc", "kept", "accepted")


def command(word: str, recipe: str, background: str | None, seed: int, split: int) -> list[str]:
    """The arguments of ``tfp-maf``, but for the folders."""
    chosen = ["--background", background] if background else []
    given = ["--word", word, "--recipe", recipe, *chosen]
    return ["train", "audio", *given, "--seed", str(seed), "--split", str(split)]


def run(arguments: list[str], data: str, out: Path) -> dict:
    """The run's metrics; it is run unless it is there, and resumed if it was interrupted."""
    if not (out / "metrics.json").is_file():
        resumed = ["--resume"] if (out / "audio.json").is_file() else []
        whole = [sys.executable, "-m", "tfp_maf", *arguments, "--data", data, "--out", str(out)]
        print("tfp-maf", *whole[3:], *resumed, flush=True)
        subprocess.run([*whole, *resumed], check=True)
    return json.loads((out / "metrics.json").read_text())


def without_variations(data: str, word: str, seed: int, split: int, out: Path) -> Detection:
    """The metrics of a flow that saw each clip as it is; they are kept in a file."""
    if not out.is_file():
        clips = speech_commands.load(data)
        target = clips.words == word
        part = speech_commands.split_by_speaker(clips.speakers[target], seed=split)
        train, validation, test = (
            clips.take(np.flatnonzero(target)[part == name]) for name in speech_commands.PARTS
        )
        others = clips.take(~target)
        listener = train_aligned(word, train.samples, validation.samples, seed=seed, copies=0)
        score = parts_of(listener)["flow"]
        scores = [score(Heard.of(each.samples).rows) for each in (validation, test, others)]
        threshold = threshold_of(scores[0], max(0.05, 1 / (len(validation) + 1)))
        found = Detection.of(scores[1], scores[2], others.words, threshold=threshold)
        write_json(out, dataclasses.asdict(found))
    return Detection(**json.loads(out.read_text()))


def spread(values: Sequence[float | None]) -> list[float] | None:
    """Mean and standard deviation of what is there."""
    known = [value for value in values if value is not None]
    return [float(np.mean(known)), float(np.std(known))] if known else None


def summary(runs: list[dict], model: str) -> dict:
    """Means over runs of a row of their tables, with the spread; words above in any of them."""
    found = [each["results"][model] for each in runs]
    row: dict = {"above": sorted({word for each in found for word in each["above"]})}
    row["most_above"] = max(len(each["above"]) for each in found)
    for name in COLUMNS:
        row[name] = spread([each[name] for each in found])
    heard = [each.get("in_noise", {}).get(model) for each in runs]
    if heard[0] is not None:
        row["in_noise"] = {
            condition: {
                name: spread([each[condition][name] for each in heard]) for name in IN_NOISE
            }
            for condition in heard[0]
        }
    return row


def experiment(name: str, runs: list[dict], seeds: Sequence[int], splits: Sequence[int]) -> dict:
    """Everything that the tables say of an experiment."""
    alone = [each["noise_alone"] for each in runs if "noise_alone" in each]
    return {
        "recipe": EXPERIMENTS[name][1],
        "command": " ".join(["tfp-maf", *command(*EXPERIMENTS[name], 0, 0)]),
        "runs": len(runs),
        "seeds": list(seeds),
        "splits": list(splits),
        "clips": runs[0]["clips"],
        "seconds": spread([each["seconds"] for each in runs]),  # resumed runs have none
        "milliseconds_a_clip": float(np.mean([each["milliseconds_a_clip"] for each in runs])),
        "rows": {model: summary(runs, model) for model in runs[0]["results"]},
        "noise_alone": {
            kind: float(np.mean([each[kind] for each in alone])) for kind in (alone or [{}])[0]
        },
    }


def written(form: str, value: list[float] | None) -> str:
    """A mean and its spread, or nothing."""
    return "" if value is None else form.format(*value)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = [" | ".join(columns), "|".join(["---"] * len(columns)), *map(" | ".join, rows)]
    return "\n".join(f"| {line} |" if "---" not in line else f"|{line}|" for line in lines) + "\n"


def rows_of(results: dict, cells: Callable[[dict, dict], list[str] | None]) -> list[list[str]]:
    """Rows of all experiments and models, that of the recipe in bold."""
    rows = []
    for name, each in results.items():
        for model, row in each["rows"].items():
            found = cells(row, each)
            if found is not None:
                shown = f"**{model}**" if model == each["recipe"] else model
                rows.append([name, shown, *found])
    return rows


def tables(results: dict) -> str:
    """All tables, as Markdown."""

    def clean(row: dict, _: dict) -> list[str]:
        forms = ["{:.3f} ± {:.3f}", "{:.2f} ± {:.2f}", *["{:.1%} ± {:.1%}"] * 3]
        auc, *others = [written(f, row[c]) for f, c in zip(forms, COLUMNS, strict=True)]
        return [auc, str(row["most_above"]), *others]

    conditions = next(
        (list(row["in_noise"]) for each in results.values() for row in each["rows"].values()
         if "in_noise" in row), []
    )  # fmt: skip

    def accepted(row: dict, _: dict) -> list[str] | None:
        if "in_noise" not in row:
            return None
        found = [row["in_noise"][condition] for condition in conditions]
        return [f"{each['kept'][0]:.1%} / {each['accepted'][0]:.1%}" for each in found]

    def areas(row: dict, _: dict) -> list[str] | None:
        if "in_noise" not in row:
            return None
        return [written("{:.3f} ± {:.3f}", row["in_noise"][c]["auc"]) for c in conditions]

    first = ["experiment", "model"]
    titles = ["AUC", "words above, at most", "margin, sd", "equal error"]
    titles += ["word rejected (5 % asked)", "others accepted"]
    kinds = sorted({kind for each in results.values() for kind in each["noise_alone"]})
    alone = [
        [name, *(f"{each['noise_alone'][kind]:.1%}" for kind in kinds)]
        for name, each in results.items()
        if each["noise_alone"]
    ]
    about = []
    for name, each in results.items():
        seconds = written("{:.0f} ± {:.0f}", each["seconds"])
        about.append([name, str(each["runs"]), seconds, f"{each['milliseconds_a_clip']:.0f}"])
    parts = [
        "Clips as they were recorded, at one threshold:\n",
        markdown([*first, *titles], rows_of(results, clean)),
        "The word kept / other words accepted, at the threshold for the clip's noise:\n",
        markdown([*first, *conditions], rows_of(results, accepted)),
        "AUC in noise and in a room:\n",
        markdown([*first, *conditions], rows_of(results, areas)),
        "Noise without a word, accepted as the word:\n",
        markdown(["experiment", *kinds], alone),
        "Means are over runs, seconds are of training, milliseconds of scoring one clip:\n",
        markdown(["experiment", "runs", "s", "ms"], about),
    ]
    return "\n".join(parts)


def numbers(text: str) -> list[int]:
    """Numbers separated by commas."""
    return [int(number) for number in text.split(",")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs what is missing and writes the tables of all that is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="the folder of Speech Commands")
    parser.add_argument("--runs", type=Path, default=Path("runs/audio"))
    parser.add_argument("--out", type=Path, default=Path("results"))
    parser.add_argument("--seeds", type=numbers, default=SEEDS)
    parser.add_argument("--splits", type=numbers, default=SPLITS)
    parser.add_argument("--experiments", nargs="+", choices=EXPERIMENTS, default=list(EXPERIMENTS))
    options = parser.parse_args(arguments)
    done: dict[str, list[dict]] = {name: [] for name in options.experiments}
    for seed in options.seeds:  # of every experiment something is there early
        for name in options.experiments:
            for split in options.splits:
                folder = "_".join(name.replace(",", "").split()) + f"_{seed}_{split}"
                chosen = command(*EXPERIMENTS[name], seed, split)
                metrics = run(chosen, options.data, options.runs / folder)
                word, recipe, _ = EXPERIMENTS[name]
                if recipe == "aligned":
                    out = options.runs / f"{folder}_without_variations.json"
                    plain = without_variations(options.data, word, seed, split, out)
                    metrics["results"]["flow without variations"] = dataclasses.asdict(plain)
                done[name].append(metrics)
                results = {
                    each: experiment(each, runs, options.seeds, options.splits)
                    for each, runs in done.items()
                    if runs
                }
                write_json(options.out / "audio.json", {"versions": versions(), "results": results})
                (options.out / "audio.md").write_text(tables(results))
    print(tables(results))


if __name__ == "__main__":
    main()
