"""Console output: silences TensorFlow's start-up messages, prints ours until stdout is closed."""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from tfp_maf.utils import compile_cache
from tfp_maf.utils.garbage import paused_collector


def import_tensorflow() -> None:
    """Import TensorFlow, and show its output on standard error only if the import fails.

    TensorFlow reports on oneDNN and missing GPU drivers before its logging is set up. No
    environment variable suppresses that, so the file descriptor itself is redirected.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    compile_cache.begin()
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            with paused_collector():
                tensorflow = importlib.import_module("tensorflow")
            # Tracing each layer of a flow once triggers its warning about excessive retracing.
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
    """Switch the printing of lines and progress bars on or off."""
    global _shown
    _shown = shown


def shows() -> bool:
    """Return whether lines and progress bars are printed."""
    return _shown


def say(text: str, *, always: bool = False) -> None:
    """Print a line; if standard output is closed (as by ``| head``), continue silently.

    Characters that the terminal's encoding lacks, as in a file's name, are written as their number.

    Args:
        text: the line.
        always: whether to print it even if printing is switched off.
    """
    if not (_shown or always):
        return
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def warnings_said(source: str) -> Iterator[None]:
    """Print the library's warnings once each, as lines about a file."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for text in dict.fromkeys(str(each.message) for each in caught):
        say(f"{source}: {text}")
