"""The programs of tests/programs: written for PyTorch, run with the import lines changed."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).with_name("programs")
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))


def load(name: str, library: str) -> Any:
    """The program as a module, which gets minigrad where `library` says so."""
    source = (FOLDER / f"{name}.py").read_text()
    if library != "torch":
        source = re.sub(r"^import torch$", f"import {library} as torch", source, flags=re.M)
        source = re.sub(r"^(import|from) torch\b", rf"\1 {library}", source, flags=re.M)
    module = ModuleType(f"programs.{library}.{name}")
    sys.modules[module.__name__] = module  # where dataclasses look
    exec(compile(source, str(FOLDER / f"{name}.py"), "exec"), vars(module))
    return module
