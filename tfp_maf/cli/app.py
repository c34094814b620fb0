"""The command ``tfp-maf``: its subcommands, and how errors end it.

The modules of this package only parse arguments; TensorFlow is imported when a command needs it.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable

import click

import tfp_maf
from tfp_maf.cli import paper_commands, row_commands, run_commands, train_command
from tfp_maf.utils import compile_cache as cache
from tfp_maf.utils import console


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tfp_maf.__version__, prog_name="tfp-maf")
@click.option(
    "--compile-cache/--no-compile-cache",
    default=True,
    envvar="TFP_MAF_COMPILE_CACHE",
    help="Keep compiled programs in ~/.cache/tfp_maf for the next command. "
    "[default: on; variable TFP_MAF_COMPILE_CACHE]",
)
def cli(compile_cache: bool) -> None:
    """Train masked autoregressive flows on tables, score rows and draw samples.

    To see everything work without data of your own, run `tfp-maf train gas`.
    """
    console.show(True)
    cache.switch(compile_cache)


for command in (
    *(train_command.train, paper_commands.download, paper_commands.reproduce),
    *(row_commands.evaluate, row_commands.score, row_commands.anomalies, row_commands.sample),
    *(row_commands.fill, row_commands.forecast),
    *(run_commands.plot, run_commands.report, run_commands.listen),
):
    cli.add_command(command)


def main() -> None:
    """Run a command and exit; report a user's error in one line on standard error, status 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop and save, as on Ctrl-C
    sys.exit(_status(lambda: cli.main(standalone_mode=False)))


def _status(run: Callable[[], int | None]) -> int:
    try:
        return run() or 0
    except click.ClickException as error:
        error.show()
    except (ValueError, OSError) as error:
        print(f"tfp-maf: {' '.join(str(error).split())}", file=sys.stderr)
    except (KeyboardInterrupt, click.Abort):
        print("tfp-maf: interrupted", file=sys.stderr)
        return 130
    return 2
