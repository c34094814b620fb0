"""The command ``tfp-maf train audio --normal FOLDER``: faults of machines, by their sound."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture

from tfp_maf.audio.machines import ROWS, MachineListener, context_rows
from tfp_maf.audio.runs import open_run
from tfp_maf.data_prep.files import make_folder
from tfp_maf.data_prep.machine_sounds import Recording, find_recordings
from tfp_maf.experiments.run import METRICS, versions
from tfp_maf.utils.console import say, shows

PARTIAL = 0.1  # false-positive rate up to which DCASE 2020 takes its partial AUC
MIXTURE = 8
LEAST = 20  # rows of a machine to train on, 0.7 seconds in one recording
Scorer = Callable[[Sequence[np.ndarray], Sequence[str]], np.ndarray]


def train_machines(
    folder: str,
    *,
    out: str | None,
    false_alarms: float,
    strict: bool,
    seed: int,
    resume: bool,
    as_json: bool,
    options: dict[str, Any],
) -> int:
    """Train a detector on a folder of normal recordings, and return the exit status.

    Args:
        folder: folder of recordings; see :func:`~tfp_maf.data_prep.machine_sounds.find_recordings`.
        out: folder to create for the run.
        false_alarms: fraction of normal recordings that may be called anomalous.
        strict: whether an unreadable file is an error.
        seed: seed of the split, of weights and shuffles.
        resume: whether to resume the interrupted training run in ``out``.
        as_json: whether to print the metrics as JSON at the end.
        options: options of :func:`tfp_maf.fit`.

    Raises:
        OSError: the folder cannot be read, or that of the run not be written.
        ValueError: there are too few recordings.
    """
    recordings = find_recordings(folder, seed=seed)
    parts, skipped = _read(recordings, strict=strict)
    settings = {
        "normal": str(Path(folder).resolve()),
        "recordings": len(recordings),
        "seed": seed,
        "options": options,
    }
    name = out or Path("runs") / f"audio_{Path(folder).resolve().name}"
    run = open_run(name, settings, resume=resume)
    machines = sorted({each.machine for each, _ in parts["train"]})
    say(
        f"{len(machines)} machines: {', '.join(machines)}; recordings: "
        + ", ".join(f"{len(part)} for {name}" for name, part in parts.items())
    )
    began = time.perf_counter()
    rows = {name: [x for _, x in part] for name, part in parts.items()}
    names = {name: [each.machine for each, _ in part] for name, part in parts.items()}
    normal = rows["train"], names["train"], rows["validation"], names["validation"]
    training = options | {"progress": shows()}
    checkpoint = make_folder(run.checkpoints) / "flow.npz"
    listener = MachineListener.fit(*normal, seed=seed, checkpoint=checkpoint, **training)
    found: dict[str, Any] = {}
    labels = [each.is_normal for each, _ in parts["test"]]
    test = (rows["test"], names["test"], labels)
    if len(machines) > 1:
        found["flow without outliers"] = _metrics(listener.score, *test)
        listener.expose(*normal, seed=seed, progress=shows())
    seconds = time.perf_counter() - began
    listener.calibrate(rows["validation"], names["validation"], false_alarms=false_alarms)
    listener.save(run.folder)
    scorers: dict[str, Scorer] = {"flow": listener.score}
    scorers |= _mixtures(listener, *normal[:2], seed=seed)
    results = {name: _metrics(score, *test) for name, score in scorers.items()} | found
    _print(results)
    run.write(
        METRICS,
        settings
        | {
            "machines": machines,
            "skipped": skipped,
            "wanted_false_alarms": false_alarms,
            "thresholds": listener.thresholds,
            "seconds": None if resume else seconds,  # of all that it took
            "versions": versions(),
            "results": results,
        },
    )
    say(f"trained in {seconds:.0f} s; written to {run.folder}")
    if as_json:
        say((run.folder / METRICS).read_text(), always=True)
    return 0


def _read(
    recordings: Sequence[Recording], *, strict: bool
) -> tuple[dict[str, list[tuple[Recording, np.ndarray]]], list[str]]:
    """Return each part's recordings with their rows, and why others were not read."""
    parts: dict[str, list[tuple[Recording, np.ndarray]]] = {}
    skipped = []
    for name in ("train", "validation", "test"):
        parts[name] = []
        for each in recordings:
            if each.part != name:
                continue
            try:
                parts[name].append((each, _rows(each)))
            except ValueError as error:
                if strict:
                    raise
                skipped.append(str(error))
    if skipped:
        say(f"{len(skipped)} unreadable files skipped, the first: {skipped[0]}")
    for machine in sorted({each.machine for each in recordings}):
        for name in ("train", "validation"):
            if not any(each.machine == machine for each, _ in parts[name]):
                raise ValueError(
                    f"machine {machine} has no readable recording for {name}"
                    + (f"; {skipped[0]}" if skipped else "")
                )
        count = sum(len(x) for each, x in parts["train"] if each.machine == machine)
        if count < LEAST:
            raise ValueError(
                f"the recordings of machine {machine} are too short: {count} rows of 150 ms to "
                f"train on; at least {LEAST} are needed"
            )
    return parts, skipped


def _rows(recording: Recording) -> np.ndarray:
    x = recording.read()
    if np.ptp(x) == 0:
        raise ValueError(f"{recording.path} is digital silence")
    return context_rows(x)


def _mixtures(
    listener: MachineListener, rows: Sequence[np.ndarray], names: Sequence[str], *, seed: int
) -> dict[str, Scorer]:
    """Fit a Gaussian and a mixture per machine to the same rows, and return their scores."""
    scorers: dict[str, Scorer] = {}
    for title, components in (("Gaussian", 1), (f"mixture of {MIXTURE}", MIXTURE)):
        models = {}
        for machine in listener.machines:
            own = [x for x, name in zip(rows, names, strict=True) if name == machine]
            z = listener.whitening(np.concatenate(own)[:ROWS])
            count = min(components, max(1, len(z) // 20))
            models[machine] = GaussianMixture(count, reg_covar=0.05, random_state=seed).fit(z)

        def score(
            rows: Sequence[np.ndarray], names: Sequence[str], models: dict[str, Any] = models
        ) -> np.ndarray:
            pairs = zip(rows, names, strict=True)
            return np.array([models[m].score(listener.whitening(x)) for x, m in pairs])

        scorers[title] = score
    return scorers


def _metrics(
    score: Scorer,
    rows: Sequence[np.ndarray],
    names: Sequence[str],
    labels: Sequence[bool | None],
) -> dict[str, Any]:
    """Return AUC and partial AUC by machine, for machines tested with both kinds of sound."""
    known = [i for i, label in enumerate(labels) if label is not None]
    if not known:
        return {}
    scores = score([rows[i] for i in known], [names[i] for i in known])
    by_machine = {}
    for machine in sorted({names[i] for i in known}):
        own = np.array([names[i] == machine for i in known])
        faulty = np.array([not labels[i] for i in known])[own]
        if faulty.any() and not faulty.all():
            by_machine[machine] = {
                "auc": float(roc_auc_score(faulty, -scores[own])),
                "partial_auc": float(roc_auc_score(faulty, -scores[own], max_fpr=PARTIAL)),
            }
    if not by_machine:
        return {}
    means = {
        key: float(np.mean([each[key] for each in by_machine.values()]))
        for key in ("auc", "partial_auc")
    }
    return means | {"by_machine": by_machine}


def _print(results: dict[str, dict[str, Any]]) -> None:
    if not any(results.values()):
        say("no recordings of faults: nothing to test with")
        return
    say(f"{'':24} AUC   partial AUC")
    for name, found in results.items():
        say(f"{name:22} {found['auc']:.3f} {found['partial_auc']:12.3f}")
