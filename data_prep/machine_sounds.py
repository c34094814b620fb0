"""Recordings of machines: DCASE 2020 task 2 in its published layout, or any folder of normal ones.

The data set (Koizumi et al. 2020, arXiv 2006.05822) has a folder per type of machine, such as
``fan``, with ``train/normal_id_00_00000000.wav``, ``test/normal_id_00_00000000.wav`` and
``test/anomaly_id_00_00000000.wav``: several machines of the type, told apart by their id, of which
training has heard normal sound only. In any other folder, the subfolders are the machines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import audio

NAME = re.compile(r"(?:(normal|anomaly)_)?(id_\d+)_\d+")
FAULTY = re.compile(r"(?:.*_)?anomaly(?:_.*)?", re.IGNORECASE)  # also in the names of later years
PARTS = ("train", "test")
ONE = "machine"  # name of the only machine of a folder without subfolders
HELD_OUT = 0.2  # fraction of the normal recordings of training that set the threshold


@dataclass(frozen=True)
class Recording:
    """Sound file of a machine.

    Attributes:
        path: the file.
        machine: the machine's id.
        part: ``"train"``, ``"validation"`` or ``"test"``.
        is_normal: False if the machine has a fault; None if nobody has said.
    """

    path: Path
    machine: str
    part: str
    is_normal: bool | None

    def read(self) -> np.ndarray:
        """Read the samples ``[n]`` at 16 kHz.

        Raises:
            ValueError: If the file is not sound, or is damaged.
        """
        return audio.read_audio(self.path, self.path)


def find_recordings(folder: str | Path, *, seed: int = 0) -> list[Recording]:
    """Find the recordings of one type of machine.

    A fifth of each machine's normal training recordings, drawn by ``seed`` and at least one, is for
    validation. Without the layout's names everything counts as normal, and all is for training.

    Args:
        folder: Folder of a type of machine in the layout of DCASE 2020, or any folder of sounds.
        seed: Seed of the split.

    Raises:
        OSError: If there is no such folder.
        ValueError: If it has no recordings, or a machine has fewer than two for training; if it
            holds several types of machine, a file of the layout beside others, anomalies that would
            count as normal, or two subfolders of the same name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"--normal {folder}: no such folder")
    paths = audio.sound_files(folder)
    if not paths:
        raise ValueError(f"--normal {folder} has no recordings ({', '.join(audio.SUFFIXES)})")
    published = [path for path in paths if NAME.fullmatch(path.stem) and path.parent.name in PARTS]
    if published:
        types = sorted({path.parent.parent for path in published})
        if len(types) > 1:
            known = ", ".join(path.name for path in types)
            raise ValueError(f"--normal {folder} has several types of machine; give one of {known}")
        if len(published) < len(paths):
            other = min(set(paths) - set(published))
            raise ValueError(f"{other} is not named as the others: train/normal_id_00_00000000.wav")
        found = [_published(path) for path in published]
    else:
        _refuse_mixed(paths)
        found = [Recording(path, machine_of(path, folder), "train", True) for path in paths]
    return _with_validation(found, seed)


def _refuse_mixed(paths: list[Path]) -> None:
    """Raise ValueError if recordings by folder hold anomalies, or two folders count as one."""
    parent_of: dict[str, Path] = {}
    for path in paths:
        if FAULTY.fullmatch(path.stem):
            raise ValueError(
                f"{path} is an anomaly by its name, and everything in --normal would count as "
                "normal: move anomalies out of the folder, or to test/anomaly_id_00_00000000.wav "
                "beside train/normal_id_00_00000000.wav"
            )
        if not NAME.fullmatch(path.stem):
            parent = parent_of.setdefault(path.parent.name, path.parent)
            if parent != path.parent:
                raise ValueError(
                    f"{parent} and {path.parent} would count as one machine, as a folder's name is "
                    "the machine: rename one"
                )


def machine_of(path: Path, folder: Path | None = None) -> str:
    """Return the machine of a sound file: the id in its name, or else its folder's name.

    Args:
        path: The file.
        folder: Folder of all recordings; files that are not in a subfolder of it are of the only
            machine, ``"machine"``.
    """
    match = NAME.fullmatch(path.stem)
    if match:
        return match[2]
    return ONE if folder is not None and path.parent == folder else path.parent.name


def _published(path: Path) -> Recording:
    match = NAME.fullmatch(path.stem)
    assert match is not None
    label = {"normal": True, "anomaly": False, None: None}[match[1]]
    return Recording(path, match[2], path.parent.name, label)


def _with_validation(found: list[Recording], seed: int) -> list[Recording]:
    """Move a fifth of each machine's training recordings to validation; faulty ones are refused."""
    rng = np.random.default_rng(seed)
    result = [each for each in found if each.part == "test"]
    train = [each for each in found if each.part == "train"]
    faulty = [each for each in train if each.is_normal is False]
    if faulty:
        raise ValueError(f"{faulty[0].path} is an anomaly, but in the folder of training")
    for machine in sorted({each.machine for each in found}):
        own = [each for each in train if each.machine == machine]
        if len(own) < 2:
            raise ValueError(
                f"machine {machine} has {len(own)} normal recordings for training; at least 2 are "
                "needed"
            )
        chosen = set(rng.permutation(len(own))[: max(1, round(HELD_OUT * len(own)))].tolist())
        for i, each in enumerate(own):
            part = "validation" if i in chosen else "train"
            result.append(Recording(each.path, machine, part, each.is_normal))
    return result
