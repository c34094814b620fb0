"""The command ``tfp-maf train audio``: one spoken word against all others.

After the audio experiment of the blog post "Experimenting with autoregressive flows in TensorFlow
Probability".
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.audio.evaluate import evaluate
from tfp_maf.audio.listener import Listener
from tfp_maf.audio.recipes import train_aligned, train_post
from tfp_maf.audio.report import write_plots
from tfp_maf.audio.runs import open_run
from tfp_maf.data_prep import noise as noises
from tfp_maf.data_prep import simulate_words, speech_commands
from tfp_maf.data_prep.files import make_folder
from tfp_maf.data_prep.speech_commands import Clips
from tfp_maf.experiments.run import METRICS, versions
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
    noise: str | None,
    false_alarms: float,
    strict: bool,
    seed: int,
    split: str,
    resume: bool,
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
        noise: folder with recordings of noise, with which the threshold is calibrated as well.
        false_alarms: fraction of the word's clips that may be rejected.
        strict: whether an unreadable file is an error.
        seed: seed of weights, shuffles and variations.
        split: seed of the split by speaker, or ``"official"`` for the publisher's lists.
        resume: whether to resume the interrupted training run in ``out``.
        as_json: whether to print the metrics as JSON at the end.
        options: options of :func:`tfp_maf.fit`.

    Raises:
        OSError: the recordings cannot be read, or the folder cannot be written.
        ValueError: a word has no recordings, or there are too few to split.
    """
    if (recipe == "ratio") != bool(background):
        raise ValueError("--recipe ratio and --background WORD,WORD need each other")
    own = [] if noise is None else [noises.cut_from(noises.load_noises(noise))]
    clips = _clips(data, strict=strict)
    if word not in set(clips.words):
        known = ", ".join(sorted(set(clips.words)))
        raise ValueError(f"--word {word} has no recordings; the recorded words are {known}")
    unknown = sorted(set(background) - set(clips.words) | ({word} & set(background)))
    if unknown:
        raise ValueError(f"--background {unknown[0]} is not one of the other recorded words")
    target = clips.words == word
    part = _parts(clips, target, split)
    parts = {name: clips.take(target & (part == name)) for name in speech_commands.PARTS}
    others = clips.take(~target & ~np.isin(clips.words, background))
    if min(len(p) for p in parts.values()) < 2 or len(others) == 0:
        raise ValueError(f"too few recordings of {word!r} to split, or none of other words")
    settings = {
        "word": word,
        "recipe": recipe,
        "data": "made-up words" if data is None else Path(data).name,
        "clips": {name: len(p) for name, p in parts.items()} | {"others": len(others)},
        "seed": seed,
        "split": split,
        "background": list(background),
        "noise": noise,
        "options": options,
    }
    run = open_run(out or Path("runs") / f"audio_{word}_{recipe}", settings, resume=resume)
    say(
        f"{word}: {len(parts['train'])} / {len(parts['validation'])} / {len(parts['test'])} clips "
        f"of different speakers, against {len(others)} of {len(set(others.words))} other words"
    )
    began = time.perf_counter()
    everyday = clips.take(np.isin(clips.words, background) & (part == "train"))
    training = options | {"progress": shows()}
    checkpoints = make_folder(run.checkpoints)
    if recipe == "post":
        training["checkpoint"] = checkpoints / "post.npz"
        listener = _train_post(word, parts, others, seed=seed, options=training)
    else:
        listener = train_aligned(
            word,
            parts["train"].samples,
            parts["validation"].samples,
            background=everyday.samples,
            seed=seed,
            checkpoints=checkpoints,
            **training,
        )
    seconds = time.perf_counter() - began
    false_alarms = _possible(false_alarms, len(parts["validation"]))
    listener.calibrate(parts["validation"].samples, false_alarms=false_alarms, own=own, seed=seed)
    listener.save(run.folder)
    found = evaluate(
        listener, parts, others, everyday, false_alarms=false_alarms, own=own, seed=seed
    )
    run.write(
        METRICS,
        settings
        | {
            "skipped": clips.skipped,
            "wanted_false_alarms": false_alarms,
            "threshold": listener.threshold.to_json(),
            "seconds": None if resume else seconds,  # of all that it took
            "milliseconds_a_clip": _milliseconds(listener, parts["test"].samples),
            "versions": versions(),
        }
        | found,
    )
    scores = listener.margins(parts["test"].samples), listener.margins(others.samples)
    write_plots(run.folder, word, listener, parts["test"], others, scores, threshold=0.0)
    say(f"trained in {seconds:.0f} s; written to {run.folder}")
    if as_json:
        say((run.folder / METRICS).read_text(), always=True)
    return 0


def _possible(false_alarms: float, clips: int) -> float:
    """Return the rate of false alarms, or the lowest that so many clips can fix."""
    rarest = 1 / (clips + 1)
    if false_alarms >= rarest:
        return false_alarms
    say(
        f"with {clips} validation clips the lowest false-alarm rate that can be set is "
        f"{rarest:.1%}; using it"
    )
    return rarest


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


def _train_post(
    word: str, parts: dict[str, Clips], others: Clips, *, seed: int, options: dict[str, Any]
) -> Listener:
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

    listener, _ = train_post(
        word,
        parts["train"].samples,
        parts["validation"].samples,
        seed=seed,
        on_epoch=row,
        **options,
    )
    return listener
