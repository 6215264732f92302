"""The functions and classes of a lesson, without the work that it does when it is run."""

import ast
from pathlib import Path
from types import SimpleNamespace

TUTORIALS = Path(__file__).resolve().parents[1] / "tutorials"


def definitions(name):
    """What a lesson imports and defines, constants in capitals included, as attributes."""

    def defines(node):
        constant = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).isupper()
        kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
        return constant or isinstance(node, kinds)

    path = TUTORIALS / name
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if defines(node)]
    names = {}
    exec(compile(tree, str(path), "exec"), names)
    return SimpleNamespace(**names)
