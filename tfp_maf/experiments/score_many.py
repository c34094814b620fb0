"""Scoring of tables larger than memory, part by part, with Dask.

A part is a block of rows of one file. Threads of this process, or the workers of a cluster, read,
score and write the parts independently, so memory holds one part per worker. Parts that are
already written are skipped.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from tfp_maf.data_prep import table, text_files
from tfp_maf.data_prep.files import make_folder, replaced_when_whole, write_json
from tfp_maf.data_prep.reading import text_tables
from tfp_maf.estimators.table_model import TableModel
from tfp_maf.experiments.run import Run
from tfp_maf.experiments.score import load
from tfp_maf.experiments.scoring import score_frame
from tfp_maf.experiments.table_options import TableOptions
from tfp_maf.utils.console import say, shows

MANIFEST = "_scores.json"  # Parquet readers skip names that start with an underscore
CONNECT = 10  # seconds to wait for a scheduler
_loading = threading.Lock()


def score_many(folder: str, sources: Sequence[str], output: str, *, cluster: str | None) -> int:
    """Write ``log p(x)`` of every row of the files, in order and in the user's units, as Parquet.

    After an interruption, the same call scores the parts that are still missing.

    Args:
        folder: folder of the run. The workers of a cluster must find it, the sources and the
            output under the same paths.
        sources: ``.parquet`` or text files that have the run's columns.
        output: folder to write ``part-00000.parquet``, ... to, with columns ``log_prob`` and
            ``reason``, why a row has no score.
        cluster: address of a Dask scheduler, such as ``tcp://HOST:8786``; None for threads of
            this process.

    Returns:
        The exit status, 0.

    Raises:
        OSError: a file is missing, the folder cannot be written, or no scheduler answers.
        ValueError: a file is of another kind, or cannot be read; the message names the file.
    """
    from dask import delayed

    run, model = load(folder)
    parts = [part for source in sources for part in _parts(Path(source), run, model)]
    target = make_folder(output, option="-o")
    _claim(target, {"run": run.config, "sources": [_identity(s) for s in sources]})
    paths = [target / f"part-{number:05}.parquet" for number in range(len(parts))]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    if len(missing) < len(parts):
        say(f"{len(parts) - len(missing)} of {len(parts)} parts were scored before")
    with _client(cluster) as client:
        score = delayed(_score_part)
        jobs = client.compute(
            [score(*parts[n], str(run.folder.resolve()), str(paths[n].resolve())) for n in missing]
        )
        _wait_for(jobs, [parts[n][1] for n in missing])
    say(f"{len(parts)} parts of {len(sources)} files scored, written to {output}")
    return 0


def _parts(source: Path, run: Run, model: TableModel) -> list[tuple[Any, str, str | None]]:
    """Return the parts of a file, read lazily by the workers, each with a name for messages."""
    import dask.dataframe as dd

    text_files.require_file(source)
    suffix, decimal = source.suffix.lower(), None
    reading = TableOptions.from_json(run.config).reading
    columns = [column.name for column in model.schema.columns]
    if suffix == ".parquet":
        frame = dd.read_parquet(str(source), index=False, split_row_groups="adaptive")
    elif suffix in text_tables.ENDINGS:
        options, decimal = text_tables.options_of_parts(source, reading, columns)
        frame = dd.read_csv(str(source), **options)
    else:
        raise ValueError(
            f"{source}: only .parquet and uncompressed text files can be scored in parts"
        )
    names, notes = table.wanted(
        list(frame.columns), model.schema, source, left_out=run.config["left_out"]
    )
    for note in notes:
        say(f"{source}: {note}")
    delayed = frame[names].to_delayed()
    return [
        (part, f"{source}, part {n} of {len(delayed)}", decimal)
        for n, part in enumerate(delayed, 1)
    ]


def _identity(source: str) -> list[Any]:
    """Return what identifies a file: its path, size and time of modification."""
    status = Path(source).stat()
    return [str(Path(source).resolve()), status.st_size, status.st_mtime_ns]


def _claim(target: Path, manifest: dict[str, Any]) -> None:
    """Record in a new output folder what is scored into it, or check that it is the same.

    Raises:
        ValueError: the folder holds other files, or scores of another run or other sources.
    """
    path = target / MANIFEST
    if path.exists() or any(target.iterdir()):
        try:
            before = json.loads(path.read_text())
        except (OSError, ValueError):
            before = None
        if before != json.loads(json.dumps(manifest)):
            raise ValueError(
                f"-o {target} holds something other than scores of this run and these files; "
                f"choose another folder or delete it"
            )
    else:
        write_json(path, manifest)


def _client(cluster: str | None) -> Any:
    """Return a Dask client of the cluster's scheduler, or one with threads in this process."""
    from dask.distributed import Client

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # failures are raised here instead
    if cluster is None:
        return Client(processes=False, dashboard_address=None)
    try:
        return Client(cluster, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise OSError(f"--cluster {cluster}: no scheduler answered ({error})") from None


def _wait_for(jobs: list[Any], names: list[str]) -> None:
    from dask.distributed import KilledWorker, as_completed

    name_of = dict(zip((job.key for job in jobs), names, strict=True))
    bar = tqdm(total=len(jobs), unit="part", disable=not shows())
    with bar:
        for job in as_completed(jobs):
            try:
                job.result()
            except (ValueError, OSError):
                raise
            except KilledWorker:
                raise OSError(f"{name_of[job.key]}: every worker that tried it died") from None
            except Exception as error:  # exceptions of the libraries that read the files
                raise ValueError(f"{name_of[job.key]}: {error}") from None
            bar.update()


def _score_part(part: pd.DataFrame, name: str, decimal: str | None, folder: str, path: str) -> None:
    """Score one part and write it, on a worker.

    A part that is scored again after a worker failed replaces an identical file.
    """
    _, model = _loaded(folder)
    scored = score_frame(model, part.reset_index(drop=True), decimal)
    frame = pd.DataFrame({"log_prob": scored.log_prob, "reason": scored.reasons.astype(str)})
    with replaced_when_whole(Path(path), binary=True) as file:
        frame.to_parquet(file, index=False)


def _loaded(folder: str) -> tuple[Run, TableModel]:
    with _loading:  # once per process, not once per thread
        return _load(folder)


@lru_cache(maxsize=1)
def _load(folder: str) -> tuple[Run, TableModel]:
    return load(folder)
