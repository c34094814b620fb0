"""Conditions under which a detector of words is tested: noise at several levels, and a room.

The noises are of other kinds than those with which the threshold is calibrated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from tfp_maf.audio.listener import SCALES, Listener, aligned_views, noise_floors
from tfp_maf.data_prep import audio, noise, speech
from tfp_maf.data_prep import audio_features as features
from tfp_maf.estimators.quantile_curve import QuantileCurve

LEVELS = (20, 10, 5)  # signal-to-noise ratios in dB
MOST = 200  # clips of the word, and of other words, per condition
ALONE = 100  # clips of each noise without a word
ECHO, IN_ROOM = 0.4, 20  # reverberation time in seconds, and dB above the room's own noise
CLEAN, ROOM = "clean", "room"
Rows = Sequence[Sequence[np.ndarray]]  # by scale and choice of end points, [N, D] each
Scorer = Callable[[Rows], np.ndarray]


@dataclass(frozen=True)
class Heard:
    """Clips under one condition.

    Attributes:
        rows: feature rows by time scale and choice of end points.
        floors: noise floor of each clip, in nats.
        is_speech: whether each clip is judged at all; see
            :func:`~tfp_maf.data_prep.speech.why_no_speech`.
    """

    rows: Rows
    floors: np.ndarray
    is_speech: np.ndarray

    @classmethod
    def of(cls, clips: Sequence[np.ndarray], *, least: speech.Least = speech.NOTHING) -> Heard:
        """Compute the features of clips at both time scales.

        Args:
            clips: the clips.
            least: length and voice of the word that is sought.
        """
        heard = [features.log_mel(x) for x in clips]
        mels = [features.trimmed(mel) for mel in heard]
        return cls(
            [aligned_views(mels, scale) for scale in SCALES],
            noise_floors(mels),
            np.array(
                [
                    not speech.why_no_speech(x, mel, least=least)
                    for x, mel in zip(clips, heard, strict=True)
                ]
            ),
        )


@dataclass(frozen=True)
class InNoise:
    """Metrics of a detector under one condition.

    Attributes:
        auc: probability that a clip of the word scores above one of another word, averaged over
            the other words.
        kept: fraction of the word's clips that are accepted.
        accepted: fraction of a word's clips that are accepted, averaged over the other words.
    """

    auc: float
    kept: float
    accepted: float


def conditions(
    word: Sequence[np.ndarray], others: Sequence[np.ndarray], *, seed: int
) -> dict[str, tuple[list[np.ndarray], list[np.ndarray]]]:
    """Return the clips of the word and of other words under each condition, by its name.

    Args:
        word, others: clips as they were recorded.
        seed: seed of the noises.
    """
    voices = noise.babble_of(others)
    kinds = [*noise.TESTING.values(), voices]
    rng = np.random.default_rng(seed)

    def noisy(clips: Sequence[np.ndarray], decibels: float) -> list[np.ndarray]:
        return [
            noise.add_noise(x, kinds[i % len(kinds)](len(x), rng), decibels=decibels)
            for i, x in enumerate(clips)
        ]

    def in_room(clips: Sequence[np.ndarray]) -> list[np.ndarray]:
        echoed = [noise.reverberant(x, rng, seconds=ECHO) for x in clips]
        return [noise.add_noise(x, noise.room_tone(len(x), rng), decibels=IN_ROOM) for x in echoed]

    heard = {CLEAN: (list(word), list(others))}
    heard |= {f"{level} dB": (noisy(word, level), noisy(others, level)) for level in LEVELS}
    heard[ROOM] = in_room(word), in_room(others)
    return heard


def in_noise_table(
    scorers: dict[str, Scorer],
    calibration: Heard,
    heard: dict[str, tuple[Heard, Heard]],
    words: np.ndarray,
    *,
    false_alarms: float,
) -> dict[str, dict[str, InNoise]]:
    """Evaluate detectors, each with a threshold calibrated in the same way, under all conditions.

    Args:
        scorers: functions from feature rows to scores, by name.
        calibration: held-out clips of the word, clean and in noise.
        heard: clips of the word and of other words, by condition.
        words: the other clips' words.
        false_alarms: fraction of the word's clips that may be rejected.

    Returns:
        The metrics by detector and condition.
    """
    table: dict[str, dict[str, InNoise]] = {}
    for name, score in scorers.items():
        curve = QuantileCurve.fit(
            calibration.floors, score(calibration.rows), quantile=false_alarms
        )
        table[name] = {}
        for condition, clips in heard.items():
            scores = [score(each.rows) for each in clips]
            kept, accepted = (
                each.is_speech & (s >= curve(each.floors))
                for s, each in zip(scores, clips, strict=True)
            )
            by_word = [accepted[words == word].mean() for word in np.unique(words)]
            table[name][condition] = InNoise(
                mean_auc(scores[0], scores[1], words), float(kept.mean()), float(np.mean(by_word))
            )
    return table


def mean_auc(target: np.ndarray, others: np.ndarray, words: np.ndarray) -> float:
    """Return the area under the ROC curve, averaged over the other words."""
    areas = []
    for word in np.unique(words):
        scores = others[words == word]
        labels = np.r_[np.ones(len(target)), np.zeros(len(scores))]
        areas.append(roc_auc_score(labels, np.r_[target, scores]))
    return float(np.mean(areas))


def accepted_noises(listener: Listener, *, seed: int) -> dict[str, float]:
    """Return the fraction of clips of each noise alone, and of silence, that are accepted.

    Args:
        listener: a calibrated detector.
        seed: seed of the noises.
    """
    rng = np.random.default_rng(seed)
    alone = {
        kind: [make(audio.RATE, rng) for _ in range(ALONE)] for kind, make in noise.ALONE.items()
    }
    alone["silence"] = [np.zeros(audio.RATE)]
    alone["10 ms"] = [make(audio.RATE // 100, rng) for make in noise.ALONE.values()]
    return {
        kind: float(np.mean([answer.is_word for answer in listener.answer(heard)]))
        for kind, heard in alone.items()
    }
