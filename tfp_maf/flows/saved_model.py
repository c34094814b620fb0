"""Files of a saved flow: a TensorFlow SavedModel, and the arguments that built the flow.

``folder/model`` can be used without this package:
``tf.saved_model.load(folder + "/model").log_prob(x)``. :func:`tfp_maf.load_flow` rebuilds the
layers from its ``flow.json``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.data_prep.files import naming, remove_leftovers
from tfp_maf.data_prep.splits import Scaler

MODEL, ARGUMENTS = "model", "flow.json"
FORMAT = 2


def write_saved_model(
    folder: str | Path,
    *,
    functions: dict[str, Any],
    variables: Sequence[tf.Variable],
    description: dict[str, Any],
    dtype: str,
    scaler: Scaler | None,
) -> None:
    """Write ``folder/model``, replacing an earlier one only once it is complete.

    The SavedModel has the functions ``log_prob(x [N, D])``, ``noise(x [N, D])`` and
    ``sample(n, seed [2])``; a conditional flow's take ``condition`` as well. With a scaler, they
    are in the units of its table, float64, and ``columns`` are its columns' names.

    Raises:
        OSError: If the folder can't be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    exported = tf.Module()
    exported.weights = list(variables)
    if scaler is not None:
        functions = in_units(functions, scaler, dtype)
        exported.columns = tf.Variable(list(scaler.columns), trainable=False)
    for name, function in functions.items():
        setattr(exported, name, function)
    with naming(folder / MODEL):
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=f".{MODEL}."))
        try:
            _write(exported, description, temporary / MODEL, scaler=scaler)
            _replace(temporary / MODEL, folder / MODEL)
        except tf.errors.OpError as error:
            raise OSError(f"can't write {folder / MODEL}: {error.message}") from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    remove_leftovers(folder / MODEL)


def _replace(new: Path, place: Path) -> None:
    """Move a folder to its place; the previous one is kept until the move has succeeded."""
    before = new.with_name("before")
    if place.exists():
        place.rename(before)
    try:
        new.rename(place)
    except OSError:
        if before.exists():
            before.rename(place)
        raise


def _write(
    exported: tf.Module, description: dict[str, Any], model: Path, *, scaler: Scaler | None
) -> None:
    tf.saved_model.save(exported, str(model))
    description = {
        "format": FORMAT,
        **description,
        "scaler": None if scaler is None else scaler.to_json(),
        "files": checksums(model),
    }
    description["checksum"] = checksum(description)
    (model / ARGUMENTS).write_text(json.dumps(description, indent=2) + "\n")


def in_units(functions: dict[str, Any], scaler: Scaler, dtype: str) -> dict[str, Any]:
    """Return ``log_prob``, ``noise`` and ``sample`` of rows ``x`` in a table's units.

    The flow's own are of ``z = (x - mean) / scale`` per column, computed in float64, and
    ``log p(x) = log p(z) - sum log scale``.

    Args:
        functions: :attr:`Flow.functions`.
        scaler: of the table.
        dtype: that of the flow.

    Returns:
        Functions with rows in float64 ``[N, D]`` in place of the flow's dtype.
    """
    mean, scale = (np.asarray(values, np.float64) for values in (scaler.mean, scaler.scale))
    rows = tf.TensorSpec([None, len(mean)], tf.float64)

    def standardised(x: tf.Tensor) -> tf.Tensor:
        return tf.cast((x - mean) / scale, dtype)

    def log_prob(x: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
        z = functions["log_prob"](standardised(x), *condition)
        return tf.cast(z, tf.float64) + scaler.log_det

    def noise(x: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
        return functions["noise"](standardised(x), *condition)

    def sample(n: tf.Tensor, seed: tf.Tensor, *condition: tf.Tensor) -> tf.Tensor:
        return mean + scale * tf.cast(functions["sample"](n, seed, *condition), tf.float64)

    def signature(name: str, first: list[Any]) -> list[Any]:
        return [*first, *functions[name].input_signature[len(first) :]]

    return {
        "log_prob": tf.function(log_prob, input_signature=signature("log_prob", [rows])),
        "noise": tf.function(noise, input_signature=signature("noise", [rows])),
        "sample": tf.function(sample, input_signature=functions["sample"].input_signature),
    }


def checksum(description: dict[str, Any]) -> str:
    """Return the SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def checksums(model: Path) -> dict[str, str]:
    """Return the SHA-256 of TensorFlow's files, by their paths in the model's folder."""
    paths = sorted(path for path in model.rglob("*") if path.is_file() and path.name != ARGUMENTS)
    return {
        path.relative_to(model).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }
