"""What pip installs is whole: the README's example runs from a wheel, in another folder."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The Python of an environment with the wheel; TensorFlow is this environment's."""
    folder = tmp_path_factory.mktemp("wheel")
    # Built from a copy: setuptools leaves folders where it builds.
    listed = subprocess.run(
        ["git", "ls-files", "tfp_maf", "data_prep", "setup.cfg", "pyproject.toml", "README.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    if not listed:
        pytest.skip("not a git checkout: nothing says which files belong to the package")
    for name in [*listed, "LICENSE"]:
        if (ROOT / name).is_symlink():  # tfp_maf/data_prep
            (folder / "source" / name).symlink_to((ROOT / name).readlink())
        elif (ROOT / name).exists():
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels = folder / "wheels"
    subprocess.run(
        [*pip, "wheel", "--no-deps", "-w", wheels, folder / "source"], check=True, timeout=300
    )
    (wheel,) = wheels.glob("*.whl")
    venv.create(folder / "environment", with_pip=False)
    python = folder / "environment" / "bin" / "python"
    purelib = "import sysconfig; print(sysconfig.get_paths()['purelib'])"
    here = subprocess.run([sys.executable, "-c", purelib], capture_output=True, text=True)
    there = subprocess.run([python, "-c", purelib], capture_output=True, text=True)
    subprocess.run(
        [*pip, "install", "--no-deps", "--target", there.stdout.strip(), wheel], check=True
    )
    # After the wheel: an editable installation must not stand in for it.
    tail = "import sys; sys.path.append(%r); sys.path[:] = [p for p in sys.path if p != %r]"
    link = Path(there.stdout.strip()) / "tensorflow_of_the_tests.pth"
    link.write_text(tail % (here.stdout.strip(), str(ROOT)) + "\n")
    return python


def run(python, *arguments, folder):
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONPATH"}
    done = subprocess.run(
        [python, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.slow
def test_the_readmes_example_runs_from_the_wheel(installed, tmp_path):
    (example,) = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    example = example.replace("max_epochs=30", "max_epochs=1").replace("10_000", "2_000")
    example = example.replace("9000", "1800")
    (tmp_path / "results").mkdir()
    out = run(installed, "-c", example + "\nprint(tfp_maf.__file__)", folder=tmp_path)
    assert "nats" in out
    assert str(ROOT) not in out
    assert (tmp_path / "results" / "two_moons.png").stat().st_size > 1000


def test_every_module_is_in_the_wheel(installed, tmp_path):
    code = (
        "import pkgutil, tfp_maf\n"
        "for m in pkgutil.walk_packages(tfp_maf.__path__, 'tfp_maf.'): print(m.name)"
    )
    found = set(run(installed, "-c", code, folder=tmp_path).split())
    paths = [p.relative_to(ROOT).with_suffix("") for p in (ROOT / "tfp_maf").rglob("*.py")]
    expected = {".".join(p.parts) for p in paths if p.name != "__init__"}
    assert expected <= found


def test_the_reports_template_is_in_the_wheel(installed, tmp_path):
    code = (
        "from importlib.resources import files\n"
        "print((files('tfp_maf.experiments') / 'templates' / 'page.html.jinja').is_file())"
    )
    assert run(installed, "-c", code, folder=tmp_path).strip() == "True"


def test_the_command_is_there(installed, tmp_path):
    out = run(installed, "-m", "tfp_maf", "--version", folder=tmp_path)
    assert "tfp-maf" in out


def test_no_name_of_the_users_is_taken_for_ours(installed, tmp_path):
    """Modules beside a script come first on its path; none of ours may have such a name."""
    for name in ("data_prep", "settings", "plotting", "flows", "training", "run", "cli"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('the user's own module')\n")
    (tmp_path / "script.py").write_text(
        "import tfp_maf\nfrom tfp_maf.data_prep import table\nfrom tfp_maf.cli import app\n"
        "print(tfp_maf.build_made(2, hidden_units=(4,)).sample(3, seed=0).shape)\n"
    )
    assert "3, 2" in run(installed, "script.py", folder=tmp_path)
    assert "tfp-maf" in run(installed, "-m", "tfp_maf", "--version", folder=tmp_path)
    code = "import importlib.util; print(importlib.util.find_spec('data_prep'))"
    (tmp_path / "data_prep.py").unlink()
    assert run(installed, "-c", code, folder=tmp_path).strip() == "None"
