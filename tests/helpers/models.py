"""Every model, small, unconditional, by label and by vector."""

import numpy as np
import pytest
from rows import chain_rows

import tfp_maf

MODELS = {
    "gaussian": (tfp_maf.build_gaussian, {}),
    "made": (tfp_maf.build_made, {"hidden_units": (16, 12), "activation": "tanh"}),
    "made_mog": (
        tfp_maf.build_made_mog,
        {"hidden_units": (16, 12), "components": 3, "activation": "tanh"},
    ),
    "realnvp": (tfp_maf.build_realnvp, {"hidden_units": (16, 12), "num_layers": 3}),
    "maf": (tfp_maf.build_maf, {"hidden_units": (16, 12), "num_layers": 3}),
    "maf_mog": (
        tfp_maf.build_maf_mog,
        {"hidden_units": (16, 12), "num_layers": 2, "components": 3},
    ),
    "nsf_autoregressive": (tfp_maf.build_nsf, {"hidden_units": (16, 12), "num_layers": 2}),
    "nsf_coupling": (
        tfp_maf.build_nsf,
        {"hidden_units": (16, 12), "num_layers": 2, "coupling": True, "batch_norm": True},
    ),
}
AUTOREGRESSIVE = ("gaussian", "made", "made_mog", "maf", "maf_mog", "nsf_autoregressive")
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


def shaken(name, event_size=5, *, kind="plain", dtype="float64", seed=0, **options):
    """A model whose every weight has moved, so that none is at a value of no effect."""
    builder, own = MODELS[name]
    options = own | CONDITIONS[kind] | options
    flow = builder(event_size, **options, dtype=dtype, seed=seed)
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
    + [("maf", "label"), ("made_mog", "vector"), ("realnvp", "vector"), ("gaussian", "label")],
)
