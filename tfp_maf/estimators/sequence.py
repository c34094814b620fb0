"""Autoregressive density of sequences: a conditional MAF for each frame given the past.

``log p(x_1..x_T) = sum_t log p(x_t | x_1..x_{t-1}, t)``: a frame ``x_t`` of D features is the event
of a conditional MAF, whose condition is the frames before it. The blog post "Experimenting with
autoregressive flows in TensorFlow Probability" asks for layers better suited to audio than MADE: a
MADE over all T D features ignores that they are the same D features at T times. Here all frames
share one flow, whose first layer is a causal convolution over the whole past.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep.files import write_json
from tfp_maf.evaluation.likelihood import chunked_log_prob
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
    """Density over sequences ``[T, D]``.

    Attributes:
        frames, features: T and D.
        past: number of previous frames that a frame is conditional on.
        flow: flow of one frame, conditional on previous frames and on t.

    Args:
        frames, features: T and D.
        past: see above; all previous frames by default.
        seed: seed of the initial weights.
        flow: an existing flow to use instead of a new one.
        options: options of :func:`tfp_maf.build_maf` that replace :data:`MODEL`.

    Raises:
        ValueError: a size is not a positive integer, or ``flow`` has other sizes.
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
            raise ValueError(
                f"the flow must have event size {features} and condition size {size}, got "
                f"{flow.event_size} and {flow.conditioning.size}"
            )
        self.flow = flow

    def conditions(self, x: np.ndarray, t: int) -> np.ndarray:
        """Return the condition ``[N, past D + T]`` of frame ``t`` of sequences ``[N, T, D]``.

        It is the previous frames, the latest first and zeros before the start, followed by the
        one-hot encoding of ``t``.
        """
        before = x[:, max(0, t - self.past) : t][:, ::-1]
        seen = np.zeros([len(x), self.past, self.features], np.float32)
        seen[:, : before.shape[1]] = before
        place = np.zeros([len(x), self.frames], np.float32)
        place[:, t] = 1
        return np.concatenate([seen.reshape(len(x), -1), place], axis=1)

    def _frames(self, x: Any, name: str = "x") -> tuple[np.ndarray, np.ndarray]:
        """Convert sequences ``[N, T, D]`` to events ``[N T, D]`` and their conditions."""
        shape = list(np.shape(x))
        if len(shape) != 3 or shape[1:] != [self.frames, self.features]:
            raise ValueError(
                f"{name} must have shape [N, {self.frames}, {self.features}], got {shape}"
            )
        x = np.asarray(x, np.float32)
        conditions = np.stack([self.conditions(x, t) for t in range(self.frames)], axis=1)
        return x.reshape(-1, self.features), conditions.reshape(len(x) * self.frames, -1)

    def fit(self, train: np.ndarray, validation: np.ndarray, **options: Any) -> History:
        """Maximise the mean log-likelihood per frame with :func:`tfp_maf.fit`.

        Args:
            train, validation: sequences ``[N, T, D]`` and ``[M, T, D]``.
            options: options of :func:`tfp_maf.fit`.

        Returns:
            The history, with log-likelihoods per frame.
        """
        x, c = self._frames(train, "train")
        v, d = self._frames(validation, "validation")
        return fit(
            self.flow,
            x,
            v,
            train_condition=c,
            validation_condition=d,
            **({"standardise": False} | options),
        )

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Return the log-likelihoods ``[N]`` of whole sequences ``[N, T, D]``, in nats.

        Raises:
            ValueError: the sequences have another shape, or a value is not finite.
        """
        events, conditions = self._frames(x)
        by_frame = chunked_log_prob(self.flow, events, condition=conditions)
        return by_frame.reshape(-1, self.frames).sum(axis=1)

    def sample(self, n: int, *, seed: int | None = None) -> np.ndarray:
        """Draw sequences ``[n, T, D]``, frame by frame.

        Raises:
            ValueError: ``n`` is not a positive integer.
        """
        check_positive_integer("n", n)
        x = np.zeros([n, self.frames, self.features], np.float32)
        seeds = np.random.default_rng(seed).integers(0, 2**31, self.frames)
        for t in range(self.frames):
            condition = self.conditions(x, t)
            x[:, t] = self.flow.sample(n, condition=condition, seed=int(seeds[t])).numpy()
        return x

    def save(self, folder: str | Path) -> None:
        """Write the flow and the shape of its sequences to a folder.

        Raises:
            OSError: the folder cannot be written.
        """
        self.flow.save(folder)
        shape = {"frames": self.frames, "features": self.features, "past": self.past}
        write_json(Path(folder) / SHAPE, shape)

    @classmethod
    def load(cls, folder: str | Path) -> SequenceFlow:
        """Load a density that :meth:`save` wrote.

        Raises:
            OSError: the folder holds no saved density.
            ValueError: a file is damaged.
        """
        flow = load_flow(folder)
        try:
            shape = json.loads((Path(folder) / SHAPE).read_text())
            loaded = cls(flow=flow, **shape)
        except (ValueError, TypeError) as error:
            raise ValueError(f"{Path(folder) / SHAPE} is damaged ({error})") from None
        return loaded
