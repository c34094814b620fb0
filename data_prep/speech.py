"""Whether a clip holds speech at all, how loud the noise under it is, and where sounds are.

A density is high or low at any input, so a detector has to know when it was given nothing to
judge: a file of a few samples, digital silence, a fan, a click. Speech differs from all of these in
that its spectrum changes while it lasts, and that it lasts a tenth of a second or longer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfp_maf.data_prep import audio
from tfp_maf.data_prep import audio_features as features

SHORTEST = 0.15  # seconds of a recording
SHORTER = 0.05  # fraction of a word's recordings that may be shorter than the shortest
LASTING = 10  # frames that a sound must last, 100 ms
QUIETEST = -70.0  # level of the loudest 100 ms, in dB of full scale
ACTIVE = 30 * features.DECIBEL  # a frame is active unless it is that far below the loudest
CHANGE = 0.36  # least change of the spectrum, in nats
RANGE = 0.8  # least range of the loudness, in nats: words at 5 dB above noise have 1 to 4
SPREAD = 11  # frames over which power is averaged
MARGIN = 6 * features.DECIBEL  # a sound is that far above the noise around it
AROUND = 300  # frames on each side among which the noise is sought, 3 s
PAUSE = 25  # frames of silence that separate two sounds


def why_no_speech(x: np.ndarray, mel: np.ndarray, *, shortest: int = 0) -> str:
    """Return the reason why a clip holds no speech, or an empty string if it may hold some.

    Args:
        x: Samples ``[n]`` at 16 kHz.
        mel: Their log-mel energies from :func:`~tfp_maf.data_prep.audio_features.log_mel`.
        shortest: Frames that the clip must have without the digital silence at its ends; see
            :func:`shortest_of`.

    Returns:
        ``"too short"`` for less than 150 ms or ``shortest``, or if no sound lasts 100 ms; ``"too
        quiet"`` if no 100 ms are above -70 dB of full scale; ``"only noise"`` if neither spectrum
        nor loudness change as they do in speech.
    """
    if len(x) < SHORTEST * audio.RATE:
        return "too short"
    tenth = audio.RATE // 10
    power = np.add.reduceat(np.square(x, dtype=np.float64), np.arange(0, len(x), tenth)) / tenth
    if 10 * np.log10(power.max() + 1e-20) < QUIETEST:
        return "too quiet"
    energy = np.logaddexp.reduce(mel[:, 4:], axis=1)
    starts, stops = runs(energy > energy.max() - ACTIVE).T
    heard = features.trimmed(mel)
    if (stops - starts).max() < LASTING or len(heard) < shortest:
        return "too short"
    is_noise = spectral_change(mel) < CHANGE or noise_floor(heard) > -RANGE
    return "only noise" if is_noise else ""


def shortest_of(mels: Sequence[np.ndarray]) -> int:
    """Return the number of frames that all but a twentieth of some recordings of a word last.

    A file that is shorter holds the word's beginning at best. The length is between the end points,
    without their margins, averaged over the choices of end points.

    Args:
        mels: Log-mel energies of the recordings.
    """
    lengths = [
        np.mean([np.diff(features.end_points(mel, each)) for each in features.THRESHOLDS])
        for mel in mels
    ]
    return int(np.quantile(lengths, SHORTER)) - 2 * features.EDGE


def spectral_change(mel: np.ndarray) -> float:
    """Return how much the shape of the spectrum changes while there is sound, in nats.

    It is the standard deviation over time of the log power in a band relative to the mean over
    bands, averaged over bands. Power is averaged over 11 frames first, and frames more than 30 dB
    below the loudest are left out. Stationary noise of any colour has 0.2, also if its level
    swells; speech has 0.4 and more.
    """
    ones = np.ones(SPREAD)
    power = np.exp(np.maximum(mel, np.percentile(mel, 99.5) - features.DEPTH))
    counts = np.convolve(np.ones(len(mel)), ones, mode="same")[: len(mel)]
    sums = [np.convolve(band, ones, mode="same")[: len(mel)] for band in power.T]
    smooth = np.log(np.stack(sums, axis=1) / counts[:, None])
    energy = np.logaddexp.reduce(smooth[:, 4:], axis=1)
    shape = smooth - smooth.mean(axis=1, keepdims=True)
    return float(shape[energy > energy.max() - ACTIVE].std(axis=0).mean())


def noise_floor(mel: np.ndarray) -> float:
    """Return the level of a clip's noise relative to its loudest part, in nats, -11.5 to 0.

    It is the 10th percentile of the loudness minus its maximum.
    """
    loudness = features.loudness(mel)
    return float(np.percentile(loudness, 10) - loudness.max())


def sounds(mel: np.ndarray) -> list[tuple[int, int]]:
    """Return the first frame of each sound in a recording, and the frame after its last.

    A sound is 6 dB louder than the noise around it, which is the 10th percentile of the loudness
    within 3 seconds. Sounds with less than a quarter of a second between them count as one.
    """
    from scipy.ndimage import percentile_filter

    loudness = features.loudness(mel)
    noise = percentile_filter(loudness, 10, size=min(2 * AROUND + 1, len(loudness)), mode="nearest")
    found: list[tuple[int, int]] = []
    for start, stop in runs(loudness > noise + MARGIN):
        if found and start - found[-1][1] < PAUSE:
            found[-1] = found[-1][0], int(stop)
        else:
            found.append((int(start), int(stop)))
    return found


def runs(active: np.ndarray) -> np.ndarray:
    """Return the runs of true values in ``[n]``: starts and stops, ``[runs, 2]``."""
    steps = np.diff(np.concatenate([[0], np.asarray(active, int), [0]]))
    return np.stack([np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)], axis=1)
