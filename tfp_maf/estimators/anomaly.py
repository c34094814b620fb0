"""Anomaly detection by the log-likelihood of a flow fitted to normal rows.

A row's score is its log-likelihood or, with a background model, the tempered ratio
``log p(x) - weight log p_background(x)``, in which whatever both densities find unlikely, such as
noise, cancels (Ren et al. 2019, arXiv 1906.02845, with weight 1). The threshold is set on held-out
normal rows for a given false-alarm rate. This extends the audio experiment of the blog post
"Experimenting with autoregressive flows in TensorFlow Probability".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep.files import write_json
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.evaluation.likelihood import chunked_log_prob
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.gaussian_mixture import ROWS_PER_COMPONENT, fit_gaussian_mixture
from tfp_maf.flows.loading import load_flow
from tfp_maf.flows.maf import build_maf
from tfp_maf.training.loop import fit
from tfp_maf.utils.checks import check_positive, check_rows

DETECTOR, WHITENING = "detector.json", "whitening.npz"
FORMAT = 1
# The recipe that separated spoken words best: five layers, each with two hidden layers of relu
# units, log scales within 3 nats, and input noise against overfitting.
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
    "standardise": False,  # whitened already
}
MIXTURE_FLOOR = 0.25  # added to the variances of whitened rows, against overfitting


class AnomalyDetector:
    """Detector of rows that are unlikely under a density of normal rows.

    Attributes:
        whitening: map from rows to their principal components.
        flows: densities whose log-likelihoods are averaged: flows with different seeds, then the
            Gaussian mixtures that :meth:`fit` was asked for.
        background: densities of background rows; may be empty.
        weight: weight of the background's log-likelihood.
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
        augmented_background: np.ndarray | None = None,
        weight: float = 0.4,
        components: int | None = None,
        shrinkage: float = 0.0,
        seeds: Sequence[int] = (0,),
        mixtures: Sequence[int] = (),
        checkpoints: Path | None = None,
        progress: bool = True,
        **training: Any,
    ) -> AnomalyDetector:
        """Fit a detector to normal rows; call :meth:`calibrate` to set its threshold.

        Args:
            x: normal rows ``[N, D]``; the whitening is fitted to them.
            validation: held-out normal rows ``[M, D]`` for early stopping.
            augmented: variations ``[A, D]`` of ``x`` to train flows on as well; neither the
                whitening nor a mixture is fitted to them.
            background: background rows ``[B, D]`` of other classes; None for no background model.
                The whitening is fitted to them and ``x`` together, so that it keeps the directions
                in which they differ.
            augmented_background: variations ``[C, D]`` of the background to train its flow on as
                well. The last tenth of all background rows is used for early stopping.
            weight: weight of the background's log-likelihood.
            components, shrinkage: see :meth:`Whitening.fit`.
            seeds: one seed per flow; the background model has one flow, with the first seed.
            mixtures: numbers of components of Gaussian mixtures, each of which is averaged in as
                one more density. A mixture has at most as many as there are twenties of rows.
            checkpoints: folder for the flows' training states; if it has some, training resumes
                from them.
            progress: whether to show progress bars.
            training: options of :func:`tfp_maf.fit` that replace :data:`TRAINING`.

        Returns:
            The detector, without a threshold.

        Raises:
            ValueError: rows are invalid or too few, or an option is out of range.
            KeyboardInterrupt: training was interrupted.
        """
        x = _rows(x, None, "x")
        validation = _rows(validation, x.shape[1], "validation")
        check_positive("weight", weight, or_zero=True)
        rows = [x] if augmented is None else [x, _rows(augmented, x.shape[1], "augmented")]
        everyday = [
            _rows(part, x.shape[1], name)
            for name, part in (
                ("background", background),
                ("augmented_background", augmented_background),
            )
            if part is not None
        ]
        every = np.concatenate([x, *everyday[:1]])
        whitening = Whitening.fit(every, components=components, shrinkage=shrinkage)

        def flows_of(
            name: str, rows: np.ndarray, held_out: np.ndarray, seeds: Sequence[int]
        ) -> list[Flow]:
            z, v = whitening(rows), whitening(held_out)
            options = TRAINING | {"progress": progress} | training
            options["batch_size"] = min(options["batch_size"], len(z))
            flows = []
            for i, seed in enumerate(seeds):
                flow = build_maf(z.shape[1], seed=seed, **MODEL)
                kept = None if checkpoints is None else checkpoints / f"{name}_{i}.npz"
                if fit(flow, z, v, seed=seed, checkpoint=kept, **options).stopped == "interrupted":
                    raise KeyboardInterrupt
                flows.append(flow)
            return flows

        def mixtures_of(rows: np.ndarray, held_out: np.ndarray) -> list[Flow]:
            if not mixtures:
                return []
            z, v = whitening(rows), whitening(held_out)
            most = max(1, len(z) // ROWS_PER_COMPONENT)
            options: dict[str, Any] = {"floors": [MIXTURE_FLOOR], "seed": seeds[0]}
            return [
                fit_gaussian_mixture(z, v, components=[min(count, most)], **options)
                for count in mixtures
            ]

        flows = flows_of("flow", np.concatenate(rows), validation, seeds)
        flows += mixtures_of(x, validation)
        others: list[Flow] = []
        if everyday:
            shuffled = np.random.default_rng(seeds[0]).permutation(np.concatenate(everyday))
            held_out = max(1, len(shuffled) // 10)
            parts = shuffled[:-held_out], shuffled[-held_out:]
            others = flows_of("background", *parts, seeds[:1])
            others += mixtures_of(everyday[0], parts[1])
        return cls(whitening, flows, background=others, weight=weight if others else 0.0)

    def score(self, x: np.ndarray) -> np.ndarray:
        """Return the scores ``[N]`` of rows ``[N, D]``: log-likelihood minus background term.

        Raises:
            ValueError: the rows have another width, or a value is not finite.
        """
        z = self.whitening(_rows(x, len(self.whitening.mean), "x"))
        score = np.mean([chunked_log_prob(flow, z) for flow in self.flows], axis=0)
        if self.background:
            score -= self.weight * np.mean(
                [chunked_log_prob(flow, z) for flow in self.background], axis=0
            )
        return score

    def calibrate(self, scores: np.ndarray, *, false_alarms: float = 0.05) -> float:
        """Set the threshold from the scores of held-out normal rows.

        Args:
            scores: scores ``[M]`` of normal rows that were not trained on.
            false_alarms: fraction of normal rows to be flagged as anomalies, between 0 and 1.

        Returns:
            The threshold.

        Raises:
            ValueError: the fraction is out of range, or there are too few scores for it.
        """
        self.threshold = threshold_of(scores, false_alarms)
        return self.threshold

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return a bool array ``[N]``, true for rows that are anomalies.

        Raises:
            ValueError: the rows are invalid, or no threshold is set.
        """
        if np.isnan(self.threshold):
            raise ValueError("the detector has no threshold yet: call calibrate first")
        return self.score(x) < self.threshold

    def save(self, folder: str | Path) -> None:
        """Write the flows, the whitening, the weight and the threshold to a folder.

        Raises:
            OSError: the folder cannot be written.
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
        """Load a detector that :meth:`save` wrote.

        Raises:
            OSError: the folder holds no detector.
            ValueError: a file is damaged.
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
    """Return the score below which a given fraction of normal rows is expected to lie.

    On average, a fraction ``k / (n + 1)`` of all normal rows scores below the k-th lowest of n
    held-out scores; fractions in between are interpolated linearly.

    Args:
        scores: scores of held-out normal rows.
        false_alarms: the fraction, between 0 and 1.

    Raises:
        ValueError: the fraction is out of range, or there are too few scores for it.
    """
    scores = np.asarray(scores, np.float64)
    if not 0 < false_alarms < 1:
        raise ValueError(f"false_alarms must be between 0 and 1, got {false_alarms}")
    rarest = 1 / (len(scores) + 1)
    if false_alarms < rarest:
        raise ValueError(
            f"{len(scores)} held-out scores cannot fix a false-alarm rate of {false_alarms:.3g}: "
            f"at least {int(np.ceil(1 / false_alarms)) - 1} are needed, or choose a higher rate"
        )
    return float(np.quantile(scores, false_alarms, method="weibull"))


def _rows(x: Any, width: int | None, name: str) -> np.ndarray:
    """Convert ``x`` to finite float64 rows, of the given width unless it is None."""
    if np.ndim(x) != 2:
        raise ValueError(f"{name} must have shape [N, D], got {list(np.shape(x))}")
    return check_rows(x, width or np.shape(x)[1], dtype="float64", name=name)
