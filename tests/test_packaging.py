"""The package as a whole: its map, its layers, what it imports, the size of its functions."""

import ast
import configparser
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "minigrad": ROOT / "minigrad",
    "minigrad.backends": ROOT / "backends",
    "minigrad.kernels": ROOT / "kernels",
}

# The layers of the design, the lowest first. A module belongs to the longest name that fits it. The
# package itself comes last: it gathers everybody's names, so nobody may ask it for one.
LAYERS = [
    ["minigrad.kernels"],
    ["minigrad.backends"],
    ["minigrad.device", "minigrad.dtype", "minigrad.layout", "minigrad.names"],
    ["minigrad.autograd", "minigrad.tensor"],
    ["minigrad.ops"],
    [
        "minigrad.accelerator", "minigrad.amp", "minigrad.cuda", "minigrad.func", "minigrad.linalg",
        "minigrad.settings", "minigrad.types", "minigrad.nn", "minigrad.optim", "minigrad.utils",
        "minigrad.serialization", "minigrad.torch_files", "minigrad.datasets",
        "minigrad.transforms",
    ],
    ["minigrad", "minigrad.testing"],
]
LEVELS = {name: level for level, names in enumerate(LAYERS) for name in names}
MAX_LINES = 60


def modules() -> dict[str, Path]:
    """Every module of the package, by the name it is imported under."""
    found = {}
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def level(module: str) -> int:
    while module not in LEVELS:
        module = module.rpartition(".")[0]
    return LEVELS[module]


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node but those that only a type checker sees."""
    for node in ast.iter_child_nodes(tree):
        if not is_type_checking(node):
            yield node
            yield from statements(node)


def imported(module: str, source: str) -> set[str]:
    """The modules of minigrad that a module imports, at its top or later."""
    is_package = MODULES.get(module, Path()).name == "__init__.py"
    names: set[str] = set()
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            here = parts[: len(parts) - node.level + is_package] if node.level else []
            base = ".".join(here + ([node.module] if node.module else []))
            # `from package import name` reaches a module, or a name that the package defines.
            full = {alias: f"{base}.{alias.name}" for alias in node.names}
            names.update(name if name in MODULES else base for name in full.values())
    return {name for name in names if name.partition(".")[0] == "minigrad"}


def arrows_up(module: str, source: str) -> list[str]:
    targets = sorted(imported(module, source) - {module})
    return [f"{module} -> {name}" for name in targets if level(name) > level(module)]


def test_no_import_runs_up_between_the_layers():
    wrong = [arrow for name, path in MODULES.items() for arrow in arrows_up(name, path.read_text())]
    assert not wrong, "a lower layer imports a higher one:\n" + "\n".join(wrong)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("minigrad.backends.base", "import minigrad"),
        ("minigrad.backends.base", "def f():\n    from minigrad import tensor"),
        ("minigrad.tensor", "from minigrad.ops.reduce import sum"),
        ("minigrad.tensor", "from . import nn"),
        ("minigrad.autograd", "from ..ops import reduce"),
        ("minigrad.autograd.engine", "from ..ops import reduce"),
        ("minigrad.ops.reduce", "if True:\n    import minigrad.nn.functional as F"),
        ("minigrad.nn.linear", "from minigrad import zeros"),
    ],
)
def test_the_layer_check_sees_arrows_that_run_up(module, source):
    assert arrows_up(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("minigrad.tensor", "if TYPE_CHECKING:\n    from minigrad import nn"),
        ("minigrad.nn.linear", "from minigrad import ops"),
        ("minigrad.device", "import numpy\nfrom minigrad.backends.base import Backend"),
        ("minigrad.autograd.engine", "from .mode import mode\nfrom ..tensor import Tensor"),
    ],
)
def test_the_layer_check_lets_the_others_pass(module, source):
    assert not arrows_up(module, source)


def test_setup_cfg_names_every_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    on_disk = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    assert set(setup["options"]["packages"].split()) == on_disk


def test_each_module_exists_once_under_one_name():
    import minigrad.backends
    import minigrad.kernels

    assert minigrad.backends.__name__ == "minigrad.backends"
    assert not {"backends", "kernels"} & set(sys.modules)


def test_version_and_type_marker():
    assert minigrad.__version__ == version("minigrad-edu")
    assert files("minigrad").joinpath("py.typed").is_file()


def test_import_brings_in_nothing_heavy_and_prints_nothing():
    program = (
        "import sys, minigrad; "
        "assert not {'pyopencl', 'torch', 'matplotlib', 'hypothesis', 'pytest'} & set(sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def code_lines(node: ast.FunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = node.body[0]
    is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    text = (first.end_lineno - first.lineno + 1) if is_text else 0
    return node.end_lineno - node.lineno + 1 - text


def test_functions_fit_a_screen():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}: {code_lines(node)} lines"
        for path in MODULES.values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and code_lines(node) > MAX_LINES
    ]
    assert not long, f"functions of more than {MAX_LINES} lines:\n" + "\n".join(long)


@pytest.mark.parametrize(
    "place",
    [
        "", "accelerator", "amp", "autograd", "autograd.functional", "cuda", "func", "linalg", "nn",
        "nn.functional", "nn.init",
        "nn.utils", "optim", "optim.lr_scheduler", "utils", "utils.data", "datasets",
        "transforms",
    ],
)  # fmt: skip
def test_a_missing_name_is_said_to_be_missing(place):
    where = minigrad
    for part in filter(None, place.split(".")):
        where = getattr(where, part)
    names = getattr(where, "__all__", dir(where))
    known = next(name for name in names if len(name) > 5 and name[0] not in "_T")
    with pytest.raises(AttributeError) as caught:
        getattr(where, known + "x")
    assert f"minigrad's {place or 'top level'} has no attribute '{known}x'" in str(caught.value)
    assert f"what comes nearest: {known}" in str(caught.value)
