"""Detector of one spoken word, from a clip's samples to its score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import audio_features as features
from tfp_maf.data_prep.files import write_json
from tfp_maf.estimators.anomaly import AnomalyDetector, threshold_of
from tfp_maf.estimators.sequence_detector import SequenceDetector

RECIPES = ("post", "aligned", "ratio")
LISTENER, OVER_TIME = "listener.json", "over_time"
OVER_TIME_WEIGHT = 0.1


class Listener:
    """Detector of one spoken word: clips of the word score high.

    Attributes:
        word: the word it was trained on.
        recipe: ``"post"``: the blog post's 257 spectral magnitudes, unchanged, and its flow.
            ``"aligned"``: log-mel features aligned to the word, whitened, trained on with
            variations. ``"ratio"``: the same, minus the log-likelihood of a background model.
        detector: detector that scores the feature rows.
        over_time: detector that scores a row's time slices as a sequence, or None.
        threshold: clips that score below it are not the word; NaN before :meth:`calibrate`.
    """

    def __init__(
        self,
        word: str,
        recipe: str,
        detector: AnomalyDetector,
        *,
        over_time: SequenceDetector | None = None,
        threshold: float = float("nan"),
    ):
        self.word, self.recipe, self.detector = word, recipe, detector
        self.over_time, self.threshold = over_time, threshold

    def score(self, clips: Sequence[np.ndarray]) -> np.ndarray:
        """Return the scores ``[N]`` of clips, averaged over four choices of end points.

        Args:
            clips: N arrays of samples ``[n]`` at 16 kHz.
        """
        if not len(clips):
            return np.empty(0)
        rows = np.stack(views(clips, self.recipe))  # one call: its overhead equals 100 rows
        scores = self._score(rows.reshape(-1, rows.shape[-1]))
        return scores.reshape(rows.shape[:2]).mean(axis=0)

    def _score(self, rows: np.ndarray) -> np.ndarray:
        score = self.detector.score(rows)
        if self.over_time is not None:
            score += OVER_TIME_WEIGHT * self.over_time.score(slices(rows))
        return score

    def calibrate(self, scores: np.ndarray, *, false_alarms: float) -> None:
        """Set the threshold from scores ``[M]`` of held-out clips of the word.

        Args:
            scores: scores of clips of the word that were not trained on.
            false_alarms: fraction of clips of the word that may be rejected.

        Raises:
            ValueError: see :func:`~tfp_maf.estimators.anomaly.threshold_of`.
        """
        self.threshold = threshold_of(scores, false_alarms)

    def save(self, folder: str | Path) -> None:
        """Write the detector to a folder.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = Path(folder)
        self.detector.save(folder)
        if self.over_time is not None:
            self.over_time.save(folder / OVER_TIME)
        described = {
            "word": self.word,
            "recipe": self.recipe,
            "over_time": self.over_time is not None,
            "threshold": None if np.isnan(self.threshold) else self.threshold,
        }
        write_json(folder / LISTENER, described)

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
            word, recipe, threshold = (described[n] for n in ("word", "recipe", "threshold"))
            if recipe not in RECIPES:
                raise ValueError(f"unknown recipe {recipe!r}")
            over_time = described["over_time"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error})") from None
        return cls(
            word,
            recipe,
            AnomalyDetector.load(folder),
            over_time=SequenceDetector.load(path.parent / OVER_TIME) if over_time else None,
            threshold=float("nan") if threshold is None else float(threshold),
        )


def views(clips: Sequence[np.ndarray], recipe: str) -> list[np.ndarray]:
    """Return feature rows ``[N, D]`` of the clips, one array per choice of end points.

    The blog post's recipe has a single array, as it does not look for end points.
    """
    if recipe == "post":
        return [np.stack([features.cropped_spectrum(x) for x in clips])]
    mels = [features.log_mel(x) for x in clips]
    return [
        np.stack([features.aligned(mel, features.Variation(threshold=t)) for mel in mels])
        for t in features.THRESHOLDS
    ]


def slices(rows: np.ndarray) -> np.ndarray:
    """Reshape aligned rows ``[N, 320]`` to their 16 time slices, ``[N, 16, 20]``."""
    return rows.reshape(len(rows), features.SLICES, -1)
