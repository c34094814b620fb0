"""The word anywhere in a long recording, with times.

Sounds are found by their loudness, and each is judged as one clip. A sound that is longer than a
word, such as fluent speech, is searched by a window that slides over it; of overlapping windows the
best is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tfp_maf.audio.listener import Answer, Listener
from tfp_maf.data_prep import audio, speech
from tfp_maf.data_prep import audio_features as features

CLIP = 1.5  # seconds; a recording that is no longer is judged as a whole
AROUND = 0.3  # seconds before and after a sound that are judged with it
LONGEST = 1.2  # seconds of a sound that may be one word
WINDOW, STEP = 1.0, 0.1  # seconds
BLOCK, OVERLAP = 30.0, 3.0  # seconds of a recording that are searched at a time
BATCH = 100  # windows per call


@dataclass(frozen=True)
class Found:
    """The word in a recording.

    Attributes:
        start, stop: first and last moment, in seconds.
        margin: score minus threshold.
    """

    start: float
    stop: float
    margin: float


def search(listener: Listener, x: np.ndarray) -> list[Found]:
    """Find the word in a recording of any length.

    Args:
        listener: a calibrated detector.
        x: samples ``[n]`` at 16 kHz.
    """
    found: list[Found] = []
    block, step = int(BLOCK * audio.RATE), int((BLOCK - OVERLAP) * audio.RATE)
    for start in range(0, max(1, len(x) - int(OVERLAP * audio.RATE)), step):
        shift = start / audio.RATE
        for each in _search_block(listener, x[start : start + block]):
            found.append(Found(each.start + shift, each.stop + shift, each.margin))
    return _best(found)


def _search_block(listener: Listener, x: np.ndarray) -> list[Found]:
    windows = list(_windows(x))
    answers: list[Answer] = []
    for i in range(0, len(windows), BATCH):
        answers += listener.answer([x[start:stop] for start, stop in windows[i : i + BATCH]])
    found = []
    for (start, stop), answer in zip(windows, answers, strict=True):
        if answer.is_word:
            mel = features.log_mel(x[start:stop])
            first, last = features.end_points(mel, features.THRESHOLDS[1])
            shift = start / audio.RATE
            place = [shift + frame * features.HOP / audio.RATE for frame in (first, last)]
            found.append(Found(place[0], place[1], answer.margin))
    return found


def _windows(x: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the windows of a recording that may hold a word, in samples."""
    mel = features.log_mel(x)
    sounds = [(start * features.HOP, stop * features.HOP) for start, stop in speech.sounds(mel)]
    around, window = int(AROUND * audio.RATE), int(WINDOW * audio.RATE)
    for i, (start, stop) in enumerate(sounds):
        earliest = max(sounds[i - 1][1] if i else 0, start - around)
        latest = min(sounds[i + 1][0] if i + 1 < len(sounds) else len(x), stop + around)
        if stop - start <= LONGEST * audio.RATE:
            yield earliest, latest
        else:
            for begin in range(
                earliest, max(earliest, latest - window) + 1, int(STEP * audio.RATE)
            ):
                yield begin, min(begin + window, latest)


def _best(found: Iterable[Found]) -> list[Found]:
    """Keep the best of places that overlap by half of the shorter one, in order of time."""
    kept: list[Found] = []
    for each in sorted(found, key=lambda one: -one.margin):
        if all(_overlap(each, other) < 0.5 for other in kept):
            kept.append(each)
    return sorted(kept, key=lambda one: one.start)


def _overlap(one: Found, other: Found) -> float:
    """Return the common time of two places as a fraction of the shorter one."""
    common = min(one.stop, other.stop) - max(one.start, other.start)
    return max(0.0, common) / min(one.stop - one.start, other.stop - other.start)


def sounding_part(x: np.ndarray) -> np.ndarray:
    """Drop digital silence at both ends of samples ``[n]``."""
    heard = np.flatnonzero(np.abs(x) > 0)
    return x[heard[0] : heard[-1] + 1] if len(heard) else x[:0]


def is_clip(x: np.ndarray) -> bool:
    """Return whether a recording is short enough to be judged as a whole."""
    return len(sounding_part(x)) <= CLIP * audio.RATE
