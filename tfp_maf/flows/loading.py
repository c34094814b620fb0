"""Loading of saved flows: builders by name, and checks of the files on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from tfp_maf.data_prep.splits import Scaler
from tfp_maf.flows.catalogue import builder_of
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.saved_model import ARGUMENTS, FORMAT, MODEL, checksum, checksums

# Exceptions that TensorFlow and Python raise for files cut short, altered or missing.
DAMAGE = (ValueError, LookupError, TypeError, AssertionError, OSError, tf.errors.OpError)


class NeedsFunction(Exception):
    """Error of a saved flow whose user-defined bijector is missing, or given but not needed."""


def load_flow(
    folder: str | Path,
    *,
    scaler: Scaler | None = None,
    bijector: Callable[[tf.Tensor], Any] | None = None,
) -> Flow:
    """Load the flow that :meth:`Flow.save` wrote to ``folder``: same log_prob, same samples.

    Args:
        folder: the folder that holds ``model``.
        scaler: of the rows; it must be the one that the flow was saved with.
        bijector: the function that a flow with a bijector of your own was built with.

    Raises:
        OSError: If there is no model.
        ValueError: If the model is damaged, altered, incomplete, not of this package or of another
            scaler; nothing in it is executed.
    """
    model = Path(folder) / MODEL
    if not (model / ARGUMENTS).is_file():
        raise FileNotFoundError(f"{folder} holds no saved flow: {model / ARGUMENTS} is missing")
    try:
        description = json.loads((model / ARGUMENTS).read_text())
        _check(description, model)
        builder, arguments = builder_of(description["builder"]), description["arguments"]
        flow = builder(**_with_function(arguments, bijector))
        variables = flow.layer_variables
        if description["format"] > 1:  # the first format knew no standardisation
            variables = [*variables, *flow.rows.settings]
            columns = description["columns"]
            flow.columns = None if columns is None else tuple(columns)
        prefix = str(model / "variables" / "variables")
        stored = [
            name for name, _ in tf.train.list_variables(prefix) if name.startswith("weights/")
        ]
        if len(stored) != len(variables):
            raise ValueError(f"{len(stored)} weights, where {len(variables)} are needed")
        checkpoint = tf.train.Checkpoint(weights=variables)
        # The file also holds what is not the flow's: the columns' names.
        checkpoint.read(prefix).expect_partial().assert_existing_objects_matched()
    except NeedsFunction as error:
        raise ValueError(f"{model}: {error}") from None
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


def _with_function(arguments: dict[str, Any], bijector: Any) -> dict[str, Any]:
    """Return a builder's arguments, with the user's function in place of its name."""
    stored = arguments.get("bijector")
    if not isinstance(stored, dict):
        if bijector is not None:
            raise NeedsFunction("it has no bijector of your own: leave out bijector")
        return arguments
    if bijector is None:
        raise NeedsFunction(
            f"it was built with a bijector of your own: give "
            f"load_flow(..., bijector={stored['function']})"
        )
    return arguments | {"bijector": bijector}


def _check(description: dict[str, Any], model: Path) -> None:
    """Check that a model's files are those that were saved.

    Raises:
        ValueError: If the format is unknown, or a file was altered or is missing.
    """
    if not 1 <= description["format"] <= FORMAT:
        raise ValueError(f"its format is {description['format']}, this version reads 1 to {FORMAT}")
    without = {name: value for name, value in description.items() if name != "checksum"}
    if description["checksum"] != checksum(without):
        raise ValueError(f"{ARGUMENTS} was altered")
    found = checksums(model)
    for name, expected in description["files"].items():
        if found.get(name) != expected:
            raise ValueError(f"{name} was altered" if name in found else f"{name} is missing")
