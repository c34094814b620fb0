"""Recipes that train a :class:`~tfp_maf.audio.listener.Listener`: the post's, and two that work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from data_prep import audio_features as features
from tfp_maf.audio.listener import Listener, slices, views
from tfp_maf.estimators.anomaly import AnomalyDetector
from tfp_maf.estimators.sequence_detector import SequenceDetector
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.flows.maf import build_maf
from tfp_maf.training.history import History
from tfp_maf.training.loop import fit

COMPONENTS = 96
# Fewer clips than this don't tell a covariance's directions: it is shrunk to half.
FEW, SHRINKAGE = 200, 0.5
# Variations of each training clip: 15, but enough rows for a training; of few clips, all 320
# directions are kept, and rows take longer. Fewer over time, where each is 16 rows.
COPIES, LEAST_ROWS, LEAST_OF_FEW, COPIES_OVER_TIME = 15, 18_000, 2_000, 4
# Against the word itself with its slices of time in another order: what its sounds are, but not
# their order.
SCRAMBLED_WEIGHT, WORDS_WEIGHT, SCRAMBLED_OVER_TIME_WEIGHT = 0.4, 0.6, 0.85
BANDS_OVER_TIME = 10  # components of a slice
# The post's (its section "Analysing audio data with MAF"): 10 x [512, 512] tanh, Adam 1e-3.
POST_MODEL: dict[str, Any] = {
    "num_layers": 10,
    "hidden_units": (512, 512),
    "activation": "tanh",
    "order": "post",
}
POST_TRAINING: dict[str, Any] = {"learning_rate": 1e-3, "batch_size": 100, "max_epochs": 100}


def train_post(
    word: str,
    clips: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    *,
    seed: int = 0,
    on_epoch: Any = None,
    **options: Any,
) -> tuple[Listener, History]:
    """The post's experiment: its features, its flow, its hundred epochs.

    Args:
        word: for the listener.
        clips, validation: of the word, from different speakers.
        seed: of weights and shuffles.
        on_epoch: called with the listener and the history after each epoch.
        options: of :func:`tfp_maf.fit`, in place of the post's.
    """
    x, v = (views(part, "post")[0] for part in (clips, validation))
    size = x.shape[1]
    flow = build_maf(size, seed=seed, **POST_MODEL)
    detector = AnomalyDetector(Whitening.identity(size), [flow])
    listener = Listener(word, "post", detector)
    options = POST_TRAINING | options
    options["batch_size"] = min(options["batch_size"], len(x))
    history = fit(
        flow,
        x.astype(np.float32),
        v.astype(np.float32),
        seed=seed,
        patience=options["max_epochs"],
        on_epoch=None if on_epoch is None else lambda h: on_epoch(listener, h),
        **options,
    )
    return listener, history


def train_aligned(
    word: str,
    clips: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    *,
    background: Sequence[np.ndarray] | None = None,
    ratio: bool = False,
    seeds: Sequence[int] = (0, 1),
    **options: Any,
) -> Listener:
    """On aligned log-mel, 15 variations of each clip; one-class, or against a background.

    Args:
        word: for the listener.
        clips, validation: of the word, from different speakers.
        background: clips of other words, which join the word's own as everyday sound; None
            for the word with its slices of time shuffled and reversed, and for a second pair of
            densities over time.
        ratio: whether there is a background at all.
        seeds: a flow each.
        options: of :meth:`AnomalyDetector.fit`.
    """
    rng = np.random.default_rng(seeds[0])
    mels = [features.log_mel(x) for x in clips]
    plain = np.stack([features.aligned(mel) for mel in mels])
    few = len(mels) < FEW
    least = LEAST_OF_FEW if few else LEAST_ROWS
    varied = _varied(mels, max(COPIES * len(mels), least), rng)
    held_out = np.concatenate(views(validation, "aligned"))
    weight, everyday, over_time = 0.0, None, None
    if ratio and background is None:
        weight, everyday = SCRAMBLED_WEIGHT, scrambled(varied[::2], rng)  # half of them will do
        some = varied[: COPIES_OVER_TIME * len(mels)]
        over_time = SequenceDetector.fit(
            slices(some),
            slices(held_out),
            background=slices(scrambled(some, rng)),
            background_validation=slices(scrambled(held_out, rng)),
            weight=SCRAMBLED_OVER_TIME_WEIGHT,
            components=BANDS_OVER_TIME,
            seed=seeds[0],
            **options,
        )
    elif ratio:
        others = [features.log_mel(x) for x in background or []]
        weight = WORDS_WEIGHT
        everyday = rng.permutation(
            np.concatenate([varied, _varied(others, COPIES * len(others), rng)])
        )
    detector = AnomalyDetector.fit(
        varied if few else plain,
        held_out,
        augmented=None if few else varied,
        background=everyday,
        weight=weight,
        components=None if few else COMPONENTS,
        shrinkage=SHRINKAGE if few else 0.0,
        seeds=seeds,
        **options,
    )
    return Listener(word, "ratio" if ratio else "aligned", detector, over_time=over_time)


def _varied(mels: Sequence[np.ndarray], rows: int, rng: np.random.Generator) -> np.ndarray:
    """Aligned rows ``[rows, 320]`` of clips' log-mel, each time another variation."""
    variations = (features.Variation.draw(rng) for _ in range(rows))
    return np.stack([features.aligned(mels[i % len(mels)], v) for i, v in enumerate(variations)])


def scrambled(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Aligned rows ``[N, 320]``, half with their slices of time shuffled, half reversed."""
    order = np.argsort(rng.random([len(rows), features.SLICES]), axis=1)
    order[::2] = np.arange(features.SLICES)[::-1]
    return np.take_along_axis(slices(rows), order[:, :, None], axis=1).reshape(rows.shape)
