"""Quality of models of real tables: ours, each alone and averaged, beside well-known others.

python tests/benchmarks/quality.py --data DATA/tables [--seeds 0,1,2] [--out results/tables]

All see the same standardised numbers, as they are, and the table's own split; whatever is chosen
is chosen on validation rows. zuko's neural spline flow is trained for as long as ours, if it is
installed, attention for four minutes. What is in the output already is not computed again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from tfp_maf.data_prep import table
from tfp_maf.data_prep.splits import Splits
from tfp_maf.estimators.candidates import CANDIDATES, names_for
from tfp_maf.estimators.fit_table import fit_table
from tfp_maf.evaluation.likelihood import Evaluation, chunked_log_prob
from tfp_maf.experiments.settings import Experiment
from tfp_maf.flows.maf import build_maf
from tfp_maf.training.loop import fit

TABLES = ("concrete", "kin40k", "phoneme", "mammography", "diamonds", "protein", "bike")
TABLES += ("wine_white",)
BEFORE = "MAF(10), the default before"
COMPONENTS = (1, 2, 5, 10, 20, 40, 80)
FLOORS = (1e-2, 1e-3, 1e-4, 1e-6, 1e-8)
PATIENCE = 30  # epochs without a better validation score
ATTENTION_SECONDS = 240
BANDWIDTHS = np.geomspace(0.02, 1, 15)


def evaluated(log_prob: np.ndarray, seconds: float) -> dict[str, Any]:
    """Test log-likelihood as plain values."""
    found = Evaluation.of(log_prob)
    return {
        "mean": found.mean,
        "two_standard_errors": found.two_standard_errors,
        "median": found.median,
        "lowest": found.lowest,
        "seconds": seconds,
    }


def ours(splits: Splits, seed: int, quick: bool) -> dict[str, Any]:
    """``--model auto`` and each of its candidates alone."""
    options = {"max_epochs": 2} if quick else {}
    candidates = [CANDIDATES[name] for name in names_for(splits.train.shape[1], condition_size=0)]
    began = time.perf_counter()
    fitted = fit_table(splits, candidates, seed=seed, **options)
    seconds = time.perf_counter() - began
    result = {"auto": evaluated(fitted.model.log_prob(splits.rows("test")), seconds)}
    result["auto"]["weights"] = {m.name: m.weight for m in fitted.model.members}
    for member in fitted.candidates:
        history = fitted.histories.get(member.name)
        spent = history.seconds[-1] if history and history.seconds else float("nan")
        result[member.name] = evaluated(member.log_prob(splits.test, None), spent)
    return result


def attention(splits: Splits, seed: int, quick: bool) -> dict[str, Any]:
    """MAF whose networks attend to the columns before, which ``auto`` does not try."""
    options = {"max_epochs": 2} if quick else {}
    candidate = CANDIDATES["attention"]
    fitted = fit_table(splits, [candidate], seed=seed, budget=ATTENTION_SECONDS, **options)
    history = fitted.histories[candidate.name]
    found = evaluated(fitted.model.log_prob(splits.rows("test")), history.seconds[-1])
    return {"attention": found | {"epochs": history.epochs}}


def the_default_of_before(splits: Splits, seed: int, quick: bool) -> dict[str, Any]:
    """MAF(10) with the settings of POWER, which tables had before ``auto``."""
    experiment = Experiment()
    options = experiment.training | ({"max_epochs": 2} if quick else {})
    flow = build_maf(splits.train.shape[1], seed=seed, **experiment.model)
    began = time.perf_counter()
    fit(
        flow,
        splits.train,
        splits.validation,
        standardise=False,
        seed=seed,
        progress=False,
        **options,
    )
    seconds = time.perf_counter() - began
    return {BEFORE: evaluated(chunked_log_prob(flow, splits.test), seconds)}


def mixture(splits: Splits, seed: int, quick: bool) -> dict[str, Any]:
    """Gaussian mixture, components and covariance floor by validation."""
    train, validation, test = (
        np.asarray(x, np.float64) for x in (splits.train, splits.validation, splits.test)
    )
    best, chosen, best_score = None, None, -np.inf
    began = time.perf_counter()
    for components in COMPONENTS[:2] if quick else COMPONENTS:
        for floor in FLOORS[:2] if quick else FLOORS:
            made = GaussianMixture(components, reg_covar=floor, random_state=seed)
            try:
                score = made.fit(train).score(validation)
            except ValueError:
                continue
            if score > best_score:
                best, chosen, best_score = made, (components, floor), score
    found = evaluated(best.score_samples(test), time.perf_counter() - began)
    return {"Gaussian mixture": found | {"chosen": chosen}}


def kernels(splits: Splits) -> dict[str, Any]:
    """Kernel density of Gaussians, bandwidth by validation."""
    began = time.perf_counter()
    made = {w: KernelDensity(bandwidth=w).fit(splits.train) for w in BANDWIDTHS}
    best = max(made, key=lambda width: made[width].score(splits.validation))
    found = evaluated(made[best].score_samples(splits.test), time.perf_counter() - began)
    return {"kernel density": found | {"chosen": best}}


def zukos(splits: Splits, seed: int, seconds: float) -> dict[str, Any]:
    """zuko's NSF, its documented settings and our stopping rule, for as long as ours at most."""
    try:
        import torch
        import zuko
    except ImportError:
        return {}
    torch.manual_seed(seed)
    torch.set_num_threads(2)
    parts = [torch.tensor(x) for x in (splits.train, splits.validation, splits.test)]
    flow = zuko.flows.NSF(splits.train.shape[1], transforms=3, hidden_features=[64, 64])
    optimizer = torch.optim.Adam(flow.parameters(), lr=1e-3)
    best, state, waited, began = -np.inf, None, 0, time.perf_counter()
    while time.perf_counter() - began < seconds and waited < PATIENCE:
        for rows in torch.randperm(len(parts[0])).split(100):
            optimizer.zero_grad()
            (-flow().log_prob(parts[0][rows]).mean()).backward()
            optimizer.step()
        with torch.no_grad():
            score = flow().log_prob(parts[1]).mean().item()
        waited += 1
        if score > best:
            waited = 0
            best, state = score, {n: v.clone() for n, v in flow.state_dict().items()}
    if state is not None:
        flow.load_state_dict(state)
    with torch.no_grad():
        log_prob = flow().log_prob(parts[2]).numpy()
    return {"zuko NSF": evaluated(log_prob, time.perf_counter() - began)}


def write_table(path: Path, results: dict[str, Any]) -> None:
    """Write the figures as Markdown, the best of each table in bold."""
    models = list(dict.fromkeys(name for row in results.values() for name in row))
    rows = []
    for key, row in results.items():
        best = max(value["mean"] for value in row.values())
        cells = []
        for name in models:
            if name not in row:
                cells.append("")
                continue
            text = f"{row[name]['mean']:.2f} ± {row[name]['two_standard_errors']:.2f}"
            cells.append(f"**{text}**" if row[name]["mean"] == best else text)
        rows.append([key, *cells, f"{row['auto']['seconds']:.0f}"])
    frame = pd.DataFrame(rows, columns=["table, seed", *models, "seconds of auto"])
    header = "| " + " | ".join(frame.columns) + " |\n|" + "---|" * len(frame.columns)
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    command = "python tests/benchmarks/quality.py --data DATA/tables"
    text = (
        f"Test log-likelihood, nats a row in standard units, ± 2 standard errors (`{command}`).\n"
    )
    path.write_text("\n".join([text, header, *lines]) + "\n")


def main() -> None:
    """Computes what is missing, and writes it after each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", type=Path, default=Path("results/tables"))
    parser.add_argument("--quick", action="store_true", help="two epochs of each, for tests")
    options = parser.parse_args()
    path = options.out.with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    keys = [
        (int(seed), name) for seed in options.seeds.split(",") for name in options.tables.split(",")
    ]
    steps: dict[str, Any] = {  # all tables take the first before any takes the second
        "auto": lambda splits, seed, _: ours(splits, seed, options.quick),
        "attention": lambda splits, seed, _: attention(splits, seed, options.quick),
        "Gaussian mixture": lambda splits, seed, _: mixture(splits, seed, options.quick),
        "kernel density": lambda splits, _, __: kernels(splits),
        BEFORE: lambda splits, seed, _: the_default_of_before(splits, seed, options.quick),
        "zuko NSF": lambda splits, seed, row: zukos(
            splits, seed, 1.0 if options.quick else row["auto"]["seconds"]
        ),
    }
    for step, compute in steps.items():
        for seed, name in keys:
            row = results.setdefault(f"{name}, {seed}", {})
            if step in row:
                continue
            splits = table.load(options.data / f"{name}.csv", continuous=True)
            row |= compute(splits, seed, row)
            path.write_text(json.dumps(results, indent=1))
            write_table(options.out.with_suffix(".md"), results)
            found = {n: round(value["mean"], 2) for n, value in row.items()}
            print(f"{name}, {seed}: {found}", flush=True)


if __name__ == "__main__":
    main()
