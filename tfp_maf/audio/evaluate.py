"""Metrics of a detector of words, beside its parts and simple detectors, clean and in noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfp_maf.audio.conditions import (
    MOST,
    Heard,
    InNoise,
    Rows,
    Scorer,
    accepted_noises,
    conditions,
    in_noise_table,
)
from tfp_maf.audio.listener import SCALES, Listener, in_noise, mels_of, views
from tfp_maf.audio.recipes import draw_variations, varied_rows
from tfp_maf.audio.report import baselines, parts_of, print_noise, print_table
from tfp_maf.data_prep import noise as noises
from tfp_maf.data_prep import speech
from tfp_maf.data_prep.audio_features import THRESHOLDS
from tfp_maf.data_prep.speech_commands import Clips
from tfp_maf.estimators.anomaly import threshold_of
from tfp_maf.evaluation.detection import Detection


def evaluate(
    listener: Listener,
    parts: dict[str, Clips],
    others: Clips,
    everyday: Clips,
    *,
    false_alarms: float,
    own: Sequence[noises.Generator],
    seed: int,
) -> dict[str, Any]:
    """Compute the metrics of the listener, its parts and baselines, and print them.

    Args:
        listener: the calibrated detector.
        parts: clips of the word by part, ``"train"``, ``"validation"`` and ``"test"``.
        others: test clips of other words.
        everyday: background clips of other words; may be empty.
        false_alarms: fraction of the word's clips that may be rejected.
        own: noises that the thresholds are calibrated with as well.
        seed: seed of the fits and of the noises.

    Returns:
        ``results``, of the clips as they were recorded, and, but for the blog post's recipe,
        ``in_noise`` and ``noise_alone``, as JSON values.
    """
    recipe, test = listener.recipe, parts["test"]

    def rows_of(clips: Clips) -> Rows:
        if recipe == "post":
            return [views(clips.samples, recipe)]
        return Heard.of(clips.samples).rows

    rows = {name: rows_of(c) for name, c in (parts | {"others": others}).items()}
    scorers = {recipe: listener.score_rows} | parts_of(listener)
    scorers |= baselines(
        rows["train"],
        rows_of(everyday) if len(everyday) else None,
        clips=len(parts["train"]),
        seed=seed,
        varied=_varied(parts["train"], seed) if recipe == "aligned" else None,
    )
    table = {
        name: Detection.of(
            score(rows["test"]),
            score(rows["others"]),
            others.words,
            threshold=threshold_of(score(rows["validation"]), false_alarms),
        )
        for name, score in scorers.items()
    }
    table["energy"] = _energy(parts, others, false_alarms)
    print_table(table, listener.word)
    found: dict[str, Any] = {"results": {n: dataclasses.asdict(d) for n, d in table.items()}}
    if recipe == "post":
        return found
    validation = parts["validation"].samples
    calibration = Heard.of([*validation, *in_noise(validation, own=own, seed=seed)])
    in_noises = _in_noises(
        scorers, calibration, test, others, least=listener.least, rate=false_alarms, seed=seed
    )
    alone = accepted_noises(listener, seed=seed)
    print_noise(in_noises, alone)
    found["in_noise"] = {
        name: {condition: dataclasses.asdict(each) for condition, each in row.items()}
        for name, row in in_noises.items()
    }
    return found | {"noise_alone": alone}


def _varied(clips: Clips, seed: int) -> Rows:
    """Return rows of some variations of each clip, as many as there are rows without."""
    mels = mels_of(clips.samples)
    rng = np.random.default_rng(seed)
    variations = draw_variations(len(THRESHOLDS) * len(mels), rng)
    return [[varied_rows(mels, variations, scale)] for scale in SCALES]


def _in_noises(
    scorers: dict[str, Scorer],
    calibration: Heard,
    test: Clips,
    others: Clips,
    *,
    least: speech.Least,
    rate: float,
    seed: int,
) -> dict[str, dict[str, InNoise]]:
    """Evaluate detectors on some of the clips, as many of each other word, under all conditions."""
    rng = np.random.default_rng(seed)
    word = test.take(rng.permutation(len(test))[:MOST])
    share = -(-MOST // len(set(others.words)))  # of each other word
    rest = others.take(
        np.concatenate(
            [
                rng.permutation(np.flatnonzero(others.words == name))[:share]
                for name in np.unique(others.words)
            ]
        )
    )
    heard = {
        name: (Heard.of(a, least=least), Heard.of(b, least=least))
        for name, (a, b) in conditions(word.samples, rest.samples, seed=seed).items()
    }
    return in_noise_table(scorers, calibration, heard, rest.words, false_alarms=rate)


def _energy(parts: dict[str, Clips], others: Clips, false_alarms: float) -> Detection:
    """Return the detection metrics of a clip's energy."""
    scores = {
        name: np.array([np.log(np.mean(x.astype(float) ** 2) + 1e-12) for x in clips.samples])
        for name, clips in (parts | {"others": others}).items()
    }
    threshold = threshold_of(scores["validation"], false_alarms)
    return Detection.of(scores["test"], scores["others"], others.words, threshold=threshold)
