"""The command ``tfp-maf listen``: recordings judged by a detector that ``train audio`` wrote."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from tfp_maf.audio.listener import Listener
from tfp_maf.audio.machines import LISTENER as MACHINES
from tfp_maf.audio.machines import MachineListener, context_rows
from tfp_maf.audio.search import is_clip, search
from tfp_maf.data_prep import audio
from tfp_maf.data_prep.machine_sounds import machine_of
from tfp_maf.utils.console import say

STANDARD_INPUT = "-"


def listen(folder: str, files: Sequence[str], *, rate: int = audio.RATE) -> int:
    """Print the answer about each file, and the times of the word in long ones.

    A clip has one line: its name, its margin (the score minus the threshold at the clip's level of
    noise), and the word, ``not``, or ``no speech`` with the reason. A recording of more than 1.5
    seconds has a line for each place where the word is, or one that says it is not there. A
    detector of faults answers ``normal`` or ``anomalous``; it takes the machine's id from the
    file's name, or from its folder.

    Args:
        folder: folder of the run.
        files: sound files; ``-`` is standard input, raw samples of 16 bits, one channel.
        rate: sample rate of standard input, in Hz.

    Returns:
        The exit status: 0, or 2 if a file could not be read.
    """
    lines_of = _lines_of(folder)
    status = 0
    for name in files:
        try:
            lines = lines_of(name, _read(name, rate))
        except (ValueError, OSError) as error:
            say(f"{name}  not read: {' '.join(str(error).split())}")
            status = 2
            continue
        for line in lines:
            say(f"{name}  {line}")
    return status


def _read(name: str, rate: int) -> np.ndarray:
    if name == STANDARD_INPUT:
        return audio.read_pcm(sys.stdin.buffer.read(), "standard input", found=rate)
    if Path(name).is_dir():
        raise ValueError(f"{name} is a folder; name the files in it")
    if not Path(name).exists():
        raise ValueError(f"{name}: no such file")
    return audio.read_audio(name, name)


def _lines_of(folder: str) -> Callable[[str, np.ndarray], list[str]]:
    """Load the run, and return what tells its lines about a file's name and samples."""
    if (Path(folder) / MACHINES).is_file():
        machines = MachineListener.load(folder)
        return lambda name, x: [_about_machine(machines, name, x)]
    listener = Listener.load(folder)
    if not listener.is_calibrated:
        raise ValueError(f"{folder} has no threshold: train again")
    return lambda _, x: _about_word(listener, x)


def _about_machine(listener: MachineListener, name: str, x: np.ndarray) -> str:
    if len(listener.machines) == 1:
        (machine,) = listener.machines
    elif name == STANDARD_INPUT:
        raise ValueError(f"which of {', '.join(listener.machines)} it is, only a file's name tells")
    else:
        machine = machine_of(Path(name).absolute())
    (score,) = listener.score([context_rows(x)], [machine])
    margin = score - listener.thresholds[machine]
    return f"{margin:+.2f}  {'normal' if margin >= 0 else 'anomalous'}"


def _about_word(listener: Listener, x: np.ndarray) -> list[str]:
    if is_clip(x):
        (answer,) = listener.answer([x])
        margin = f"{answer.margin:+.2f}" if np.isfinite(answer.margin) else "-"
        return [f"{margin}  {answer.text(listener.word)}"]
    found = search(listener, x)
    if not found:
        return [f"-  not in {len(x) / audio.RATE:.1f} s"]
    return [
        f"{each.margin:+.2f}  {listener.word} at {each.start:.2f} to {each.stop:.2f} s"
        for each in found
    ]
