"""What the layers may not do, beyond what import-linter can say."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("accounts", "calamari_rest", "configuration", "cthulhu", "devcluster", "webapp")
SOURCES = [
    path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")) if "migrations" not in path.parts
]
NODE_SOURCES = sorted((ROOT / "salt").rglob("*.py"))
LONGEST_FILE = 400


def imports(path: Path) -> set[str]:
    """Return the top-level names a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_only_the_salt_adapter_imports_salt() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if any(name.split(".")[0] == "salt" for name in imports(path))
        and not path.is_relative_to(ROOT / "cthulhu" / "remote" / "salt")
    ]
    assert offenders == []


def test_the_node_tree_does_not_shadow_the_salt_library() -> None:
    """`import salt` in the project's folder must find the library; an __init__.py in salt/ would hide it."""
    assert not list((ROOT / "salt").rglob("__init__.py"))
    result = subprocess.run(
        [sys.executable, "-c", "import salt.client; print(salt.__file__)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "site-packages" in result.stdout


@pytest.mark.parametrize("path", NODE_SOURCES, ids=lambda path: path.name)
def test_what_runs_on_nodes_imports_nothing_of_the_project(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & set(PACKAGES)


def test_there_are_node_sources() -> None:
    assert NODE_SOURCES


@pytest.mark.parametrize("path", [*SOURCES, *NODE_SOURCES], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_hold_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


def test_models_and_migrations_agree() -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", "makemigrations", "--check", "--dry-run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
