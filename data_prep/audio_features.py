"""Features of spoken words: the post's, and those that tell words apart.

Samples ``[n]`` at 16 kHz to rows of numbers. In the order of the story: what the post looked at,
the whole clip's spectrum, log-mel over time, and log-mel aligned to the word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data_prep import audio

SECOND = audio.RATE
FFT = 512
POST_FEATURES = FFT // 2 + 1
PRE_EMPHASIS = 0.97
FRAME, HOP = 400, 160  # 25 ms every 10 ms
MELS, LOWEST, HIGHEST = 40, 60.0, 7_600.0  # bands, Hz
FLOOR = 40 * np.log(10) / 10  # 40 dB of power, in nats
SLICES = 16
THRESHOLDS = (0.25, 0.35, 0.45, 0.55)


def cropped_spectrum(x: np.ndarray) -> np.ndarray:
    """The post's 257 magnitudes: of the first 32 ms, under the foot of a one-second window.

    ``tf.signal.stft(x, frame_length=16000, frame_step=1, fft_length=512)`` multiplies the padded
    second by a Hann window, and then crops it to 512 samples, the FFT's length: the window has not
    risen above .01 there.
    """
    n = np.arange(FFT)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / SECOND)
    return np.abs(np.fft.rfft(audio.pad_or_crop(x, SECOND)[:FFT] * window))


def whole_spectrum(x: np.ndarray) -> np.ndarray:
    """The whole second's spectrum in 257 bands: what the post may have meant.

    Root mean square magnitude of neighbouring frequencies of one Hann-windowed FFT.
    """
    windowed = audio.pad_or_crop(x, SECOND) * np.hanning(SECOND)
    power = np.abs(np.fft.rfft(windowed)) ** 2
    return np.sqrt([band.mean() for band in np.array_split(power, POST_FEATURES)])


def mel_filters() -> np.ndarray:
    """Triangles on the mel scale, ``[257, 40]``; mel = 1127 log(1 + Hz / 700)."""

    def mel(hertz: np.ndarray) -> np.ndarray:
        return 1127 * np.log1p(hertz / 700)

    edges = np.linspace(mel(np.array(LOWEST)), mel(np.array(HIGHEST)), MELS + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    bins = mel(np.linspace(0, audio.RATE / 2, POST_FEATURES))[:, None]
    rising, falling = (bins - lower) / (centre - lower), (upper - bins) / (upper - centre)
    return np.maximum(0, np.minimum(rising, falling))


_FILTERS = mel_filters()
_WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)


def log_mel(x: np.ndarray) -> np.ndarray:
    """Log power in 40 mel bands, a row every 10 ms: ``[frames, 40]``."""
    x = audio.pad_or_crop(x, max(len(x), FRAME)).astype(np.float64)
    x = np.append(x[0], x[1:] - PRE_EMPHASIS * x[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(x, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * _WINDOW, FFT)) ** 2
    return np.log(power @ _FILTERS + 1e-10)


def soft_floor(mel: np.ndarray, *, raised: float = 0.0) -> np.ndarray:
    """Log-mel relative to the clip's loudest, with all that is 40 dB below it levelled off.

    ``log(exp(M) + exp(peak - 40 dB)) - peak``, peak the 99.5th percentile: a recording's noise and
    loudness say nothing of the word.

    Args:
        mel: ``[frames, 40]``.
        raised: nats by which the floor is higher.
    """
    peak = np.percentile(mel, 99.5)
    return np.logaddexp(mel, peak - FLOOR + raised) - peak


def end_points(mel: np.ndarray, threshold: float) -> tuple[int, int]:
    """First frame of the word, and the one after its last.

    The log energy above the fourth band, averaged over 5 frames, is compared with
    ``p10 + threshold (max - p10)``. From the strongest 21 frames the word grows both ways,
    across up to 17 quiet frames: the closure of a stop is that long.
    """
    energy = np.logaddexp.reduce(mel[:, 4:], axis=1)
    smooth = np.convolve(np.pad(energy, 2, mode="edge"), np.ones(5) / 5, mode="valid")
    low = np.percentile(smooth, 10)
    loud = smooth > low + threshold * (smooth.max() - low)
    width = min(21, len(smooth))
    first = int(np.argmax(np.convolve(smooth, np.ones(width), mode="valid")))
    start, stop = first, first + width
    for direction in (-1, 1):
        place = start - 1 if direction < 0 else stop
        quiet = 0
        while 0 <= place < len(loud) and quiet <= 17:
            if loud[place]:
                quiet = 0
                start, stop = min(start, place), max(stop, place + 1)
            else:
                quiet += 1
            place += direction
    return max(0, start - 3), min(len(mel), stop + 3)


@dataclass(frozen=True)
class Variation:
    """How a clip is aligned; the defaults leave it as it is.

    Attributes:
        threshold: of the end points.
        stretch: by how much of the word's length each end moves, ``(start, stop)``.
        warp: g of the time warp ``u + g sin(pi u) / pi`` of time u in 0..1.
        mel_shift: bands by which the spectrum moves, as another throat would.
        tilt: nats from the lowest band to the highest.
        floor: nats by which the floor is raised.
    """

    threshold: float = 0.35
    stretch: tuple[float, float] = (0.0, 0.0)
    warp: float = 0.0
    mel_shift: float = 0.0
    tilt: float = 0.0
    floor: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Variation:
        """As another speaker or another day might have it."""
        return cls(
            threshold=float(rng.choice(THRESHOLDS)),
            stretch=tuple(rng.uniform(-0.03, 0.03, 2)),
            warp=rng.normal(0, 0.12),
            mel_shift=rng.normal(0, 0.8),
            tilt=rng.normal(0, 0.4),
            floor=rng.uniform(0, 6 * np.log(10) / 10),
        )


def aligned(mel: np.ndarray, variation: Variation | None = None) -> np.ndarray:
    """Log-mel of the word alone, 16 slices of equal length by 20 pairs of bands: ``[320]``.

    Args:
        mel: of :func:`log_mel`.
        variation: see there; by default none.
    """
    variation = variation or Variation()
    start, stop = end_points(mel, variation.threshold)
    x = soft_floor(mel, raised=variation.floor)
    if variation.mel_shift:
        places = np.arange(MELS) + variation.mel_shift
        x = np.stack([np.interp(places, np.arange(MELS), row) for row in x])
    if variation.tilt:
        x = x + np.linspace(-variation.tilt / 2, variation.tilt / 2, MELS)
    length = stop - start
    u = np.linspace(0, 1, SLICES + 1)
    u = u + variation.warp * np.sin(np.pi * u) / np.pi
    first, last = start + variation.stretch[0] * length, stop + variation.stretch[1] * length
    edges = np.clip(first + u * (last - first), 0, len(x))
    return _slice_means(x, edges).reshape(SLICES, MELS // 2, 2).mean(axis=2).ravel()


def _slice_means(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Means of rows ``[frames, n]`` between fractional edges ``[k + 1]``: ``[k, n]``.

    A slice of no length is the row at its place.
    """
    total = np.concatenate([np.zeros([1, x.shape[1]]), np.cumsum(x, axis=0)])
    whole = np.clip(edges.astype(int), 0, len(x) - 1)
    at = total[whole] + (edges - whole)[:, None] * x[whole]
    lengths = np.diff(edges)[:, None]
    rows = x[np.clip(edges[:-1].astype(int), 0, len(x) - 1)]
    return np.where(lengths > 1e-6, np.diff(at, axis=0) / np.maximum(lengths, 1e-6), rows)
