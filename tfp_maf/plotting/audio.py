"""Figures of recordings, their features, and the scores of a detector."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tfp_maf.data_prep import audio, audio_features
from tfp_maf.data_prep.audio_features import Variation

MAP = "viridis"
NATS_TO_DB = 10 / np.log(10)
SLICED = "slice of the word"


def plot_features(x: np.ndarray, *, seed: int = 0) -> Figure:
    """Plot all features of one clip, from the blog post's to those aligned to the word.

    Args:
        x: samples ``[n]`` at 16 kHz.
        seed: seed of the variations.
    """
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(3, 3)
    seconds = np.arange(len(x)) / audio.RATE
    window = audio_features.FFT / audio.RATE
    axes[0, 0].plot(seconds, x, color="C0", linewidth=0.4)
    axes[0, 0].axvspan(0, window, color="C1", alpha=0.7)
    axes[0, 0].set(title="the clip; orange: the blog post's part", xlabel="s", ylabel="amplitude")
    hertz = np.linspace(0, audio.RATE / 2, audio_features.POST_FEATURES)
    spectra = [
        ("cropped_spectrum: the first 32 ms", audio_features.cropped_spectrum(x)),
        ("whole_spectrum: the whole second", audio_features.whole_spectrum(x)),
    ]
    for axis, (title, values) in zip(axes[0, 1:], spectra, strict=True):
        axis.semilogy(hertz, values + 1e-6, color="C0", linewidth=0.8)
        axis.set(title=title, xlabel="Hz", ylabel="magnitude")
    mel = audio_features.log_mel(x)
    start, stop = audio_features.end_points(mel, audio_features.THRESHOLDS[1])
    _image(axes[1, 0], mel * NATS_TO_DB, "log_mel, and the word's end points", "s", len(mel) / 100)
    for place in (start, stop):
        axes[1, 0].axvline(place / 100, color="white", linestyle="--")
    floored = audio_features.soft_floor(mel)
    _image(
        axes[1, 1], floored * NATS_TO_DB, "soft_floor: 40 dB below the peak", "s", len(mel) / 100
    )
    rng = np.random.default_rng(seed)
    variations = [Variation(), *(Variation.draw(rng) for _ in range(3))]
    for i, variation in enumerate(variations):
        aligned = audio_features.aligned(mel, variation).reshape(
            audio_features.FINE_IN_TIME.slices, -1
        )
        title = "aligned: 16 slices by 20 bands" if i == 0 else f"a variation of it, {i}"
        _image(axes.ravel()[5 + i], aligned * NATS_TO_DB, title, SLICED, len(aligned))
    return figure


def _image(axis: Axes, values: np.ndarray, title: str, xlabel: str, length: float) -> None:
    """Draw values ``[time, band]`` in dB as an image."""
    extent = (0.0, length, 0.0, float(values.shape[1]))
    image = axis.imshow(values.T, origin="lower", aspect="auto", cmap=MAP, extent=extent)
    axis.set(title=title, xlabel=xlabel, ylabel="mel band")
    assert axis.figure is not None
    axis.figure.colorbar(image, ax=axis, label="dB")


def plot_scores(target: np.ndarray, others: np.ndarray, *, word: str, threshold: float) -> Figure:
    """Plot histograms of the scores of the target and of others, with the threshold."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axis = figure.subplots()
    low, high = np.percentile(np.concatenate([target, others]), [1, 100])
    bins = np.linspace(low, high, 40).tolist()
    for i, (scores, name) in enumerate([(target, word), (others, "others")]):
        axis.hist(
            np.clip(scores, low, high), bins, density=True, alpha=0.6, color=f"C{i}", label=name
        )
    axis.axvline(threshold, color="black", linestyle="--", linewidth=1, label="threshold")
    axis.set(xlabel="score, nats", ylabel="density")
    axis.legend()
    return figure


def plot_roc(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Plot ROC curves: by name, false-positive and true-positive rates."""
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axis = figure.subplots()
    for name, (let_in, found) in curves.items():
        axis.plot(let_in, found, label=name)
    axis.plot([0, 1], [0, 1], color="grey", linestyle=":", linewidth=1)
    axis.set(xlabel="false-positive rate", ylabel="true-positive rate", aspect="equal")
    axis.legend(loc="lower right")
    return figure


def plot_spectrograms(mels: Sequence[np.ndarray], *, titles: Sequence[str]) -> Figure:
    """Plot log-mel spectrograms ``[frames, bands]`` of clips, four per row."""
    rows = -(-len(mels) // 4)
    figure = Figure(figsize=(10, 2.4 * rows), layout="constrained")
    axes = figure.subplots(rows, 4, squeeze=False).ravel()
    for axis, mel, title in zip(axes, mels, titles, strict=False):
        _image(axis, mel * NATS_TO_DB, title, "s", len(mel) / 100)
    return figure


def plot_tracks(tracks: np.ndarray) -> Figure:
    """Plot sequences ``[N, T, D]`` of whitened frames as images side by side."""
    figure = Figure(figsize=(2.6 * len(tracks), 2.6), layout="constrained")
    axes = figure.subplots(1, len(tracks), squeeze=False)[0]
    for i, (axis, track) in enumerate(zip(axes, tracks, strict=True)):
        image = axis.imshow(track.T, origin="lower", aspect="auto", cmap="PuOr", vmin=-3, vmax=3)
        axis.set(title=f"track {i + 1}", xlabel=SLICED, ylabel="component" if i == 0 else "")
    figure.colorbar(image, ax=axes, label="standard deviations")
    return figure
