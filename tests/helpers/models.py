"""Every model of the catalogue, small: unconditional, by label and by vector."""

import numpy as np
import pytest
from rows import chain_rows

import tfp_maf
from tfp_maf.flows import catalogue

SMALL = {"num_layers": 3, "hidden_units": (16, 12), "components": 3}
# Different activations and batch normalisation where the catalogue has none.
OWN = {
    "made": {"activation": "tanh"},
    "made_mog": {"activation": "tanh"},
    "nsf_ar": {"num_layers": 2},
    "nsf_c": {"num_layers": 2, "batch_norm": True},
    "maf_mog_5": {"num_layers": 2},
    "tarflow": {"patch": 1, "num_blocks": 2, "layers": 1, "width": 8, "heads": 2},
}
# Those that differ in their number of layers only are one.
MODELS = {
    name: model for name, model in catalogue.UNCONDITIONAL.items() if not name.endswith("_10")
}
CONDITIONS = {"plain": {}, "label": {"num_labels": 3}, "vector": {"condition_size": 2}}
ONE_CONDITION = {"plain": None, "label": 1, "vector": [0.3, -0.5]}
ROWS, _ = chain_rows(600, 5, seed=0)


def condition_of(kind, n, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "plain": None,
        "label": rng.integers(0, 3, n),
        "vector": rng.normal(size=[n, 2]),
    }[kind]


def built(name, event_size=5, *, kind="plain", **options):
    """A small model of the catalogue."""
    model = MODELS[name]
    takes = catalogue.arguments_of(model.builder)
    small = {option: value for option, value in SMALL.items() if option in takes}
    given = model.arguments | small | OWN.get(name, {}) | CONDITIONS[kind] | options
    given = {option: value for option, value in given.items() if option in takes}
    event_size = (1, event_size) if model.is_of_images else event_size
    return catalogue.builder_of(model.builder)(event_size, **given)


def shaken(name, event_size=5, *, kind="plain", dtype="float64", seed=0, **options):
    """A model whose every weight has moved, so that none is at a value of no effect."""
    flow = built(name, event_size, kind=kind, dtype=dtype, seed=seed, **options)
    rng = np.random.default_rng(seed + 1)
    for variable in flow.trainable_variables:
        mask = flow.masks.get(variable.ref(), 1.0)
        variable.assign_add(mask * rng.uniform(-0.15, 0.25, variable.shape))
    x, _ = chain_rows(400, event_size, seed=seed)
    tfp_maf.set_batch_statistics(flow, x, condition=condition_of(kind, 400))
    return flow


every_model = pytest.mark.parametrize("name", MODELS)
every_condition = pytest.mark.parametrize("kind", CONDITIONS)
# Where each case takes seconds to compile: every model, and every way in of a condition.
a_few = pytest.mark.parametrize(
    ("name", "kind"),
    [(name, "plain") for name in MODELS]
    + [("maf_5", "label"), ("made_mog", "vector"), ("realnvp_5", "vector"), ("gaussian", "label")],
)
