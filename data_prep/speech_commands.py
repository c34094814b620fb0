"""Recordings of words: Google's Speech Commands, as in the blog post, and other files by class.

Speech Commands (Warden 2018, arXiv 1804.03209), versions 0.01 and 0.02, consists of files
``WORD/SPEAKER_nohash_N.wav`` of one second at 16 kHz; ``testing_list.txt`` and
``validation_list.txt`` split them by speaker. The Free Spoken Digit Dataset,
``recordings/DIGIT_SPEAKER_N.wav``, can be read as well, and so can any folder of ``CLASS/*.wav``,
also FLAC, OGG, MP3 and AIFF, in which each file counts as a different speaker.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from tfp_maf.data_prep import audio

PARTS = ("train", "validation", "test")
FRACTIONS = (0.7, 0.1, 0.2)
LISTS = {"testing_list.txt": "test", "validation_list.txt": "validation"}
NOISE = "_background_noise_"


@dataclass(frozen=True)
class Clips:
    """Recordings with their words, speakers and parts.

    Attributes:
        samples: Samples of each clip, float32 ``[n]``, at ``rate``.
        names: Name of each clip, ``WORD/FILE.wav``.
        words, speakers: Word and speaker of each clip.
        official: Part that the publisher's lists assign to each clip; "train" without lists.
        rate: Samples per second.
        skipped: For each file that could not be read, a message with its name and the reason.
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
        """Return the clips chosen by an array of indices or a mask."""
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
    """Load recordings from a folder, or from the publisher's archive without unpacking it.

    Args:
        source: Path of the folder or ``.tar.gz`` file.
        words: Words to load; by default, all.
        rate: Sample rate to return, in Hz.
        strict: Whether a file that cannot be read is an error; otherwise it is skipped and listed
            in :attr:`Clips.skipped`.
        progress: Whether to show a progress bar on standard error.

    Raises:
        OSError: If the folder or file is missing.
        ValueError: If there are no recordings, or none of a requested word; if the archive is
            damaged; with ``strict``, if a file cannot be read.
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
                samples.append(audio.read_audio(io.BytesIO(content()), name, rate=rate))
                names.append(name)
            except ValueError as error:
                if strict:
                    raise
                skipped.append(str(error))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ValueError(f"{source} is damaged ({error}); download it again") from None
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
    """Return the word and speaker in a name.

    For example, ``happy/004ae714_nohash_0.wav`` gives ``("happy", "004ae714")``.
    """
    folder, stem = PurePosixPath(name).parent.name, PurePosixPath(name).stem
    if folder == "recordings" and stem.count("_") == 2:  # Free Spoken Digit Dataset
        word, speaker, _ = stem.split("_")
        return word, speaker
    return folder, stem.split("_nohash_")[0] if "_nohash_" in stem else f"{folder}/{stem}"


def split_by_speaker(speakers: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Assign each clip to a part: 70 % of the speakers train, 10 % validation, 20 % test.

    No speaker is in two parts. With eight speakers or more, at least two are in the validation set.

    Raises:
        ValueError: If there are fewer than three speakers.
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
    paths = sorted(path for path in audio.sound_files(source) if NOISE not in path.parts)
    lists: dict[str, str] = {}
    for name, part in LISTS.items():
        if (source / name).is_file():
            lists |= dict.fromkeys((source / name).read_text().split(), part)
    return [("/".join(path.parts[-2:]), partial(_content, path)) for path in paths], lists


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def _archive(source: Path) -> tuple[Iterator, dict[str, str]]:
    """Return an iterator over the archive's recordings, and the publisher's lists.

    The archive is read twice, the first time for the lists only.
    """
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
        raise ValueError(
            f"{source} is damaged, or not an archive ({error}); download it again"
        ) from None
    return _members(source), lists


def _members(source: Path) -> Iterator:
    with tarfile.open(source) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if (
                member.isfile()
                and path.suffix.lower() in audio.SUFFIXES
                and NOISE not in path.parts
            ):
                content = archive.extractfile(member)
                assert content is not None
                yield "/".join(path.parts[-2:]), content.read
