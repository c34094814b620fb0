"""Python's garbage collector, out of the way of long bursts of allocation."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collector() -> Iterator[None]:
    """Holds back the cyclic collector.

    Importing TensorFlow and tracing a training step make millions of objects that stay. The
    collector walks them all, again and again: that is two of five seconds of the import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
