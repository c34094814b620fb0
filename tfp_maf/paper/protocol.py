"""Training protocol of the paper for one model, resumable after an interruption.

Papamakarios et al. 2017 (arXiv 1705.07057), section 4: Adam, batches of 100 rows, L2 penalty, early
stopping after 30 epochs without a better validation score, batch normalisation with the statistics
of the whole training set, test log-likelihood ± two standard errors.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras

from tfp_maf.data_prep.files import write_csv, write_json
from tfp_maf.data_prep.levels import binarise
from tfp_maf.data_prep.splits import Splits
from tfp_maf.evaluation.likelihood import Evaluation, chunked_log_prob, evaluate
from tfp_maf.experiments.run import HISTORY, METRICS, versions
from tfp_maf.flows.catalogue import REPRODUCED, Model
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.gaussian import fit_gaussian
from tfp_maf.training.history import History
from tfp_maf.training.loop import TrainingDiverged, fit
from tfp_maf.training.state import fingerprint
from tfp_maf.utils.console import say

TRAINING = "training.npz"
# Models of levels are trained for a fixed number of epochs, in which the learning rate rises and
# then falls to zero: what is left of a few epochs' noise in the weights would cost a nat.
OF_LEVELS = {"max_epochs": 40, "l2": 0.0, "clip_norm": 200.0}
WARMUP = 0.02  # share of all steps in which the learning rate rises


class Interrupted(Exception):
    """Interruption of a model's training by Ctrl-C; its checkpoint is kept."""


def train_model(
    name: str,
    splits: Splits,
    folder: Path,
    *,
    networks: dict[str, Any],
    seed: int,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Train one model, resume its training, or read its results if it is finished.

    Args:
        name: name of the model, a key of :data:`tfp_maf.flows.catalogue.REPRODUCED`.
        splits: rows to train and test on.
        folder: folder to write to: ``training.npz`` during training; ``model/``, ``history.csv``
            and ``metrics.json`` at the end.
        networks: ``hidden_units``, ``activation`` and ``log_scale_bound``, where the builder takes
            them.
        seed: seed of weights and shuffles.
        options: options of :func:`tfp_maf.fit` that replace the paper's; with ``redraw``, each
            epoch has its own binarisation of the training images; with ``schedule="cosine"``, the
            learning rate rises in the share ``warmup`` of all steps, and then falls to 0.

    Returns:
        The metrics, as written to ``metrics.json``.

    Raises:
        Interrupted: training was interrupted by Ctrl-C; the same call resumes it.
        ValueError: the folder holds a model with other settings or data.
    """
    model = REPRODUCED[name]
    labels = splits.labels if model.is_conditional else None
    if model.of_levels:
        networks = networks | {"levels": splits.space.levels}
    flow = model.build(
        splits.space.shape if model.is_of_images else splits.train.shape[1],
        **networks,
        num_labels=labels.count if labels else 0,
        seed=seed,
    )
    options = _training_options(model) | options
    is_trained = flow.builder != "build_gaussian"
    settings = {
        "builder": flow.builder,
        "arguments": dict(flow.arguments),
        "training": options if is_trained else "maximum likelihood in closed form",
        "data": data_fingerprint(splits),
        "seed": seed,
    }
    done = _read_metrics(folder, json.loads(json.dumps(settings)))
    if done is not None:
        return done
    folder.mkdir(parents=True, exist_ok=True)
    given = {part: getattr(labels, part) if labels else None for part in ("train", "validation")}
    if is_trained:
        history = _fit(flow, splits, folder, seed=seed, options=options, given=given)
        seconds = history.seconds[-1] if history.seconds else 0.0
    else:
        began = time.perf_counter()
        fit_gaussian(flow, splits.train, condition=given["train"])
        score = evaluate(flow, splits.validation, condition=given["validation"]).mean
        seconds = time.perf_counter() - began
        history = History(score, stopped="closed form")
    flow.save(folder)
    write_csv(folder / HISTORY, history.frame)
    metrics = settings | {"seconds": seconds} | _metrics(flow, splits, history)
    write_json(folder / METRICS, metrics)
    (folder / TRAINING).unlink(missing_ok=True)
    return metrics


def _training_options(model: Model) -> dict[str, Any]:
    """Return the options of :func:`tfp_maf.fit` that are a model's own."""
    options = OF_LEVELS | {"schedule": "cosine"} if model.of_levels else {}
    return options | {"learning_rate": model.learning_rate} | model.training


def _as_fit_takes_them(
    options: dict[str, Any], splits: Splits
) -> tuple[np.ndarray, dict[str, Any]]:
    """Return the training rows, and options with the schedule and the function they name.

    Raises:
        ValueError: a new binarisation is wanted of images that were not binarised.
    """
    options, train = dict(options), splits.train
    if options.pop("redraw", False):
        if splits.intensities is None:
            raise ValueError(f"{splits.source} was not binarised: leave out --redraw")
        train, options["redraw"] = splits.intensities, binarise
    if options.pop("schedule", None):
        epochs, rate = options["max_epochs"], options["learning_rate"]
        steps = epochs * (len(train) // options.get("batch_size", 100))
        warmup = options.pop("warmup", WARMUP)
        rising = max(1, round(warmup * steps)) if warmup else 0
        options["learning_rate"] = tf_keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else rate,
            max(steps - rising, 1),
            warmup_target=rate if warmup else None,
            warmup_steps=rising,
        )
        options["patience"] = options.get("patience", epochs)
    return train, options


def data_fingerprint(splits: Splits) -> dict[str, list[int]]:
    """Return a fingerprint of each part's rows and labels, to recognise the same data."""
    parts = {part: getattr(splits, part) for part in ("train", "validation", "test")}
    if splits.labels is not None:
        parts |= {f"{part}_labels": getattr(splits.labels, part) for part in tuple(parts)}
    return {part: fingerprint(rows) for part, rows in parts.items()}


def _read_metrics(folder: Path, settings: dict[str, Any]) -> dict[str, Any] | None:
    """Return the metrics of a finished model with these settings, or None if there is none."""
    path = folder / METRICS
    if not path.is_file():
        return None
    try:
        metrics = json.loads(path.read_text())
        differing = [name for name, value in settings.items() if metrics[name] != value]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({error!r}); delete {folder} to train again") from None
    if differing:
        raise ValueError(
            f"{folder} holds a model with {differing[0]} {metrics[differing[0]]}, not "
            f"{settings[differing[0]]}; choose another --out"
        )
    return metrics


def _fit(
    flow: Flow,
    splits: Splits,
    folder: Path,
    *,
    seed: int,
    options: dict[str, Any],
    given: dict[str, Any],
) -> History:
    train, options = _as_fit_takes_them(options, splits)
    try:
        history = fit(
            flow,
            train,
            splits.validation,
            train_condition=given["train"],
            validation_condition=given["validation"],
            standardise=False,  # the paper's preparation is the data's own
            seed=seed,
            checkpoint=folder / TRAINING,
            **options,
        )
    except TrainingDiverged as error:
        say(f"  diverged: {error}")
        return error.history
    if history.stopped == "interrupted":
        raise Interrupted
    return history


def _metrics(flow: Flow, splits: Splits, history: History) -> dict[str, Any]:
    labels = splits.labels if flow.conditioning.num_labels else None
    values: dict[str, Any] = {
        "parameters": sum(int(np.prod(v.shape)) for v in flow.trainable_variables),
        "masked": sum(
            int(np.prod(v.shape) - np.broadcast_to(flow.masks[v.ref()], v.shape).sum())
            for v in flow.trainable_variables
            if v.ref() in flow.masks
        ),
        "epochs": history.epochs,
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "validation": history.best_validation,
        "versions": versions(),
    }
    if labels is None:
        test = chunked_log_prob(flow, splits.test)
    else:
        given = chunked_log_prob(flow, splits.test, condition=labels.test)
        values["test_given_label"] = dataclasses.asdict(Evaluation.of(given))
        test, predicted = marginal(flow, splits.test, labels.count)
        values["accuracy"] = float((predicted == labels.test).mean())
    bad = np.flatnonzero(~np.isfinite(test))
    if len(bad):
        raise ValueError(
            f"{splits.source}: test row {bad[0] + 1} is too far from the training data: its "
            f"log_prob is {test[bad[0]]}"
        )
    values["test"] = dataclasses.asdict(Evaluation.of(test)) | {"worst": float(test.min())}
    if splits.space is not None:
        bits = splits.space.bits_per_dimension(test, splits.test)
        values["bits_per_dimension"] = dataclasses.asdict(Evaluation.of(bits))
    return values


def marginal(flow: Flow, x: np.ndarray, num_labels: int) -> tuple[np.ndarray, np.ndarray]:
    """Compute ``log p(x) = log sum_y p(x | y) / num_labels`` and the most likely labels.

    The authors score conditional models in this way, with a uniform prior over labels
    (``evaluate_logprob`` in their code).

    Args:
        flow: a flow conditional on labels.
        x: rows ``[N, D]``.
        num_labels: number of labels.

    Returns:
        The log-likelihoods ``[N]`` and the labels ``[N]``.
    """
    by_label = np.stack([chunked_log_prob(flow, x, condition=label) for label in range(num_labels)])
    return np.logaddexp.reduce(by_label, axis=0) - np.log(num_labels), by_label.argmax(axis=0)
