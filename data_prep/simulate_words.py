"""Synthetic words of synthetic speakers, for tests and for a first run without recordings.

Each word is a vowel-like sound: a buzz at the speaker's pitch passes through two resonances
(formants), whose frequencies follow a path that the word defines and the speaker scales.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import audio

WORDS = ("happy", "cat", "bird", "wow", "zero")
SPEAKERS, TAKES = 80, 2
STEPS = 3  # points on a word's path
BLUR = 150  # standard deviation, in Hz, of a recording's points from those of the word


def write_words(
    folder: str | Path,
    *,
    words: Sequence[str] = WORDS,
    speakers: int = SPEAKERS,
    takes: int = TAKES,
    seed: int = 0,
) -> Path:
    """Write files ``WORD/SPEAKER_nohash_TAKE.wav`` of one second each, at 16 kHz.

    Args:
        folder: Folder to write to, created if it does not exist.
        words: Names of the words.
        speakers: Number of speakers, each of whom says every word.
        takes: Number of recordings of each word per speaker.
        seed: Seed of the simulation.

    Returns:
        Path of the folder.

    Raises:
        OSError: If the folder cannot be written to.
    """
    import soundfile

    folder = Path(folder)
    rng = np.random.default_rng(seed)
    paths = {word: rng.uniform([300, 900], [800, 1900], [STEPS, 2]) for word in words}
    for speaker in range(speakers):
        pitch, throat = rng.uniform(90, 240), rng.uniform(0.85, 1.15)
        for word in words:
            (folder / word).mkdir(parents=True, exist_ok=True)
            for take in range(takes):
                path = paths[word] + rng.normal(0, BLUR, [STEPS, 2])
                x = _word(path * throat, pitch * rng.uniform(0.9, 1.1), rng)
                name = folder / word / f"{speaker:08x}_nohash_{take}.wav"
                soundfile.write(name, x, audio.RATE, subtype="PCM_16")
    return folder


def _word(path: np.ndarray, pitch: float, rng: np.random.Generator) -> np.ndarray:
    """Return one second of faint noise with a word at a random position."""
    n = int(audio.RATE * rng.uniform(0.35, 0.6))
    t = np.arange(n) / n
    formants = [np.interp(t, np.linspace(0, 1, STEPS), place) for place in path.T]
    sound = np.zeros(n)
    phase = 2 * np.pi * np.cumsum(np.full(n, pitch) * (1 + 0.1 * (0.5 - t))) / audio.RATE
    for harmonic in range(1, int(4000 / pitch)):
        gain = sum(np.exp(-(((harmonic * pitch - f) / 120) ** 2)) for f in formants)
        sound += gain * np.sin(harmonic * phase)
    x = rng.normal(0, 10 ** rng.uniform(-4, -3), audio.RATE)
    start = rng.integers(0, audio.RATE - n)
    x[start : start + n] += 0.1 * rng.uniform(0.5, 1.5) * sound * np.hanning(n) ** 0.5
    return np.clip(x, -1, 1)
