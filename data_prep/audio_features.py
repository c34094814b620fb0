"""Features of spoken words: those of the blog post, and others that tell words apart.

Each feature is computed from samples ``[n]`` at 16 kHz. In order, they are the spectrum that the
post computed, the spectrum of the whole clip, log-mel energies over time, and log-mel energies
aligned to the word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tfp_maf.data_prep import audio

SECOND = audio.RATE
FFT = 512
POST_FEATURES = FFT // 2 + 1
PRE_EMPHASIS = 0.97
FRAME, HOP = 400, 160  # samples: 25 ms every 10 ms
MELS, LOWEST, HIGHEST = 40, 60.0, 7_600.0  # number of bands; lowest and highest edge in Hz
FLOOR = 40 * np.log(10) / 10  # 40 dB of power, in nats
THRESHOLDS = (0.25, 0.35, 0.45, 0.55)
EDGE = 3  # frames that are left before and after a word
DECIBEL = np.log(10) / 10  # of power, in nats
SILENCE, PARTLY = np.log(1e-8), FRAME // HOP  # log power; frames that overlap a silent one
DEPTH = 50 * DECIBEL  # energy further below the peak than this counts as silence


@dataclass(frozen=True)
class Scale:
    """Resolution of :func:`aligned`: ``slices`` in time by ``bands`` in frequency.

    With ``denoised``, the clip's noise is subtracted first; see :func:`denoised`.
    """

    slices: int
    bands: int
    denoised: bool = False


FINE_IN_TIME, FINE_IN_FREQUENCY = Scale(16, 20), Scale(8, 40, denoised=True)


def cropped_spectrum(x: np.ndarray) -> np.ndarray:
    """Return the post's 257 magnitudes, which cover only the first 32 ms of the clip.

    ``tf.signal.stft(x, frame_length=16000, frame_step=1, fft_length=512)`` multiplies the padded
    second by a Hann window and then crops it to 512 samples, the length of the FFT. The window has
    only risen to 0.01 by then.
    """
    n = np.arange(FFT)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / SECOND)
    return np.abs(np.fft.rfft(audio.pad_or_crop(x, SECOND)[:FFT] * window))


def whole_spectrum(x: np.ndarray) -> np.ndarray:
    """Return the spectrum of the whole second in 257 bands, as the post may have intended.

    Each value is the root mean square magnitude of neighbouring frequencies in one Hann-windowed
    FFT.
    """
    windowed = audio.pad_or_crop(x, SECOND) * np.hanning(SECOND)
    power = np.abs(np.fft.rfft(windowed)) ** 2
    return np.sqrt([band.mean() for band in np.array_split(power, POST_FEATURES)])


def mel_filters() -> np.ndarray:
    """Return triangular filters ``[257, 40]`` on the mel scale, mel = 1127 log(1 + Hz / 700)."""

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
    """Return log power in 40 mel bands, one row per 10 ms: ``[frames, 40]``."""
    x = audio.pad_or_crop(x, max(len(x), FRAME)).astype(np.float64)
    x = np.append(x[0], x[1:] - PRE_EMPHASIS * x[:-1])
    frames = np.lib.stride_tricks.sliding_window_view(x, FRAME)[::HOP]
    power = np.abs(np.fft.rfft(frames * _WINDOW, FFT)) ** 2
    # Not by a matrix product: the threads that share it take longer to meet than to multiply.
    return np.log(np.einsum("fk,kb->fb", power, _FILTERS) + 1e-10)


def trimmed(mel: np.ndarray) -> np.ndarray:
    """Drop the digital silence before and after a clip: ``[frames, 40]`` to fewer frames.

    A frame is silent if every band has less power than the last bit of 16-bit samples gives it.
    With it go two frames that are silent in part. A clip that is silent throughout stays as it is.
    """
    heard = np.flatnonzero((mel > SILENCE).any(axis=1))
    if len(heard) == 0:
        return mel
    start, stop = int(heard[0]), int(heard[-1]) + 1
    start += PARTLY if start > 0 else 0
    stop -= PARTLY if stop < len(mel) else 0
    return mel[start:stop] if stop - start > PARTLY else mel


def denoised(mel: np.ndarray) -> np.ndarray:
    """Subtract the power of stationary noise from each band (Boll 1979): ``[frames, 40]``.

    The noise of a band is the 10th percentile of its power, averaged over 7 frames. As Berouti,
    Schwartz and Makhoul (1979) do, 1.5 times as much is subtracted, and a twentieth is left.
    """
    from scipy.ndimage import uniform_filter1d

    power = np.exp(mel)
    noise = np.percentile(uniform_filter1d(power, 7, axis=0, mode="nearest"), 10, axis=0)
    return np.log(np.maximum(power - 1.5 * noise, 0.05 * noise) + 1e-12)


def soft_floor(mel: np.ndarray, *, raised: float = 0.0) -> np.ndarray:
    """Return log-mel energies relative to the clip's peak, with a soft floor 40 dB below it.

    Computes ``log(exp(M) + exp(peak - 40 dB)) - peak``, where the peak is the 99.5th percentile.
    This removes the recording's noise and loudness, which carry no information about the word.

    Args:
        mel: Log-mel energies ``[frames, 40]``.
        raised: Amount by which the floor is raised, in nats.
    """
    peak = np.percentile(mel, 99.5)
    return np.logaddexp(mel, peak - FLOOR + raised) - peak


def loudness(mel: np.ndarray) -> np.ndarray:
    """Return the log energy above the fourth band, averaged over 5 frames: ``[frames]``.

    Energies are clamped at 50 dB below the highest, so that digital silence weighs no more than
    the silence of a quiet room.
    """
    energy = np.logaddexp.reduce(mel[:, 4:], axis=1)
    energy = np.maximum(energy, energy.max() - DEPTH)
    return np.convolve(np.pad(energy, 2, mode="edge"), np.ones(5) / 5, mode="valid")


def end_points(mel: np.ndarray, threshold: float) -> tuple[int, int]:
    """Return the first frame of the word and the frame after its last.

    The :func:`loudness` is compared with ``p10 + threshold (max - p10)``, where p10 is its 10th
    percentile. Starting from the loudest
    21 frames, the word is extended in both directions across gaps of up to 17 quiet frames, as long
    as the closure of a stop consonant. A margin of 3 frames, EDGE, is added at each end.
    """
    smooth = loudness(mel)
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
    return max(0, start - EDGE), min(len(mel), stop + EDGE)


@dataclass(frozen=True)
class Variation:
    """Settings for aligning a clip; the defaults apply no variation.

    Attributes:
        threshold: Threshold of :func:`end_points`.
        stretch: Shift of the two ends, ``(start, stop)``, as fractions of the word's length.
        warp: Strength g of the time warp ``u + g sin(pi u) / pi``, with time u in 0..1.
        mel_shift: Shift of the spectrum in bands, as caused by a different vocal tract.
        tilt: Gain from the lowest band to the highest, in nats.
        floor: Amount by which the floor is raised, in nats.
    """

    threshold: float = 0.35
    stretch: tuple[float, float] = (0.0, 0.0)
    warp: float = 0.0
    mel_shift: float = 0.0
    tilt: float = 0.0
    floor: float = 0.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Variation:
        """Draw a random variation, such as another speaker or recording might have."""
        return cls(
            threshold=float(rng.choice(THRESHOLDS)),
            stretch=tuple(rng.uniform(-0.03, 0.03, 2)),
            warp=rng.normal(0, 0.12),
            mel_shift=rng.normal(0, 0.8),
            tilt=rng.normal(0, 0.4),
            floor=rng.uniform(0, 6 * np.log(10) / 10),
        )


def aligned(
    mel: np.ndarray, variation: Variation | None = None, *, scale: Scale = FINE_IN_TIME
) -> np.ndarray:
    """Return log-mel energies of the word alone, cut into slices of equal length.

    Args:
        mel: Log-mel energies from :func:`log_mel`.
        variation: Settings for aligning the clip; the defaults of :class:`Variation` if None.
        scale: Number of slices, and of bands, into which neighbouring ones are averaged.

    Returns:
        The energies ``[slices * bands]``, slice by slice.
    """
    variation = variation or Variation()
    start, stop = end_points(mel, variation.threshold)
    x = soft_floor(denoised(mel) if scale.denoised else mel, raised=variation.floor)
    if variation.mel_shift:
        places = np.arange(MELS) + variation.mel_shift
        x = np.stack([np.interp(places, np.arange(MELS), row) for row in x])
    if variation.tilt:
        x = x + np.linspace(-variation.tilt / 2, variation.tilt / 2, MELS)
    length = stop - start
    u = np.linspace(0, 1, scale.slices + 1)
    u = u + variation.warp * np.sin(np.pi * u) / np.pi
    first, last = start + variation.stretch[0] * length, stop + variation.stretch[1] * length
    edges = np.clip(first + u * (last - first), 0, len(x))
    return _slice_means(x, edges).reshape(scale.slices, scale.bands, -1).mean(axis=2).ravel()


def _slice_means(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the means of rows ``[frames, n]`` between fractional edges ``[k + 1]``: ``[k, n]``.

    The mean of an empty slice is the row at its position.
    """
    total = np.concatenate([np.zeros([1, x.shape[1]]), np.cumsum(x, axis=0)])
    whole = np.clip(edges.astype(int), 0, len(x) - 1)
    at = total[whole] + (edges - whole)[:, None] * x[whole]
    lengths = np.diff(edges)[:, None]
    rows = x[np.clip(edges[:-1].astype(int), 0, len(x) - 1)]
    return np.where(lengths > 1e-6, np.diff(at, axis=0) / np.maximum(lengths, 1e-6), rows)
