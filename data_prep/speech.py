"""Whether a clip holds speech at all, how loud the noise under it is, and where sounds are.

A density is high or low at any input, so a detector has to know when it was given nothing to
judge: a file of a few samples, digital silence, a fan, a click. Speech differs from all of these in
that its spectrum changes while it lasts, and that it lasts a tenth of a second or longer. From a
part of a word and from a knock, a word differs in its length, and in that the vocal folds repeat
the same wave for a while: :class:`Least`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
UNVOICED, MARGIN_VOICED = 0.01, 0.9  # the same for periodicity, and what noise may take from it
PERIODIC, LAGS, SPECTRUM = 640, (40, 200), 1024  # samples: 40 ms, 80 to 400 Hz, of the FFT
VOICE = 80.0, 4_000.0  # Hz
SPREAD = 11  # frames over which power is averaged
MARGIN = 6 * features.DECIBEL  # a sound is that far above the noise around it
AROUND = 300  # frames on each side among which the noise is sought, 3 s
PAUSE = 25  # frames of silence that separate two sounds


@dataclass(frozen=True)
class Least:
    """Least that a clip must have of what nearly all recordings of a word have.

    Attributes:
        frames: Length without digital silence, in frames of 10 ms.
        periodicity: See :func:`periodicity`; 0 for a whispered word.
    """

    frames: int = 0
    periodicity: float = 0.0

    @classmethod
    def of(cls, clips: Sequence[np.ndarray], mels: Sequence[np.ndarray]) -> Least:
        """Measure it on recordings of a word.

        The length is between the end points without their margins, averaged over the choices of end
        points; a twentieth of the recordings are shorter, and a hundredth are less periodic.

        Args:
            clips: Samples of the recordings, ``[n]`` at 16 kHz.
            mels: Their log-mel energies.
        """
        lengths = [
            np.mean([np.diff(features.end_points(mel, each)) for each in features.THRESHOLDS])
            for mel in mels
        ]
        voiced = np.quantile([periodicity(x) for x in clips], UNVOICED)
        frames = int(np.quantile(lengths, SHORTER)) - 2 * features.EDGE
        return cls(max(0, frames), MARGIN_VOICED * float(voiced))


NOTHING = Least()


def why_no_speech(x: np.ndarray, mel: np.ndarray, *, least: Least = NOTHING) -> str:
    """Return the reason why a clip holds no speech, or an empty string if it may hold some.

    Args:
        x: Samples ``[n]`` at 16 kHz.
        mel: Their log-mel energies from :func:`~tfp_maf.data_prep.audio_features.log_mel`.
        least: What recordings of the word that is sought have at least.

    Returns:
        ``"too short"`` for less than 150 ms or ``least.frames``, or if no sound lasts 100 ms;
        ``"too quiet"`` if no 100 ms are above -70 dB of full scale; ``"only noise"`` if neither
        spectrum nor loudness change as they do in speech, or if it is less voiced than the word.
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
    if (stops - starts).max() < LASTING or len(heard) < least.frames:
        return "too short"
    is_noise = spectral_change(mel) < CHANGE or noise_floor(heard) > -RANGE
    return "only noise" if is_noise or periodicity(x) < least.periodicity else ""


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


def periodicity(x: np.ndarray) -> float:
    """Return how well a sound repeats itself after 2.5 to 12.5 ms, the periods of voices: 0 to 1.

    Of each frame of 40 ms that is at most 20 dB below the loudest, it is the highest
    autocorrelation between 80 Hz and 4 kHz, divided by that of the window (Boersma 1993). Of all
    frames, it is the fourth highest: a voice lasts.

    Args:
        x: Samples ``[n]`` at 16 kHz.
    """
    x = audio.pad_or_crop(x, max(len(x), PERIODIC)).astype(np.float64)
    window = np.hanning(PERIODIC)
    frames = np.lib.stride_tricks.sliding_window_view(x, PERIODIC)[:: features.HOP] * window
    hertz = np.fft.rfftfreq(SPECTRUM, 1 / audio.RATE)
    power = np.abs(np.fft.rfft(frames, SPECTRUM)) ** 2 * ((hertz > VOICE[0]) & (hertz < VOICE[1]))
    total = power.sum(axis=1)
    power = power[total >= total.max() / 100]
    own, of_window = (
        np.fft.irfft(each) for each in (power, np.abs(np.fft.rfft(window, SPECTRUM)) ** 2)
    )
    lags = slice(*LAGS)
    repeated = own[:, lags] / np.maximum(own[:, :1], 1e-20) * of_window[0] / of_window[lags]
    highest = np.sort(repeated.max(axis=1))
    return float(np.clip(highest[-min(4, len(highest))], 0, 1))


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
