"""A flow: TFP bijectors between noise and data.

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

from data_prep.splits import Scaler
from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.distributions.mixture import MixtureMade
from tfp_maf.flows.conditioning import Conditioning
from tfp_maf.flows.saved_model import write_saved_model
from tfp_maf.utils.checks import check_rows
from tfp_maf.xla.program import read_program
from tfp_maf.xla.row_chunks import RowChunks, layer_inverses
from tfp_maf.xla.sampling import noise_to_data

tfb, tfd = tfp.bijectors, tfp.distributions

SAMPLE_CHUNK = 10_000


class Flow(tf.Module):
    """A density over events ``[D]`` with exact ``log_prob`` and ``sample``.

    Attributes:
        distribution: ``tfd.TransformedDistribution`` for evaluation; batch norm uses its
            stored statistics.
        training_distribution: the same layers and variables; batch norm uses the batch's
            statistics.
        masks: for each masked kernel, by ``variable.ref()``, its mask ``[n_in, n_out]``.
        conditioning: what the density is conditional on, if anything.
        builder, arguments: the ``build_*`` function's name and what it was given.

    Args:
        bijectors: in the order of ``tfb.Chain``: the first is nearest to the data.
        base: the density of the noise; ``N(0, I)`` by default.
        row_by_row: whether the bijectors treat each row for itself and XLA can compile them, so
            that rows may be scored in padded pieces.
    """

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
        dtype: str = "float32",
    ):
        super().__init__()
        self.event_size, self.dtype = event_size, dtype
        self.builder = builder
        # tf.Module would wrap a plain dict in a type of its own, which json does not take.
        self.arguments = MappingProxyType(dict(arguments))
        self.masks = masks
        self.conditioning = conditioning or Conditioning()
        if base is None:
            base = tfd.MultivariateNormalDiag(loc=tf.zeros([event_size], dtype))
        self.distribution = tfd.TransformedDistribution(base, tfb.Chain(list(bijectors)))
        self.training_distribution = tfd.TransformedDistribution(
            base, tfb.Chain([_training_view(bijector) for bijector in bijectors])
        )
        # Of TFP's bijectors, for any number of rows. A row is an event and its condition.
        rows = tf.TensorSpec([None, event_size + self.conditioning.size], dtype)
        self._log_prob = tf.function(self.tfp_log_prob, input_signature=[rows])
        self._noise = tf.function(self._tfp_noise, input_signature=[rows])
        self._data = tf.function(self._tfp_data)
        # The same arithmetic for XLA, where the bijectors are those it is written out for.
        self.program = read_program(bijectors, base, masks, event_size=event_size)
        if self.program is None:
            compiled = RowChunks(self.tfp_log_prob)
            self._fast_log_prob = compiled if row_by_row else self._log_prob
            self._fast_data = self._data
            self.inverses = [self._tfp_inverse(bijector) for bijector in bijectors]
        else:
            self.inverses = layer_inverses(self.program)
            self._fast_log_prob = RowChunks(self.program.log_prob)
            self._fast_data = RowChunks(noise_to_data(self.program, masks))

    @property
    def bijectors(self) -> list[Any]:
        """From the data to the noise, as evaluation uses them."""
        return list(self.distribution.bijector.bijectors)

    @property
    def base(self) -> Any:
        """The density of the noise."""
        return self.distribution.distribution

    def log_prob(self, x: Any, condition: Any = None, *, first_row: int = 0) -> tf.Tensor:
        """``log p(x)``, or ``log p(x | c)``, in nats: ``[N, D]`` to ``[N]``.

        Args:
            x: rows in the units that the flow was trained on.
            condition: for a conditional flow labels ``[N]`` or vectors ``[N, C]``, or a single one
                for all rows.
            first_row: number of the first one, for messages.

        Raises:
            ValueError: not of shape ``[N, D]``, or NaN or infinite; a condition missing or wrong.
        """
        rows = self.joined_rows(x, condition, first_row=first_row)
        # Inside a tf.function the number of rows may be unknown.
        if tf.is_tensor(rows) or len(rows) == 0:
            return self._log_prob(rows)
        if tf.is_tensor(x) and record.could_possibly_record():
            # A tape may watch x, which the checked copy is not.
            return self._log_prob(
                tf.concat([tf.cast(x, self.dtype), rows[:, x.shape[1] :]], axis=1)
            )
        return self._fast_log_prob(rows)

    def noise(self, x: Any, condition: Any = None) -> tf.Tensor:
        """``[N, D]`` to ``[N, D]``, standard normal if the flow fits: ``u = f^-1(x)``.

        Where the noise has a density of its own, a mixture of Gaussians, each conditional's
        normal score is taken further: ``Phi^-1(F(u_i | u_1..u_{i-1}))``.
        """
        return self._noise(self.joined_rows(x, condition))

    def sample(self, n: int, *, condition: Any = None, seed: int | None = None) -> tf.Tensor:
        """Draws ``[n, D]``; the same seed gives the same rows, fewer of them the first ones.

        Args:
            n: how many.
            condition: for a conditional flow, one for all samples or one each.
            seed: of the noise.

        Raises:
            ValueError: ``n`` below 1; a condition missing or wrong.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        conditions = self.conditioning.rows(condition, n, dtype=self.dtype)
        if seed is None and not tf.executing_eagerly():
            # NumPy's noise would be the same at every call of the traced function.
            noise = tf.random.normal([n, self.noise_size], dtype=self.dtype)
            return self._data(tf.concat([noise, conditions], axis=1))
        rng = np.random.default_rng(seed)
        # The one-pass way has no gradient.
        gradients = not tf.executing_eagerly() or record.could_possibly_record()
        data = self._data if gradients else self._fast_data
        chunks = []
        for start in range(0, n, SAMPLE_CHUNK):
            size = min(SAMPLE_CHUNK, n - start)
            noise = rng.standard_normal([size, self.noise_size]).astype(self.dtype)
            rows = np.concatenate([noise, conditions[start : start + size]], axis=1)
            chunks.append(data(tf.constant(rows)))
        return chunks[0] if len(chunks) == 1 else tf.concat(chunks, axis=0)

    @property
    def noise_size(self) -> int:
        """Standard normal numbers behind a sample: a mixture also picks its component."""
        return self.event_size * (2 if isinstance(self.base, MixtureMade) else 1)

    @property
    def functions(self) -> dict[str, Any]:
        """``log_prob``, ``noise`` and ``sample(n, seed [2])`` as ``tf.function``, for export.

        A conditional flow's take ``condition`` as well, a row each.
        """
        x = tf.TensorSpec([None, self.event_size], self.dtype)
        n, seed = tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)
        spec = [self.conditioning.specification(self.dtype)] if self.conditioning.size else []

        def rows(x: tf.Tensor, condition: Sequence[tf.Tensor]) -> tf.Tensor:
            parts = [self.conditioning.tensor(c, self.dtype) for c in condition]
            return tf.concat([x, *parts], axis=1)

        def sample(n: tf.Tensor, seed: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
            noise = tf.random.stateless_normal([n, self.noise_size], seed, dtype=self.dtype)
            return self._tfp_data(rows(noise, condition))

        return {
            "log_prob": tf.function(
                lambda x, *condition: self.tfp_log_prob(rows(x, condition)),
                input_signature=[x, *spec],
            ),
            "noise": tf.function(
                lambda x, *condition: self._tfp_noise(rows(x, condition)),
                input_signature=[x, *spec],
            ),
            "sample": tf.function(sample, input_signature=[n, seed, *spec]),
        }

    @property
    def gammas(self) -> dict[Any, tf.Variable]:
        """The scale of each batch normalisation, by ``variable.ref()``."""
        norms = [b.batchnorm for b in self.bijectors if isinstance(b, BatchNormalization)]
        return {norm.gamma.ref(): norm.gamma for norm in norms}

    @property
    def has_batch_norm(self) -> bool:
        """Whether any layer is a batch normalisation."""
        return bool(self.gammas)

    def get_weights(self) -> list[np.ndarray]:
        """A copy of all variables, batch norm's statistics included."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Puts back what :meth:`get_weights` gave."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def save(self, folder: str | Path, *, scaler: Scaler | None = None) -> None:
        """Writes a TensorFlow SavedModel and what :func:`tfp_maf.load_flow` needs to rebuild.

        Args:
            folder: where to.
            scaler: of the table that the rows come from; with it, the SavedModel's functions are
                in the table's units.

        Raises:
            OSError: the folder can't be written.
        """
        write_saved_model(
            folder,
            functions=self.functions,
            variables=self.variables,
            description={"builder": self.builder, "arguments": dict(self.arguments)},
            dtype=self.dtype,
            scaler=scaler,
        )

    def joined_rows(
        self, x: Any, condition: Any = None, *, name: str = "x", first_row: int = 0
    ) -> Any:
        """Events and their conditions, checked, side by side: ``[N, D + C]``."""
        if tf.is_tensor(x) and not isinstance(x, tf.__internal__.EagerTensor):
            x = tf.cast(x, self.dtype)
            if not self.conditioning.size:
                return x
            return tf.concat([x, self.conditioning.tensor(condition, self.dtype)], axis=1)
        x = check_rows(x, self.event_size, dtype=self.dtype, name=name, first_row=first_row)
        label = "condition" if name == "x" else f"{name}_condition"
        conditions = self.conditioning.rows(
            condition, len(x), dtype=self.dtype, name=label, first_row=first_row
        )
        return np.concatenate([x, conditions], axis=1) if self.conditioning.size else x

    def split(self, rows: Any, *, size: int | None = None) -> tuple[Any, Any]:
        """Rows to events, or noise of another size, and conditions, None without any."""
        size = self.event_size if size is None else size
        return rows[:, :size], rows[:, size:] if self.conditioning.size else None

    def _keywords(self, condition: Any) -> dict[str, Any]:
        """The condition as TFP hands it to bijectors and base, by name."""
        if condition is None:
            return {}
        given = {"condition": condition}
        bijectors = {b.name: given for b in self.bijectors if _is_conditional(b)}
        base = given if isinstance(self.base, MixtureMade) else {}
        return {"bijector_kwargs": bijectors, "distribution_kwargs": base}

    def tfp_log_prob(self, rows: tf.Tensor, *, training: bool = False) -> tf.Tensor:
        """``log p(x)`` of joined rows through TFP's bijectors, ``[N, D + C]`` to ``[N]``."""
        x, condition = self.split(rows)
        distribution = self.training_distribution if training else self.distribution
        return distribution.log_prob(x, **self._keywords(condition))

    def _tfp_noise(self, rows: tf.Tensor) -> tf.Tensor:
        x, condition = self.split(rows)
        keywords = self._keywords(condition).get("bijector_kwargs", {})
        u = self.distribution.bijector.inverse(x, **keywords)
        return self.base.normal_scores(u, condition) if isinstance(self.base, MixtureMade) else u

    def _tfp_data(self, rows: tf.Tensor) -> tf.Tensor:
        u, condition = self.split(rows, size=self.noise_size)
        if isinstance(self.base, MixtureMade):
            u = self.base.from_noise(tf.reshape(u, [-1, self.event_size, 2]), condition)
        keywords = self._keywords(condition).get("bijector_kwargs", {})
        return self.distribution.bijector.forward(u, **keywords)

    def _tfp_inverse(self, bijector: Any) -> Callable[..., tf.Tensor]:
        @tf.function(reduce_retracing=True)
        def inverse(rows: tf.Tensor) -> tf.Tensor:
            x, condition = self.split(rows)
            keywords = self._keywords(condition).get("bijector_kwargs", {})
            return bijector.inverse(x, **keywords.get(bijector.name, {}))

        return inverse


def _is_conditional(bijector: Any) -> bool:
    return any(getattr(module, "condition_size", 0) for module in bijector.submodules)


def _training_view(bijector: Any) -> Any:
    if isinstance(bijector, BatchNormalization):
        return BatchNormalization(bijector.batchnorm, training=True)
    return bijector
