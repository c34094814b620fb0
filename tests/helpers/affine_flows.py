"""MAFs of every option, with weights away from where they start."""

import numpy as np

import tfp_maf

OPTIONS = [
    {},
    {"order": "post"},
    {"permute": False},
    {"batch_norm": False},
    {"activation": "relu", "hidden_units": [9, 6]},
    {"activation": "elu"},
    {"log_scale_bound": None, "hidden_units": [7]},
    {"hidden_units": []},
]


def shaken(event_size=5, **options):
    """A flow whose every variable is away from where it starts, masked weights apart."""
    options = {"num_layers": 3, "hidden_units": [16, 12], "dtype": "float64"} | options
    flow = tfp_maf.build_maf(event_size, **options)
    rng = np.random.default_rng(0)
    for variable in flow.layer_variables:
        mask = flow.masks.get(variable.ref(), 1.0)
        variable.assign_add(mask * rng.uniform(0.0, 0.1, variable.shape))
    return flow
