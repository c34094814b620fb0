"""Catalogue of the models in the papers' tables, with their builders and learning rates.

Papamakarios, Pavlakou and Murray 2017 (arXiv 1705.07057), section 4; the neural spline flows are
those of Durkan et al. 2019 (arXiv 1906.04032), table 1; TarFlow is that of Zhai et al. 2024 (arXiv
2412.06329). Every model here is trained by ``reproduce``, and is covered by the tests. Builders are
listed by name, so that TensorFlow is only imported when one is called.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Module of each builder.
BUILDERS = {
    "build_categories": "categories",
    "build_gaussian": "gaussian",
    "build_gaussian_mixture": "gaussian_mixture",
    "build_image_transformer": "image_attention",
    "build_made": "maf",
    "build_made_mog": "maf",
    "build_maf": "maf",
    "build_maf_mog": "maf",
    "build_nsf": "nsf",
    "build_patch_made": "pixelcnn",
    "build_pixelcnn": "pixelcnn",
    "build_pixelcnn_pp": "pixelcnn",
    "build_pixelsnail": "image_attention",
    "build_realnvp": "realnvp",
    "build_tarflow": "tarflow",
}

FLOW_RATE, MADE_RATE, NSF_RATE, TARFLOW_RATE = 1e-4, 1e-3, 5e-4, 1e-3
# The learning rate falls to 0 over all epochs, from the start.
COSINE = {"schedule": "cosine", "warmup": 0.0}


def builder_of(name: str) -> Callable[..., Any]:
    """Return the ``build_*`` function of that name.

    Raises:
        ValueError: If no builder has that name.
    """
    if name not in BUILDERS:
        raise ValueError(f"unknown builder {name!r}: only flows from build_* can be saved")
    return getattr(importlib.import_module(f"tfp_maf.flows.{BUILDERS[name]}"), name)


def arguments_of(name: str) -> list[str]:
    """Return the names of the arguments that a builder takes."""
    return list(inspect.signature(builder_of(name)).parameters)


@dataclass(frozen=True)
class Model:
    """A row of the paper's tables.

    Attributes:
        label: its name in the paper.
        builder: the name of its ``build_*`` function.
        arguments: given to the builder, besides those that the data set determines.
        learning_rate: Adam's learning rate.
        is_conditional: whether the density is conditional on labels.
        is_autoregressive: whether each column of a layer depends on the columns before it only.
        training: options of training that replace the paper's, as
            :func:`tfp_maf.paper.protocol.train_model` takes them.
        of_levels: whether it models images of levels, by probabilities in place of densities.
    """

    label: str
    builder: str
    arguments: dict[str, Any] = field(default_factory=dict)
    learning_rate: float = FLOW_RATE
    is_conditional: bool = False
    is_autoregressive: bool = True
    training: dict[str, Any] = field(default_factory=dict)
    of_levels: bool = False

    @property
    def is_of_images(self) -> bool:
        """Whether its columns are the pixels of an image, whose shape it needs."""
        return "image_shape" in arguments_of(self.builder)

    def build(self, event_size: Any, *, num_labels: int = 0, **options: Any) -> Any:
        """Build the model's flow; options that its builder does not take are left out.

        Args:
            event_size: number of columns; of a model of images, their shape.
            num_labels: number of labels, for a conditional model.
            options: of the builder. A flow's own arguments take precedence, as options are those
                of all flows of a data set; those of a model of images are its own.
        """
        takes = arguments_of(self.builder)
        given = {name: value for name, value in options.items() if name in takes}
        if self.is_conditional:
            given["num_labels"] = num_labels
        arguments = self.arguments | given if self.of_levels else given | self.arguments
        return builder_of(self.builder)(event_size, **arguments)


UNCONDITIONAL = {
    "gaussian": Model("Gaussian", "build_gaussian"),
    "made": Model("MADE", "build_made", learning_rate=MADE_RATE),
    "made_mog": Model("MADE MoG", "build_made_mog", learning_rate=MADE_RATE),
    "realnvp_5": Model("Real NVP (5)", "build_realnvp", {"num_layers": 5}, is_autoregressive=False),
    "realnvp_10": Model(
        "Real NVP (10)", "build_realnvp", {"num_layers": 10}, is_autoregressive=False
    ),
    "maf_5": Model("MAF (5)", "build_maf", {"num_layers": 5}),
    "maf_10": Model("MAF (10)", "build_maf", {"num_layers": 10}),
    "maf_mog_5": Model("MAF MoG (5)", "build_maf_mog", {"num_layers": 5}),
    "nsf_ar": Model("RQ-NSF (AR)", "build_nsf", {"num_layers": 5}, NSF_RATE),
    "nsf_c": Model(
        "RQ-NSF (C)",
        "build_nsf",
        {"num_layers": 10, "coupling": True},
        NSF_RATE,
        is_autoregressive=False,
    ),
    # Its log scales have their own bound: the paper's models are bounded against outliers.
    "tarflow": Model(
        "TarFlow",
        "build_tarflow",
        {"activation": "gelu", "log_scale_bound": 4.0},
        TARFLOW_RATE,
        training={"batch_size": 50, "clip_norm": 1.0, "max_epochs": 16} | COSINE,
    ),
}
# Attention to patches of 4 x 4 pixels: to those of 2 x 2 it takes several times as long.
IN_PATCHES = {"patch": 4, "features": 64, "heads": 4, "hidden_units": (256, 256)}
# An epoch over pixels takes minutes, so there are few: small batches make more steps of each, and a
# high rate more of a step. After one epoch a PixelCNN that sees neighbours alone has -92.91
# validation nats, and by a rate of .002 -94.92.
SMALL_BATCH, PIXEL_RATE = {"batch_size": 50}, 8e-3
# With neighbours alone, six layers see 9 pixels far, and a Gated PixelCNN has -88.2 validation nats
# after an epoch; dilated they see 17 pixels far, and it has -86.9.
FAR = (1, 2, 4)
# Models of images, in the sizes that an hour or two on a CPU allow (docs/images.md).
OF_IMAGES = {
    "pixelcnn": Model(
        "PixelCNN",
        "build_pixelcnn",
        {"num_layers": 7, "features": 32, "dilations": FAR},
        PIXEL_RATE,
        training=SMALL_BATCH,
        of_levels=True,
    ),
    "gated_pixelcnn": Model(
        "Gated PixelCNN",
        "build_pixelcnn",
        {"gated": True, "num_layers": 6, "features": 16, "dilations": FAR},
        PIXEL_RATE,
        training=SMALL_BATCH,
        of_levels=True,
    ),
    "pixelcnn_pp": Model(
        "PixelCNN++",
        "build_pixelcnn_pp",
        {"num_layers": 1, "features": 16},
        1e-3,
        training=SMALL_BATCH,
        of_levels=True,
    ),
    "patch_made": Model("MADE within patches", "build_patch_made", {}, 3e-3, of_levels=True),
    "pixelsnail": Model("PixelSNAIL", "build_pixelsnail", IN_PATCHES, 2e-3, of_levels=True),
    "image_transformer": Model(
        "Image Transformer",
        "build_image_transformer",
        IN_PATCHES | {"block": (2, 4), "memory": (3, 3)},
        2e-3,
        of_levels=True,
    ),
}


def with_conditional(models: dict[str, Model]) -> dict[str, Model]:
    """Return models by name, and those conditional on labels by their names with an ending."""
    return models | {
        f"{name}_conditional": dataclasses.replace(
            model, label=f"{model.label}, conditional", is_conditional=True
        )
        for name, model in models.items()
    }


MODELS = with_conditional(UNCONDITIONAL)
REPRODUCED = MODELS | with_conditional(OF_IMAGES)
