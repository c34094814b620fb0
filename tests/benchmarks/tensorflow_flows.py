"""tfp_maf, and TFP as the post uses it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import tfp_maf

tfp_maf.build_maf  # noqa: B018 - as any first use does, this imports TensorFlow
import tensorflow as tf  # noqa: E402


@cache
def rows(n: int, features: int) -> np.ndarray:
    """Standard normal ``[n, D]``."""
    return np.random.default_rng(0).normal(size=[n, features]).astype(np.float32)


class TfpMaf:
    """This package, as its README uses it: batch normalisation, L2, Adam."""

    def __init__(self, case: dict[str, Any]):
        tf.config.threading.set_intra_op_parallelism_threads(case["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(case["threads"])
        import tf_keras

        from tfp_maf.training.distributed import Workers
        from tfp_maf.training.objective import StepSettings
        from tfp_maf.training.steps import make_steps

        self.features, batch = case["features"], case["batch"]
        self.flow = tfp_maf.build_maf(
            self.features, num_layers=case["layers"], hidden_units=case["hidden"]
        )
        optimizer = tf_keras.optimizers.Adam(1e-4, jit_compile=False)
        settings = StepSettings(batch, 1e-6)
        self.steps = make_steps(self.flow, optimizer, settings, workers=Workers())
        self.rows = tf.constant(rows(case["steps"] * batch, self.features))

    def train(self, steps: int) -> None:
        total, _ = self.steps.run(self.rows, steps)
        float(total)

    def log_prob(self, n: int) -> None:
        self.flow.log_prob(rows(n, self.features)).numpy()

    def sample(self, n: int) -> None:
        self.flow.sample(n, seed=0).numpy()

    def naive_sample(self, n: int) -> None:
        """D network passes a layer, as TFP inverts, compiled by XLA."""
        if not hasattr(self, "naive"):
            self.naive = tf.function(self.flow.distribution.bijector.forward, jit_compile=True)
        self.naive(tf.constant(rows(n, self.features))).numpy()


class AsThePost:
    """The post's code in Python: TFP's layers, eagerly, one step after the other."""

    def __init__(self, case: dict[str, Any]):
        tf.config.threading.set_intra_op_parallelism_threads(case["threads"])
        tf.config.threading.set_inter_op_parallelism_threads(case["threads"])
        import tensorflow_probability as tfp
        import tf_keras

        tfb, tfd = tfp.bijectors, tfp.distributions
        self.features, self.batch = case["features"], case["batch"]
        bijectors = []
        for layer in range(case["layers"]):
            network = tfb.AutoregressiveNetwork(
                params=2, hidden_units=case["hidden"], activation="tanh"
            )
            bijectors += [tfb.MaskedAutoregressiveFlow(network), tfb.BatchNormalization()]
            if layer < case["layers"] - 1:
                bijectors.append(tfb.Permute(list(range(self.features))[::-1]))
        base = tfd.MultivariateNormalDiag(tf.zeros(self.features))
        self.flow = tfd.TransformedDistribution(base, tfb.Chain(bijectors[::-1]))
        self.optimizer = tf_keras.optimizers.Adam(1e-4, jit_compile=False)
        self.rows = tf.constant(rows(case["steps"] * self.batch, self.features))

    def train(self, steps: int) -> None:
        for step in range(steps):
            batch = self.rows[step * self.batch : (step + 1) * self.batch]
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(self.flow.log_prob(batch))
            variables = self.flow.trainable_variables
            gradients = tape.gradient(loss, variables)
            self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        loss.numpy()

    def log_prob(self, n: int) -> None:
        self.flow.log_prob(rows(n, self.features)).numpy()

    def sample(self, n: int) -> None:
        self.flow.sample(n).numpy()


LIBRARIES = {"tfp_maf": TfpMaf, "tfp as the post": AsThePost}
