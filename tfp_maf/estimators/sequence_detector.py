"""Anomaly detection in sequences by the tempered ratio of two autoregressive densities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep.files import write_json
from tfp_maf.estimators.sequence import SequenceFlow
from tfp_maf.estimators.whitening import Whitening

DETECTOR, WHITENING = "sequences.json", "frames.npz"
MODEL: dict[str, Any] = {"num_layers": 3, "hidden_units": (128,)}
TRAINING: dict[str, Any] = {
    "learning_rate": 1e-3,
    "batch_size": 16,  # sequences
    "clip_norm": 5.0,
    "input_noise": 0.25,
    "max_epochs": 6,
    "patience": 3,
}


class SequenceDetector:
    """Detector that scores sequences by ``log p(x) - weight log p_background(x)``.

    ``log p(x)`` alone favours smooth sequences, whose next frame is easy to predict; the background
    term compensates for that (see :class:`~tfp_maf.AnomalyDetector`).

    Attributes:
        whitening: map from frames ``[D]`` to their principal components.
        flow, background: densities of sequences of these components.
        weight: weight of the background's log-likelihood.
    """

    def __init__(
        self, whitening: Whitening, flow: SequenceFlow, *, background: SequenceFlow, weight: float
    ):
        self.whitening, self.flow = whitening, flow
        self.background, self.weight = background, weight

    @classmethod
    def fit(
        cls,
        x: np.ndarray,
        validation: np.ndarray,
        *,
        background: np.ndarray,
        background_validation: np.ndarray,
        weight: float = 0.5,
        components: int | None = None,
        seed: int = 0,
        **training: Any,
    ) -> SequenceDetector:
        """Fit a detector to sequences of one class and to background sequences.

        Args:
            x, validation: sequences ``[N, T, D]`` and ``[M, T, D]`` of the class; the whitening is
                fitted to the frames of ``x``.
            background, background_validation: background sequences ``[B, T, D]`` and
                ``[C, T, D]``.
            weight: weight of the background's log-likelihood.
            components: number of principal components per frame; all by default.
            seed: seed of weights and shuffles.
            training: options of :func:`tfp_maf.fit` that replace :data:`TRAINING`.

        Raises:
            ValueError: sequences are invalid, or an option is out of range.
        """
        frames = np.reshape(x, [-1, np.shape(x)[-1]])
        whitening = Whitening.fit(frames, components=components)
        options = TRAINING | training
        flows = []
        for rows, held_out in ((x, validation), (background, background_validation)):
            z, v = _whitened(whitening, rows), _whitened(whitening, held_out)
            flow = SequenceFlow(z.shape[1], z.shape[2], seed=seed, **MODEL)
            flow.fit(z, v, seed=seed, **options)
            flows.append(flow)
        return cls(whitening, flows[0], background=flows[1], weight=weight)

    def score(self, x: np.ndarray) -> np.ndarray:
        """Return the scores ``[N]`` of sequences ``[N, T, D]``.

        Raises:
            ValueError: the sequences have another shape, or a value is not finite.
        """
        z = _whitened(self.whitening, x)
        return self.flow.log_prob(z) - self.weight * self.background.log_prob(z)

    def save(self, folder: str | Path) -> None:
        """Write both densities, the whitening and the weight to a folder.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = Path(folder)
        self.flow.save(folder / "flow")
        self.background.save(folder / "background")
        self.whitening.save(folder / WHITENING)
        write_json(folder / DETECTOR, {"weight": self.weight})

    @classmethod
    def load(cls, folder: str | Path) -> SequenceDetector:
        """Load a detector that :meth:`save` wrote.

        Raises:
            OSError: the folder holds no detector.
            ValueError: a file is damaged.
        """
        folder = Path(folder)
        if not (folder / DETECTOR).is_file():
            raise FileNotFoundError(f"{folder} holds no detector: {DETECTOR} is missing")
        try:
            weight = float(json.loads((folder / DETECTOR).read_text())["weight"])
            whitening = Whitening.load(folder / WHITENING)
            flows = [SequenceFlow.load(folder / name) for name in ("flow", "background")]
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ValueError(f"{folder} is damaged and can't be loaded ({error})") from None
        return cls(whitening, flows[0], background=flows[1], weight=weight)


def _whitened(whitening: Whitening, x: np.ndarray) -> np.ndarray:
    """Whiten each frame of sequences ``[N, T, D]``, to ``[N, T, components]``."""
    n, frames, features = np.shape(x)
    return whitening(np.reshape(x, [-1, features])).reshape(n, frames, -1)
