"""Baselines, results table and figures of ``tfp-maf train audio``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.svm import OneClassSVM

from tfp_maf.audio.listener import Listener, views
from tfp_maf.audio.recipes import COMPONENTS, FEW, SHRINKAGE
from tfp_maf.data_prep.audio_features import log_mel
from tfp_maf.data_prep.speech_commands import Clips
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.evaluation.detection import Detection, roc
from tfp_maf.plotting import audio as audio_plots
from tfp_maf.utils.console import say

MIXTURE_COMPONENTS, RATIO_COMPONENTS = 16, 64
GALLERY = 4


def baselines(
    recipe: str, parts: dict[str, Clips], others: Clips, everyday: Clips, *, seed: int
) -> dict[str, Detection]:
    """Evaluate simple detectors on the same features, and the clip's energy alone.

    Args:
        recipe: see :class:`~tfp_maf.audio.listener.Listener`.
        parts: clips of the word by part, ``"train"``, ``"validation"`` and ``"test"``.
        others: test clips of other words.
        everyday: background clips of other words; if there are any, a ratio of two Gaussians is
            evaluated as well.
        seed: seed of the fits.

    Returns:
        The detection metrics by name of the detector.
    """
    used = {"train": parts["train"], "test": parts["test"], "others": others}
    by_part = {name: views(clips.samples, recipe) for name, clips in used.items()}
    rows = np.concatenate(by_part["train"])
    few = len(parts["train"]) < FEW
    whitening = (
        Whitening.fit(rows, shrinkage=SHRINKAGE)
        if few
        else Whitening.fit(rows, components=COMPONENTS)
    )

    def found(score: Callable[[np.ndarray], np.ndarray]) -> Detection:
        target, other = (
            np.mean([score(view) for view in by_part[part]], axis=0) for part in ("test", "others")
        )
        return Detection.of(target, other, others.words)

    z = whitening(rows)
    models = {
        "Gaussian": GaussianMixture(1, reg_covar=1e-3, random_state=seed),
        f"mixture of {MIXTURE_COMPONENTS}": GaussianMixture(
            min(MIXTURE_COMPONENTS, len(z) // 10), reg_covar=0.25, random_state=seed
        ),
        "one-class SVM": OneClassSVM(nu=0.1, gamma="scale"),
    }
    table = {}
    for name, model in models.items():
        score_samples = model.fit(z).score_samples
        table[name] = found(lambda view, of=score_samples: of(whitening(view)))  # type: ignore[misc]
    if len(everyday):
        table["Gaussian ratio"] = found(
            _gaussian_ratio(rows, np.concatenate(views(everyday.samples, recipe)))
        )
    energy = {
        name: np.array([np.log(np.mean(x.astype(float) ** 2) + 1e-12) for x in clips.samples])
        for name, clips in (("test", parts["test"]), ("others", others))
    }
    table["energy"] = Detection.of(energy["test"], energy["others"], others.words)
    return table


def _gaussian_ratio(rows: np.ndarray, everyday: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the score ``log p - log p_background`` of two Gaussians, one fitted to all rows."""
    every = np.concatenate([rows, everyday])
    whitening = Whitening.fit(every, components=RATIO_COMPONENTS)
    one, other = (GaussianMixture(1, reg_covar=1e-3).fit(whitening(part)) for part in (rows, every))

    def score(view: np.ndarray) -> np.ndarray:
        z = whitening(view)
        return one.score_samples(z) - other.score_samples(z)

    return score


def print_table(table: dict[str, Detection], word: str) -> None:
    """Print the detection metrics of each detector, the flow's first, and the hardest words."""
    say(f"{'':18} AUC   words above   margin, sd   equal error")
    for name, found in table.items():
        say(
            f"{name:16} {found.auc:.3f} {len(found.above):10} {found.margin:14.2f} "
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
        say(f"baseline with a higher AUC than the flow: {best}")


def write_plots(
    folder: Path,
    word: str,
    listener: Listener,
    test: Clips,
    others: Clips,
    scores: tuple[np.ndarray, np.ndarray],
) -> None:
    """Draw score histograms, ROC curve, and the clips with the highest and lowest scores.

    Args:
        folder: folder of the run; the figures go to its ``plots/``.
        word: the word to detect.
        listener: its detector.
        test: test clips of the word.
        others: test clips of other words.
        scores: scores of ``test`` and of ``others``.
    """
    (folder / "plots").mkdir(exist_ok=True)
    every = np.concatenate(scores)
    clips = test.samples + others.samples
    names = test.names + others.names
    order = np.argsort(every)
    gallery = [*order[::-1][:GALLERY], *order[:GALLERY]]
    drawn = {
        "scores": audio_plots.plot_scores(*scores, word=word, threshold=listener.threshold),
        "roc": audio_plots.plot_roc({listener.recipe: roc(*scores)}),
        "gallery": audio_plots.plot_spectrograms(
            [log_mel(clips[i]) for i in gallery],
            titles=[f"{Path(names[i]).parent}: {every[i]:.0f}" for i in gallery],
        ),
    }
    for name, figure in drawn.items():
        figure.savefig(folder / "plots" / f"{name}.png", dpi=120)
