"""A detector of one spoken word: samples in, scores out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data_prep import audio_features as features
from tfp_maf.anomaly import AnomalyDetector
from tfp_maf.flows import build_maf
from tfp_maf.history import History
from tfp_maf.runs import write_json
from tfp_maf.training import fit
from tfp_maf.whitening import Whitening

RECIPES = ("post", "aligned", "ratio")
LISTENER = "listener.json"
COMPONENTS = 64
COPIES = 15  # variations of each training clip
# Against the word itself with its slices of time in another order: what its sounds are, but not
# their order.
SCRAMBLED_WEIGHT, WORDS_WEIGHT = 0.2, 0.4
# The post's (its section "Analysing audio data with MAF"): 10 x [512, 512] tanh, Adam 1e-3.
POST_MODEL: dict[str, Any] = {
    "num_layers": 10,
    "hidden_units": (512, 512),
    "activation": "tanh",
    "order": "post",
}
POST_TRAINING: dict[str, Any] = {"learning_rate": 1e-3, "batch_size": 100, "max_epochs": 100}


class Listener:
    """Scores clips: high for the word it was trained on.

    Attributes:
        word: that word.
        recipe: ``"post"``: the post's 257 magnitudes, as they are, and its flow. ``"aligned"``:
            log-mel aligned to the word, whitened, with variations. ``"ratio"``: less the
            log-likelihood of a background.
        detector: of the rows.
    """

    def __init__(self, word: str, recipe: str, detector: AnomalyDetector):
        self.word, self.recipe, self.detector = word, recipe, detector

    @property
    def threshold(self) -> float:
        """Clips that score below it are not the word; NaN before calibration."""
        return self.detector.threshold

    def score(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """``[N]`` of clips' samples ``[n]`` at 16 kHz, averaged over four choices of end points."""
        if not len(clips):
            return np.empty(0)
        scores = [self.detector.score(rows) for rows in views(clips, self.recipe)]
        return np.mean(scores, axis=0)

    def save(self, folder: str | Path) -> None:
        """Writes it.

        Raises:
            OSError: the folder can't be written.
        """
        self.detector.save(folder)
        write_json(Path(folder) / LISTENER, {"word": self.word, "recipe": self.recipe})

    @classmethod
    def load(cls, folder: str | Path) -> Listener:
        """What :meth:`save` wrote.

        Raises:
            OSError: none there. ValueError: it is damaged.
        """
        path = Path(folder) / LISTENER
        if not path.is_file():
            raise FileNotFoundError(f"{folder} is not a run of tfp-maf train audio: no {LISTENER}")
        try:
            described = json.loads(path.read_text())
            word, recipe = described["word"], described["recipe"]
            if recipe not in RECIPES:
                raise ValueError(f"unknown recipe {recipe!r}")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error})") from None
        return cls(word, recipe, AnomalyDetector.load(folder))


def views(clips: Sequence[np.ndarray], recipe: str) -> list[np.ndarray]:
    """Rows ``[N, D]`` for each way to look at the clips."""
    if recipe == "post":
        return [np.stack([features.cropped_spectrum(x) for x in clips])]
    mels = [features.log_mel(x) for x in clips]
    return [
        np.stack([features.aligned(mel, features.Variation(threshold=t)) for mel in mels])
        for t in features.THRESHOLDS
    ]


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
            for the word with its slices of time shuffled and reversed.
        ratio: whether there is a background at all.
        seeds: a flow each.
        options: of :meth:`AnomalyDetector.fit`.
    """
    rng = np.random.default_rng(seeds[0])
    mels = [features.log_mel(x) for x in clips]
    plain = np.stack([features.aligned(mel) for mel in mels])
    varied = _varied(mels, rng)
    held_out = np.concatenate(views(validation, "aligned"))
    weight, everyday = 0.0, None
    if ratio and background is None:
        weight, everyday = SCRAMBLED_WEIGHT, scrambled(varied, rng)
    elif ratio:
        others = _varied([features.log_mel(x) for x in background or []], rng)
        weight, everyday = WORDS_WEIGHT, rng.permutation(np.concatenate([varied, others]))
    detector = AnomalyDetector.fit(
        plain,
        held_out,
        augmented=varied,
        background=everyday,
        weight=weight,
        components=min(COMPONENTS, len(plain) - 1),
        seeds=seeds,
        **options,
    )
    return Listener(word, "ratio" if ratio else "aligned", detector)


def _varied(mels: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Aligned rows ``[COPIES N, 320]`` of clips' log-mel, each time another variation."""
    variations = (features.Variation.draw(rng) for _ in range(COPIES * len(mels)))
    return np.stack([features.aligned(mels[i % len(mels)], v) for i, v in enumerate(variations)])


def scrambled(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Aligned rows ``[N, 320]``, half with their slices of time shuffled, half reversed."""
    slices = rows.reshape(len(rows), features.SLICES, -1)
    order = np.argsort(rng.random([len(rows), features.SLICES]), axis=1)
    order[::2] = np.arange(features.SLICES)[::-1]
    return np.take_along_axis(slices, order[:, :, None], axis=1).reshape(rows.shape)
