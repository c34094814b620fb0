"""Detector of one spoken word, from a clip's samples to its answer."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import audio_features as features
from tfp_maf.data_prep import noise, speech
from tfp_maf.data_prep.files import write_json
from tfp_maf.estimators.anomaly import AnomalyDetector, threshold_of
from tfp_maf.estimators.quantile_curve import QuantileCurve

RECIPES = ("post", "aligned", "ratio")
LISTENER, FORMAT = "listener.json", 3
SCALES = (features.FINE_IN_TIME, features.FINE_IN_FREQUENCY)
# The threshold is calibrated with clips as they are and in noise, which is this many dB below them.
NOISY_COPIES, LOUDEST, FAINTEST = 5, 0.0, 40.0
ONE_LEVEL = QuantileCurve.constant(float("nan"))


@dataclass(frozen=True)
class Answer:
    """Answer about one clip.

    Attributes:
        margin: score minus the threshold at the clip's noise floor; the word has 0 or more.
        no_speech: reason why there is nothing to judge, or an empty string.
    """

    margin: float
    no_speech: str

    @property
    def is_word(self) -> bool:
        """Whether the clip is accepted as the word."""
        return not self.no_speech and self.margin >= 0

    def text(self, word: str) -> str:
        """Return one of the three answers: the word, ``not``, or ``no speech`` with its reason."""
        if self.no_speech:
            return f"no speech: {self.no_speech}"
        return word if self.is_word else "not"


class Listener:
    """Detector of one spoken word: clips of the word score high.

    Attributes:
        word: the word it was trained on.
        recipe: ``"post"``: the blog post's 257 spectral magnitudes, unchanged, and its flow.
            ``"aligned"``: log-mel features aligned to the word at two time scales, whitened.
            ``"ratio"``: the same, minus the log-likelihood of a background model of other words.
        detectors: detectors whose scores are averaged, one per time scale; the post's has one.
        threshold: curve of the lowest score of the word, given the clip's noise floor; NaN before
            :meth:`calibrate`.
        least: length and voice that clips of the word have at least.
    """

    def __init__(
        self,
        word: str,
        recipe: str,
        detectors: Sequence[AnomalyDetector],
        *,
        threshold: QuantileCurve = ONE_LEVEL,
        least: speech.Least = speech.NOTHING,
    ):
        self.word, self.recipe, self.detectors = word, recipe, list(detectors)
        self.threshold, self.least = threshold, least

    def score(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """Return the scores ``[N]`` of clips, averaged over time scales and choices of end points.

        Args:
            clips: N arrays of samples ``[n]`` at 16 kHz.
        """
        if self.recipe == "post":
            return self.score_rows([views(clips, "post")]) if len(clips) else np.empty(0)
        return self._score_mels(mels_of(clips))

    def _score_mels(self, mels: Sequence[np.ndarray]) -> np.ndarray:
        if not len(mels):
            return np.empty(0)
        scales = SCALES[: len(self.detectors)]
        return self.score_rows([aligned_views(mels, scale) for scale in scales])

    def score_rows(self, rows_by_scale: Sequence[Sequence[np.ndarray]]) -> np.ndarray:
        """Return the scores ``[N]`` of feature rows.

        Args:
            rows_by_scale: for each time scale and choice of end points, rows ``[N, D]``.
        """
        scores = []
        for detector, of_scale in zip(self.detectors, rows_by_scale, strict=True):
            rows = np.stack(of_scale)
            flat = detector.score(rows.reshape(-1, rows.shape[-1]))  # one call costs like 100 rows
            scores.append(flat.reshape(rows.shape[:2]).mean(axis=0))
        return np.mean(scores, axis=0)

    def margins(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """Return the scores ``[N]`` of clips minus the threshold at each clip's noise floor."""
        if self.recipe == "post":
            return self.score(clips) - self.threshold.values[0]
        return self._margins(mels_of(clips))

    def _margins(self, mels: Sequence[np.ndarray]) -> np.ndarray:
        return self._score_mels(mels) - self.threshold(noise_floors(mels))

    def answer(self, clips: Sequence[np.ndarray]) -> list[Answer]:
        """Tell of each clip whether it is the word, is not, or holds no speech."""
        mels = [features.log_mel(x) for x in clips]
        reasons = [
            speech.why_no_speech(x, mel, least=self.least)
            for x, mel in zip(clips, mels, strict=True)
        ]
        margins = np.full(len(clips), -np.inf)
        heard = [i for i, reason in enumerate(reasons) if not reason]
        if self.recipe == "post":
            margins[heard] = self.margins([clips[i] for i in heard])
        else:
            margins[heard] = self._margins([features.trimmed(mels[i]) for i in heard])
        return [Answer(float(m), reason) for m, reason in zip(margins, reasons, strict=True)]

    def calibrate(
        self,
        clips: Sequence[np.ndarray],
        *,
        false_alarms: float,
        own: Sequence[noise.Generator] = (),
        seed: int = 0,
    ) -> None:
        """Set the threshold from held-out clips of the word, as they are and in noise.

        The blog post's recipe has one threshold for all levels of noise.

        Args:
            clips: clips of the word that were not trained on.
            false_alarms: fraction of clips of the word that may be rejected, at any level of noise.
            own: generators of noise that make up half of it; see :func:`in_noise` for the rest.
            seed: seed of the noises and their levels.

        Raises:
            ValueError: see :func:`~tfp_maf.estimators.anomaly.threshold_of`.
        """
        clean = threshold_of(self.score(clips), false_alarms)
        if self.recipe == "post":
            self.threshold = QuantileCurve.constant(clean)
            return
        mels = mels_of([*clips, *in_noise(clips, own=own, seed=seed)])
        self.threshold = QuantileCurve.fit(
            noise_floors(mels), self._score_mels(mels), quantile=false_alarms
        )

    def save(self, folder: str | Path) -> None:
        """Write the detector to a folder.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = Path(folder)
        for i, detector in enumerate(self.detectors):
            detector.save(folder / f"scale_{i}")
        described = {
            "format": FORMAT,
            "word": self.word,
            "recipe": self.recipe,
            "scales": len(self.detectors),
            "threshold": self.threshold.to_json() if self.is_calibrated else None,
            "least": dataclasses.asdict(self.least),
        }
        write_json(folder / LISTENER, described)

    @property
    def is_calibrated(self) -> bool:
        """Whether there is a threshold."""
        return bool(np.isfinite(self.threshold.values).all())

    @classmethod
    def load(cls, folder: str | Path) -> Listener:
        """Load a detector that :meth:`save` wrote.

        Raises:
            OSError: the folder holds no such detector.
            ValueError: a file is damaged.
        """
        path = Path(folder) / LISTENER
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} is not a run of tfp-maf train audio: it has no {LISTENER}"
            )
        try:
            described = json.loads(path.read_text())
            if described.get("format") != FORMAT:
                raise ValueError(
                    f"format {described.get('format', 1)}, this version reads {FORMAT}"
                )
            word, recipe, scales = (described[name] for name in ("word", "recipe", "scales"))
            if recipe not in RECIPES or not 1 <= scales <= len(SCALES):
                raise ValueError(f"unknown recipe {recipe!r}, or number of scales {scales}")
            curve, least = described["threshold"], speech.Least(**described["least"])
            threshold = ONE_LEVEL if curve is None else QuantileCurve.from_json(curve)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is damaged ({error})") from None
        detectors = [AnomalyDetector.load(path.parent / f"scale_{i}") for i in range(scales)]
        return cls(word, recipe, detectors, threshold=threshold, least=least)


def in_noise(
    clips: Sequence[np.ndarray], *, own: Sequence[noise.Generator] = (), seed: int
) -> list[np.ndarray]:
    """Return five copies of each clip, in noises of random kinds and levels of -40 to 0 dB.

    A fifth of the noises are voices: the clips themselves, backwards and several at a time.

    Args:
        clips: the clips.
        own: generators of further noises, which are drawn half of the time.
        seed: seed of the noises and levels.
    """
    rng = np.random.default_rng(seed)
    voices = noise.babble_of([x[::-1] for x in clips])
    kinds = [*noise.TRAINING.values(), noise.resonant, voices]
    copies = []
    for x in [x for x in clips for _ in range(NOISY_COPIES)]:
        chosen = own if own and rng.random() < 0.5 else kinds
        added = chosen[int(rng.integers(len(chosen)))](len(x), rng)
        copies.append(noise.add_noise(x, added, decibels=rng.uniform(LOUDEST, FAINTEST)))
    return copies


def mels_of(clips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the log-mel energies of clips, without digital silence at their ends."""
    return [features.trimmed(features.log_mel(x)) for x in clips]


def noise_floors(mels: Sequence[np.ndarray]) -> np.ndarray:
    """Return each clip's noise level relative to its loudest part, in nats: ``[N]``."""
    return np.array([speech.noise_floor(mel) for mel in mels])


def views(
    clips: Sequence[np.ndarray], recipe: str, scale: features.Scale = SCALES[0]
) -> list[np.ndarray]:
    """Return feature rows ``[N, D]`` of the clips, one array per choice of end points.

    The blog post's recipe has a single array, as it does not look for end points.
    """
    if recipe == "post":
        return [np.stack([features.cropped_spectrum(x) for x in clips])]
    return aligned_views(mels_of(clips), scale)


def aligned_views(mels: Sequence[np.ndarray], scale: features.Scale) -> list[np.ndarray]:
    """Return aligned rows ``[N, D]`` of log-mel energies, one array per choice of end points."""
    variations = [features.Variation(threshold=threshold) for threshold in features.THRESHOLDS]
    return [
        np.stack([features.aligned(mel, variation, scale=scale) for mel in mels])
        for variation in variations
    ]
