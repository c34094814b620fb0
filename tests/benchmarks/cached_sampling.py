"""How much faster TarFlow samples with a cache of keys and values than without.

python tests/benchmarks/cached_sampling.py [--samples 100] [--small]

Without a cache, each patch takes a pass of the whole network over all patches. Both ways run in a
``tf.function``, from the same noise, through the same weights; the best of three runs counts.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfp_maf.bijectors.attention import AttentionLayer
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.tarflow import build_tarflow


def naive(flow: Flow, u: tf.Tensor) -> tf.Tensor:
    """Data for noise, a pass of the network per patch."""
    for bijector in reversed(flow.bijectors):
        if isinstance(bijector, AttentionLayer):
            x = tf.zeros_like(u)
            for _ in tf.range(bijector.network.tokens):
                shift, log_scale = bijector.network(x)
                x = tf.ensure_shape(u * tf.exp(log_scale) + shift, u.shape)
            u = x
        else:
            u = bijector.forward(u)
    return u


def seconds(function: Callable[[], tf.Tensor]) -> float:
    """Best of three runs."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        function().numpy()
        times.append(time.perf_counter() - began)
    return min(times)


def main() -> None:
    """Print the seconds of both ways, their ratio, and the largest difference of their samples."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--small", action="store_true", help="a tiny model")
    options = parser.parse_args()
    flow = (
        build_tarflow((8, 8), width=8, num_blocks=1) if options.small else build_tarflow((28, 28))
    )
    rng = np.random.default_rng(0)
    for variable in flow.trainable_variables:
        variable.assign_add(rng.normal(size=variable.shape, scale=0.02))
    u = tf.constant(rng.normal(size=[options.samples, flow.event_size]), tf.float32)
    ways = {
        "cached": tf.function(lambda: flow._tfp_data(u)),
        "naive": tf.function(lambda: naive(flow, u)),
    }
    first, second = (way() for way in ways.values())
    found = {name: seconds(way) for name, way in ways.items()}
    found["gain"] = found["naive"] / found["cached"]
    found["largest difference"] = float(tf.reduce_max(tf.abs(first - second)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
