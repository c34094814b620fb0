"""Models of tiny images, one of each network and distribution, every weight shaken."""

import numpy as np
import pytest

from tfp_maf.flows.image_attention import build_image_transformer, build_pixelsnail
from tfp_maf.flows.pixelcnn import build_patch_made, build_pixelcnn, build_pixelcnn_pp

SMALL = {"num_layers": 2, "features": 12}
PATCHES = {"hidden_units": (20, 20), **SMALL}
ATTENTION = {"hidden_units": (20, 20), "heads": 2, **SMALL}
BUILD = {
    "pixelcnn": lambda shape, **options: build_pixelcnn(
        shape, dilations=(2, 1), **SMALL, **options
    ),
    "gated": lambda shape, **options: build_pixelcnn(
        shape, gated=True, dilations=(1, 2), **SMALL, **options
    ),
    "pixelcnn_pp": lambda shape, **options: build_pixelcnn_pp(
        shape, num_layers=1, features=6, dropout=0.1, **options
    ),
    "patch_made": lambda shape, **options: build_patch_made(shape, patch=2, **PATCHES, **options),
    "pixelsnail": lambda shape, **options: build_pixelsnail(shape, patch=1, **ATTENTION, **options),
    "image_transformer": lambda shape, **options: build_image_transformer(
        shape, patch=2, block=(1,), memory=(16,), **ATTENTION, **options
    ),
}
# Pixels of grey and of three colours.
PIXELS = {
    "binary": {"levels": 2},
    "categorical": {"levels": 3},
    "logistic": {"levels": 4, "pixels": "logistic", "components": 2},
}
TINY = (
    "pixelcnn",
    "gated",
    "patch_made",
    "pixelsnail",
    "image_transformer",
)  # PixelCNN++ halves images twice
every_tiny_network = pytest.mark.parametrize("name", TINY)
every_network = pytest.mark.parametrize(
    "name", [*TINY, pytest.param("pixelcnn_pp", marks=pytest.mark.slow)]
)
every_kind = pytest.mark.parametrize("kind", PIXELS)


def shaken(name, shape, *, kind="binary", dtype="float64", seed=0, spread=0.3, **options):
    model = BUILD[name](shape, **PIXELS[kind], dtype=dtype, **options)
    shake(model, seed=seed, spread=spread)
    return model


def shake(model, *, seed=0, spread=0.3):
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign_add(rng.normal(0, spread, variable.shape))


def some(model, n, seed=0):
    """Random images, as rows of levels."""
    return np.random.default_rng(seed).integers(0, model.levels, [n, model.event_size]) * 1.0
