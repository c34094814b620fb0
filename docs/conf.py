"""Sphinx configuration: ``sphinx-build -W -b html docs docs/_build/html``.

Before reading, it copies the notebooks and writes a page for each package and for the command
line, so that the site follows the code without a second list of modules.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import click

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tfp_maf  # noqa: E402
from tfp_maf.cli.app import cli  # noqa: E402

project = "tfp_maf"
copyright = "the tfp_maf contributors"
version = release = tfp_maf.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx.ext.githubpages",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"tfp_maf {release}"
html_show_sourcelink = False

nb_execution_mode = "off"  # the notebooks' stored outputs are shown
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3

add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_preserve_defaults = True
# The one optional package that modules import at their top.
autodoc_mock_imports = [] if importlib.util.find_spec("sklearn") else ["sklearn"]
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]

COMMAND_LINE = "tfp_maf.cli"  # documented by its --help texts instead of its functions


def copy_notebooks(folder: Path) -> None:
    """Copy the notebooks with their stored outputs into the site's source."""
    folder.mkdir(exist_ok=True)
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        shutil.copy2(path, folder)


def packages() -> list[str]:
    """Return the packages of ``tfp_maf`` that have modules of their own."""
    inner = sorted(path.parent.name for path in (ROOT / "tfp_maf").glob("*/__init__.py"))
    return [name for name in (f"tfp_maf.{n}" for n in inner) if name != COMMAND_LINE]


def write_package(folder: Path, package: str) -> None:
    """Write the reference page of a package: its docstring, then each public module."""
    source = ROOT / package.replace(".", "/")
    modules = sorted(path.stem for path in source.glob("*.py") if not path.stem.startswith("_"))
    lines = [package, "=" * len(package), ""]
    # Read, not imported: tfp_maf.sklearn needs a package that may not be installed.
    docstring = ast.get_docstring(ast.parse((source / "__init__.py").read_text()))
    lines += [docstring or "", ""]
    for module in modules:
        name = f"{package}.{module}"
        lines += [name, "-" * len(name), "", f".. automodule:: {name}", ""]
    write_if_changed(folder / f"{package}.rst", lines)


def write_command_line(folder: Path) -> None:
    """Write the page of the ``tfp-maf`` command: the ``--help`` text of each command."""
    lines = ["tfp-maf", "=======", "", "The command line, as ``--help`` prints it.", ""]
    context = click.Context(cli, info_name="tfp-maf", **cli.context_settings)
    for name, command in [("", cli), *sorted(cli.commands.items())]:
        title = f"tfp-maf {name}".strip()
        inner = click.Context(command, parent=context, info_name=name) if name else context
        text = command.get_help(inner).splitlines()
        if name:
            lines += [title, "-" * len(title), ""]
        lines += [".. code-block:: text", "", *(f"   {line}".rstrip() for line in text), ""]
    write_if_changed(folder / "tfp-maf.rst", lines)


def write_if_changed(path: Path, lines: list[str]) -> None:
    """Write a page unless it is there already, so that Sphinx rebuilds only what has changed."""
    text = "\n".join(lines) + "\n"
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)


def resolve_public_name(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Link ``tfp_maf.fit``, or ``Flow.save`` of a public class, to where it is documented."""
    name = node.get("reftarget", "").removeprefix("tfp_maf.")
    if node.get("refdomain") != "py" or name.split(".")[0] not in tfp_maf.__all__:
        return None
    module = getattr(tfp_maf, name.split(".")[0]).__module__
    return env.get_domain("py").resolve_xref(
        env, node["refdoc"], app.builder, node["reftype"], f"{module}.{name}", node, contnode
    )


def skip_others(app: Any, what: str, name: str, obj: Any, skip: bool, options: Any) -> bool | None:
    """Leave out members that TFP's and scikit-learn's base classes add to ours."""
    module = getattr(obj, "__module__", None) or ""
    return True if module.startswith(("tensorflow", "sklearn")) else None


def join_names(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Keep Sphinx from reading the first of ``train, validation:`` as a type."""
    for i, line in enumerate(lines):
        field = re.match(r":param [^:]+,[^:]+:", line)
        if field:
            lines[i] = field[0].replace(", ", ",") + line[field.end() :]


def trim_examples(app: Any, page: str, source: list[str]) -> None:
    """Remove the empty line that ends an example's output for doctest, before the closing fence."""
    if ">>> " in source[0] and page.count("/") == 0:
        source[0] = re.sub(r"\n\n```$", r"\n```", source[0], flags=re.MULTILINE)


def setup(app: Any) -> None:
    """Write the generated sources, and register the hooks above."""
    docs = Path(__file__).parent
    copy_notebooks(docs / "_notebooks")
    for stale in (docs / "api").glob("*.rst"):
        if stale.stem not in (*packages(), "tfp-maf"):
            stale.unlink()
    for package in packages():
        write_package(docs / "api", package)
    write_command_line(docs / "api")
    app.connect("source-read", trim_examples)
    app.connect("autodoc-skip-member", skip_others)
    app.connect("autodoc-process-docstring", join_names, priority=900)  # after napoleon
    app.connect("missing-reference", resolve_public_name)
