"""The commands ``tfp-maf train audio`` and ``tfp-maf listen``: one spoken word against all others.

After the audio experiment of the blog post "Experimenting with autoregressive flows in TensorFlow
Probability".
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.audio.listener import Listener
from tfp_maf.audio.recipes import train_aligned, train_post
from tfp_maf.audio.report import baselines, print_table, write_plots
from tfp_maf.data_prep import audio, simulate_words, speech_commands
from tfp_maf.data_prep.speech_commands import Clips
from tfp_maf.evaluation.detection import Detection
from tfp_maf.experiments.run import METRICS, Run, versions
from tfp_maf.utils.console import say, shows

TIMED = 20  # maximum number of clips that are timed
OFFICIAL = "official"
POST_WORDS = ("cat", "bird", "wow")  # the other words in the blog post's table


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
    split: str,
    as_json: bool,
    options: dict[str, Any],
) -> int:
    """Train a detector of one word, write its run folder, and return the exit status.

    Args:
        word: the word to detect.
        data: folder or archive of recordings; synthetic words if None.
        out: folder to create for the run.
        recipe: see :class:`~tfp_maf.audio.listener.Listener`.
        background: words to train the background model on, which are left out of the test.
        false_alarms: fraction of the word's clips that may be rejected.
        strict: whether an unreadable file is an error.
        seed: seed of weights, shuffles and variations.
        split: seed of the split by speaker, or ``"official"`` for the publisher's lists.
        as_json: whether to print the metrics as JSON at the end.
        options: options of :func:`tfp_maf.fit`.

    Raises:
        OSError: the recordings cannot be read, or the folder cannot be written.
        ValueError: a word has no recordings, or there are too few to split.
    """
    clips = _clips(data, strict=strict)
    if word not in set(clips.words):
        known = ", ".join(sorted(set(clips.words)))
        raise ValueError(f"--word {word} has no recordings; the recorded words are {known}")
    unknown = sorted(set(background) - set(clips.words) | ({word} & set(background)))
    if unknown:
        raise ValueError(f"--background {unknown[0]} is not one of the other recorded words")
    run = Run.create(out or Path("runs") / f"audio_{word}_{recipe}")
    target = clips.words == word
    part = _parts(clips, target, split)
    parts = {name: clips.take(target & (part == name)) for name in speech_commands.PARTS}
    others = clips.take(~target & ~np.isin(clips.words, background))
    if min(len(p) for p in parts.values()) < 2 or len(others) == 0:
        raise ValueError(f"too few recordings of {word!r} to split, or none of other words")
    say(
        f"{word}: {len(parts['train'])} / {len(parts['validation'])} / {len(parts['test'])} clips "
        f"of different speakers, against {len(others)} of {len(set(others.words))} other words"
    )
    began = time.perf_counter()
    everyday = clips.take(np.isin(clips.words, background) & (part == "train"))
    listener = _train(
        recipe, word, parts, others, everyday, seed=seed, options=options | {"progress": shows()}
    )
    seconds = time.perf_counter() - began
    validation = listener.score(parts["validation"].samples)
    rarest = 1 / (len(validation) + 1)
    if false_alarms < rarest:
        false_alarms = rarest
        say(
            f"with {len(validation)} validation clips the lowest false-alarm rate that can be set "
            f"is {rarest:.1%}; using it"
        )
    listener.calibrate(validation, false_alarms=false_alarms)
    scores = listener.score(parts["test"].samples), listener.score(others.samples)
    found = Detection.of(*scores, others.words, threshold=listener.threshold)
    table = {recipe: found} | baselines(recipe, parts, others, everyday, seed=seed)
    print_table(table, word)
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
            "milliseconds_a_clip": _milliseconds(listener, parts["test"].samples),
            "versions": versions(),
            "results": {name: dataclasses.asdict(d) for name, d in table.items()},
        },
    )
    listener.save(run.folder)
    write_plots(run.folder, word, listener, parts["test"], others, scores)
    say(f"trained in {seconds:.0f} s; written to {run.folder}")
    if as_json:
        say((run.folder / METRICS).read_text(), always=True)
    return 0


def _milliseconds(listener: Listener, clips: Sequence[np.ndarray]) -> float:
    """Return the median time to score one clip, in milliseconds."""
    times = []
    for clip in clips[:TIMED]:
        began = time.perf_counter()
        listener.score([clip])
        times.append(time.perf_counter() - began)
    return 1e3 * float(np.median(times))


def _parts(clips: Clips, target: np.ndarray, split: str) -> np.ndarray:
    """Return the part of every clip, split by speaker so that each part has clips of the target.

    Speakers who never say the word are assigned to training.
    """
    if split == OFFICIAL:
        return clips.official
    speakers = clips.speakers[target]
    part_of = dict(
        zip(speakers, speech_commands.split_by_speaker(speakers, seed=int(split)), strict=True)
    )
    return np.array([part_of.get(speaker, "train") for speaker in clips.speakers])


def _clips(data: str | None, *, strict: bool) -> Clips:
    if data is not None:
        clips = speech_commands.load(data, strict=strict, progress=shows())
        if clips.skipped:
            say(f"{len(clips.skipped)} unreadable files skipped, the first: {clips.skipped[0]}")
        return clips
    say("no --data: training on synthetic words and speakers, not on recordings")
    with tempfile.TemporaryDirectory() as folder:
        return speech_commands.load(simulate_words.write_words(folder))


def _train(
    recipe: str,
    word: str,
    parts: dict[str, Clips],
    others: Clips,
    everyday: Clips,
    *,
    seed: int,
    options: dict[str, Any],
) -> Listener:
    train, validation = parts["train"].samples, parts["validation"].samples
    if recipe != "post":
        return train_aligned(
            word,
            train,
            validation,
            ratio=recipe == "ratio",
            background=everyday.samples or None,
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


def listen(folder: str, files: Sequence[str]) -> int:
    """Print the score of each file and whether it is the word; return 2 if any is unreadable."""
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
