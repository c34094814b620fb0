"""Recordings of words: Google's Speech Commands, and other folders of WAV files by class.

Warden 2018 (arXiv 1804.03209), versions 0.01 and 0.02: ``WORD/SPEAKER_nohash_N.wav``, one second
at 16 kHz; ``testing_list.txt`` and ``validation_list.txt`` split by speaker. Also the Free Spoken
Digit Dataset, ``recordings/DIGIT_SPEAKER_N.wav``, and any folder of ``CLASS/*.wav``, in which each
file counts as a speaker of its own.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from data_prep import audio

PARTS = ("train", "validation", "test")
FRACTIONS = (0.7, 0.1, 0.2)
LISTS = {"testing_list.txt": "test", "validation_list.txt": "validation"}
NOISE = "_background_noise_"


@dataclass(frozen=True)
class Clips:
    """Recordings, in the order of their names.

    Attributes:
        samples: of each, float32 ``[n]``, at ``rate``.
        names: ``WORD/FILE.wav``.
        words, speakers: of each.
        official: the part that the publisher's lists put each in; "train" without lists.
        rate: samples a second.
        skipped: what could not be read, and why, a sentence each.
    """

    samples: list[np.ndarray]
    names: list[str]
    words: np.ndarray
    speakers: np.ndarray
    official: np.ndarray
    rate: int
    skipped: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.samples)

    def take(self, chosen: np.ndarray) -> Clips:
        """Some of them, by index or mask."""
        places = np.arange(len(self))[chosen]
        return Clips(
            [self.samples[i] for i in places],
            [self.names[i] for i in places],
            self.words[places],
            self.speakers[places],
            self.official[places],
            self.rate,
            self.skipped,
        )


def load(
    source: str | Path,
    *,
    words: Collection[str] | None = None,
    rate: int = audio.RATE,
    strict: bool = False,
    progress: bool = False,
) -> Clips:
    """Reads a folder, or the publisher's archive without unpacking it.

    Args:
        source: the folder or ``.tar.gz``.
        words: which of them; by default all.
        rate: samples a second wanted.
        strict: whether a file that can't be read is an error; else it is skipped, and named in
            :attr:`Clips.skipped`.
        progress: whether reading shows a bar, on standard error.

    Raises:
        OSError: no such folder or file.
        ValueError: no recordings in it, or none of a word; a damaged archive; with ``strict``, a
            file that can't be read.
    """
    source = Path(source)
    files, lists = _archive(source) if source.is_file() else _folder(source)
    samples, names, skipped = [], [], []
    wanted = None if words is None else set(words)
    try:
        for name, content in tqdm(files, desc="reading", unit=" files", disable=not progress):
            if wanted is not None and word_and_speaker(name)[0] not in wanted:
                continue
            try:
                samples.append(audio.read_wav(io.BytesIO(content()), name, rate=rate))
                names.append(name)
            except ValueError as error:
                if strict:
                    raise
                skipped.append(str(error))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{source} is damaged: {error}; get it again") from None
    found = [word_and_speaker(name) for name in names]
    missing = sorted((wanted or set()) - {word for word, _ in found})
    if not found or missing:
        what = f"recordings of {missing[0]!r}" if missing else "recordings"
        raise ValueError(f"{source} has no {what}" + (f"; {skipped[0]}" if skipped else ""))
    return Clips(
        samples,
        names,
        np.array([word for word, _ in found]),
        np.array([speaker for _, speaker in found]),
        np.array([lists.get(name, "train") for name in names]),
        rate,
        skipped,
    )


def word_and_speaker(name: str) -> tuple[str, str]:
    """``happy/004ae714_nohash_0.wav`` to ("happy", "004ae714")."""
    folder, stem = PurePosixPath(name).parent.name, PurePosixPath(name).stem
    if folder == "recordings" and stem.count("_") == 2:  # the spoken digits'
        word, speaker, _ = stem.split("_")
        return word, speaker
    return folder, stem.split("_nohash_")[0] if "_nohash_" in stem else f"{folder}/{stem}"


def split_by_speaker(speakers: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """The part of each clip: 70 % of the speakers train, 10 % validate, 20 % test.

    No speaker is in two parts. Of eight speakers or more, two validate at least.

    Raises:
        ValueError: fewer than three speakers.
    """
    unique = np.unique(speakers)
    if len(unique) < len(PARTS):
        raise ValueError(f"{len(unique)} speakers are too few to split: at least 3 are needed")
    shuffled = np.random.default_rng(seed).permutation(unique)
    least = 2 if len(unique) >= 8 else 1
    counts = [max(least, round(len(unique) * fraction)) for fraction in FRACTIONS[1:]]
    part_of = dict.fromkeys(shuffled[: counts[0]], "validation")
    part_of |= dict.fromkeys(shuffled[counts[0] : sum(counts)], "test")
    return np.array([part_of.get(speaker, "train") for speaker in speakers])


def _folder(source: Path) -> tuple[list, dict[str, str]]:
    if not source.is_dir():
        raise FileNotFoundError(f"{source}: no such folder of recordings")
    paths = sorted(path for path in source.rglob("*.wav") if NOISE not in path.parts)
    lists: dict[str, str] = {}
    for name, part in LISTS.items():
        if (source / name).is_file():
            lists |= dict.fromkeys((source / name).read_text().split(), part)
    return [("/".join(path.parts[-2:]), path.read_bytes) for path in paths], lists


def _archive(source: Path) -> tuple[Iterator, dict[str, str]]:
    """The archive's files, one after the other: it is read twice, once for the lists."""
    lists: dict[str, str] = {}
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                part = LISTS.get(PurePosixPath(member.name).name)
                if part is not None:
                    content = archive.extractfile(member)
                    assert content is not None
                    lists |= dict.fromkeys(content.read().decode().split(), part)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{source} is damaged, or no archive: {error}; get it again") from None
    return _members(source), lists


def _members(source: Path) -> Iterator:
    with tarfile.open(source) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if member.isfile() and path.suffix == ".wav" and NOISE not in path.parts:
                content = archive.extractfile(member)
                assert content is not None
                yield "/".join(path.parts[-2:]), content.read
