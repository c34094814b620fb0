"""What does not belong: rows that a density of normal ones finds unlikely.

A flow is fitted to rows of one class. A new row's score is its log-likelihood, or, where a density
of everyday rows is fitted as well, a tempered ratio ``log p(x) - weight log p_background(x)``: what
both find unlikely, noise say, is not held against the row (Ren et al. 2019, arXiv 1906.02845, have
weight 1). A threshold comes from rows of the class held out, and the false alarms one can bear.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.files import write_json
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.evaluation.likelihood import log_prob
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow
from tfp_maf.flows.maf import build_maf
from tfp_maf.training.loop import fit
from tfp_maf.utils.checks import check_positive, check_rows

DETECTOR, WHITENING = "detector.json", "whitening.npz"
FORMAT = 1
# Five layers of two hidden layers of relu, log scales within 3 nats, noise against overfitting:
# the recipe that told spoken words apart best.
MODEL: dict[str, Any] = {
    "num_layers": 5,
    "hidden_units": (256, 256),
    "activation": "relu",
    "batch_norm": False,
    "log_scale_bound": 3.0,
}
TRAINING: dict[str, Any] = {
    "learning_rate": 1e-3,
    "batch_size": 256,
    "clip_norm": 5.0,
    "input_noise": 0.5,
    "max_epochs": 24,
    "patience": 5,
}


class AnomalyDetector:
    """Scores rows ``[N, D]``: high for those like the rows it was fitted to.

    Attributes:
        whitening: rows to their principal components.
        flows: of several seeds, whose log-likelihoods are averaged.
        background: the same for everyday rows; may be empty.
        weight: of the background's log-likelihood.
        threshold: rows that score below it are anomalies; NaN before :meth:`calibrate`.
    """

    def __init__(
        self,
        whitening: Whitening,
        flows: Sequence[Flow],
        *,
        background: Sequence[Flow] = (),
        weight: float = 0.0,
        threshold: float = float("nan"),
    ):
        self.whitening, self.flows, self.background = whitening, list(flows), list(background)
        self.weight, self.threshold = weight, threshold

    @classmethod
    def fit(
        cls,
        x: np.ndarray,
        validation: np.ndarray,
        *,
        augmented: np.ndarray | None = None,
        background: np.ndarray | None = None,
        weight: float = 0.4,
        components: int | None = None,
        shrinkage: float = 0.0,
        seeds: Sequence[int] = (0,),
        progress: bool = True,
        **training: Any,
    ) -> AnomalyDetector:
        """To rows of one class; its threshold is still to be set by :meth:`calibrate`.

        Args:
            x: normal rows ``[N, D]``; whitening is fitted to them.
            validation: held-out normal rows ``[M, D]``, by which training stops.
            augmented: further rows ``[A, D]`` to train on, variations of ``x``; not in whitening.
            background: everyday rows ``[B, D]``, of other classes or of ``x`` scrambled; None for
                log-likelihood alone. A tenth of them, the last, stops their training.
            weight: of the background's log-likelihood.
            components, shrinkage: see :meth:`Whitening.fit`.
            seeds: one flow each; the background has one, of the first.
            progress: whether training shows bars.
            training: options of :func:`tfp_maf.fit`, in place of :data:`TRAINING`.

        Raises:
            ValueError: bad rows, too few, or an option out of its range.
        """
        x = _rows(x, None, "x")
        validation = _rows(validation, x.shape[1], "validation")
        check_positive("weight", weight, or_zero=True)
        rows = [x] if augmented is None else [x, _rows(augmented, x.shape[1], "augmented")]
        whitening = Whitening.fit(x, components=components, shrinkage=shrinkage)

        def flows_of(rows: np.ndarray, held_out: np.ndarray, seeds: Sequence[int]) -> list[Flow]:
            z, v = whitening(rows), whitening(held_out)
            options = TRAINING | {"progress": progress} | training
            options["batch_size"] = min(options["batch_size"], len(z))
            flows = []
            for seed in seeds:
                flow = build_maf(z.shape[1], seed=seed, **MODEL)
                fit(flow, z, v, seed=seed, **options)
                flows.append(flow)
            return flows

        flows = flows_of(np.concatenate(rows), validation, seeds)
        others: list[Flow] = []
        if background is not None:
            background = _rows(background, x.shape[1], "background")
            held_out = max(1, len(background) // 10)
            others = flows_of(background[:-held_out], background[-held_out:], seeds[:1])
        return cls(whitening, flows, background=others, weight=weight if others else 0.0)

    def score(self, x: np.ndarray) -> np.ndarray:
        """``log p(x)`` of the whitened rows, less the background's share: ``[N, D]`` to ``[N]``.

        Raises:
            ValueError: another width, or values that are not finite.
        """
        z = self.whitening(_rows(x, len(self.whitening.mean), "x"))
        score = np.mean([log_prob(flow, z) for flow in self.flows], axis=0)
        if self.background:
            score -= self.weight * np.mean([log_prob(flow, z) for flow in self.background], axis=0)
        return score

    def calibrate(self, scores: np.ndarray, *, false_alarms: float = 0.05) -> float:
        """Sets the threshold below which that share of held-out normal rows' scores lie.

        Args:
            scores: of rows of the class that were not trained on ``[M]``.
            false_alarms: the wanted share of normal rows taken for anomalies, above 0, below 1.

        Returns:
            The threshold.

        Raises:
            ValueError: a share out of its range, or too few scores to tell such a share.
        """
        self.threshold = threshold_of(scores, false_alarms)
        return self.threshold

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Which rows are anomalies: bool ``[N]``.

        Raises:
            ValueError: bad rows, or no threshold yet.
        """
        if np.isnan(self.threshold):
            raise ValueError("the detector has no threshold yet: calibrate it first")
        return self.score(x) < self.threshold

    def save(self, folder: str | Path) -> None:
        """Writes the flows, the whitening and the numbers.

        Raises:
            OSError: the folder can't be written.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, flows in (("flow", self.flows), ("background", self.background)):
            for i, flow in enumerate(flows):
                flow.save(folder / f"{name}_{i}")
        self.whitening.save(folder / WHITENING)
        described = {
            "format": FORMAT,
            "flows": len(self.flows),
            "background": len(self.background),
            "weight": self.weight,
            "threshold": None if np.isnan(self.threshold) else self.threshold,
        }
        write_json(folder / DETECTOR, described)

    @classmethod
    def load(cls, folder: str | Path) -> AnomalyDetector:
        """What :meth:`save` wrote.

        Raises:
            OSError: no detector there. ValueError: it is damaged.
        """
        folder = Path(folder)
        if not (folder / DETECTOR).is_file():
            raise FileNotFoundError(f"{folder} holds no detector: {DETECTOR} is missing")
        try:
            described = json.loads((folder / DETECTOR).read_text())
            if described["format"] != FORMAT:
                raise ValueError(f"format {described['format']}, this version reads {FORMAT}")
            whitening = Whitening.load(folder / WHITENING)
            threshold = described["threshold"]
            return cls(
                whitening,
                [load_flow(folder / f"flow_{i}") for i in range(described["flows"])],
                background=[
                    load_flow(folder / f"background_{i}") for i in range(described["background"])
                ],
                weight=float(described["weight"]),
                threshold=float("nan") if threshold is None else float(threshold),
            )
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ValueError(f"{folder} is damaged and can't be loaded ({error})") from None


def threshold_of(scores: np.ndarray, false_alarms: float) -> float:
    """The score below which that share of normal rows is to be expected.

    The k-th lowest of n held-out scores has ``k / (n + 1)`` of all below it, on average; between
    two, the line between them.

    Raises:
        ValueError: a share out of its range, or too few scores to tell such a share.
    """
    scores = np.asarray(scores, np.float64)
    if not 0 < false_alarms < 1:
        raise ValueError(f"false_alarms must be between 0 and 1, got {false_alarms}")
    rarest = 1 / (len(scores) + 1)
    if false_alarms < rarest:
        raise ValueError(
            f"{len(scores)} scores are too few for false alarms of {false_alarms:g}: "
            f"give at least {int(np.ceil(1 / false_alarms)) - 1}, or ask for more alarms"
        )
    return float(np.quantile(scores, false_alarms, method="weibull"))


def _rows(x: Any, width: int | None, name: str) -> np.ndarray:
    """``x`` as finite float64 rows of that width."""
    if np.ndim(x) != 2:
        raise ValueError(f"{name} must have shape [N, D], got {list(np.shape(x))}")
    return check_rows(x, width or np.shape(x)[1], dtype="float64", name=name)
