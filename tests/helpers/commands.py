"""The command line, called in this process."""

from tfp_maf.cli import app


def tfp_maf_command(*arguments):
    """The exit status of ``tfp-maf ARGUMENTS``."""
    return app._status(lambda: app.cli.main(list(map(str, arguments)), standalone_mode=False))


def fails(capsys, *arguments):
    """The one line that a user's error ends in, with status 2."""
    assert tfp_maf_command(*arguments) == 2
    err = capsys.readouterr().err.strip()
    last = err.splitlines()[-1]
    assert "Traceback" not in err
    return last
