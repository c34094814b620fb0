"""The tests on every Python with TensorFlow wheels, with the newest and the oldest packages.

nox                     # all of them
nox -s oldest           # one; or newest-3.13
"""

import nox

PYTHONS = ["3.10", "3.11", "3.12", "3.13"]
nox.options.error_on_external_run = True


@nox.session(python=PYTHONS)
def newest(session: nox.Session) -> None:
    """The newest packages that setup.cfg allows."""
    session.install("-e", ".[test]")
    session.run("python", "-m", "pytest", "tests/flows", *session.posargs)
    session.run("python", "-m", "pytest", "--ignore", "tests/flows", *session.posargs)


@nox.session(python="3.10")
def oldest(session: nox.Session) -> None:
    """The oldest direct dependencies that setup.cfg allows; on 3.10, for which they have wheels."""
    session.install("uv")
    lowest = ["--resolution", "lowest-direct"]
    session.run_install("uv", "pip", "install", *lowest, "-e", ".[test]")
    session.run("python", "-m", "pytest", "tests/flows", *session.posargs)
    session.run("python", "-m", "pytest", "--ignore", "tests/flows", *session.posargs)
