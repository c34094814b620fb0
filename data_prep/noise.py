"""Noises of rooms and devices, generated, and recordings mixed with them.

A detector of words hears noise both on its own and under the words. The generators have different
spectra and different courses over time, so that one can be trained with some and tested with
others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import audio

Generator = Callable[[int, np.random.Generator], np.ndarray]


def coloured(n: int, rng: np.random.Generator, *, exponent: float) -> np.ndarray:
    """Return Gaussian noise ``[n]`` with the power spectrum ``1 / f ** exponent`` above 20 Hz."""
    hertz = np.fft.rfftfreq(n, 1 / audio.RATE)
    return _shaped(np.maximum(hertz, 20.0) ** (-exponent / 2) * (hertz >= 20), n, rng)


def white(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return white noise ``[n]``."""
    return coloured(n, rng, exponent=0.0)


def pink(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return pink noise ``[n]``, whose octaves have equal power."""
    return coloured(n, rng, exponent=1.0)


def brown(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return brown noise ``[n]``, the sum of white noise."""
    return coloured(n, rng, exponent=2.0)


def resonant(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return noise ``[n]`` with a random smooth spectrum, such as fans and traffic have.

    Its log power is a random walk over the octaves, with a random tilt.
    """
    octaves = np.log2(np.maximum(np.fft.rfftfreq(n, 1 / audio.RATE), 20.0) / 20.0)
    places = np.arange(0, 9.5, 0.5)
    decibels = -rng.uniform(0, 6) * places + np.cumsum(rng.normal(0, 3, len(places)))
    return _shaped(10 ** (np.interp(octaves, places, decibels) / 20), n, rng)


def swelling(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return :func:`resonant` noise whose level wanders by about 3 dB within a second."""
    steps = max(2, round(4 * n / audio.RATE) + 1)
    decibels = np.interp(np.linspace(0, steps - 1, n), np.arange(steps), rng.normal(0, 3, steps))
    return _level(resonant(n, rng) * 10 ** (decibels / 20))


def hum(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a mains hum ``[n]`` at 50 or 60 Hz, with harmonics, over faint noise."""
    t = np.arange(n) / audio.RATE
    mains = rng.choice([50.0, 60.0])
    sound = 0.01 * white(n, rng)
    for harmonic in range(1, 16):
        gain = rng.exponential() / harmonic
        sound += gain * np.sin(2 * np.pi * (harmonic * mains * t + rng.random()))
    return _level(sound)


def clicks(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return one to eight clicks a second, each a few milliseconds long, over faint noise."""
    sound = 1e-3 * white(n, rng)
    for _ in range(rng.integers(1, 9) * max(1, n // audio.RATE)):
        length = min(n, int(audio.RATE * rng.uniform(0.002, 0.01)))
        start = rng.integers(0, n - length + 1)
        fading = np.exp(-5 * np.arange(length) / length)
        sound[start : start + length] += rng.uniform(0.3, 1) * rng.normal(size=length) * fading
    return _level(sound)


def room_tone(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return a quiet room ``[n]``: swelling noise, hum, and now and then a bump of furniture."""
    sound = swelling(n, rng) + rng.uniform(0, 0.5) * hum(n, rng)
    for _ in range(rng.poisson(0.5 * n / audio.RATE)):
        length = min(n, int(audio.RATE * rng.uniform(0.03, 0.1)))
        start = rng.integers(0, n - length + 1)
        bump = brown(length, rng) * np.exp(-4 * np.arange(length) / length)
        sound[start : start + length] += rng.uniform(1, 4) * bump
    return _level(sound)


def babble_of(recordings: Sequence[np.ndarray], *, voices: int = 6) -> Generator:
    """Return a generator of many voices at once, each a random stretch of the recordings."""
    voice = cut_from(recordings)

    def babble(n: int, rng: np.random.Generator) -> np.ndarray:
        return _level(np.sum([voice(n, rng) for _ in range(voices)], axis=0))

    return babble


def cut_from(recordings: Sequence[np.ndarray]) -> Generator:
    """Return a generator of random stretches of recordings, repeated where they are too short.

    Raises:
        ValueError: If there is no recording, or all are digital silence.
    """
    heard = [np.asarray(x, np.float64) for x in recordings if np.any(x)]
    if not heard:
        raise ValueError("there is no recording of noise, or all are digital silence")

    def stretch(n: int, rng: np.random.Generator) -> np.ndarray:
        x = heard[rng.integers(len(heard))]
        start = rng.integers(0, max(1, len(x) - n + 1))
        return _level(np.resize(x[start:], n) if start + n > len(x) else x[start : start + n])

    return stretch


def reverberant(x: np.ndarray, rng: np.random.Generator, *, seconds: float) -> np.ndarray:
    """Return a recording ``[n]`` as it sounds in a room, at the same mean power.

    The room's impulse response is a direct sound, and noise that decays by 60 dB within the
    reverberation time (Polack 1988), with as much power as the direct sound.

    Args:
        x: Samples ``[n]``.
        rng: Draws the room.
        seconds: The reverberation time.
    """
    from scipy.signal import fftconvolve

    t = np.arange(int(audio.RATE * seconds)) / audio.RATE
    response = rng.normal(size=len(t)) * np.exp(-3 * np.log(10) * t / seconds)
    response[: audio.RATE // 200] = 0  # the first reflections come after 5 ms
    response /= np.sqrt(np.sum(response**2))
    response[0] = 1
    echoed = fftconvolve(x, response)[: len(x)]
    power = np.mean(echoed**2)
    return echoed if power == 0 else echoed * np.sqrt(np.mean(np.square(x)) / power)


# Kinds to train with, and kinds that are heard in tests only.
TRAINING: dict[str, Generator] = {"white": white, "resonant": resonant, "swelling": swelling}
TESTING: dict[str, Generator] = {"pink": pink, "brown": brown, "room tone": room_tone, "hum": hum}
ALONE: dict[str, Generator] = TRAINING | TESTING | {"clicks": clicks}


def add_noise(x: np.ndarray, noise: np.ndarray, *, decibels: float) -> np.ndarray:
    """Return ``x + g noise``, with g such that x has ``decibels`` more mean power than the noise.

    Args:
        x: Samples ``[n]``.
        noise: Samples ``[n]``.
        decibels: Signal-to-noise ratio.
    """
    power, of_noise = np.mean(np.square(x, dtype=np.float64)), np.mean(np.square(noise))
    if of_noise == 0:
        return np.asarray(x, np.float64)
    return x + noise * np.sqrt(power / of_noise) * 10 ** (-decibels / 20)


def load_noises(folder: str | Path) -> list[np.ndarray]:
    """Load recordings of noise: every sound file in a folder and its subfolders.

    Raises:
        OSError: If there is no such folder.
        ValueError: If it has no sound file, or one cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"--noise {folder}: no such folder")
    paths = audio.sound_files(folder)
    if not paths:
        raise ValueError(f"--noise {folder} has no recordings ({', '.join(audio.SUFFIXES)})")
    return [audio.read_audio(path, path) for path in paths]


def _shaped(gain: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    return _level(np.fft.irfft(gain * np.fft.rfft(rng.normal(size=n)), n))


def _level(x: np.ndarray) -> np.ndarray:
    """Return ``x`` at a root mean square of 0.05; silence stays silence."""
    size = np.sqrt(np.mean(x**2))
    return x if size == 0 else 0.05 * x / size
