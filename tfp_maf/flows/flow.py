"""Normalising flow: a chain of TFP bijectors between noise and data.

``x = f(u)`` with ``u ~ N(0, I)``, so that
``log p(x) = log N(f^-1(x)) + log |det d f^-1 / dx|`` (Papamakarios et al. 2017,
arXiv 1705.07057, section 2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow.python.eager import record

from tfp_maf.bijectors.attention import AttentionLayer, one_pass_log_prob
from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.bijectors.standardise import Standardise
from tfp_maf.bijectors.support import Support
from tfp_maf.data_prep.splits import Scaler
from tfp_maf.distributions.autoregressive import Autoregressive
from tfp_maf.flows import contexts
from tfp_maf.flows.catalogue import builder_of
from tfp_maf.flows.conditioning import Conditioning
from tfp_maf.flows.frozen import FrozenFlow
from tfp_maf.flows.given import given_condition
from tfp_maf.flows.inputs import is_symbolic, is_tensor, static_shape
from tfp_maf.flows.saved_model import write_saved_model
from tfp_maf.flows.standard_rows import StandardRows

tfb, tfd = tfp.bijectors, tfp.distributions

try:
    from tfp_maf.xla.compiled import CompiledFlow, compile_flow
    from tfp_maf.xla.row_chunks import SIZES, RowChunks
except ModuleNotFoundError as error:
    # Without the folder xla/ flows are slower, but otherwise the same.
    if not (error.name or "").startswith("tfp_maf.xla"):
        raise
    compile_flow = RowChunks = None  # type: ignore[assignment, misc]

SAMPLE_CHUNK = 10_000


class Flow(tf.Module):
    """Density over events ``[D]`` with exact ``log_prob`` and ``sample``.

    Attributes:
        distribution: ``tfd.TransformedDistribution`` for evaluation; batch norm uses its
            stored statistics.
        training_distribution: the same layers and variables; batch norm uses the batch's
            statistics.
        rows: from events and conditions to standardised rows, and back.
        masks: for each masked kernel, by ``variable.ref()``, its mask ``[n_in, n_out]``.
        conditioning: what the density is conditional on, if anything.
        builder, arguments: name of the ``build_*`` function, and the arguments it was given.
        compiled: its functions compiled by XLA, or None where :mod:`tfp_maf.xla` is missing or
            does not know a layer.

    Args:
        bijectors: in the order of ``tfb.Chain``: the first is nearest to the data.
        base: the density of the noise; ``N(0, I)`` by default.
        support: range of each column, None for the whole line.
        row_by_row: whether the bijectors treat each row by itself and XLA can compile them, so
            that rows may be scored in padded chunks.
        most_rows: largest number of rows in such a chunk, 100, 1,000 or 10,000.
    """

    steps_per_call = 250  # in training, before checkpoints and progress bar have their turn
    gradient_rows: int | None = None  # most rows that a training step takes at once; None is all
    is_of_levels = False  # whether events are levels of pixels, which take no noise and no scale
    _TF_MODULE_IGNORED_PROPERTIES = frozenset(
        {*tf.Module._TF_MODULE_IGNORED_PROPERTIES, "_variables"}
    )

    def __init__(
        self,
        event_size: int,
        bijectors: Sequence[Any],
        *,
        builder: str,
        arguments: dict[str, Any],
        masks: dict[Any, np.ndarray],
        base: Any = None,
        conditioning: Conditioning | None = None,
        row_by_row: bool = False,
        most_rows: int = SAMPLE_CHUNK,
        support: Sequence[Support | None] | None = None,
        dtype: str = "float32",
    ):
        super().__init__()
        self.event_size, self.dtype = event_size, dtype
        self.builder = builder
        # tf.Module would wrap a plain dict in a type of its own, which json does not take.
        self.arguments = MappingProxyType(dict(arguments))
        self.masks = masks
        self.conditioning = conditioning or Conditioning()
        self.rows = StandardRows(event_size, self.conditioning, support=support, dtype=dtype)
        if base is None:
            base = tfd.MultivariateNormalDiag(loc=tf.zeros([event_size], dtype))
        views = [list(bijectors), [_training_view(bijector) for bijector in bijectors]]
        front = self.rows.bijectors
        self.distribution, self.training_distribution = (
            tfd.TransformedDistribution(base, tfb.Chain([*front, *layers])) for layers in views
        )
        # The same of standardised rows.
        self._inner, self._inner_training = (
            tfd.TransformedDistribution(base, tfb.Chain(layers)) for layers in views
        )
        # Of TFP's bijectors, for any number of rows. A row is an event and its condition.
        rows = tf.TensorSpec([None, event_size + self.conditioning.size], dtype)
        self._graph_log_prob = tf.function(self.tfp_log_prob, input_signature=[rows])
        self._graph_noise = tf.function(self._tfp_noise, input_signature=[rows])
        self._graph_data = tf.function(self._tfp_data)
        self.compiled: CompiledFlow | None = None
        self._row_chunks = None
        self._sample_chunk = min(SAMPLE_CHUNK, 10 * most_rows)
        if compile_flow is not None:
            self.compiled = compile_flow(bijectors, base, masks, event_size=event_size, dtype=dtype)
            if row_by_row and self.compiled is None:
                sizes = tuple(size for size in SIZES if size <= most_rows)
                self._row_chunks = RowChunks(self.tfp_log_prob, sizes=sizes)

    @property
    def bijectors(self) -> list[Any]:
        """Layers from the data to the noise, without support and standardisation."""
        return list(self._inner.bijector.bijectors)

    @property
    def base(self) -> Any:
        """Density of the noise."""
        return self.distribution.distribution

    # Densities, noise, samples

    def log_prob(self, x: Any, condition: Any = None, *, first_row: int = 0) -> tf.Tensor:
        """Return ``log p(x)``, or ``log p(x | c)``, in nats: ``[...]`` for events ``[..., D]``.

        Args:
            x: events in the units that the flow was trained on; an array, tensor or DataFrame.
            condition: for a conditional flow labels ``[...]`` or vectors ``[..., C]``, which
                broadcast against the events.
            first_row: number of the first row, for messages.

        Raises:
            ValueError: If the shape is not ``[..., D]``, a value is missing, or the condition
                is missing or wrong.
        """
        if is_tensor(x):
            contexts.warn_in_keras_3(self)
        if self._wants_tensors(x, condition):
            rows, batch, log_det = self.rows.tensors(x, condition)
            return tf.reshape(self._graph_log_prob(rows), batch) + log_det
        rows, batch, log_det = self.rows.arrays(x, condition, first_row=first_row)
        log_prob = self.rows_log_prob(rows, log_det)
        return log_prob if len(batch) == 1 else tf.reshape(log_prob, batch)

    def frozen(self) -> FrozenFlow:
        """Return ``log_prob`` with the weights as they are now, fastest for calls with few rows.

        :meth:`log_prob` looks at each call whether a variable has changed, which takes longer than
        one row.

        Raises:
            ValueError: If the flow has no compiled functions.
        """
        if self.compiled is None:
            raise ValueError(f"{self.builder} has no compiled functions to freeze")
        return FrozenFlow(self.rows, self.compiled)

    def noise(self, x: Any, condition: Any = None) -> tf.Tensor:
        """Return ``u = f^-1(x)``, ``[..., D]``; standard normal if the flow fits.

        Where the noise has a density of its own, a mixture of Gaussians, each conditional's
        normal score is taken further: ``Phi^-1(F(u_i | u_1..u_{i-1}))``.
        """
        if self._wants_tensors(x, condition):
            rows, batch, _ = self.rows.tensors(x, condition)
            noise = self._graph_noise(rows)
        else:
            rows, batch, _ = self.rows.arrays(x, condition)
            noise = self._rows_noise(rows)
        batch = tf.convert_to_tensor(batch, tf.int32)
        return tf.reshape(noise, tf.concat([batch, [self.event_size]], axis=0))

    def sample(
        self, sample_shape: Any = (), *, condition: Any = None, seed: Any = None
    ) -> tf.Tensor:
        """Draw events ``[sample_shape, D]``.

        Args:
            sample_shape: an integer, or several; for a conditional flow the whole batch shape.
            condition: for a conditional flow, one for all samples or one for each.
            seed: an integer: the same seed gives the same rows, fewer of them the first ones. A
                tensor ``[2]``: TFP's stateless seed. None: TensorFlow's global seed.

        Raises:
            ValueError: If a size is negative, or a condition is missing or wrong.
        """
        shape = static_shape(sample_shape)
        if shape is None:
            batch = tf.cast(tf.reshape(sample_shape, [-1]), tf.int32)
            n = tf.reduce_prod(batch)
        else:
            batch, n = None, int(np.prod(shape, dtype=np.int64))
        if shape is not None and n == 0:
            self.conditioning.check_presence(condition)
            return tf.zeros([*shape, self.event_size], self.dtype)
        if shape is None or self._wants_tensors(condition):
            batch = tf.constant(shape, tf.int32) if batch is None else batch
            conditions = self.rows.condition_tensors(condition, batch)
            data = self._graph_data(tf.concat([self._noise(n, seed), conditions], axis=1))
        else:
            conditions = self.rows.condition_arrays(condition, shape)
            data = self._sample_rows(n, seed, conditions)
        x = self.rows.to_data(data)
        if shape is not None:
            return x if len(shape) == 1 else tf.reshape(x, [*shape, self.event_size])
        return tf.reshape(x, tf.concat([batch, [self.event_size]], axis=0))

    def _sample_rows(self, n: int, seed: Any, conditions: np.ndarray) -> tf.Tensor:
        """Draw standardised rows ``[n, D]`` in chunks, compiled if possible."""
        data = self._graph_data
        if self.compiled is not None and not contexts.checks_numerics():
            data = self.compiled.data
        rng = np.random.default_rng(seed) if isinstance(seed, (int, np.integer)) else None
        chunks, start = [], 0
        noise = None if rng is not None else self._noise(n, seed)
        while start < n:
            stop = min(start + self._sample_chunk, n)
            drawn: Any
            if rng is not None:
                drawn = rng.standard_normal([stop - start, self.noise_size]).astype(self.dtype)
            elif noise is not None:
                drawn = noise[start:stop]
            if self.conditioning.size:
                drawn = tf.concat([drawn, conditions[start:stop]], axis=1)
            chunks.append(data(drawn))
            start = stop
        return chunks[0] if len(chunks) == 1 else tf.concat(chunks, axis=0)

    def _noise(self, n: Any, seed: Any) -> tf.Tensor:
        """Draw standard normal numbers ``[n, noise_size]``."""
        if seed is None:
            return tf.random.normal([n, self.noise_size], dtype=self.dtype)
        if isinstance(seed, (int, np.integer)) and not tf.is_tensor(n):
            rng = np.random.default_rng(seed)
            return tf.constant(rng.standard_normal([n, self.noise_size]), self.dtype)
        return tf.random.stateless_normal(
            [n, self.noise_size], tfp.random.sanitize_seed(seed), dtype=self.dtype
        )

    @property
    def noise_size(self) -> int:
        """Number of standard normal numbers per sample; a mixture also picks components by them."""
        return self.event_size * (2 if isinstance(self.base, Autoregressive) else 1)

    def given(self, condition: Any) -> Any:
        """Return the ``tfd.Distribution`` of events given a condition.

        Its batch shape is the condition's: ``[]`` for one label or vector, ``[N]`` for labels
        ``[N]`` or vectors ``[N, C]``. Gradients reach a condition that is a tensor.

        Raises:
            ValueError: If the flow is not conditional, or the condition is wrong.
        """
        self.conditioning.check_presence(condition)
        if not self.conditioning.size:
            return self.distribution
        if not is_symbolic(condition):
            self.conditioning.array(condition)
        c = self.rows.condition_input(condition)
        bijectors = list(self.distribution.bijector.bijectors)
        return given_condition(bijectors, self.base, c, event_size=self.event_size)

    # Settings: columns and standardisation

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Names of the columns of the DataFrame that the flow was trained on, or None."""
        return self.rows.columns

    @columns.setter
    def columns(self, names: Sequence[str] | None) -> None:
        self.rows.columns = None if names is None else tuple(names)

    @property
    def standardisation(self) -> Standardise:
        """The standardising bijector; the identity until it is set."""
        return self.rows.standardisation

    def standardise(
        self, x: Any, condition: Any = None, *, weights: np.ndarray | None = None
    ) -> None:
        """Set the standardising bijectors; see :meth:`StandardRows.standardise`."""
        self.rows.standardise(x, condition, weights=weights)

    @property
    def is_standardised(self) -> bool:
        """Whether the standardising bijectors have been set."""
        return self.rows.is_standardised

    # Rows: events and conditions side by side, standardised

    def joined_rows(
        self, x: Any, condition: Any = None, *, name: str = "x", first_row: int = 0
    ) -> np.ndarray:
        """Return standardised events and conditions, checked, side by side: ``[N, D + C]``.

        Raises:
            ValueError: If the shape is not ``[N, D]``; otherwise as for :meth:`log_prob`.
        """
        shape = np.shape(x)
        if len(shape) != 2 or (self.columns is None and shape[1] != self.event_size):
            raise ValueError(
                f"{name} must have shape [N, {self.event_size}], got {list(np.shape(x))}"
            )
        return self.rows.arrays(x, condition, name=name, first_row=first_row)[0]

    @staticmethod
    def _wants_tensors(*values: Any) -> bool:
        """Return whether gradients may be wanted, or a graph is being traced."""
        if not tf.executing_eagerly() or is_symbolic(*values):
            return True
        # A tape may watch x, which the checked copy is not, or variables.
        return record.could_possibly_record()

    def rows_log_prob(self, rows: Any, log_det: Any = 0.0) -> tf.Tensor:
        """Return log-likelihoods ``[N]`` of joined rows, in the units of the standardised data.

        Args:
            rows: ``[N, D + C]``.
            log_det: added, a number or ``[N]``: that of the standardisation, for the data's units.
        """
        if self.compiled is not None and len(rows) and not contexts.checks_numerics():
            return self.compiled.log_prob(rows, log_det)
        if self._row_chunks is not None and len(rows) and not contexts.checks_numerics():
            log_prob = self._row_chunks(rows)
        else:
            log_prob = self._graph_log_prob(rows)
        return log_prob + np.asarray(log_det, self.dtype)

    def split(self, rows: Any, *, size: int | None = None) -> tuple[Any, Any]:
        """Split rows into events, or noise of ``size`` columns, and conditions, or None."""
        size = self.event_size if size is None else size
        return rows[:, :size], rows[:, size:] if self.conditioning.size else None

    # TFP's bijectors, on standardised rows

    def _keywords(self, condition: Any) -> dict[str, Any]:
        """Return the condition as keyword arguments of TFP's bijectors and base, by name."""
        if condition is None:
            return {}
        given = {"condition": condition}
        bijectors = {b.name: given for b in self.bijectors if _is_conditional(b)}
        base = given if isinstance(self.base, Autoregressive) else {}
        return {"bijector_kwargs": bijectors, "distribution_kwargs": base}

    def tfp_log_prob(
        self, rows: tf.Tensor, *, training: bool = False, step: tf.Tensor | int = 0
    ) -> tf.Tensor:
        """Return log-likelihoods ``[N]`` of joined rows ``[N, D + C]``, by TFP's bijectors.

        Args:
            rows: standardised.
            training: whether batch normalisation uses the rows' statistics, and networks of images
                drop features.
            step: number of the training step, on which it depends what is dropped.
        """
        z, condition = self.split(rows)
        distribution = self._inner_training if training else self._inner
        if any(isinstance(bijector, AttentionLayer) for bijector in self.bijectors):
            return one_pass_log_prob(distribution, z, **self._keywords(condition))
        return distribution.log_prob(z, **self._keywords(condition))

    def _rows_noise(self, rows: np.ndarray) -> tf.Tensor:
        """Return the noise ``[N, D]`` of joined rows ``[N, D + C]``."""
        return self._graph_noise(rows)

    def _tfp_noise(self, rows: tf.Tensor) -> tf.Tensor:
        u, condition = self.split(rows)
        keywords = self._keywords(condition).get("bijector_kwargs", {})
        u = self._inner.bijector.inverse(u, **keywords)
        return self.base.normal_scores(u, condition) if isinstance(self.base, Autoregressive) else u

    def _tfp_data(self, rows: tf.Tensor) -> tf.Tensor:
        x, condition = self.split(rows, size=self.noise_size)
        if isinstance(self.base, Autoregressive):
            x = self.base.from_noise(tf.reshape(x, [-1, self.event_size, 2]), condition)
        keywords = self._keywords(condition).get("bijector_kwargs", {})
        return self._inner.bijector.forward(x, **keywords)

    def layers_noise(self, first: int, last: int, rows: np.ndarray) -> np.ndarray:
        """Return the noise ``[N, D]`` of layers ``first`` to ``last - 1``.

        Args:
            first, last: places of layers, counted from the data.
            rows: data of the first of these layers, and conditions, ``[N, D + C]``.
        """
        if self.compiled is not None and not contexts.checks_numerics():
            return self.compiled.inverse(first, last, rows).numpy()
        x, conditions = rows[:, : self.event_size], rows[:, self.event_size :]
        for inverse in self._layer_functions[first:last]:
            x = inverse(np.concatenate([x, conditions], axis=1)).numpy()
        return x

    @property
    def _layer_functions(self) -> list[Callable[[Any], tf.Tensor]]:
        if not hasattr(self, "_traced_layers"):

            def traced(bijector: Any) -> Any:
                @tf.function(reduce_retracing=True)
                def inverse(rows: tf.Tensor) -> tf.Tensor:
                    x, condition = self.split(rows)
                    keywords = self._keywords(condition).get("bijector_kwargs", {})
                    return bijector.inverse(x, **keywords.get(bijector.name, {}))

                return inverse

            self._traced_layers = [traced(bijector) for bijector in self.bijectors]
        return self._traced_layers

    # Weights, copies, files

    @property
    def functions(self) -> dict[str, Any]:
        """Functions ``log_prob``, ``noise`` and ``sample(n, seed [2])`` in TensorFlow, for export.

        Those of a conditional flow also take ``condition``, one row per event.
        """
        x = tf.TensorSpec([None, self.event_size], self.dtype)
        n, seed = tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)
        spec = [self.conditioning.specification(self.dtype)] if self.conditioning.size else []

        def rows(z: tf.Tensor, condition: Sequence[tf.Tensor]) -> tf.Tensor:
            return tf.concat([z, *(self.rows.condition_input(c) for c in condition)], axis=1)

        def log_prob(x: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
            z, log_det = self.rows.to_standard(x)
            return self.tfp_log_prob(rows(z, condition)) + log_det

        def noise(x: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
            return self._tfp_noise(rows(self.rows.to_standard(x)[0], condition))

        def sample(n: tf.Tensor, seed: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
            noise = tf.random.stateless_normal([n, self.noise_size], seed, dtype=self.dtype)
            return self.rows.to_data(self._tfp_data(rows(noise, condition)))

        return {
            "log_prob": tf.function(log_prob, input_signature=[x, *spec]),
            "noise": tf.function(noise, input_signature=[x, *spec]),
            "sample": tf.function(sample, input_signature=[n, seed, *spec]),
        }

    @property
    def gammas(self) -> dict[Any, tf.Variable]:
        """Scale gamma of each batch normalisation, by ``variable.ref()``."""
        norms = [b.batchnorm for b in self.bijectors if isinstance(b, BatchNormalization)]
        return {norm.gamma.ref(): norm.gamma for norm in norms}

    @property
    def has_batch_norm(self) -> bool:
        """True if any layer is a batch normalisation."""
        return bool(self.gammas)

    @property
    def variables(self) -> tuple[tf.Variable, ...]:
        """All variables. They are looked for once: that takes longer than an epoch of few rows."""
        if not hasattr(self, "_variables"):
            self._variables = tuple(super().variables)
        return self._variables

    @property
    def layer_variables(self) -> list[tf.Variable]:
        """Variables of layers and base, in the order in which a file holds them."""
        own = {variable.ref() for variable in self.rows.settings}
        return [variable for variable in self.variables if variable.ref() not in own]

    def get_weights(self) -> list[np.ndarray]:
        """Return a copy of all variables, batch norm's statistics included."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Assign the values that :meth:`get_weights` returned."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as builder, arguments and weights; ``copy.deepcopy`` uses it, too."""
        builder_of(self.builder)  # raises where the flow was put together by hand
        return _rebuild, (self.builder, dict(self.arguments), self.columns, self.get_weights())

    def save(self, folder: str | Path, *, scaler: Scaler | None = None) -> None:
        """Write a TensorFlow SavedModel, and what :func:`tfp_maf.load_flow` needs to rebuild it.

        Args:
            folder: the folder to write ``model`` to; created if it is missing.
            scaler: of the table that the rows come from; with it, the SavedModel's functions are
                in the table's units.

        Raises:
            OSError: If the folder can't be written.
        """
        write_saved_model(
            folder,
            functions=self.functions,
            variables=[*self.layer_variables, *self.rows.settings],
            description={
                "builder": self.builder,
                "arguments": _plain(self.arguments),
                "columns": None if self.columns is None else list(self.columns),
            },
            dtype=self.dtype,
            scaler=scaler,
        )


def _rebuild(
    builder: str,
    arguments: dict[str, Any],
    columns: tuple[str, ...] | None,
    weights: Sequence[np.ndarray],
) -> Flow:
    """Return the flow that was pickled."""
    flow = builder_of(builder)(**arguments)
    flow.columns = columns
    flow.set_weights(weights)
    return flow


def _plain(arguments: Any) -> dict[str, Any]:
    """Return arguments that JSON can hold: functions are replaced by their names."""
    return {
        name: {"function": f"{value.__module__}.{value.__qualname__}"} if callable(value) else value
        for name, value in arguments.items()
    }


def _is_conditional(bijector: Any) -> bool:
    return any(getattr(module, "condition_size", 0) for module in bijector.submodules)


def _training_view(part: Any) -> Any:
    if isinstance(part, BatchNormalization):
        return BatchNormalization(part.batchnorm, training=True)
    return part
