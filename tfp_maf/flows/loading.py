"""Loading a saved flow: the builders by name, and the checks of what is on the disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tensorflow as tf

from data_prep.splits import Scaler
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.gaussian import build_gaussian
from tfp_maf.flows.maf import build_made, build_made_mog, build_maf, build_maf_mog
from tfp_maf.flows.nsf import build_nsf
from tfp_maf.flows.realnvp import build_realnvp
from tfp_maf.flows.saved_model import ARGUMENTS, FORMAT, MODEL, checksum, checksums

# What TensorFlow and Python raise for files cut short, altered or missing.
DAMAGE = (ValueError, LookupError, TypeError, AssertionError, OSError, tf.errors.OpError)


# What a saved flow is rebuilt by.
BUILDERS = {
    builder.__name__: builder
    for builder in (
        build_gaussian,
        build_made,
        build_made_mog,
        build_realnvp,
        build_maf,
        build_maf_mog,
        build_nsf,
    )
}


def load_flow(folder: str | Path, *, scaler: Scaler | None = None) -> Flow:
    """The flow that :meth:`Flow.save` wrote to ``folder``: same log_prob, same samples.

    Args:
        folder: which holds ``model``.
        scaler: what standardises the rows for it, which must be what it was saved with.

    Raises:
        OSError: no model there.
        ValueError: a model that is damaged, altered, incomplete or not of this package, or of
            another scaler; nothing of it is executed.
    """
    model = Path(folder) / MODEL
    if not (model / ARGUMENTS).is_file():
        raise FileNotFoundError(f"{folder} holds no saved flow: {model / ARGUMENTS} is missing")
    try:
        description = json.loads((model / ARGUMENTS).read_text())
        _check(description, model)
        if description["builder"] not in BUILDERS:
            raise ValueError(f"unknown builder {description['builder']!r}")
        flow = BUILDERS[description["builder"]](**description["arguments"])
        prefix = str(model / "variables" / "variables")
        stored = [
            name for name, _ in tf.train.list_variables(prefix) if name.startswith("weights/")
        ]
        if len(stored) != len(flow.variables):
            raise ValueError(f"{len(stored)} weights, where {len(flow.variables)} are needed")
        checkpoint = tf.train.Checkpoint(weights=list(flow.variables))
        # The file also holds what is not the flow's: the columns' names.
        checkpoint.read(prefix).expect_partial().assert_existing_objects_matched()
    except DAMAGE as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(
            f"{model} is damaged and can't be loaded ({reason}); train again or copy it again"
        ) from None
    saved = description["scaler"]
    if scaler is not None and saved is not None and not scaler.equals(Scaler.from_json(saved)):
        raise ValueError(
            f"{model} was not trained with the mean and scale that {folder} has for its columns: "
            f"it was altered, or is of another run; copy the run again"
        )
    return flow


def _check(description: dict[str, Any], model: Path) -> None:
    """That a model is what was saved.

    Raises:
        ValueError: of another format, or altered since.
    """
    if description["format"] != FORMAT:
        raise ValueError(f"its format is {description['format']}, this version reads {FORMAT}")
    without = {name: value for name, value in description.items() if name != "checksum"}
    if description["checksum"] != checksum(without):
        raise ValueError(f"{ARGUMENTS} was altered")
    found = checksums(model)
    for name, expected in description["files"].items():
        if found.get(name) != expected:
            raise ValueError(f"{name} was altered" if name in found else f"{name} is missing")
