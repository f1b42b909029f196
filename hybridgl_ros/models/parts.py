"""Single modules of libraries whose package imports much more than they need.

open_clip and segment_anything import torchvision and timm at their top, and with them torch's compiler: longer than
everything else that a start takes, and 200 MB of memory, for nothing that runs here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType


def part_of(package: str, part: str) -> ModuleType:
    """The module `package.part`; if nobody has imported the package yet, without the package's own first lines.

    Then it is a copy under a name of this module's, and its relative imports are copies as well: the package can still
    be imported in full. Raises ModuleNotFoundError when it is not installed.
    """
    if package in sys.modules:
        return import_module(f"{package}.{part}")
    alias = f"{__name__}.{package}"
    if alias not in sys.modules:
        spec = ModuleSpec(alias, loader=None, is_package=True)
        spec.submodule_search_locations = [str(folder_of(package))]
        sys.modules.setdefault(alias, module_from_spec(spec))
    return import_module(f"{alias}.{part}")


def folder_of(package: str) -> Path:
    """Where a top-level package lies, without importing it. Raises ModuleNotFoundError when it is not installed."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return Path(next(iter(spec.submodule_search_locations)))
