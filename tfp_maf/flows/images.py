"""Models of images: flows without bijectors, whose ``log_prob`` is that of a probability.

Their face is that of every :class:`Flow`, on rows ``[D]`` of levels 0 .. L - 1 in the layout of
:mod:`tfp_maf.data_prep.images`; added are bits per dimension, and images in place of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.distributions.images import ImageDistribution
from tfp_maf.distributions.pixels import pixels_of
from tfp_maf.flows import contexts
from tfp_maf.flows.conditioning import Conditioning
from tfp_maf.flows.flow import Flow, RowChunks
from tfp_maf.flows.inputs import is_symbolic
from tfp_maf.networks.image_network import ImageNetwork
from tfp_maf.utils.checks import check_one_of, check_positive_integer

tfb, tfd = tfp.bijectors, tfp.distributions

# Images per call: features of hundreds of pixels do not fit memory for many more at once.
CHUNKS = (10, 100)
# Sites whose gradient is taken at once: their features stay in a processor's cache of some
# megabytes, where those of a hundred images do not. A Gated PixelCNN's step takes half the time.
SITES_AT_ONCE = 5_000


class ImageModel(Flow):
    """Model of images with exact ``log_prob`` in nats and ``sample``; trained by ``tfp_maf.fit``.

    Attributes:
        network: gives the parameters of each pixel's distribution.

    Args:
        network: as from the builders.
        builder, arguments: name of the ``build_*`` function, and the arguments it was given.
    """

    steps_per_call = 25
    is_of_levels = True

    def __init__(
        self,
        network: ImageNetwork,
        *,
        builder: str,
        arguments: dict[str, Any],
        conditioning: Conditioning,
        dtype: str,
    ):
        super().__init__(
            int(np.prod(network.sites.image_shape)),
            [],
            builder=builder,
            arguments=arguments,
            masks=network.masks,
            base=ImageDistribution(network, dtype=dtype),
            conditioning=conditioning,
            dtype=dtype,
        )
        self.network = network
        self.gradient_rows = max(1, SITES_AT_ONCE // int(np.prod(network.sites.grid)))
        self._noises, self._draws = self._graph_noise, self._graph_data
        if RowChunks is not None:
            self._row_chunks = RowChunks(self.tfp_log_prob, sizes=CHUNKS)
            self._noises = RowChunks(self._tfp_noise, sizes=CHUNKS)
            self._draws = RowChunks(self._tfp_data, sizes=CHUNKS)

    @property
    def levels(self) -> int:
        """Number of levels of a pixel, L."""
        return self.network.pixels.levels

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Height and width, then the number of colours if there are several."""
        height, width, channels = self.network.sites.image_shape
        return (height, width) if channels == 1 else (height, width, channels)

    @property
    def images(self) -> Any:
        """``tfd.Distribution`` of images ``[H, W]`` or ``[H, W, C]`` in place of rows."""
        height, width, channels = self.network.sites.image_shape
        if channels == 1:
            return tfd.TransformedDistribution(self.distribution, tfb.Reshape([height, width]))
        planes = [tfb.Transpose([1, 2, 0]), tfb.Reshape([channels, height, width])]
        return tfd.TransformedDistribution(self.distribution, tfb.Chain(planes))

    def to_images(self, rows: Any) -> np.ndarray:
        """Return images ``[..., H, W]`` or ``[..., H, W, C]`` of rows ``[..., D]``.

        Raises:
            ValueError: If the rows have another shape.
        """
        height, width, channels = self.network.sites.image_shape
        rows = np.asarray(rows)
        if rows.shape[-1:] != (self.event_size,):
            raise ValueError(
                f"rows must have shape [..., {self.event_size}], got {list(rows.shape)}"
            )
        planes = rows.reshape(*rows.shape[:-1], channels, height, width)
        return planes[..., 0, :, :] if channels == 1 else np.moveaxis(planes, -3, -1)

    def to_rows(self, images: Any) -> np.ndarray:
        """Return rows ``[..., D]`` of images ``[..., H, W]`` or ``[..., H, W, C]``.

        Raises:
            ValueError: If the images have another shape.
        """
        images, shape = np.asarray(images), self.image_shape
        if images.shape[-3:] == (*shape, 1):  # grey images with an axis of colours
            images = images[..., 0]
        if images.shape[-len(shape) :] != shape:
            expected = ", ".join(map(str, shape))
            raise ValueError(f"images must have shape [..., {expected}], got {list(images.shape)}")
        batch = images.shape[: -len(shape)]
        planes = images if len(shape) == 2 else np.moveaxis(images, -1, -3)
        return planes.reshape(*batch, self.event_size)

    def log_prob(self, x: Any, condition: Any = None, *, first_row: int = 0) -> tf.Tensor:
        """Return ``log P(x)``, or ``log P(x | c)``, in nats; see :meth:`Flow.log_prob`.

        Raises:
            ValueError: Also if a value is not a level, 0 .. L - 1; in a graph, which can't raise
                it, the result is minus infinity.
        """
        self._check_if_known(x, first_row=first_row)
        return super().log_prob(x, condition, first_row=first_row)

    def noise(self, x: Any, condition: Any = None) -> tf.Tensor:
        """Return ``Phi^-1`` of the middle of each level's part of (0, 1); see :meth:`Flow.noise`.

        Raises:
            ValueError: Also if a value is not a level; in a graph, its noise is NaN.
        """
        self._check_if_known(x)
        return super().noise(x, condition)

    def bits_per_dimension(self, x: Any, condition: Any = None) -> tf.Tensor:
        """Return ``-log2 P(x) / D``, ``[...]`` for rows ``[..., D]``."""
        return self.log_prob(x, condition) / (-self.event_size * np.log(2))

    def joined_rows(
        self, x: Any, condition: Any = None, *, name: str = "x", first_row: int = 0
    ) -> np.ndarray:
        """See :meth:`Flow.joined_rows`; values that are not levels are refused."""
        rows = super().joined_rows(x, condition, name=name, first_row=first_row)
        self._check_levels(rows[:, : self.event_size], name=name, first_row=first_row)
        return rows

    def _check_if_known(self, x: Any, *, first_row: int = 0) -> None:
        """Check levels, but for a tensor whose values are not known while a graph is traced."""
        if tf.executing_eagerly() or not is_symbolic(x):
            self._check_levels(x, name="x", first_row=first_row)

    def _check_levels(self, x: Any, *, name: str, first_row: int) -> None:
        try:
            values = np.asarray(x, np.float64)
        except (TypeError, ValueError):
            return  # what is not numbers is refused elsewhere
        if values.ndim == 0:
            return  # so is what is not a row
        bad = np.argwhere((values < 0) | (values > self.levels - 1) | (values != np.floor(values)))
        if len(bad):
            place = tuple(bad[0])
            number = int(np.ravel_multi_index(place[:-1], values.shape[:-1])) if place[:-1] else 0
            row = f"row {first_row + number}, " if values.ndim > 1 else ""
            raise ValueError(
                f"{name} has {values[place]:g} at {row}column {place[-1]} (counted from 0); "
                f"levels are the integers 0 to {self.levels - 1}"
            )

    @property
    def is_standardised(self) -> bool:
        """Whether vectors that it is conditional on are standardised; levels stay as they are."""
        of_condition = self.rows.condition_standardisation
        return of_condition is None or not of_condition.is_identity

    def standardise(
        self, x: Any, condition: Any = None, *, weights: np.ndarray | None = None
    ) -> None:
        """Standardise the vectors that the model is conditional on; levels stay as they are.

        Raises:
            ValueError: If there are no such vectors.
        """
        if self.rows.condition_standardisation is None:
            raise ValueError("a model of images takes levels as they are: don't standardise it")
        self.rows.standardise_condition(condition, weights=weights)

    def tfp_log_prob(
        self, rows: tf.Tensor, *, training: bool = False, step: tf.Tensor | int = 0
    ) -> tf.Tensor:
        """See :meth:`Flow.tfp_log_prob`."""
        x, condition = self.split(rows)
        base = self.base.in_training(step) if training else self.base
        return base.log_prob(x, condition=condition)

    def _rows_noise(self, rows: np.ndarray) -> tf.Tensor:
        in_chunks = len(rows) and not contexts.checks_numerics()
        return self._noises(rows) if in_chunks else self._graph_noise(rows)

    def _sample_rows(self, n: int, seed: Any, conditions: np.ndarray) -> tf.Tensor:
        noise = self._noise(n, seed)
        if self.conditioning.size:
            noise = tf.concat([noise, conditions], axis=1)
        return self._graph_data(noise) if contexts.checks_numerics() else self._draws(noise)


def build_image_model(
    builder: str, arguments: dict[str, Any], network: Any, *, options: Sequence[str]
) -> ImageModel:
    """Build the model of a network from a builder's arguments.

    Args:
        builder, arguments: name of the ``build_*`` function, and its arguments.
        network: class of the network, or a function that makes it.
        options: names of the arguments that the network takes, besides those that all take.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    shape, arguments = image_arguments(arguments["image_shape"], arguments)
    kind = arguments["pixels"] or ("binary" if arguments["levels"] == 2 else "categorical")
    pixels = pixels_of(
        kind, levels=arguments["levels"], channels=shape[2], components=arguments["components"]
    )
    conditioning = Conditioning(arguments["condition_size"], arguments["num_labels"])
    made = network(
        shape,
        pixels,
        condition_size=conditioning.size,
        rng=np.random.default_rng(arguments["seed"]),
        dtype=arguments["dtype"],
        **{name: arguments[name] for name in options},
    )
    return ImageModel(
        made,
        builder=builder,
        arguments=arguments,
        conditioning=conditioning,
        dtype=arguments["dtype"],
    )


def image_arguments(
    image_shape: Any, arguments: dict[str, Any]
) -> tuple[tuple[int, int, int], dict[str, Any]]:
    """Return the image's height, width and number of colours, and a builder's checked arguments.

    Args:
        image_shape: ``(height, width)`` or ``(height, width, colours)``.
        arguments: those of the builder by name, ``image_shape`` among them.

    Raises:
        ValueError: If one is out of its range; the message names it.
    """
    shape = sizes_of(image_shape)
    if len(shape) not in (2, 3):
        raise ValueError(
            f"image_shape must be (height, width) or (height, width, colours), integers above 0, "
            f"got {image_shape!r}"
        )
    plain = {n: v.item() if isinstance(v, np.generic) else v for n, v in arguments.items()}
    plain["image_shape"] = shape
    for name in ("levels", "num_layers", "features", "patch", "components"):
        if name in plain:
            check_positive_integer(name, plain[name])
    if "dilations" in plain:
        plain["dilations"] = sizes_of(plain["dilations"])
        if not plain["dilations"]:
            raise ValueError(
                f"dilations must be one or more integers above 0, got {arguments['dilations']!r}"
            )
    if plain["levels"] < 2:
        raise ValueError("levels must be at least 2: one level alone has no distribution")
    if "heads" in plain:
        check_positive_integer("heads", plain["heads"])
        if plain["features"] < 2:
            raise ValueError("features must be at least 2: one alone, normalised, is always 0")
        if plain["features"] % plain["heads"]:
            raise ValueError(f"heads={plain['heads']} does not divide features={plain['features']}")
    if "hidden_units" in plain:
        units = sizes_of(plain["hidden_units"])
        if len(set(units)) != 1:
            raise ValueError(
                f"hidden_units must be one size above 0 for each layer, all equal, got "
                f"{plain['hidden_units']!r}"
            )
        plain["hidden_units"] = units
    dropout = plain.get("dropout", 0)
    if not isinstance(dropout, (int, float)) or not 0 <= dropout < 1:
        raise ValueError(f"dropout must be at least 0 and below 1, got {dropout!r}")
    if not isinstance(plain["seed"], int) or plain["seed"] < 0:
        raise ValueError(f"seed must be an integer of at least 0, got {plain['seed']!r}")
    check_one_of("dtype", plain["dtype"], ("float32", "float64"))
    Conditioning(plain["condition_size"], plain["num_labels"])
    return (shape[0], shape[1], shape[2] if len(shape) == 3 else 1), plain


def sizes_of(values: Any, *, least: int = 1) -> list[int]:
    """Return integers of at least ``least``, one or several, as a list; an empty one for others."""
    flat = list(values) if isinstance(values, (list, tuple, np.ndarray)) else [values]
    are_sizes = all(
        isinstance(v, (int, np.integer)) and not isinstance(v, bool) and v >= least for v in flat
    )
    return [int(v) for v in flat] if are_sizes else []
