"""Sound files read as one channel at one sample rate, for the spoken words of the blog post.

libsndfile decodes the files, and SciPy resamples them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16_000  # Hz, the sample rate of Speech Commands
LOWEST_RATE, HIGHEST_RATE = 8_000, 48_000
FORMATS = ("WAV", "WAVEX", "FLAC", "OGG", "MP3", "AIFF")
SUFFIXES = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")
HEADERLESS = (".raw", ".pcm")


def read_audio(file: Any, name: str | Path, *, rate: int = RATE) -> np.ndarray:
    """Read a sound file's samples between -1 and 1, float32 ``[n]``, at ``rate``.

    Args:
        file: Path, or an open binary file.
        name: Name of the file for error messages.
        rate: Sample rate to return, in Hz; files with another rate are resampled.

    Raises:
        ValueError: If the file is not WAV, FLAC, OGG, MP3 or AIFF, is damaged, has no samples or
            non-finite ones, or has a sample rate below 8 or above 48 kHz.
    """
    import soundfile  # imported here because only audio needs libsndfile

    if Path(name).suffix.lower() in HEADERLESS:
        raise ValueError(
            f"{name} has no header that tells its sample rate; samples of 16 bits are read from "
            "standard input: tfp-maf listen RUN - --rate HERTZ < FILE"
        )
    try:
        with soundfile.SoundFile(file) as sound:
            if sound.format not in FORMATS:
                raise ValueError(f"{name} is {sound.format}, not one of {', '.join(FORMATS)}")
            found, samples = sound.samplerate, sound.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise ValueError(f"{name} is damaged, or not a sound file: {error}") from None
    if len(samples) == 0:
        raise ValueError(f"{name} has no samples")
    if not np.isfinite(samples).all():
        raise ValueError(f"{name} has samples that are not finite")
    return resampled(samples.mean(axis=1), found, name, rate=rate)


def read_pcm(content: bytes, name: str, *, found: int, rate: int = RATE) -> np.ndarray:
    """Read raw samples of 16 bits, little-endian, one channel, as float32 ``[n]`` at ``rate``.

    Args:
        content: The bytes; half a sample at the end is dropped.
        name: Name of the source for error messages.
        found: Sample rate of the content, in Hz.
        rate: Sample rate to return, in Hz.

    Raises:
        ValueError: If there is no sample, or the sample rate is below 8 or above 48 kHz.
    """
    samples = np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.float32) / 2**15
    if len(samples) == 0:
        raise ValueError(f"{name} has no samples")
    return resampled(samples, found, name, rate=rate)


def resampled(x: np.ndarray, found: int, name: str | Path, *, rate: int = RATE) -> np.ndarray:
    """Resample ``[n]`` from ``found`` to ``rate`` Hz, by ``scipy.signal.resample_poly``.

    Raises:
        ValueError: If ``found`` is below 8 or above 48 kHz.
    """
    from scipy.signal import resample_poly

    if not LOWEST_RATE <= found <= HIGHEST_RATE:
        raise ValueError(f"{name} has {found} samples per second, not 8,000 to 48,000")
    if found == rate:
        return x
    common = math.gcd(found, rate)
    return resample_poly(x, rate // common, found // common).astype(np.float32)


def sound_files(folder: Path) -> list[Path]:
    """Return the sound files in a folder and its subfolders, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def pad_or_crop(x: np.ndarray, n: int) -> np.ndarray:
    """Pad ``[m]`` with zeros at the end, or crop its end, to length ``n``."""
    return np.pad(x[:n], [0, max(0, n - len(x))])
