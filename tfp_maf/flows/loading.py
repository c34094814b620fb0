"""A flow on disk: a TensorFlow SavedModel, and the arguments that built it.

``folder/model`` serves without this package:
``tf.saved_model.load(folder + "/model").log_prob(x)``. Its ``flow.json`` is what
:func:`load_flow` rebuilds the layers from.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from data_prep.files import naming, remove_leftovers
from data_prep.splits import Scaler
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.gaussian import build_gaussian
from tfp_maf.flows.maf import build_made, build_made_mog, build_maf, build_maf_mog
from tfp_maf.flows.nsf import build_nsf
from tfp_maf.flows.realnvp import build_realnvp
from tfp_maf.flows.saved_model import in_units

MODEL, ARGUMENTS = "model", "flow.json"
FORMAT = 1
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


def save_flow(flow: Flow, folder: str | Path, *, scaler: Scaler | None = None) -> None:
    """Writes ``folder/model``, in the place of any earlier one once it is whole.

    The SavedModel has the functions ``log_prob(x [N, D])``, ``noise(x [N, D])`` and
    ``sample(n, seed [2])``; a conditional flow's take ``condition`` as well. With a scaler, they
    are in the units of its table, float64, and ``columns`` are its columns' names.

    Raises:
        OSError: the folder can't be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    exported = tf.Module()
    exported.weights = list(flow.variables)
    functions = flow.functions
    if scaler is not None:
        functions = in_units(functions, scaler, flow.dtype)
        exported.columns = tf.Variable(list(scaler.columns), trainable=False)
    for name, function in functions.items():
        setattr(exported, name, function)
    with naming(folder / MODEL):
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=f".{MODEL}."))
        try:
            _write(exported, flow, temporary / MODEL, scaler=scaler)
            _put(temporary / MODEL, folder / MODEL)
        except tf.errors.OpError as error:
            raise OSError(f"can't write {folder / MODEL}: {error.message}") from None
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    remove_leftovers(folder / MODEL)


def _put(new: Path, place: Path) -> None:
    """Moves a folder to its place; the one before is not lost until it is there."""
    before = new.with_name("before")
    if place.exists():
        place.rename(before)
    try:
        new.rename(place)
    except OSError:
        if before.exists():
            before.rename(place)
        raise


def _write(exported: tf.Module, flow: Flow, model: Path, *, scaler: Scaler | None) -> None:
    tf.saved_model.save(exported, str(model))
    description = {
        "format": FORMAT,
        "builder": flow.builder,
        "arguments": dict(flow.arguments),
        "scaler": None if scaler is None else scaler.to_json(),
        "files": _checksums(model),
    }
    description["checksum"] = _checksum(description)
    (model / ARGUMENTS).write_text(json.dumps(description, indent=2) + "\n")


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
    if description["checksum"] != _checksum(without):
        raise ValueError(f"{ARGUMENTS} was altered")
    found = _checksums(model)
    for name, checksum in description["files"].items():
        if found.get(name) != checksum:
            raise ValueError(f"{name} was altered" if name in found else f"{name} is missing")


def _checksum(description: dict[str, Any]) -> str:
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def _checksums(model: Path) -> dict[str, str]:
    """SHA-256 of TensorFlow's files, by their paths in the model's folder."""
    paths = sorted(path for path in model.rglob("*") if path.is_file() and path.name != ARGUMENTS)
    return {
        path.relative_to(model).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
    }
