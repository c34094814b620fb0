"""Every model, eager, in a graph and under XLA, for events of every shape.

``python tests/flows/test_contexts.py`` writes ``docs/shapes_and_contexts.md`` from what these
tests find.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

PAGE = Path(__file__).parents[2] / "docs" / "shapes_and_contexts.md"
if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from models import MODELS, ONE_CONDITION, every_model, shaken  # noqa: E402

SHAPES = {"[D]": (), "[N, D]": (4,), "[S, N, D]": (2, 3), "[0, D]": (0,)}
CONTEXTS = {
    "eager": lambda function: function,
    "graph": tf.function,
    "XLA": lambda function: tf.function(function, jit_compile=True),
}
RNG = np.random.default_rng(0)
EVENTS = [tf.constant(RNG.normal(size=[*shape, 2]), tf.float32) for shape in SHAPES.values()]


def calls(flow, condition):
    """What is asked of a flow, for events of all shapes at once."""

    def log_prob(*events):
        return [flow.log_prob(x, condition) for x in events]

    def noise(*events):
        return [flow.noise(x, condition) for x in events]

    def sample(*events):
        return [flow.sample(x.shape[:-1], condition=condition) for x in events]

    def gradients(*events):
        found = []
        for x in events:
            with tf.GradientTape() as tape:
                tape.watch(x)
                density = flow.log_prob(x, condition)
            found.append(tape.gradient(density, x))
        return found

    return {"log_prob": log_prob, "noise": noise, "sample": sample, "gradients": gradients}


@cache
def found_in(name, context, kind="plain"):
    """The results by call, each a list over the shapes; computed once for all tests."""
    flow = shaken(name, 2, kind=kind, dtype="float32", num_layers=1, hidden_units=(4,))
    wrapped = CONTEXTS[context]
    of = calls(flow, ONE_CONDITION[kind])
    return {what: wrapped(function)(*EVENTS) for what, function in of.items()}


@pytest.mark.slow
@every_model
@pytest.mark.parametrize("context", CONTEXTS)
def test_shapes_and_values(name, context):
    eager, found = found_in(name, "eager"), found_in(name, context)
    for what, results in found.items():
        for shape, result, expected in zip(SHAPES.values(), results, eager[what], strict=True):
            assert result.shape == ([*shape, 2] if what != "log_prob" else shape), what
            assert np.isfinite(result).all()
            if what != "sample":  # drawn anew
                np.testing.assert_allclose(result, expected, rtol=2e-3, atol=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("kind", ["label", "vector"])
def test_with_a_condition(kind, context):
    for results in found_in("maf_5", context, kind).values():
        assert all(np.isfinite(result).all() for result in results)


def page():
    """The page of the docs."""
    rows = []
    for name, model in MODELS.items():
        for context in CONTEXTS:
            found = found_in(name, context)
            cells = []
            for what, results in found.items():
                shapes = zip(results, SHAPES.values(), strict=True)
                good = [np.isfinite(r).all() and r.shape[: len(s)] == s for r, s in shapes]
                cells.append("yes" if all(good) else f"no ({what})")
            rows.append(f"| {model.label} | {context} | {' | '.join(cells)} |")
    shapes = ", ".join(f"`{shape}`" for shape in SHAPES)
    head = "| model | context | log_prob | noise | sample | gradients |\n|---|---|---|---|---|---|"
    intro = (
        "# Shapes and contexts\n\n"
        f"Each cell was tried for events of the shapes {shapes}: the result has the right\n"
        "shape, is finite, and is the same eager, in a `tf.function`, and in one compiled by XLA.\n"
        "Written by `python tests/flows/test_contexts.py`.\n\n"
    )
    return intro + head + "\n" + "\n".join(rows) + "\n"


def test_the_page_names_every_model_and_context():
    text = PAGE.read_text()
    for model in MODELS.values():
        for context in CONTEXTS:
            assert f"| {model.label} | {context} | yes | yes | yes | yes |" in text


if __name__ == "__main__":
    PAGE.write_text(page())
