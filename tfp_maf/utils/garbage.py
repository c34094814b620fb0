"""Pausing of Python's cyclic garbage collector during long bursts of allocation."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Pause the cyclic garbage collector within a ``with`` block.

    Importing TensorFlow and tracing a training step create millions of permanent objects, which the
    collector traverses again and again: it takes two of the five seconds of the import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
