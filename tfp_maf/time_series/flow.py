"""Time-conditional flow ``p(x_t | x_{t-1}, ..., x_{t-k}, known_t)``: a density of whole series.

Any conditional flow of the catalogue is the density of a step; its condition is the output of an
encoder of the past, a dilated causal convolution, a recurrent network or attention, and what is
known of the step beforehand, such as the calendar. As in Rasul et al. 2021 (arXiv 2002.06103), who
condition a MAF on a recurrent network or a transformer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.flows.catalogue import builder_of
from tfp_maf.flows.flow import Flow
from tfp_maf.networks.made import dense_layers
from tfp_maf.networks.past import PastEncoder, build_encoder
from tfp_maf.time_series.density import WindowDensity
from tfp_maf.time_series.innovations import Innovations, first_fitted
from tfp_maf.time_series.least_squares import ORDERS
from tfp_maf.time_series.windows import Layout, Stretch, training_rows
from tfp_maf.training import checkpoints
from tfp_maf.training.history import History
from tfp_maf.training.loop import fit
from tfp_maf.utils.checks import check_one_of, check_positive_integer

FILE = "time_flow.npz"
# Builder of each conditional density, and its options besides those of build_maf.
CONDITIONALS: dict[str, tuple[str, dict[str, Any]]] = {
    "gaussian": ("build_gaussian", {"diagonal": True}),
    "maf": ("build_maf", {"num_layers": 4, "hidden_units": (64, 64), "batch_norm": False}),
    "maf_mog": ("build_maf_mog", {"num_layers": 3, "hidden_units": (64, 64), "batch_norm": False}),
    "nsf": ("build_nsf", {"num_layers": 3, "hidden_units": (64, 64)}),
}
START = 0.01  # of the usual size: initial weights of the flow's outputs
TRAINING: dict[str, Any] = {"learning_rate": 1e-3, "clip_norm": 5.0, "max_epochs": 500}
# A batch is 4 to 16 windows, by their number; steps of training without a better validation score
# before it stops, and before the learning rate is halved; both are at least some epochs.
BATCHES, STEPS_PER_EPOCH = (4, 16), 50
PATIENCE, FEWEST_EPOCHS = 800, 10
CHUNK = 1000  # windows whose noise is computed at once


def training_of(rows: int) -> dict[str, Any]:
    """Return the options of :func:`tfp_maf.fit` for a number of windows, see :data:`TRAINING`."""
    batch_size = min(max(rows // STEPS_PER_EPOCH, BATCHES[0]), BATCHES[1], rows)
    patience = max(FEWEST_EPOCHS, PATIENCE * batch_size // rows)
    own = {"batch_size": batch_size, "patience": patience, "halve_after": max(patience * 2 // 5, 1)}
    return TRAINING | own


def _start_as_noise(flow: Flow) -> None:
    """Make the outputs of a flow's networks small, so that it starts near the identity.

    A series has hundreds of windows where tables have thousands of rows: a density that starts
    dozens of nats below that of linear innovations would overfit before it is as good.
    """
    for network in flow.submodules:
        if isinstance(network, tfp.bijectors.AutoregressiveNetwork):
            for layers in dense_layers(network):
                layers[-1].kernel.assign(START * layers[-1].kernel)


class TimeFlow:
    """Density of series ``[T, D]`` of any length, step by step given the past.

    Attributes:
        settings: arguments that build the same again.
        encoder: of the past.
        flow: density of a step's innovations, conditional on the encoder's output and known inputs.
        layout: of windows.
        encoder_step: the encoder's ``step`` as a graph.

    Args:
        event_size: D.
        past: number k of steps before one that it is conditional on.
        known_size: K, the number of inputs that are known for any step beforehand.
        conditional: density of a step: maf, maf_mog, nsf, or gaussian, a diagonal one.
        encoder: of the past: gru, convolution, attention, or window, the past as it is. A gru sees
            k steps at least, and those of its window before.
        length: number of steps that a window scores, ``past`` by default.
        encoder_options: further arguments of the encoder.
        seed: of the initial weights.
        options: further arguments of the conditional's builder.

    Raises:
        ValueError: If an argument is out of its range, or the flow would have batch normalisation:
            its batches join steps of all times, so that a step would see the future.
    """

    def __init__(
        self,
        event_size: int,
        *,
        past: int = 60,
        known_size: int = 0,
        conditional: str = "maf_mog",
        encoder: str = "gru",
        length: int | None = None,
        encoder_options: dict[str, Any] | None = None,
        seed: int = 0,
        **options: Any,
    ):
        check_one_of("conditional", conditional, tuple(CONDITIONALS))
        for name, value in (("event_size", event_size), ("past", past)):
            check_positive_integer(name, value)
        length = past if length is None else length
        check_positive_integer("length", length)
        self.settings = {
            "event_size": event_size,
            "past": past,
            "known_size": known_size,
            "conditional": conditional,
            "encoder": encoder,
            "length": length,
            "encoder_options": encoder_options,
            "seed": seed,
            **options,
        }
        self.layout = Layout(event_size, known_size, past, length)
        own = dict(encoder_options or {})
        if encoder == "window":
            own.setdefault("columns", event_size)
        else:
            own["rng"] = np.random.default_rng([seed, 1])
        self.encoder: PastEncoder = build_encoder(encoder, self.layout.input_size, past=past, **own)
        builder, defaults = CONDITIONALS[conditional]
        self.flow: Flow = builder_of(builder)(
            event_size,
            condition_size=self.encoder.size + known_size,
            seed=seed,
            **(defaults | options),
        )
        if self.flow.has_batch_norm:
            raise ValueError(
                "batch_norm joins the steps of a batch, so that a step would see the future: "
                "build the flow without"
            )
        _start_as_noise(self.flow)
        self._innovations = Innovations.identity(event_size)
        self._density: WindowDensity | None = None
        self.encoder_step = tf.function(self.encoder.step, autograph=False)

    @property
    def event_size(self) -> int:
        """Number of columns, D."""
        return self.layout.event_size

    @property
    def past(self) -> int:
        """Number of steps k that a step is conditional on."""
        return self.layout.past

    @property
    def innovations(self) -> Innovations:
        """Map from values to what the flow models; the identity before :meth:`fit`."""
        return self._innovations

    @innovations.setter
    def innovations(self, innovations: Innovations) -> None:
        self._innovations, self._density = innovations, None

    @property
    def density(self) -> WindowDensity:
        """Density of windows of innovations."""
        if self._density is None:
            self._density = WindowDensity(
                self.encoder,
                self.flow,
                self.layout,
                arguments=self.settings,
                log_det=self.innovations.log_det,
            )
        return self._density

    def stretch(self, x: Any, known: Any = None, first: int = 0) -> Stretch:
        """Return steps of a series, checked; see :class:`Stretch`."""
        sizes = {"event_size": self.event_size, "known_size": self.layout.known_size}
        return Stretch.of(x, known, first, **sizes)

    def rows(self, stretch: Stretch) -> np.ndarray:
        """Return a stretch's windows ``[n, row_size]``."""
        events, seen_values = self.innovations.apply(stretch)
        seen = np.isfinite(stretch.x)
        return self.layout.cut(np.where(seen, events, 0.0), seen_values, seen, stretch)

    def fit(
        self,
        train: Sequence[Stretch],
        validation: Sequence[Stretch],
        *,
        standardise: bool = True,
        linear: bool = True,
        **options: Any,
    ) -> History:
        """Maximise the mean log-likelihood per step with :func:`tfp_maf.fit`, encoder and flow.

        Args:
            train, validation: from :meth:`stretch`; those of validation begin with their past.
            standardise: whether mean and scale of the columns are taken from ``train``.
            linear: whether, beyond that, a linear prediction by the last steps is taken off.
            options: options of :func:`tfp_maf.fit` that replace those of :func:`training_of`.

        Returns:
            The history, in nats per step.

        Raises:
            ValueError: If no step is complete, or as for :func:`tfp_maf.fit`.
        """
        if standardise:
            orders = [order for order in ORDERS if linear and order <= self.past]
            diagonal = self.settings["conditional"] == "gaussian"
            self.innovations = Innovations.fit(train, orders=orders, diagonal=diagonal)
        # Little precedes a series' first steps: their innovations are nearly the values, far out.
        if standardise and linear:
            order = self.innovations.order
            train = [
                replace(s, first=max(s.first, first_fitted(len(s.x), order)))
                for s in train
                if len(s.x) > 1
            ]
        rows = training_rows([self.rows(s) for s in train], self.layout)
        held_out = training_rows([self.rows(s) for s in validation], self.layout)
        return self.fit_rows(rows, held_out, **(training_of(len(rows)) | options))

    def fit_rows(self, rows: np.ndarray, validation: np.ndarray, **options: Any) -> History:
        """Train on windows, from :func:`tfp_maf.time_series.windows.training_rows`.

        Args:
            rows, validation: windows ``[n, row_size]``.
            options: options of :func:`tfp_maf.fit`; a batch is of windows, at most all.
        """
        batch_size = min(options.pop("batch_size", 100), len(rows))
        density: Any = self.density
        options |= {"standardise": False, "batch_size": batch_size}
        return fit(density, rows, validation, **options)

    def step_log_prob(self, x: Any, known: Any = None, *, first: int = 0) -> np.ndarray:
        """Return the log-likelihoods ``[T - first]`` of a series' steps given their past, in nats.

        Args:
            x: values ``[T, D]``; a step with a missing one, NaN, has NaN.
            known: inputs known beforehand, ``[T, K]``.
            first: number of the first step that is scored.

        Raises:
            ValueError: If a shape is wrong, or a value infinite.
        """
        return self.log_probs([self.stretch(x, known, first)])[0]

    def log_probs(self, stretches: Sequence[Stretch]) -> list[np.ndarray]:
        """Return :meth:`step_log_prob` of each stretch, of many series at once."""
        rows = [self.rows(stretch) for stretch in stretches]
        joined = np.concatenate(rows)
        found = self.density.step_log_prob(joined)
        found = np.where(self.layout.weights(joined) > 0, found, np.nan)
        return self._of_stretches(found.reshape(-1), rows, stretches)

    def step_noise(self, x: Any, known: Any = None, *, first: int = 0) -> np.ndarray:
        """Return each step's noise ``[T - first, D]``: standard normal if the model is right.

        ``Phi`` of it is the probability integral transform, of each column given the past and the
        columns before it. The arguments are those of :meth:`step_log_prob`.
        """
        return self.noises([self.stretch(x, known, first)])[0]

    def noises(self, stretches: Sequence[Stretch]) -> list[np.ndarray]:
        """Return :meth:`step_noise` of each stretch, of many series at once."""
        rows = [self.rows(stretch).astype(self.flow.dtype) for stretch in stretches]
        joined = np.concatenate(rows)
        size = self.event_size
        each = np.concatenate(
            [
                self.density.program.flow_rows(tf.constant(joined[i : i + CHUNK])).numpy()
                for i in range(0, len(joined), CHUNK)
            ]
        )
        noise = self.flow.noise(each[:, :size], each[:, size:]).numpy().astype(np.float64)
        noise[self.layout.weights(joined).ravel() == 0] = np.nan
        return self._of_stretches(noise, rows, stretches)

    def _of_stretches(
        self, steps: np.ndarray, rows: Sequence[np.ndarray], stretches: Sequence[Stretch]
    ) -> list[np.ndarray]:
        """Split what was found of windows' steps into what is of each stretch's scored ones."""
        ends = np.cumsum([len(each) * self.layout.length for each in rows])
        parts = np.split(steps, ends[:-1])
        return [
            part[: len(stretch.x) - stretch.first]
            for part, stretch in zip(parts, stretches, strict=True)
        ]

    def log_prob(self, x: Any, known: Any = None, *, first: int = 0) -> float:
        """Return the log-likelihood of a series' complete steps, in nats.

        The arguments are those of :meth:`step_log_prob`.
        """
        return float(np.nansum(self.step_log_prob(x, known, first=first)))

    def save(self, folder: str | Path) -> None:
        """Write the model to a folder.

        Raises:
            OSError: If the folder cannot be written.
        """
        Path(folder).mkdir(parents=True, exist_ok=True)
        arrays = {
            "weights": self.density.get_weights(),
            "innovations": list(vars(self.innovations).values()),
        }
        checkpoints.write(Path(folder) / FILE, arrays, {"settings": self.settings})

    @classmethod
    def load(cls, folder: str | Path) -> TimeFlow:
        """Load the model that :meth:`save` wrote.

        Raises:
            OSError: If the folder holds no such model.
            ValueError: If the file is damaged.
        """
        path = Path(folder) / FILE
        if not path.is_file():
            raise FileNotFoundError(f"{folder} holds no model of time series: {FILE} is missing")
        arrays, values = checkpoints.read(path, ("weights", "innovations"))
        try:
            model = cls(**values["settings"])
            innovations: list[Any] = arrays["innovations"]
            model.innovations = Innovations(*innovations)
            model.density.set_weights(arrays["weights"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is damaged ({error}); train again or copy it again") from None
        return model
