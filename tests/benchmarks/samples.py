"""How well samples pass for data: a classifier that is told to tell them apart, held out.

python tests/benchmarks/samples.py --data DATA/tables [--tables wine_white,bike] [--out FILE]

Gradient boosting sees as many samples as held-out rows, and is scored by five-fold
cross-validation: an area under the ROC curve of .5 is a coin, 1 a telltale. Beside the default
model of a described table stands MAF(10) on the numbers as they are, the default before.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import cross_val_predict

from tfp_maf.data_prep import table
from tfp_maf.data_prep.splits import Splits
from tfp_maf.estimators.candidates import CANDIDATES, Candidate, names_for
from tfp_maf.estimators.fit_table import fit_table
from tfp_maf.estimators.table_model import TableModel
from tfp_maf.evaluation.outliers import curves
from tfp_maf.experiments.settings import Experiment


def told_apart(data: pd.DataFrame, samples: pd.DataFrame) -> float:
    """Area under the ROC curve of the classifier, each row judged by one that did not see it."""
    both = pd.concat([data, samples[data.columns]], ignore_index=True)
    for name in both:
        if both[name].dtype == object or both[name].dtype.kind in "bM":
            both[name] = both[name].astype(str).astype("category").cat.codes
    is_sample = np.arange(len(both)) >= len(data)
    classifier = HistGradientBoostingClassifier(random_state=0)
    shuffled = np.random.default_rng(0).permutation(len(both))
    probability = cross_val_predict(
        classifier,
        both.astype(float).iloc[shuffled],
        is_sample[shuffled],
        cv=5,
        method="predict_proba",
    )
    return curves(is_sample[shuffled], probability[:, 1])[0]


def held_out(splits: Splits, path: Path) -> pd.DataFrame:
    """Validation and test rows as the table has them."""
    frame = pd.read_csv(path)
    order = np.random.default_rng(0).permutation(len(frame))
    rows = len(splits.validation) + len(splits.test)
    return frame.iloc[order[-rows:]].reset_index(drop=True)


def area(path: Path, candidates: list[Candidate], *, continuous: bool, quick: bool) -> float:
    """Train, sample and classify."""
    splits = table.load(path, continuous=continuous)
    options: dict[str, Any] = {"max_epochs": 1} if quick else {}
    if not candidates:
        size = TableModel.untrained(splits).number_condition_size
        names = names_for(splits.train.shape[1], condition_size=size)
        candidates = [CANDIDATES[name] for name in names]
    model = fit_table(splits, candidates, seed=0, **options).model
    data = held_out(splits, path)
    return told_apart(data, model.sample(len(data), seed=1))


def main() -> None:
    """Prints and writes the areas of each table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tables", default="wine_white,bike")
    parser.add_argument("--out", type=Path, default=Path("results/samples.json"))
    parser.add_argument("--quick", action="store_true", help="one epoch, for tests")
    options = parser.parse_args()
    experiment = Experiment()
    before = [Candidate("maf", "build_maf", experiment.model, experiment.training)]
    found: dict[str, dict[str, float]] = {}
    for name in options.tables.split(","):
        path = options.data / f"{name}.csv"
        found[name] = {
            "auto": area(path, [], continuous=False, quick=options.quick),
            "MAF(10), the default before": area(path, before, continuous=True, quick=options.quick),
        }
        print(name, found[name], flush=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
