"""zuko, nflows and normflows on PyTorch, with torch.compile for the density where asked."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch


@cache
def rows(n: int, features: int) -> torch.Tensor:
    """Standard normal ``[n, D]``."""
    return torch.randn(n, features)


class TorchFlow:
    """What the three have in common; ``density`` and ``draw`` are theirs."""

    def __init__(self, case: dict[str, Any]):
        torch.set_num_threads(case["threads"])
        torch.manual_seed(0)
        self.features, self.batch = case["features"], case["batch"]
        self.flow = self.build(case)
        self.data = rows(case["steps"] * self.batch, self.features)
        # fused=True is PyTorch's fastest Adam on CPUs.
        self.optimizer = torch.optim.Adam(self.flow.parameters(), 1e-4, fused=True)
        self.compiled = (
            torch.compile(self.density, dynamic=False) if case["compile"] else self.density
        )

    def build(self, case: dict[str, Any]) -> torch.nn.Module:
        raise NotImplementedError

    def density(self, x: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def draw(self, n: int) -> torch.Tensor:
        raise NotImplementedError

    def train(self, steps: int) -> None:
        self.flow.train()
        for step in range(steps):
            batch = self.data[step * self.batch : (step + 1) * self.batch]
            loss = -self.compiled(batch).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def log_prob(self, n: int) -> None:
        self.flow.eval()
        x = rows(n, self.features)
        with torch.no_grad():
            self.compiled(x)

    def sample(self, n: int) -> None:
        self.flow.eval()
        with torch.no_grad():
            self.draw(n)


class Zuko(TorchFlow):
    """``zuko.flows.MAF``; no batch normalisation."""

    def build(self, case: dict[str, Any]) -> torch.nn.Module:
        import zuko

        return zuko.flows.MAF(
            features=case["features"],
            transforms=case["layers"],
            hidden_features=case["hidden"],
            activation=torch.nn.Tanh,
        )

    def density(self, x: torch.Tensor) -> torch.Tensor:
        return self.flow().log_prob(x)

    def draw(self, n: int) -> torch.Tensor:
        return self.flow().sample((n,))


class NFlows(TorchFlow):
    """nflows with batch normalisation; one feed-forward block is a second hidden layer."""

    def build(self, case: dict[str, Any]) -> torch.nn.Module:
        from nflows import distributions, flows, transforms

        parts = []
        for _ in range(case["layers"]):
            parts.append(
                transforms.MaskedAffineAutoregressiveTransform(
                    features=case["features"],
                    hidden_features=case["hidden"][0],
                    num_blocks=len(case["hidden"]) - 1,
                    use_residual_blocks=False,
                    activation=torch.tanh,
                )
            )
            parts.append(transforms.BatchNorm(case["features"]))
            parts.append(transforms.ReversePermutation(case["features"]))
        base = distributions.StandardNormal([case["features"]])
        return flows.Flow(transforms.CompositeTransform(parts), base)

    def density(self, x: torch.Tensor) -> torch.Tensor:
        return self.flow.log_prob(x)

    def draw(self, n: int) -> torch.Tensor:
        return self.flow.sample(n)


class NormFlows(TorchFlow):
    """normflows; no batch normalisation."""

    def build(self, case: dict[str, Any]) -> torch.nn.Module:
        import normflows

        parts = []
        for _ in range(case["layers"]):
            layer = normflows.flows.MaskedAffineAutoregressive(
                case["features"],
                case["hidden"][0],
                num_blocks=len(case["hidden"]) - 1,
                use_residual_blocks=False,
                activation=torch.tanh,
            )
            # As it comes, its density takes D passes and its samples one: an inverse MAF.
            parts.append(normflows.flows.Reverse(layer))
            parts.append(normflows.flows.Permute(case["features"], mode="swap"))
        return normflows.NormalizingFlow(
            normflows.distributions.DiagGaussian(case["features"]), parts
        )

    def density(self, x: torch.Tensor) -> torch.Tensor:
        return self.flow.log_prob(x)

    def draw(self, n: int) -> torch.Tensor:
        return self.flow.sample(n)[0]


LIBRARIES = {"zuko": Zuko, "nflows": NFlows, "normflows": NormFlows}
