"""Detector of faults in machines by their sound, learnt from normal sound alone.

Frames of log-mel energies, each with its neighbours in time, are the rows of a flow that is
conditional on the machine, as in task 2 of the DCASE challenge 2020 (Koizumi et al. 2020, arXiv
2006.05822). Other machines of the type serve as outliers; see
:mod:`tfp_maf.estimators.outlier_exposure`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep import audio_features as features
from tfp_maf.data_prep.files import make_folder, write_json
from tfp_maf.estimators.anomaly import MODEL, TRAINING, threshold_of
from tfp_maf.estimators.whitening import Whitening
from tfp_maf.evaluation.likelihood import chunked_log_prob
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.loading import load_flow
from tfp_maf.flows.maf import build_maf
from tfp_maf.training.loop import fit

LISTENER, WHITENING, FORMAT = "machines.json", "whitening.npz", 1
AVERAGED = 3  # frames of 10 ms that are averaged to one
CONTEXT = 5  # of these that make a row, 150 ms
COMPONENTS = 64
ROWS = 100_000  # most rows to train on


class MachineListener:
    """Detector of machines that do not sound as usual.

    Attributes:
        machines: names of the machines.
        whitening: map from rows to their principal components.
        flow: density of whitened rows, conditional on the machine if there are several.
        thresholds: by machine, the score below which a recording is anomalous.
    """

    def __init__(
        self,
        machines: Sequence[str],
        whitening: Whitening,
        flow: Flow,
        *,
        thresholds: dict[str, float] | None = None,
    ):
        self.machines, self.whitening, self.flow = tuple(machines), whitening, flow
        self.thresholds = thresholds or {}

    @classmethod
    def fit(
        cls,
        rows: Sequence[np.ndarray],
        machines: Sequence[str],
        validation: Sequence[np.ndarray],
        validation_machines: Sequence[str],
        *,
        seed: int = 0,
        **training: Any,
    ) -> MachineListener:
        """Fit a detector to normal recordings; :meth:`calibrate` sets its thresholds.

        Args:
            rows: of each recording, the rows ``[n, D]`` of :func:`context_rows`.
            machines: machine of each recording.
            validation, validation_machines: held-out normal recordings, for early stopping.
            seed: seed of weights and shuffles.
            training: options of :func:`tfp_maf.fit`.

        Raises:
            ValueError: a machine has only validation recordings, or an option is out of range.
            KeyboardInterrupt: training was interrupted.
        """
        names = sorted(set(machines))
        x, labels = _joined(rows, machines, names)
        v, v_labels = _joined(validation, validation_machines, names)
        x, labels = _some(x, labels, seed)
        whitening = Whitening.fit(x, components=min(COMPONENTS, min(x.shape) - 1))
        z, z_held_out = whitening(x), whitening(v)
        several = len(names) > 1
        flow = build_maf(z.shape[1], num_labels=len(names) if several else 0, seed=seed, **MODEL)
        conditions: dict[str, Any] = (
            {"train_condition": labels, "validation_condition": v_labels} if several else {}
        )
        options = TRAINING | training
        options["batch_size"] = min(options["batch_size"], len(z))
        history = fit(flow, z, z_held_out, seed=seed, **conditions, **options)
        if history.stopped == "interrupted":
            raise KeyboardInterrupt
        return cls(names, whitening, flow)

    def expose(
        self,
        rows: Sequence[np.ndarray],
        machines: Sequence[str],
        validation: Sequence[np.ndarray],
        validation_machines: Sequence[str],
        *,
        seed: int = 0,
        **options: Any,
    ) -> None:
        """Train on with the other machines as outliers; see :func:`.outlier_exposure.expose`.

        Args:
            rows, machines, validation, validation_machines: see :meth:`fit`.
            seed: seed of the choice of rows and of the shuffles.
            options: of :func:`.outlier_exposure.expose`.
        """
        from tfp_maf.estimators.outlier_exposure import expose

        x, labels = _some(*_joined(rows, machines, self.machines), seed)
        v, v_labels = _joined(validation, validation_machines, self.machines)
        z, z_held_out = self.whitening(x), self.whitening(v)
        expose(self.flow, z, labels, z_held_out, v_labels, seed=seed, **options)

    def score(self, rows: Sequence[np.ndarray], machines: Sequence[str]) -> np.ndarray:
        """Return the mean log-likelihood of each recording's rows given its machine, ``[N]``.

        Raises:
            ValueError: a machine is not known.
        """
        x, labels = _joined(rows, machines, self.machines)
        condition = labels if self.flow.conditioning.size else None
        log_prob = chunked_log_prob(self.flow, self.whitening(x), condition=condition)
        places = np.cumsum([0] + [len(each) for each in rows])[:-1]
        return np.add.reduceat(log_prob, places) / [len(each) for each in rows]

    def calibrate(
        self, rows: Sequence[np.ndarray], machines: Sequence[str], *, false_alarms: float
    ) -> None:
        """Set each machine's threshold from held-out normal recordings.

        A machine with too few recordings for the rate of false alarms gets the lowest score.
        """
        scores = self.score(rows, machines)
        for name in self.machines:
            own = scores[np.array(machines) == name]
            rate = max(false_alarms, 1 / (len(own) + 1))
            self.thresholds[name] = threshold_of(own, rate)

    def save(self, folder: str | Path) -> None:
        """Write the detector to a folder.

        Raises:
            OSError: the folder cannot be written.
        """
        folder = make_folder(folder)
        self.flow.save(folder / "flow")
        self.whitening.save(folder / WHITENING)
        described = {
            "format": FORMAT,
            "machines": list(self.machines),
            "thresholds": self.thresholds,
        }
        write_json(folder / LISTENER, described)

    @classmethod
    def load(cls, folder: str | Path) -> MachineListener:
        """Load a detector that :meth:`save` wrote.

        Raises:
            OSError: the folder holds no such detector.
            ValueError: a file is damaged.
        """
        path = Path(folder) / LISTENER
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} is not a run of tfp-maf train audio --normal: it has no {LISTENER}"
            )
        try:
            described = json.loads(path.read_text())
            if described["format"] != FORMAT:
                raise ValueError(f"format {described['format']}, this version reads {FORMAT}")
            machines = [str(name) for name in described["machines"]]
            thresholds = {name: float(described["thresholds"][name]) for name in machines}
            whitening = Whitening.load(path.parent / WHITENING)
            flow = load_flow(path.parent / "flow")
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise ValueError(f"{folder} is damaged and can't be loaded ({error})") from None
        return cls(machines, whitening, flow, thresholds=thresholds)


def context_rows(x: np.ndarray) -> np.ndarray:
    """Return log-mel frames in context ``[n, 200]``, five of 30 ms by 40 bands, of samples.

    Neighbouring rows share four frames. A recording shorter than 150 ms has one row, padded with
    its last frame.

    Args:
        x: samples ``[n]`` at 16 kHz.
    """
    mel = features.log_mel(x)
    least = AVERAGED * CONTEXT
    if len(mel) < least:
        mel = np.concatenate([mel, np.repeat(mel[-1:], least - len(mel), axis=0)])
    frames = mel[: len(mel) // AVERAGED * AVERAGED].reshape(-1, AVERAGED, features.MELS)
    windows = np.lib.stride_tricks.sliding_window_view(frames.mean(axis=1), CONTEXT, axis=0)
    return windows.transpose(0, 2, 1).reshape(len(windows), -1).astype(np.float32)


def _some(x: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return at most ROWS of the rows, drawn at random, and their labels."""
    chosen = np.random.default_rng(seed).permutation(len(x))[:ROWS]
    return x[chosen], labels[chosen]


def _joined(
    rows: Sequence[np.ndarray], machines: Sequence[str], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return all rows under each other, and the number of each row's machine."""
    numbers = {name: i for i, name in enumerate(names)}
    unknown = sorted(set(machines) - set(numbers))
    if unknown:
        raise ValueError(f"machine {unknown[0]!r} is not one of {', '.join(names)}")
    labels = [np.full(len(each), numbers[name]) for each, name in zip(rows, machines, strict=True)]
    return np.concatenate(list(rows)), np.concatenate(labels)
