import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_ci_runs_the_readmes_test_command():
    (command,) = re.findall(r"^.*-m pytest .*$", README, re.MULTILINE)
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert command in lines
    assert command.startswith("python3 -m venv")


def test_the_readmes_main_command_is_complete():
    (command,) = re.findall(r"^.*tfp-maf train gas$", README, re.MULTILINE)
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install ")


def test_no_two_test_files_share_a_name():
    """pytest imports a test file by its bare name, and refuses a second one."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["--version"]])
def test_help_does_not_import_tensorflow(arguments):
    code = (
        "import sys, time; began = time.perf_counter(); sys.argv[0] = 'tfp-maf'\n"
        "from tfp_maf.cli.app import main\n"
        "try: main()\n"
        "finally:\n"
        "    assert not {'numpy', 'pandas', 'tensorflow'} & set(sys.modules)\n"
        "    assert time.perf_counter() - began < 1\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "tfp-maf" in done.stdout


def test_data_preparation_does_not_import_tensorflow():
    code = (
        "import sys\nfrom tfp_maf.data_prep import gas, power, simulate, table\n"
        "assert 'tensorflow' not in sys.modules\n"
        "own = {m.split('.')[1] for m in sys.modules if m.startswith('tfp_maf.')}\n"
        "assert own <= {'data_prep', 'utils'}, own"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_are_there():
    import tfp_maf

    for name in tfp_maf.__all__:
        assert getattr(tfp_maf, name).__doc__
    with pytest.raises(AttributeError, match="no_such"):
        _ = tfp_maf.no_such
