"""What reaches the user: no greeting of TensorFlow's, and our own words while they are read."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile

from tfp_maf.utils.garbage import paused_collector


def import_tensorflow() -> None:
    """Imports TensorFlow, and prints what it says on standard error only if that fails.

    Its notes on oneDNN and missing GPU drivers come before any logging is set up; no
    environment variable stops them, so the file descriptor itself is turned away.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            with paused_collector():
                tensorflow = importlib.import_module("tensorflow")
            # It takes a stack of layers, each traced once, for one function traced too often.
            tensorflow.get_logger().setLevel("ERROR")
        except BaseException:
            said.seek(0)
            os.write(stderr, said.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


_shown = True


def show(shown: bool) -> None:
    """Whether lines and progress bars are wanted at all."""
    global _shown
    _shown = shown


def shows() -> bool:
    """Whether they are."""
    return _shown


def say(text: str, *, always: bool = False) -> None:
    """Prints a line; where nobody reads any more (``| head``), the work goes on in silence."""
    if not (_shown or always):
        return
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
