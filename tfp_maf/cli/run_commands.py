"""Commands about a run as a whole: `plot`, `report`, and `listen` for sounds."""

from __future__ import annotations

import click

from tfp_maf.cli import needed
from tfp_maf.cli.options import RUN
from tfp_maf.utils import console


@click.command()
@RUN
def plot(run: str) -> int:
    """Redraw RUN's figures: learning curve, samples over data, noise; of time series, a fan."""
    of_time = needed.of_time(run, None)
    if of_time is not None:
        return needed.time_scoring().plot(*of_time)
    return needed.training().plot(run)


@click.command()
@RUN
@click.option(
    "-o", "--output", metavar="FILE", help="HTML file to write. [default: RUN/report.html]"
)
def report(run: str, output: str | None) -> int:
    """Write one HTML page that shows how good RUN's model is, in figures and numbers.

    The page needs no other file and no network. It is about the data that RUN was trained on; if
    they are gone, the parts that need them are left out.
    """
    from tfp_maf.experiments.time_run import is_time_run

    console.import_tensorflow()
    if is_time_run(run):
        from tfp_maf.experiments.time_page import write_page as write_time_page

        return write_time_page(run, output)
    from tfp_maf.experiments.page import write_page

    return write_page(run, output)


@click.command()
@RUN
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--rate",
    default=16_000,
    show_default=True,
    type=click.IntRange(8_000, 48_000),
    help="Sample rate of standard input, in Hz.",
)
def listen(run: str, files: tuple[str, ...], rate: int) -> int:
    """Tell whether FILES hold the word of a RUN of `train audio`, and when.

    FILES are WAV, FLAC, OGG, MP3 or AIFF; - is standard input, raw samples of 16 bits, one channel.
    """
    needed.audio()
    from tfp_maf.audio.listen import listen as run_listen

    return run_listen(run, files, rate=rate)
