"""Fitting of a table's model: its categories, then each candidate, then their weighted average."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep.splits import Splits
from tfp_maf.estimators.candidates import (
    MIXTURE,
    TRAINING,
    Candidate,
    batch_size_for,
    rhythm_for,
)
from tfp_maf.estimators.table_model import CATEGORIES, Member, TableModel
from tfp_maf.evaluation import baselines
from tfp_maf.flows.categories import build_categories
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.gaussian_mixture import fit_gaussian_mixture
from tfp_maf.training.history import History
from tfp_maf.training.loop import TrainingDiverged, fit

LEAST_WEIGHT = 0.03  # members with less are left out
ROUNDS = 200  # of expectation maximisation, for the weights
PRIOR = 1.0  # validation rows that each member is given beforehand


@dataclass
class FittedTable:
    """Model of a table, and how it was fitted.

    Attributes:
        model: the model.
        histories: the training run of each candidate, and of the categories, by name.
        candidates: all candidates that were fitted, those without weight, too.
        validation: mean log-likelihood of each candidate's numbers on validation rows, in standard
            units.
        failures: why a candidate could not be fitted.
    """

    model: TableModel
    histories: dict[str, History] = field(default_factory=dict)
    candidates: list[Member] = field(default_factory=list)
    validation: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def stopped(self) -> str:
        """Why training stopped: ``"interrupted"`` if any run was."""
        reasons = [history.stopped for history in self.histories.values()]
        return "interrupted" if "interrupted" in reasons else "done"


def fit_table(
    splits: Splits,
    candidates: Sequence[Candidate],
    *,
    seed: int = 0,
    budget: float | None = None,
    checkpoints: str | Path | None = None,
    progress: bool = False,
    on_begin: Callable[[str, Flow], Any] | None = None,
    trainer: Callable[..., History] = fit,
    **options: Any,
) -> FittedTable:
    """Fit a model to a table: the candidates' average, weighted by their validation likelihood.

    Args:
        splits: the table, as :func:`tfp_maf.data_prep.table.load` returns it.
        candidates: densities of its numbers; all are trained.
        seed: of weights and shuffles.
        budget: seconds for the categories and all candidates together, in equal shares; None
            leaves it to their patience. Once it is spent, no candidate begins but the mixture.
        checkpoints: folder in which each training run keeps its state, and resumes from.
        progress: whether progress bars are shown.
        on_begin: called with the name and flow before each training run; what it returns is passed
            to :func:`tfp_maf.fit` as ``on_epoch``.
        trainer: what takes the arguments of :func:`tfp_maf.fit`.
        options: of :func:`tfp_maf.fit`, in place of the candidates' own.

    Raises:
        TrainingDiverged: If the only candidate diverges.
        ValueError: If no candidate can be fitted.
    """
    bare = TableModel.untrained(splits)
    schema = bare.schema
    train, validation = splits.rows("train"), splits.rows("validation")
    result = FittedTable(bare)

    def run(name: str, flow: Flow, x: Any, v: Any, c: Any, vc: Any, training: Any) -> None:
        given = training | options
        if "batch_size" not in given:  # one that all workers can share
            workers = getattr(options.get("strategy"), "num_replicas_in_sync", 1)
            size = batch_size_for(len(x))
            given["batch_size"] = max(size - size % workers, workers)
        if "patience" not in given:
            given = rhythm_for(len(x), given["batch_size"]) | given
        watcher = None if on_begin is None else on_begin(name, flow)
        checkpoint = None if checkpoints is None else Path(checkpoints) / f"{name}.npz"
        result.histories[name] = trainer(
            flow,
            x,
            v,
            train_condition=c,
            validation_condition=vc,
            sample_weight=splits.weights,
            standardise=False,
            seed=seed,
            checkpoint=checkpoint,
            progress=progress,
            on_epoch=watcher,
            **given,
        )

    began = time.perf_counter()

    def left() -> float:
        """Return the seconds of the budget that are left."""
        return np.inf if budget is None else budget - (time.perf_counter() - began)

    def share(count: int) -> dict[str, float]:
        """Return the limit of one of ``count`` training runs that are left."""
        return {} if budget is None else {"max_seconds": max(left() / count, 1.0)}

    categories = None
    sizes = np.array(list(schema.category_sizes.values()), int)[~bare.given_codes]
    x, v = bare.numbers(train), bare.numbers(validation)
    wanted = candidates if x.shape[1] else ()
    if len(sizes):
        c, vc = bare.category_condition(train), bare.category_condition(validation)
        categories = build_categories(
            sizes, condition_size=0 if c is None else c.shape[1], seed=seed
        )
        _begin_with_frequencies(categories, bare.codes(train))
        training = TRAINING | share(1 + len(wanted))
        run(CATEGORIES, categories, bare.codes(train), bare.codes(validation), c, vc, training)
    c, vc = bare.number_condition(train), bare.number_condition(validation)
    members: list[Member] = []
    scores: list[np.ndarray] = []
    noises: dict[str, float] = {}
    for index, candidate in enumerate(wanted):
        if result.stopped == "interrupted" and members:
            break
        if left() <= 0 and members and candidate.name != MIXTURE:
            # It would take seconds to compile before its own limit is looked at.
            result.failures[candidate.name] = f"the budget of {budget:g} s was spent before it"
            continue
        order = tuple(range(x.shape[1]))[::-1] if candidate.is_reversed else ()
        columns = list(order) or slice(None)
        training = dict(candidate.training)
        if candidate.follows and result.validation:
            best = max(result.validation, key=lambda name: result.validation[name])
            training.setdefault("input_noise", noises.get(best, 0.0))
        noises[candidate.name] = training.get("input_noise", 0.0)
        training |= share(len(wanted) - index)
        try:
            if candidate.name == MIXTURE:
                flow = fit_gaussian_mixture(x, v, seed=seed)
            else:
                flow = candidate.build(
                    x.shape[1], condition_size=bare.number_condition_size, seed=seed
                )
                run(candidate.name, flow, x[:, columns], v[:, columns], c, vc, training)
        except TrainingDiverged as error:
            if len(candidates) == 1:
                result.histories[candidate.name] = error.history
                result.model = TableModel(
                    schema, splits.scaler, categories, [Member(candidate.name, flow, 1.0, order)]
                )
                error.fitted = result  # type: ignore[attr-defined]
                raise
            result.failures[candidate.name] = str(error)
            continue
        except ValueError as error:
            if len(candidates) == 1 or candidate.name != MIXTURE:
                raise
            result.failures[candidate.name] = str(error)
            continue
        member = Member(candidate.name, flow, 1.0, order)
        of_member = member.log_prob(v, vc) + validation.log_det
        if not np.isfinite(of_member).all():
            result.failures[candidate.name] = "a validation row has no finite log-likelihood"
            if len(candidates) > 1:
                continue
        members.append(member)
        scores.append(of_member)
        result.validation[candidate.name] = float(of_member.mean())
    if x.shape[1] and not members:
        why = "; ".join(f"{name}: {text}" for name, text in result.failures.items())
        raise ValueError(f"no model could be fitted ({why})")
    weights = stacked(np.array(scores)) if members else np.empty(0)
    kept = [
        Member(member.name, member.flow, float(weight), member.order)
        for member, weight in zip(members, weights, strict=True)
        if weight > 0
    ]
    result.candidates = members
    result.model = TableModel(schema, splits.scaler, categories, kept)
    return result


def _begin_with_frequencies(categories: Flow, codes: np.ndarray) -> None:
    """Set the biases of the logits to the logarithms of each column's own frequencies.

    The first column's logits are biases alone, which small steps would take long to learn.
    """
    network = categories.base.logits
    network.biases[-1].assign(np.concatenate(baselines.log_frequencies(codes, network.sizes)))


def stacked(log_prob: np.ndarray) -> np.ndarray:
    """Return the weights of densities whose average is the most likely one on held-out rows.

    ``sum_n log sum_k w_k p_k(x_n)`` is concave in the weights; expectation maximisation climbs it.
    Each density counts as :data:`PRIOR` rows beforehand, so that few rows do not exclude any; a
    density that ends with less than :data:`LEAST_WEIGHT` is left out.

    Args:
        log_prob: log-likelihoods ``[K, N]`` of each density.

    Returns:
        Weights ``[K]``, their sum one.
    """
    weights = np.full(len(log_prob), 1 / len(log_prob))
    alive = np.ones(len(log_prob), bool)
    for limit in (0.0, LEAST_WEIGHT):
        alive &= weights >= limit
        weights = np.where(alive, weights, 0)
        for _ in range(ROUNDS):
            with np.errstate(divide="ignore"):
                joint = log_prob + np.log(weights / weights.sum())[:, None]
            shares = np.exp(joint - np.logaddexp.reduce(joint, axis=0)).sum(axis=1)
            weights = np.where(alive, shares + PRIOR, 0)
        weights = weights / weights.sum()
    return weights
