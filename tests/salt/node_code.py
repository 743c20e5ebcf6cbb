"""Load what runs on nodes by its path, as Salt's loader does, with dunders of the test's choice."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

NODE_CODE = Path(__file__).resolve().parent.parent.parent / "salt"


def load(path: str, **dunders: Any) -> ModuleType:
    """Return a fresh module from a file below `salt/`, such as `_utils/ceph_journal.py`."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, NODE_CODE / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    vars(module).update(dunders)
    spec.loader.exec_module(module)
    return module


def utilities() -> dict[str, Any]:
    """Return what `__utils__` holds: every public function of `salt/_utils` under `module.function`."""
    functions: dict[str, Any] = {}
    for file in (NODE_CODE / "_utils").glob("ceph_*.py"):
        module = load(f"_utils/{file.name}")
        functions |= {f"{file.stem}.{name}": item for name, item in vars(module).items() if callable(item)}
    return functions
