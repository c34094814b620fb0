"""``tfp-maf train audio`` and ``tfp-maf listen``: one spoken word against all others."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.mixture import GaussianMixture
from sklearn.svm import OneClassSVM

from data_prep import audio, simulate_words, speech_commands
from data_prep.audio_features import log_mel
from data_prep.speech_commands import Clips
from tfp_maf import audio_plots
from tfp_maf.detection import Detection, roc
from tfp_maf.listener import COMPONENTS, Listener, train_aligned, train_post, views
from tfp_maf.quiet import say
from tfp_maf.runs import METRICS, Run
from tfp_maf.whitening import Whitening

POST_WORDS = ("cat", "bird", "wow")  # those of the post's table
MIXTURE_COMPONENTS = 16
GALLERY = 4


def train_audio(
    word: str,
    *,
    data: str | None,
    out: str | None,
    recipe: str,
    background: Sequence[str],
    false_alarms: float,
    strict: bool,
    seed: int,
    split: int,
    options: dict[str, Any],
) -> int:
    """Trains, prints and writes a run; the exit status.

    Args:
        word: the target.
        data: a folder or archive of recordings; by default made-up ones.
        out: a new folder.
        recipe: see :class:`~tfp_maf.listener.Listener`.
        background: words for the ratio's background, left out of the test.
        false_alarms: wanted share of the word's clips refused.
        strict: whether unreadable files are errors.
        seed: of weights, shuffles and variations.
        split: seed of the split by speaker.
        options: of :func:`tfp_maf.fit`.
    """
    clips = _clips(data, strict=strict)
    if word not in set(clips.words):
        known = ", ".join(sorted(set(clips.words)))
        raise ValueError(f"--word {word}: the recordings are of {known}")
    unknown = sorted(set(background) - set(clips.words) | ({word} & set(background)))
    if unknown:
        raise ValueError(f"--background {unknown[0]}: not another word of the recordings")
    run = Run.create(out or Path("runs") / f"audio_{word}_{recipe}")
    part = speech_commands.split_by_speaker(clips.speakers, seed=split)
    target = clips.words == word
    parts = {name: clips.take(target & (part == name)) for name in speech_commands.PARTS}
    others = clips.take(~target & ~np.isin(clips.words, background))
    if min(len(p) for p in parts.values()) < 2 or len(others) == 0:
        raise ValueError(f"too few recordings of {word!r}, or none of other words, to split")
    say(
        f"{word}: {len(parts['train'])} / {len(parts['validation'])} / {len(parts['test'])} clips "
        f"of different speakers, against {len(others)} of {len(set(others.words))} other words"
    )
    began = time.perf_counter()
    listener = _train(recipe, word, parts, others, clips, background, seed=seed, options=options)
    seconds = time.perf_counter() - began
    validation = listener.score(parts["validation"].samples)
    if len(validation) * false_alarms < 1:
        false_alarms = 1 / len(validation)
        say(f"too few clips to tell rarer false alarms than {false_alarms:.1%}: set to that")
    listener.detector.calibrate(validation, false_alarms=false_alarms)
    scores = listener.score(parts["test"].samples), listener.score(others.samples)
    found = Detection.of(*scores, others.words, threshold=listener.threshold)
    table = {recipe: found} | _baselines(recipe, parts, others, seed=seed)
    _print(table, word)
    run.write(
        METRICS,
        {
            "word": word,
            "recipe": recipe,
            "data": "made-up words" if data is None else Path(data).name,
            "clips": {name: len(p) for name, p in parts.items()} | {"others": len(others)},
            "skipped": clips.skipped,
            "seed": seed,
            "split": split,
            "background": list(background),
            "wanted_false_alarms": false_alarms,
            "threshold": listener.threshold,
            "seconds": seconds,
            "results": {name: dataclasses.asdict(d) for name, d in table.items()},
        },
    )
    listener.save(run.folder)
    _plots(run.folder, word, listener, parts["test"], others, scores)
    say(f"trained in {seconds:.0f} s; written to {run.folder}")
    return 0


def _clips(data: str | None, *, strict: bool) -> Clips:
    if data is not None:
        clips = speech_commands.load(data, strict=strict, progress=True)
        if clips.skipped:
            say(f"{len(clips.skipped)} files skipped, the first: {clips.skipped[0]}")
        return clips
    say("no --data: training on made-up words of made-up speakers, not on recordings")
    with tempfile.TemporaryDirectory() as folder:
        return speech_commands.load(simulate_words.write_words(folder))


def _train(
    recipe: str,
    word: str,
    parts: dict[str, Clips],
    others: Clips,
    clips: Clips,
    background: Sequence[str],
    *,
    seed: int,
    options: dict[str, Any],
) -> Listener:
    train, validation = parts["train"].samples, parts["validation"].samples
    if recipe != "post":
        chosen = clips.take(np.isin(clips.words, background)).samples if background else None
        return train_aligned(
            word,
            train,
            validation,
            ratio=recipe == "ratio",
            background=chosen,
            seeds=(seed, seed + 1),
            **options,
        )
    compared = {"test": parts["test"].samples} | {
        name: others.take(others.words == name).samples
        for name in POST_WORDS
        if (others.words == name).any()
    }
    say(f"epoch    batch {' '.join(f'{name:>8}' for name in compared)}   mean log-likelihood")

    def row(listener: Listener, history: Any) -> None:
        means = [listener.score(samples).mean() for samples in compared.values()]
        values = " ".join(f"{mean:8.1f}" for mean in means)
        say(f"{history.epochs:5} {history.train[-1]:8.1f} {values}")

    listener, _ = train_post(word, train, validation, seed=seed, on_epoch=row, **options)
    return listener


def _baselines(
    recipe: str, parts: dict[str, Clips], others: Clips, *, seed: int
) -> dict[str, Detection]:
    """Simple densities of the same features, and the clip's energy."""
    used = {"train": parts["train"], "test": parts["test"], "others": others}
    by_part = {name: views(clips.samples, recipe) for name, clips in used.items()}
    rows = np.concatenate(by_part["train"])
    whitening = Whitening.fit(rows, components=min(COMPONENTS, len(rows) // 4))
    z = whitening(rows)
    models = {
        "Gaussian": GaussianMixture(1, reg_covar=1e-3, random_state=seed),
        f"mixture of {MIXTURE_COMPONENTS}": GaussianMixture(
            min(MIXTURE_COMPONENTS, len(z) // 10), reg_covar=1e-2, random_state=seed
        ),
        "one-class SVM": OneClassSVM(nu=0.1, gamma="scale"),
    }
    found = {}
    for name, model in models.items():
        model.fit(z)
        scores = {
            part: np.mean([model.score_samples(whitening(view)) for view in by_part[part]], axis=0)
            for part in ("test", "others")
        }
        found[name] = Detection.of(scores["test"], scores["others"], others.words)
    energy = {
        name: np.array([np.log(np.mean(x.astype(float) ** 2) + 1e-12) for x in clips.samples])
        for name, clips in (("test", parts["test"]), ("others", others))
    }
    found["energy"] = Detection.of(energy["test"], energy["others"], others.words)
    return found


def _print(table: dict[str, Detection], word: str) -> None:
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
        f"at the threshold {first.false_alarms:.1%} of {word!r} are refused, "
        f"{first.misses:.1%} of other words taken for it"
    )
    best = max(table, key=lambda name: table[name].auc)
    if best != next(iter(table)):
        say(f"the {best} does better than the flow")


def _plots(
    folder: Path,
    word: str,
    listener: Listener,
    test: Clips,
    others: Clips,
    scores: tuple[np.ndarray, np.ndarray],
) -> None:
    (folder / "plots").mkdir(exist_ok=True)
    every = np.concatenate(scores)
    clips = test.samples + others.samples
    names = test.names + others.names
    order = np.argsort(every)
    gallery = [*order[::-1][:GALLERY], *order[:GALLERY]]
    figures = {
        "scores": audio_plots.plot_scores(*scores, word=word, threshold=listener.threshold),
        "roc": audio_plots.plot_roc({listener.recipe: roc(*scores)}),
        "gallery": audio_plots.plot_spectrograms(
            [log_mel(clips[i]) for i in gallery],
            titles=[f"{Path(names[i]).parent}: {every[i]:.0f}" for i in gallery],
        ),
    }
    for name, figure in figures.items():
        figure.savefig(folder / "plots" / f"{name}.png", dpi=120)


def listen(folder: str, files: Sequence[str]) -> int:
    """Prints each file's score and whether it is the word; 2 if any could not be read."""
    listener = Listener.load(folder)
    status = 0
    for name in files:
        try:
            if not Path(name).is_file():
                raise ValueError(f"{name}: no such file")
            (score,) = listener.score([audio.read_wav(name, name)])
        except ValueError as error:
            say(f"{name}  not read: {error}")
            status = 2
            continue
        verdict = listener.word if score >= listener.threshold else "not"
        say(f"{name}  {score:.2f}  {verdict}")
    return status
