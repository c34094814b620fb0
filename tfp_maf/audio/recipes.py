"""Training recipes for :class:`~tfp_maf.audio.listener.Listener`: the blog post's and two better.

The post is "Experimenting with autoregressive flows in TensorFlow Probability", section "Analysing
audio data with MAF".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tfp_maf.audio.listener import Listener, slices, views
from tfp_maf.data_prep import audio_features as features
from tfp_maf.estimators.anomaly import AnomalyDetector
from tfp_maf.estimators.sequence_detector import SequenceDetector
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.flows.maf import build_maf
from tfp_maf.training.history import History
from tfp_maf.training.loop import fit

COMPONENTS = 96
# With fewer clips than FEW the principal directions are not reliable: the covariance is shrunk.
FEW, SHRINKAGE = 200, 0.5
# Number of variations per training clip: COPIES, or more if needed for LEAST_ROWS rows in total.
# Few clips need LEAST_OF_FEW rows only, as all 320 directions are kept and each row takes longer.
# The sequence detector gets fewer variations, since each row is 16 time slices to it.
COPIES, LEAST_ROWS, LEAST_OF_FEW, COPIES_OVER_TIME = 15, 18_000, 2_000, 4
# Weights of the background log-likelihood. The scrambled background is the word itself with its
# time slices reordered: it knows the word's sounds, but not their order.
SCRAMBLED_WEIGHT, WORDS_WEIGHT, SCRAMBLED_OVER_TIME_WEIGHT = 0.4, 0.6, 0.85
BANDS_OVER_TIME = 10  # principal components per time slice
# The blog post's flow and training: 10 layers of [512, 512] tanh units, Adam at 1e-3.
POST_MODEL: dict[str, Any] = {
    "num_layers": 10,
    "hidden_units": (512, 512),
    "activation": "tanh",
    "order": "post",
}
POST_TRAINING: dict[str, Any] = {
    "learning_rate": 1e-3,
    "batch_size": 100,
    "max_epochs": 100,
    "standardise": False,  # the post did not, and its log-likelihoods are of the magnitudes
}


def train_post(
    word: str,
    clips: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    *,
    seed: int = 0,
    on_epoch: Any = None,
    **options: Any,
) -> tuple[Listener, History]:
    """Train a detector as in the blog post: its features, its flow, one hundred epochs.

    Args:
        word: the word to detect.
        clips, validation: clips of the word for training and validation, from different speakers.
        seed: seed of weights and shuffles.
        on_epoch: called with the detector and the history after each epoch.
        options: options of :func:`tfp_maf.fit` that replace the blog post's.

    Returns:
        The detector and its training history.
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
    """Train a detector on aligned log-mel features, with 15 or more variations of each clip.

    Args:
        word: the word to detect.
        clips, validation: clips of the word for training and validation, from different speakers.
        background: clips of other words; the background model is trained on these and the word's
            own. If None, it is trained on the word with its time slices shuffled or reversed, and
            a sequence detector over the slices is trained as well.
        ratio: whether to train a background model; without it the detector is one-class.
        seeds: one seed per flow; their log-likelihoods are averaged.
        options: options of :meth:`AnomalyDetector.fit`.

    Returns:
        The detector, without a threshold.
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
        weight, everyday = SCRAMBLED_WEIGHT, scrambled(varied[::2], rng)  # half the rows suffice
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
    """Return aligned rows ``[rows, 320]``, cycling through the clips with random variations."""
    variations = (features.Variation.draw(rng) for _ in range(rows))
    return np.stack([features.aligned(mels[i % len(mels)], v) for i, v in enumerate(variations)])


def scrambled(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Reorder the time slices of aligned rows ``[N, 320]``: half reversed, half shuffled."""
    order = np.argsort(rng.random([len(rows), features.SLICES]), axis=1)
    order[::2] = np.arange(features.SLICES)[::-1]
    return np.take_along_axis(slices(rows), order[:, :, None], axis=1).reshape(rows.shape)
