"""Sound files: read by libsndfile, mixed to one channel, resampled by scipy."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16_000  # Hz, Speech Commands'
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000


def read_wav(file: Any, name: str | Path, *, rate: int = RATE) -> np.ndarray:
    """A WAV file's samples between -1 and 1, float32 ``[n]``, at ``rate``.

    Args:
        file: a path, or an open binary file.
        name: for messages.
        rate: samples a second wanted; others are resampled (``scipy.signal.resample_poly``).

    Raises:
        ValueError: not a WAV file, damaged, empty, or of a rate below 8 or above 48 kHz.
    """
    import soundfile  # takes libsndfile to load, which only audio needs
    from scipy.signal import resample_poly

    try:
        with soundfile.SoundFile(file) as sound:
            if sound.format not in ("WAV", "WAVEX"):
                raise ValueError(f"{name} is {sound.format}, not WAV")
            found, samples = sound.samplerate, sound.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise ValueError(f"{name} is damaged, or not a WAV file: {error}") from None
    if len(samples) == 0:
        raise ValueError(f"{name} has no samples")
    if not LOWEST_RATE <= found <= HIGHEST_RATE:
        raise ValueError(f"{name} has {found} samples a second, not 8,000 to 48,000")
    if not np.isfinite(samples).all():
        raise ValueError(f"{name} has samples that are not numbers")
    mono = samples.mean(axis=1)
    if found == rate:
        return mono
    common = math.gcd(found, rate)
    return resample_poly(mono, rate // common, found // common).astype(np.float32)


def pad_or_crop(x: np.ndarray, n: int) -> np.ndarray:
    """``[m]`` to ``[n]``: zeros at the end, or the end left off."""
    return np.pad(x[:n], [0, max(0, n - len(x))])
