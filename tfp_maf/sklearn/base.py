"""Parameters and training that the estimators share."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from tfp_maf.flows.catalogue import BUILDERS, UNCONDITIONAL, arguments_of, builder_of
from tfp_maf.flows.flow import Flow
from tfp_maf.training.history import History
from tfp_maf.training.loop import fit
from tfp_maf.utils.checks import check_one_of

# A Gaussian has a closed form, which scikit-learn's GaussianMixture(1) computes. Builders that are
# none of the paper's models, of categories and mixtures, are not trained on a table's numbers, and
# nor are those of images.
OF_TABLES = {model.builder for model in UNCONDITIONAL.values() if not model.is_of_images}
TRAINED = OF_TABLES - {"build_gaussian"}
MODELS = tuple(name.removeprefix("build_") for name in BUILDERS if name in TRAINED)
# Tables may be small, and so are batches: their statistics would be noise.
BATCH_NORM = False
CLIP_NORM = 5.0


class FlowEstimator(BaseEstimator):
    """Base class of estimators that train flows on a table.

    Args:
        model: builder of the flow, without its ``build_``: ``"maf"``, ``"maf_mog"``, ``"made"``,
            ``"made_mog"``, ``"nsf"`` or ``"realnvp"``.
        num_layers: number of layers; a MADE has one.
        hidden_units: sizes of each network's hidden layers.
        learning_rate: Adam's learning rate.
        batch_size: rows per training step. A smaller table takes the largest power of two that it
            can fill, so that folds of nearly equal size share what is compiled.
        max_epochs: maximum number of epochs.
        patience: epochs without a better score of the held-out rows before training stops.
        validation_fraction: fraction of the rows held out for that, between 0 and 1; at least one
            row is.
        random_state: seed of weights, shuffles and held-out rows: an integer, a
            ``numpy.random.RandomState``, or None for another one at each fit.
        verbose: whether progress bars are shown, on standard error.
    """

    def __init__(
        self,
        *,
        model: str = "maf",
        num_layers: int = 5,
        hidden_units: Sequence[int] = (100, 100),
        learning_rate: float = 1e-3,
        batch_size: int = 100,
        max_epochs: int = 500,
        patience: int = 30,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ):
        self.model = model
        self.num_layers = num_layers
        self.hidden_units = hidden_units
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose

    def _rows(self, X: Any) -> np.ndarray:
        """Return rows ``[N, D]`` to be scored, in float64.

        Raises:
            sklearn.exceptions.NotFittedError: If there is no flow yet.
            ValueError: If the rows have other columns than those of ``fit``, or are not finite.
        """
        check_is_fitted(self)
        return validate_data(self, X, reset=False, dtype=np.float64)

    def _train(
        self,
        x: np.ndarray,
        rng: np.random.RandomState,
        *,
        labels: np.ndarray | None = None,
        num_labels: int = 0,
    ) -> tuple[Flow, History]:
        """Build a flow and train it on rows ``[N, D]``, N at least 2, some of them held out.

        Args:
            x: rows, checked.
            rng: source of the seed.
            labels: one per row, for a flow conditional on labels ``0..num_labels - 1``.
            num_labels: number of labels; 0 for an unconditional flow.

        Raises:
            ValueError: If a parameter is out of its range; the message names it.
        """
        seed = int(rng.randint(2**31 - 1))
        flow = self._build(x.shape[1], num_labels=num_labels, seed=seed)
        kept, held_out = hold_out(len(x), self.validation_fraction, labels=labels, seed=seed)
        flow.standardise(x)
        history = fit(
            flow,
            x[kept],
            x[held_out],
            train_condition=None if labels is None else labels[kept],
            validation_condition=None if labels is None else labels[held_out],
            learning_rate=self.learning_rate,
            batch_size=batch_of(self.batch_size, len(kept)),
            max_epochs=self.max_epochs,
            patience=self.patience,
            clip_norm=CLIP_NORM,
            seed=seed,
            progress=bool(self.verbose),
        )
        return flow, history

    def _build(self, event_size: int, *, num_labels: int, seed: int) -> Flow:
        """Return an untrained flow of the estimator's architecture."""
        check_one_of("model", self.model, MODELS)
        builder = f"build_{self.model}"
        options = {
            "num_layers": self.num_layers,
            "hidden_units": self.hidden_units,
            "batch_norm": BATCH_NORM,
            "num_labels": num_labels,
            "seed": seed,
        }
        taken = {name: options[name] for name in arguments_of(builder) if name in options}
        with warnings.catch_warnings():
            # The builder's message, of one column, names functions instead of parameters.
            warnings.filterwarnings("ignore", message="a MAF of one column is a Gaussian")
            return builder_of(builder)(event_size, **taken)


def warn_of_columns(x: np.ndarray, *, model: str) -> None:
    """Warn of what a density can't learn: a column without spread, a MAF's only column."""
    constant = np.flatnonzero(np.ptp(x, axis=0) == 0)
    if len(constant):
        warnings.warn(
            f"columns {constant.tolist()} (counted from 0) are constant and have no density: "
            f"log-likelihoods are relative to one of arbitrary height; drop these columns",
            stacklevel=3,
        )
    if x.shape[1] == 1 and model in ("maf", "made"):
        warnings.warn(
            f"model={model!r} of one column is a Gaussian: 'nsf' and 'made_mog' take other shapes",
            stacklevel=3,
        )


def batch_of(batch_size: int, rows: int) -> int:
    """Return the rows per step: ``batch_size``, or the largest power of two that rows fill."""
    return batch_size if rows >= batch_size else 1 << (rows.bit_length() - 1)


def hold_out(
    n: int, fraction: float, *, labels: np.ndarray | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of rows to train on and of held-out rows, at least one of each.

    With labels, the same fraction of each label's rows is held out, but never all of them.

    Raises:
        ValueError: If the fraction is out of range.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"validation_fraction must be between 0 and 1, got {fraction!r}")
    order = np.random.default_rng(seed).permutation(n)
    held_out = np.zeros(n, bool)
    groups = [order] if labels is None else [order[labels[order] == k] for k in np.unique(labels)]
    for group in groups:
        held_out[group[: min(round(fraction * len(group)), len(group) - 1)]] = True
    if not held_out.any():
        held_out[max(groups, key=len)[0]] = True
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
