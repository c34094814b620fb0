"""WAV files read as one channel at one sample rate, for the spoken words of the blog post.

libsndfile decodes the files, and SciPy resamples them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16_000  # Hz, the sample rate of Speech Commands
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000


def read_wav(file: Any, name: str | Path, *, rate: int = RATE) -> np.ndarray:
    """Read a WAV file's samples between -1 and 1, float32 ``[n]``, at ``rate``.

    Args:
        file: Path, or an open binary file.
        name: Name of the file for error messages.
        rate: Sample rate to return, in Hz; files with another rate are resampled with
            ``scipy.signal.resample_poly``.

    Raises:
        ValueError: If the file is not WAV, is damaged, has no samples or non-finite ones, or has a
            sample rate below 8 or above 48 kHz.
    """
    import soundfile  # imported here because only audio needs libsndfile
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
        raise ValueError(f"{name} has {found} samples per second, not 8,000 to 48,000")
    if not np.isfinite(samples).all():
        raise ValueError(f"{name} has samples that are not finite")
    mono = samples.mean(axis=1)
    if found == rate:
        return mono
    common = math.gcd(found, rate)
    return resample_poly(mono, rate // common, found // common).astype(np.float32)


def pad_or_crop(x: np.ndarray, n: int) -> np.ndarray:
    """Pad ``[m]`` with zeros at the end, or crop its end, to length ``n``."""
    return np.pad(x[:n], [0, max(0, n - len(x))])
