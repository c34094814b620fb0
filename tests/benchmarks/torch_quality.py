"""zuko, nflows and normflows, compiled and trained with a schedule; see time_to_quality.py."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from schedule import rates
from torch_flows import NFlows, TorchFlow


class ZukoSplines(TorchFlow):
    """``zuko.flows.NSF``, as on zuko's front page."""

    def build(self, case: dict) -> torch.nn.Module:
        import zuko

        return zuko.flows.NSF(
            features=case["features"],
            transforms=case["layers"],
            hidden_features=case["hidden"],
        )

    def density(self, x: torch.Tensor) -> torch.Tensor:
        return self.flow().log_prob(x)


class NormFlowsSplines(TorchFlow):
    """normflows' autoregressive splines with linear maps between, as in its examples."""

    def build(self, case: dict) -> torch.nn.Module:
        import normflows

        parts = []
        for _ in range(case["layers"]):
            hidden = case["hidden"]
            parts.append(
                normflows.flows.AutoregressiveRationalQuadraticSpline(
                    case["features"], len(hidden), hidden[0]
                )
            )
            parts.append(normflows.flows.LULinearPermute(case["features"]))
        base = normflows.distributions.DiagGaussian(case["features"], trainable=False)
        return normflows.NormalizingFlow(base, parts)

    def density(self, x: torch.Tensor) -> torch.Tensor:
        return self.flow.log_prob(x)


LIBRARIES = {"zuko": ZukoSplines, "nflows": NFlows, "normflows": NormFlowsSplines}


def scores(case: dict) -> Iterator[float]:
    """Validation scores, epoch by epoch."""
    with np.load(case["rows"]) as rows:
        train, validation = (torch.tensor(rows[part]) for part in ("train", "validation"))
    an_epoch = len(train) // case["batch"]
    steps = case["epochs"] * an_epoch
    case = case | {"features": train.shape[1], "steps": an_epoch, "threads": 1, "compile": True}
    flow = LIBRARIES[case["library"]](case)

    by_step = rates(case, steps)
    flow.optimizer.param_groups[0]["lr"] = 1.0
    scheduler = torch.optim.lr_scheduler.LambdaLR(flow.optimizer, by_step.__getitem__)
    for _ in range(case["epochs"]):
        flow.flow.train()
        shuffled = train[torch.randperm(len(train))]
        for batch in shuffled[: an_epoch * case["batch"]].split(case["batch"]):
            loss = -flow.compiled(batch).mean()
            flow.optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(flow.flow.parameters(), 1.0)
            flow.optimizer.step()
            scheduler.step()
        flow.flow.eval()
        with torch.no_grad():
            yield float(flow.density(validation).mean())
