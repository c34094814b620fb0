"""Which cluster this process belongs to, and waiting for the rest of it."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfp_maf.training.distributed import reason

EXAMPLE = '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'


def strategy_here(say: Callable[[str], None] | None = None) -> tf.distribute.Strategy:
    """That of this process's ``TF_CONFIG``, once the others have come.

    Args:
        say: is told for whom this process waits.

    Raises:
        ValueError: no ``TF_CONFIG``, or one that says nothing.
        OSError: the others can't be reached, or this one's port is taken.
    """
    name, own, others = _addresses()
    if say is not None and others:
        say(f"{name} waits for {', '.join(others)}")
    try:
        with _signals_end_it():
            return tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise OSError(
            f"--distribute: {reason(error)}: the port of {own} must be free here, and the other "
            f"addresses be reached from here"
        ) from None


def _addresses() -> tuple[str, str, list[str]]:
    """What ``TF_CONFIG`` calls this process, its address, and those of the others.

    Raises:
        ValueError: it does not say.
    """
    text = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        if not set(cluster) <= {"chief", "worker"} or task["index"] < 0:
            raise ValueError("task")
        own = cluster[task["type"]][task["index"]]
        everyone = {address for addresses in cluster.values() for address in addresses}
        if not all(isinstance(address, str) for address in everyone):
            raise ValueError("addresses")
    except (ValueError, LookupError, TypeError):
        raise ValueError(
            f"--distribute needs the variable TF_CONFIG, such as {EXAMPLE}, with another index on "
            f"each machine; it is {text[:200] or 'not set'}"
        ) from None
    return f"{task['type']} {task['index']}", own, sorted(everyone - {own})


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """TensorFlow waits for other machines where Python sees no Ctrl-C; there is nothing to save."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python sets them in the main one alone
        return
    before = {s: signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
