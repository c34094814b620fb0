"""A MAF written in plain JAX, and flowjax's."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

EPSILON = 1e-5
Rate = Callable[[jax.Array], jax.Array | float]


@cache
def rows(n: int, features: int) -> jax.Array:
    """Standard normal ``[n, D]``."""
    return jnp.asarray(np.random.default_rng(0).normal(size=[n, features]).astype(np.float32))


class PlainJax:
    """A hand-written MAF with batch normalisation, its steps in one ``lax.scan``.

    Args:
        case: sizes.
        rate: learning rate by step, from 0.
        clip_norm: most that the gradients' norm may be.
    """

    def __init__(
        self, case: dict[str, Any], rate: Rate = lambda _: 1e-4, clip_norm: float | None = None
    ):
        self.features, self.batch = case["features"], case["batch"]
        self.rate, self.clip_norm = rate, clip_norm
        hidden = case["hidden"]
        degrees = [np.arange(1, self.features + 1)]
        degrees += [
            np.maximum(1, np.ceil(np.arange(1, h + 1) * (self.features - 1) / (h + 1)))
            for h in hidden
        ]
        pairs = zip(degrees[:-1], degrees[1:], strict=True)
        self.masks = [jnp.asarray(a[:, None] <= b[None], jnp.float32) for a, b in pairs]
        output = degrees[-1][:, None] < degrees[0][None]
        self.masks.append(jnp.asarray(np.tile(output, [1, 2]), jnp.float32))
        rng = np.random.default_rng(0)
        self.weights = []
        for _ in range(case["layers"]):
            sizes = [mask.shape for mask in self.masks]
            kernels = [rng.normal(size=s).astype(np.float32) / np.sqrt(s[0]) for s in sizes]
            biases = [np.zeros(s[1], np.float32) for s in sizes]
            # gamma and beta
            norm = [np.ones(self.features, np.float32), np.zeros(self.features, np.float32)]
            self.weights.append(jax.tree.map(jnp.asarray, (kernels, biases, norm)))
        zeros = jax.tree.map(jnp.zeros_like, self.weights)
        self.state = (self.weights, zeros, zeros, jnp.float32(0))
        self.set_rows(rows(case["steps"] * self.batch, self.features))
        self.run = jax.jit(lambda state, data: jax.lax.scan(self.step, state, data))
        still = [(jnp.zeros(self.features), jnp.ones(self.features))] * case["layers"]
        self.jit_log_prob = jax.jit(lambda weights, x: self.densities(weights, x, still)[0])
        self.jit_sample = jax.jit(self.draw, static_argnums=2)

    def network(self, kernels: Any, biases: Any, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        for i, (kernel, bias, mask) in enumerate(zip(kernels, biases, self.masks, strict=True)):
            x = x @ (kernel * mask) + bias
            if i < len(kernels) - 1:
                x = jnp.tanh(x)
        shift, log_scale = jnp.split(x, 2, axis=1)
        return shift, 3 * jnp.tanh(log_scale / 3)

    def set_rows(self, x: jax.Array) -> None:
        """Take the rows of the next steps."""
        self.data = jnp.reshape(x, [-1, self.batch, self.features])

    def densities(self, weights: Any, x: jax.Array, moments: Any = None) -> tuple[jax.Array, list]:
        """Log-densities by each layer's ``moments``, or those of the batch, and the moments."""
        log_det, used = 0.0, []
        for layer, (kernels, biases, (gamma, beta)) in enumerate(weights):
            shift, log_scale = self.network(kernels, biases, x)
            x = (x - shift) * jnp.exp(-log_scale)
            mean, variance = (x.mean(0), x.var(0)) if moments is None else moments[layer]
            used.append((mean, variance))
            x = (x - mean) * jax.lax.rsqrt(variance + EPSILON) * gamma + beta
            norm = jnp.log(gamma) - 0.5 * jnp.log(variance + EPSILON)
            log_det += norm.sum() - log_scale.sum(axis=1)
            x = x[:, ::-1]
        return log_det - 0.5 * (x**2).sum(axis=1) - 0.5 * x.shape[1] * np.log(2 * np.pi), used

    def step(self, state: Any, x: jax.Array) -> Any:
        weights, first, second, count = state
        count += 1
        loss, gradients = jax.value_and_grad(lambda w: -self.densities(w, x)[0].mean())(weights)
        if self.clip_norm is not None:
            norm = jnp.sqrt(sum((g**2).sum() for g in jax.tree.leaves(gradients)))
            factor = jnp.minimum(1.0, self.clip_norm / norm)
            gradients = jax.tree.map(lambda g: factor * g, gradients)
        gradients = jax.tree.map(lambda g, w: g + 1e-6 * w, gradients, weights)
        first = jax.tree.map(lambda m, g: m + 0.1 * (g - m), first, gradients)
        second = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), second, gradients)
        rate = self.rate(count - 1) * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
        weights = jax.tree.map(
            lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-7), weights, first, second
        )
        return (weights, first, second, count), loss

    def draw(self, weights: Any, key: jax.Array, n: int) -> jax.Array:
        x = jax.random.normal(key, (n, self.features))
        for kernels, biases, (gamma, beta) in weights[::-1]:
            u = (x[:, ::-1] - beta) / gamma * jnp.sqrt(1 + EPSILON)

            def once_a_feature(x: Any, _: Any, u: Any = u, w: Any = (kernels, biases)) -> Any:
                shift, log_scale = self.network(*w, x)
                return u * jnp.exp(log_scale) + shift, None

            x, _ = jax.lax.scan(once_a_feature, jnp.zeros_like(u), None, length=self.features)
        return x

    def train(self, steps: int) -> None:
        self.state, losses = self.run(self.state, self.data[:steps])
        losses.block_until_ready()

    def log_prob(self, n: int) -> None:
        x = rows(n, self.features)
        self.jit_log_prob(self.weights, x).block_until_ready()

    def score(self, train: np.ndarray, validation: np.ndarray) -> float:
        """Mean log-density of ``validation``, normalised by each layer's moments of ``train``."""
        weights = self.state[0]
        _, moments = self.densities(weights, jnp.asarray(train))
        return float(self.densities(weights, jnp.asarray(validation), moments)[0].mean())

    def sample(self, n: int) -> None:
        self.jit_sample(self.weights, jax.random.key(0), n).block_until_ready()


class FlowJax:
    """flowjax's own flow and training step, jitted as its ``fit_to_data`` does; no batch norm.

    Args:
        case: sizes, and whether it has ``splines``.
        rate: learning rate by step, from 0.
        clip_norm: most that the gradients' norm may be.
    """

    def __init__(
        self, case: dict[str, Any], rate: Rate | float = 1e-4, clip_norm: float | None = None
    ):
        import equinox as eqx
        import optax
        import paramax
        from flowjax.bijections import Affine, RationalQuadraticSpline
        from flowjax.distributions import Normal
        from flowjax.flows import masked_autoregressive_flow
        from flowjax.train.losses import MaximumLikelihoodLoss
        from flowjax.train.train_utils import step

        self.features, self.batch = case["features"], case["batch"]
        self.flow = masked_autoregressive_flow(
            jax.random.key(0),
            base_dist=Normal(jnp.zeros(self.features)),
            # The splines of its front page.
            transformer=RationalQuadraticSpline(knots=8, interval=4)
            if case.get("splines")
            else Affine(),
            flow_layers=case["layers"],
            nn_width=case["hidden"][0],
            nn_depth=len(case["hidden"]),
            nn_activation=jnp.tanh,
        )
        self.params, self.static = eqx.partition(
            self.flow,
            eqx.is_inexact_array,
            is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable),
        )
        clip = [] if clip_norm is None else [optax.clip_by_global_norm(clip_norm)]
        self.optimizer, self.loss = optax.chain(*clip, optax.adam(rate)), MaximumLikelihoodLoss()
        self.optimizer_state, self.step = self.optimizer.init(self.params), step
        self.set_rows(rows(case["steps"] * self.batch, self.features))
        self.jit_log_prob = eqx.filter_jit(lambda flow, x: flow.log_prob(x))
        self.jit_sample = eqx.filter_jit(lambda flow, key, n: flow.sample(key, (n,)))

    def set_rows(self, x: jax.Array) -> None:
        """Take the rows of the next steps."""
        self.batches = list(jnp.reshape(x, [-1, self.batch, self.features]))

    def train(self, steps: int) -> None:
        for batch in self.batches[:steps]:
            self.params, self.optimizer_state, loss = self.step(
                self.params,
                self.static,
                batch,
                None,
                optimizer=self.optimizer,
                opt_state=self.optimizer_state,
                loss_fn=self.loss,
                key=jax.random.key(1),
            )
        loss.block_until_ready()

    def score(self, _: np.ndarray, validation: np.ndarray) -> float:
        """Mean log-density of ``validation`` by the parameters of now."""
        import equinox as eqx
        import paramax

        flow = paramax.unwrap(eqx.combine(self.params, self.static))
        return float(self.jit_log_prob(flow, jnp.asarray(validation)).mean())

    def log_prob(self, n: int) -> None:
        x = rows(n, self.features)
        self.jit_log_prob(self.flow, x).block_until_ready()

    def sample(self, n: int) -> None:
        self.jit_sample(self.flow, jax.random.key(0), n).block_until_ready()


LIBRARIES = {"jax": PlainJax, "flowjax": FlowJax}
