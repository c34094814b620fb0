"""Baselines, results table and figures of ``tfp-maf train audio``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.svm import SVC, OneClassSVM

from tfp_maf.audio.conditions import InNoise, Rows, Scorer
from tfp_maf.audio.listener import Listener
from tfp_maf.audio.recipes import COMPONENTS, FEW, MIXTURE, RATIO_COMPONENTS, SHRINKAGE
from tfp_maf.data_prep.audio_features import log_mel
from tfp_maf.data_prep.speech_commands import Clips
from tfp_maf.estimators.anomaly import MIXTURE_FLOOR, AnomalyDetector
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.evaluation.detection import Detection, roc
from tfp_maf.flows.gaussian_mixture import ROWS_PER_COMPONENT
from tfp_maf.plotting import audio as audio_plots
from tfp_maf.utils.console import say

GALLERY = 4


def parts_of(listener: Listener) -> dict[str, Scorer]:
    """Return the scores of each of the listener's densities alone, by name.

    There are none if it has a flow only.
    """
    names = ("flow", "mixture", "one Gaussian")[: len(listener.detectors[0].flows)]
    if len(names) < 2:
        return {}

    def part(i: int) -> Scorer:
        detectors = [
            AnomalyDetector(
                whole.whitening,
                whole.flows[i : i + 1],
                background=whole.background[i : i + 1],
                weight=whole.weight,
            )
            for whole in listener.detectors
        ]
        return Listener(listener.word, listener.recipe, detectors).score_rows

    return {name: part(i) for i, name in enumerate(names)}


def baselines(
    train: Rows, everyday: Rows | None, *, clips: int, seed: int, varied: Rows | None = None
) -> dict[str, Scorer]:
    """Fit simple detectors to the same features, at the same time scales.

    Args:
        train: rows of the word's training clips.
        everyday: rows of background words; if given, a ratio of two Gaussians and a support vector
            machine that tells the word from them are fitted as well.
        clips: number of training clips.
        seed: seed of the fits.
        varied: rows of variations of the training clips, to which another mixture is fitted.

    Returns:
        Their scores by name.
    """
    of_one: dict[str, Callable[[], Any]] = {
        "Gaussian": lambda: GaussianMixture(1, reg_covar=1e-3, random_state=seed),
        "one-class SVM": lambda: OneClassSVM(nu=0.1, gamma="scale"),
    }
    few = clips < FEW
    whitened = []
    for views in train:
        rows = np.concatenate(views)
        whitening = Whitening.fit(
            rows, components=None if few else COMPONENTS, shrinkage=SHRINKAGE if few else 0.0
        )
        whitened.append((whitening, whitening(rows)))
    found: dict[str, Scorer] = {
        name: averaged([_after(w, make().fit(z).score_samples) for w, z in whitened])
        for name, make in of_one.items()
    }
    if varied is not None:
        mixtures = []
        for (whitening, _), views in zip(whitened, varied, strict=True):
            z = whitening(np.concatenate(views))
            count = max(1, min(MIXTURE, len(z) // ROWS_PER_COMPONENT))
            mixture = GaussianMixture(count, reg_covar=MIXTURE_FLOOR, random_state=seed)
            mixtures.append(_after(whitening, mixture.fit(z).score_samples))
        found["mixture on variations"] = averaged(mixtures)
    if everyday is not None:
        pairs = [
            (np.concatenate(a), np.concatenate(b)) for a, b in zip(train, everyday, strict=True)
        ]
        found["Gaussian ratio"] = averaged([_gaussian_ratio(*pair) for pair in pairs])
        found["SVM against words"] = averaged([_svm(*pair) for pair in pairs])
    return found


def averaged(scores: list[Callable[[np.ndarray], np.ndarray]]) -> Scorer:
    """Return the mean of scores of rows ``[N, D]`` over time scales and choices of end points."""

    def score(rows: Rows) -> np.ndarray:
        return np.mean(
            [of(view) for of, views in zip(scores, rows, strict=True) for view in views], axis=0
        )

    return score


def _after(
    whitening: Whitening, score: Callable[[np.ndarray], np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    return lambda rows: score(whitening(rows))


def _gaussian_ratio(rows: np.ndarray, everyday: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the score ``log p - log p_background`` of two Gaussians, one fitted to all rows."""
    every = np.concatenate([rows, everyday])
    whitening = Whitening.fit(every, components=_components(every))
    one, other = (GaussianMixture(1, reg_covar=1e-3).fit(whitening(part)) for part in (rows, every))

    def score(view: np.ndarray) -> np.ndarray:
        z = whitening(view)
        return one.score_samples(z) - other.score_samples(z)

    return score


def _svm(rows: np.ndarray, everyday: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the decision function of a support vector machine that tells rows from others."""
    every = np.concatenate([rows, everyday])
    whitening = Whitening.fit(every, components=_components(every))
    labels = np.r_[np.ones(len(rows)), np.zeros(len(everyday))]
    machine = SVC(C=3.0, gamma="scale", class_weight="balanced").fit(whitening(every), labels)
    return _after(whitening, machine.decision_function)


def _components(rows: np.ndarray) -> int:
    return min(RATIO_COMPONENTS, min(rows.shape) - 1)


def print_table(table: dict[str, Detection], word: str) -> None:
    """Print the detection metrics of each detector, the flow's first, and the hardest words."""
    say(f"{'':24} AUC   words above   margin, sd   equal error")
    for name, found in table.items():
        say(
            f"{name:22} {found.auc:.3f} {len(found.above):10} {found.margin:14.2f} "
            f"{found.equal_error_rate:12.1%}"
        )
    first = next(iter(table.values()))
    worst = sorted(first.auc_by_word.items(), key=lambda pair: pair[1])[:5]
    say("hardest words: " + ", ".join(f"{name} {auc:.3f}" for name, auc in worst))
    say(
        f"at the threshold, {first.false_alarms:.1%} of the clips of {word!r} are rejected and "
        f"{first.misses:.1%} of those of other words accepted"
    )
    best = max(table, key=lambda name: table[name].auc)
    if best != next(iter(table)):
        say(f"a higher AUC has: {best}")


def print_noise(table: dict[str, dict[str, InNoise]], alone: dict[str, float]) -> None:
    """Print how many clips are accepted in noise, and of noise alone."""
    first = next(iter(table.values()))
    say(f"{'word kept / others accepted':28}{''.join(f'{name:>15}' for name in first)}")
    for name, by_condition in table.items():
        cells = [f"{found.kept:.1%} / {found.accepted:.1%}" for found in by_condition.values()]
        say(f"{name:28}{''.join(f'{cell:>15}' for cell in cells)}")
    worst = max(alone, key=lambda name: alone[name])
    say(f"noise alone: at most {alone[worst]:.1%} accepted ({worst})")


def write_plots(
    folder: Path,
    word: str,
    listener: Listener,
    test: Clips,
    others: Clips,
    scores: tuple[np.ndarray, np.ndarray],
    *,
    threshold: float,
) -> None:
    """Draw score histograms, ROC curve, and the clips with the highest and lowest scores.

    Args:
        folder: folder of the run; the figures go to its ``plots/``.
        word: the word to detect.
        listener: its detector.
        test: test clips of the word.
        others: test clips of other words.
        scores: scores of ``test`` and of ``others``.
        threshold: lowest score of the word.
    """
    (folder / "plots").mkdir(exist_ok=True)
    every = np.concatenate(scores)
    clips = test.samples + others.samples
    names = test.names + others.names
    order = np.argsort(every)
    gallery = [*order[::-1][:GALLERY], *order[:GALLERY]]
    drawn = {
        "scores": audio_plots.plot_scores(*scores, word=word, threshold=threshold),
        "roc": audio_plots.plot_roc({listener.recipe: roc(*scores)}),
        "gallery": audio_plots.plot_spectrograms(
            [log_mel(clips[i]) for i in gallery],
            titles=[f"{Path(names[i]).parent}: {every[i]:.0f}" for i in gallery],
        ),
    }
    for name, figure in drawn.items():
        figure.savefig(folder / "plots" / f"{name}.png", dpi=120)
