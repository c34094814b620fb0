"""A density of sequences, frame by frame given the past: a MAF for time series.

``log p(x_1..x_T) = sum_t log p(x_t | x_1..x_{t-1}, t)``, each frame ``x_t`` of D features a
conditional MAF's event, its condition the frames before it. What the post looked for beyond MADE
layers: a MADE over all T D features has no idea that they are a few features at many times; here
all frames share one flow, whose first layer is a causal convolution over the whole past.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.files import write_json
from tfp_maf.evaluation.likelihood import log_prob
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow
from tfp_maf.flows.maf import build_maf
from tfp_maf.training.history import History
from tfp_maf.training.loop import fit
from tfp_maf.utils.checks import check_positive_integer

SHAPE = "sequence.json"
MODEL: dict[str, Any] = {
    "num_layers": 5,
    "hidden_units": (128, 128),
    "activation": "relu",
    "batch_norm": False,
    "log_scale_bound": 3.0,
}


class SequenceFlow:
    """A density over sequences ``[T, D]``.

    Attributes:
        frames, features: T and D.
        past: how many frames back a frame sees.
        flow: of a frame, conditional on the past and on t.

    Args:
        past: all of them by default.
        seed: of the initial weights.
        flow: in place of a new one.
        options: of :func:`tfp_maf.build_maf`, in place of :data:`MODEL`.
    """

    def __init__(
        self,
        frames: int,
        features: int,
        *,
        past: int | None = None,
        seed: int = 0,
        flow: Flow | None = None,
        **options: Any,
    ):
        for name, value in (("frames", frames), ("features", features)):
            check_positive_integer(name, value)
        self.frames, self.features = frames, features
        self.past = max(frames - 1, 1) if past is None else past
        check_positive_integer("past", self.past)
        size = self.past * features + frames
        if flow is None:
            flow = build_maf(features, condition_size=size, seed=seed, **(MODEL | options))
        if (flow.event_size, flow.conditioning.size) != (features, size):
            raise ValueError(f"the flow is not of {features} features given {size} numbers")
        self.flow = flow

    def conditions(self, x: np.ndarray, t: int) -> np.ndarray:
        """What frame ``t`` of sequences ``[N, T, D]`` is given, ``[N, past D + T]``.

        The frames before it, the latest first, zeros before the beginning; and t, as a one among
        zeros.
        """
        before = x[:, max(0, t - self.past) : t][:, ::-1]
        seen = np.zeros([len(x), self.past, self.features], np.float32)
        seen[:, : before.shape[1]] = before
        place = np.zeros([len(x), self.frames], np.float32)
        place[:, t] = 1
        return np.concatenate([seen.reshape(len(x), -1), place], axis=1)

    def _frames(self, x: Any, name: str = "x") -> tuple[np.ndarray, np.ndarray]:
        """Sequences ``[N, T, D]`` as events ``[N T, D]`` and conditions."""
        shape = list(np.shape(x))
        if len(shape) != 3 or shape[1:] != [self.frames, self.features]:
            raise ValueError(
                f"{name} must have shape [N, {self.frames}, {self.features}], got {shape}"
            )
        x = np.asarray(x, np.float32)
        conditions = np.stack([self.conditions(x, t) for t in range(self.frames)], axis=1)
        return x.reshape(-1, self.features), conditions.reshape(len(x) * self.frames, -1)

    def fit(self, train: np.ndarray, validation: np.ndarray, **options: Any) -> History:
        """Maximises the mean over frames; see :func:`tfp_maf.fit`.

        Args:
            train, validation: sequences ``[N, T, D]`` and ``[M, T, D]``.
            options: of :func:`tfp_maf.fit`.

        Returns:
            The history, its likelihoods a frame's.
        """
        x, c = self._frames(train, "train")
        v, d = self._frames(validation, "validation")
        return fit(self.flow, x, v, train_condition=c, validation_condition=d, **options)

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """``log p`` of whole sequences in nats, ``[N, T, D]`` to ``[N]``.

        Raises:
            ValueError: another shape, or values that are not finite.
        """
        events, conditions = self._frames(x)
        by_frame = log_prob(self.flow, events, condition=conditions)
        return by_frame.reshape(-1, self.frames).sum(axis=1)

    def sample(self, n: int, *, seed: int | None = None) -> np.ndarray:
        """New sequences ``[n, T, D]``, frame after frame.

        Raises:
            ValueError: ``n`` below 1.
        """
        check_positive_integer("n", n)
        x = np.zeros([n, self.frames, self.features], np.float32)
        seeds = np.random.default_rng(seed).integers(0, 2**31, self.frames)
        for t in range(self.frames):
            condition = self.conditions(x, t)
            x[:, t] = self.flow.sample(n, condition=condition, seed=int(seeds[t])).numpy()
        return x

    def save(self, folder: str | Path) -> None:
        """Writes the flow, and what its frames are.

        Raises:
            OSError: the folder can't be written.
        """
        self.flow.save(folder)
        shape = {"frames": self.frames, "features": self.features, "past": self.past}
        write_json(Path(folder) / SHAPE, shape)

    @classmethod
    def load(cls, folder: str | Path) -> SequenceFlow:
        """What :meth:`save` wrote.

        Raises:
            OSError: none there. ValueError: it is damaged.
        """
        flow = load_flow(folder)
        try:
            shape = json.loads((Path(folder) / SHAPE).read_text())
            loaded = cls(flow=flow, **shape)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{Path(folder) / SHAPE} is damaged ({error})") from None
        return loaded
