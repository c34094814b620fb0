"""Addresses, checksums and licences of all data sets, as their publishers give them."""

from __future__ import annotations

from dataclasses import dataclass

UCI = "https://archive.ics.uci.edu/static/public"


@dataclass(frozen=True)
class Record:
    """Record of a public copy of a file whose publisher gives neither size nor checksum.

    Attributes:
        name: Name of the file, after unpacking.
        size: Size in bytes.
        sha256: SHA-256 checksum in hexadecimal.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Remote:
    """File on its publisher's server.

    Attributes:
        url: Address of the file.
        name: Name of the local file.
        hash: Checksum ``"sha256:..."`` or ``"md5:..."``; None if none is published.
        size: Size in bytes; None if unknown.
        members: Names, without folders, of the files to extract from an archive; empty for all.
        renamed: Path prefixes and their replacements, for an archive that is extracted completely.
        records: Files that are compared to a public copy; a difference is only reported.
    """

    url: str
    name: str
    hash: str | None = None
    size: int | None = None
    members: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    records: tuple[Record, ...] = ()

    @property
    def is_archive(self) -> bool:
        """Flag for an archive, which is unpacked after its download."""
        return self.name.endswith((".zip", ".tar.gz", ".tgz"))


@dataclass(frozen=True)
class Source:
    """Data set with the files that it consists of.

    Attributes:
        files: Files to download.
        licence: Licence, and the authors to credit.
    """

    files: tuple[Remote, ...]
    licence: str


def _mnist(name: str, sha256: str, size: int) -> Remote:
    url = f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}"
    return Remote(url, name, f"sha256:{sha256}", size)


def _speech_commands(version: str, sha256: str) -> Source:
    name = f"speech_commands_{version}.tar.gz"
    url = f"https://storage.googleapis.com/download.tensorflow.org/data/{name}"
    licence = "CC BY 4.0, P. Warden 2018, Speech Commands (arXiv 1804.03209)"
    return Source((Remote(url, name, f"sha256:{sha256}"),), licence)


SOURCES = {
    "power": Source(
        (
            Remote(
                f"{UCI}/235/individual+household+electric+power+consumption.zip",
                "power.zip",
                members=("household_power_consumption.txt",),
            ),
        ),
        "CC BY 4.0, G. Hebrail and A. Berard, UCI data set 235",
    ),
    "gas": Source(
        (
            Remote(
                f"{UCI}/322/gas+sensor+array+under+dynamic+gas+mixtures.zip",
                "gas.zip",
                members=("ethylene_CO.txt",),
                records=(
                    Record(
                        "ethylene_CO.txt",
                        642_945_087,
                        "eb979ebf40f22bb7206b4fdd335fad6da51ad0289d2a37fdb1fff2f6e425487e",
                    ),
                ),
            ),
        ),
        "CC BY 4.0, J. Fonollosa, UCI data set 322",
    ),
    "hepmass": Source(
        (
            Remote(
                f"{UCI}/347/hepmass.zip",
                "hepmass.zip",
                members=("1000_train.csv.gz", "1000_test.csv.gz"),
            ),
        ),
        "CC BY 4.0, D. Whiteson, UCI data set 347",
    ),
    "miniboone": Source(
        (
            Remote(
                f"{UCI}/199/miniboone+particle+identification.zip",
                "miniboone.zip",
                members=("MiniBooNE_PID.txt",),
            ),
        ),
        "CC BY 4.0, B. Roe, UCI data set 199",
    ),
    "bsds300": Source(
        (
            Remote(
                "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/BSDS300-images.tgz",
                "BSDS300-images.tgz",
            ),
        ),
        "for research and teaching, not for sale; D. Martin, C. Fowlkes, D. Tal and J. Malik 2001",
    ),
    "mnist": Source(
        (
            _mnist(
                "train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                9_912_422,
            ),
            _mnist(
                "train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                28_881,
            ),
            _mnist(
                "t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                1_648_877,
            ),
            _mnist(
                "t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                4_542,
            ),
        ),
        "CC BY-SA 3.0, Y. LeCun, C. Cortes and C. Burges",
    ),
    "cifar10": Source(
        (
            Remote(
                "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
                "cifar-10-python.tar.gz",
                "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            ),
        ),
        "no licence stated; A. Krizhevsky, Learning multiple layers of features, 2009",
    ),
    "speech_commands_v0.01": _speech_commands(
        "v0.01", "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d"
    ),
    "speech_commands_v0.02": _speech_commands(
        "v0.02", "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"
    ),
    "fsdd": Source(
        (
            Remote(
                "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
                "fsdd.tar.gz",
                renamed=(("free-spoken-digit-dataset-1.0.9/", ""),),
            ),
        ),
        "CC BY-SA 4.0, Z. Jackson and others, Free Spoken Digit Dataset",
    ),
    # All seven data sets as the paper's authors prepared them, each in a folder of its name.
    "prepared": Source(
        (
            Remote(
                "https://zenodo.org/records/1161203/files/data.tar.gz",
                "data.tar.gz",
                "md5:9b9c9b0375315ad270eba4ce80c093ab",
                renamed=(("data/BSDS300/", "bsds300/"), ("data/", "")),
            ),
        ),
        "CC BY 4.0, G. Papamakarios 2018, Zenodo record 1161203",
    ),
}
