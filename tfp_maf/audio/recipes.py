"""Training recipes for :class:`~tfp_maf.audio.listener.Listener`: the blog post's and two better.

The post is "Experimenting with autoregressive flows in TensorFlow Probability", section "Analysing
audio data with MAF".
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.audio.listener import SCALES, Listener, aligned_views, mels_of, views
from tfp_maf.data_prep import audio_features as features
from tfp_maf.data_prep import speech
from tfp_maf.data_prep.files import make_folder
from tfp_maf.estimators.anomaly import AnomalyDetector
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.flows.maf import build_maf
from tfp_maf.training.history import History
from tfp_maf.training.loop import fit

COMPONENTS = 96
# With fewer clips than FEW the principal directions are not reliable: the covariance is shrunk.
FEW, SHRINKAGE = 200, 0.5
# Number of variations per training clip: COPIES, or more if needed for LEAST_ROWS rows in total.
# Few clips need LEAST_OF_FEW rows only, as all 320 directions are kept and each row takes longer.
COPIES, LEAST_ROWS, LEAST_OF_FEW = 15, 18_000, 2_000
MIXTURE = 16  # components of the Gaussian mixture, which counts as much as a flow
WORDS_WEIGHT = 0.6  # of the background's log-likelihood
RATIO_COMPONENTS = 64  # principal components of the word and the background words together
# A Gaussian counts as well: with it the mixture's AUC on validation clips is .989, .988 without.
RATIO_MIXTURES = [1]
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

    Raises:
        KeyboardInterrupt: training was interrupted.
    """
    x, v = (views(part, "post")[0] for part in (clips, validation))
    size = x.shape[1]
    flow = build_maf(size, seed=seed, **POST_MODEL)
    detector = AnomalyDetector(Whitening.identity(size), [flow])
    listener = Listener(word, "post", [detector])
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
    if history.stopped == "interrupted":
        raise KeyboardInterrupt
    return listener, history


def train_aligned(
    word: str,
    clips: Sequence[np.ndarray],
    validation: Sequence[np.ndarray],
    *,
    background: Sequence[np.ndarray] = (),
    seed: int = 0,
    scales: Sequence[features.Scale] = SCALES,
    copies: int = COPIES,
    checkpoints: Path | None = None,
    **options: Any,
) -> Listener:
    """Train a detector on aligned log-mel features at several time scales.

    At each, a flow sees 15 or more variations of each clip, and a Gaussian mixture the clips as
    they are, from which variations distract it. Their log-likelihoods are averaged; with a
    background, so is that of a Gaussian.

    Args:
        word: the word to detect.
        clips, validation: clips of the word for training and validation, from different speakers.
        background: clips of other words, for the background model. Without them the detector is
            one-class.
        seed: seed of weights, shuffles and variations.
        scales: resolutions of the features, the first of
            :data:`~tfp_maf.audio.listener.SCALES`.
        copies: number of variations per clip for the flows, more if the clips are few; 0 for none.
        checkpoints: folder for training states; if it has some, training resumes from them.
        options: options of :meth:`AnomalyDetector.fit`.

    Returns:
        The detector, without a threshold.

    Raises:
        KeyboardInterrupt: training was interrupted.
    """
    rng = np.random.default_rng(seed)
    mels, held_out, others = (mels_of(part) for part in (clips, validation, background))
    few = len(mels) < FEW
    least = LEAST_OF_FEW if few else LEAST_ROWS
    variations = draw_variations(max(copies * len(mels), least) if copies else 0, rng)
    detectors = []
    for i, scale in enumerate(scales):
        plain = np.concatenate(aligned_views(mels, scale))
        varied = varied_rows(mels, variations, scale) if copies else None
        everyday: dict[str, Any] = {}
        if others:
            everyday = {
                "background": np.concatenate(aligned_views(others, scale)),
                "weight": WORDS_WEIGHT,
            }
            if copies:
                again = draw_variations(copies * len(others), rng)
                everyday["augmented_background"] = varied_rows(others, again, scale)
        detectors.append(
            AnomalyDetector.fit(
                varied if few and varied is not None else plain,
                np.concatenate(aligned_views(held_out, scale)),
                augmented=None if few else varied,
                components=None if few else RATIO_COMPONENTS if others else COMPONENTS,
                shrinkage=SHRINKAGE if few else 0.0,
                seeds=[seed],
                mixtures=[MIXTURE, *RATIO_MIXTURES] if others else [MIXTURE],
                checkpoints=None
                if checkpoints is None
                else make_folder(checkpoints / f"scale_{i}"),
                **everyday,
                **options,
            )
        )
    recipe = "ratio" if others else "aligned"
    return Listener(word, recipe, detectors, least=speech.Least.of(clips, mels))


def draw_variations(count: int, rng: np.random.Generator) -> list[features.Variation]:
    """Draw variations of clips."""
    return [features.Variation.draw(rng) for _ in range(count)]


def varied_rows(
    mels: Sequence[np.ndarray], variations: Sequence[features.Variation], scale: features.Scale
) -> np.ndarray:
    """Return aligned rows ``[N, D]``, one per variation, cycling through the clips."""
    return np.stack(
        [
            features.aligned(mels[i % len(mels)], variation, scale=scale)
            for i, variation in enumerate(variations)
        ]
    )
