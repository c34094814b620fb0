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
LONGEST = 2**30  # samples of a channel, 6 hours at 48 kHz
LARGEST = 1e10  # also samples in the units of 32-bit integers are below it
CANCELLED = 0.01  # least part of the channels' power that their mean must have


def read_audio(file: Any, name: str | Path, *, rate: int = RATE) -> np.ndarray:
    """Read a sound file's samples between -1 and 1, float32 ``[n]``, at ``rate``.

    Args:
        file: Path, or an open binary file.
        name: Name of the file for error messages.
        rate: Sample rate to return, in Hz; files with another rate are resampled.

    Raises:
        ValueError: If the file is not WAV, FLAC, OGG, MP3 or AIFF, is damaged, has no samples or
            samples that are not finite or above 1e10, or has a sample rate below 8 or above 48 kHz.
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
            if sound.frames > LONGEST:
                raise ValueError(
                    f"{name} does not tell its length, as a sound written to a pipe, or is longer "
                    f"than 6 hours; convert it: ffmpeg -i {name} converted.wav"
                )
            found, samples = sound.samplerate, sound.read(dtype="float32", always_2d=True)
    except MemoryError:
        raise ValueError(f"{name} is too long for the memory; cut it into pieces") from None
    except (soundfile.LibsndfileError, RuntimeError, TypeError) as error:
        raise ValueError(f"{name} is damaged, or not a sound file: {error}") from None
    if len(samples) == 0:
        raise ValueError(f"{name} has no samples")
    if not (np.abs(samples) < LARGEST).all():
        raise ValueError(f"{name} has samples that are not finite, or above {LARGEST:g}")
    return resampled(one_channel(samples), found, name, rate=rate)


def one_channel(samples: np.ndarray) -> np.ndarray:
    """Return the mean ``[n]`` of channels ``[n, channels]``.

    Where one channel is another one upside down, as from a balanced cable, they would cancel: the
    loudest channel is returned.
    """
    mixed = samples.mean(axis=1)
    powers = np.mean(np.square(samples, dtype=np.float64), axis=0)
    cancels = np.mean(np.square(mixed, dtype=np.float64)) < CANCELLED * powers.mean()
    return samples[:, int(powers.argmax())] if cancels else mixed


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
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(path for path in found if not path.is_dir())


def pad_or_crop(x: np.ndarray, n: int) -> np.ndarray:
    """Pad ``[m]`` with zeros at the end, or crop its end, to length ``n``."""
    return np.pad(x[:n], [0, max(0, n - len(x))])
