"""Seconds to draw images: from caches, naively, and by tfd.PixelCNN.

python tests/benchmarks/image_samples.py [--side 28] [--images 100] [--models patch_made,...]
    [--theirs] [--out FILE]

Models are untrained, black and white, of the sizes that `tfp-maf reproduce mnist_binary` has. A
naive sampler passes the whole network once per pixel; one pass is timed, and taken times the number
of pixels. tfd.PixelCNN samples so, and is timed in the same way, with as many filters as the Gated
PixelCNN has features and one residual block per level.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.flows.catalogue import OF_IMAGES


def seconds(call: Callable[[], Any], *, times: int = 2) -> float:
    """The shortest of several calls, after one that may compile."""
    call()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return min(found)


def of_model(name: str, *, side: int, images: int) -> dict[str, float]:
    """Seconds of one model."""
    flow = OF_IMAGES[name].build((side, side), levels=2, seed=0)
    began = time.perf_counter()
    flow.sample(images, seed=0)
    compiled = time.perf_counter() - began
    drawn = seconds(lambda: flow.sample(images, seed=1).numpy())
    x = np.zeros([images, side * side], np.float32)
    one_pass = seconds(lambda: flow.log_prob(x).numpy())
    naive = one_pass * side * side
    return {
        "parameters": int(sum(np.prod(v.shape) for v in flow.trainable_variables)),
        "first_s": compiled,
        "cached_s": drawn,
        "one_pass_s": one_pass,
        "naive_s": naive,
        "naive / cached": naive / drawn,
    }


def of_theirs(*, side: int, images: int) -> dict[str, float]:
    """Seconds of tfd.PixelCNN: of one pass of its network, and that times the pixels."""
    theirs = tfp.distributions.PixelCNN(
        image_shape=(side, side, 1),
        num_resnet=1,
        num_hierarchies=2,
        num_filters=16,
        num_logistic_mix=1,
        low=0,
        high=1,
        use_weight_norm=False,
    )
    x = tf.zeros([images, side, side, 1])
    one_pass = seconds(tf.function(lambda: theirs.log_prob(x)))
    return {"one_pass_s": one_pass, "naive_s": one_pass * side * side}


def main() -> None:
    """Time all, and print or write the results as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=28)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--models", default=",".join(OF_IMAGES))
    parser.add_argument("--theirs", action="store_true", help="time tfd.PixelCNN as well")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sizes = {"side": options.side, "images": options.images}
    result: dict[str, Any] = sizes | {
        name: of_model(name, **sizes) for name in options.models.split(",")
    }
    if options.theirs:
        result["tfd.PixelCNN"] = of_theirs(**sizes)
    text = json.dumps(result)
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    print(text)


if __name__ == "__main__":
    main()
