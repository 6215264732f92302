"""Mutation testing of the gradient rules: `make mutants`. Would the specs notice a wrong rule?

cosmic-ray changes one thing at a time, a sign, an operator, a number, in the rule of a primitive;
then the checks of the specs whose rules it changed must fail. It works on a copy of the package in
build/mutants. What survives is printed as a diff: either the change makes no difference, or a spec
has to learn something. `--only softmax` takes the primitives whose names contain that.
"""

import argparse
import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "mutants"
PRISTINE = WORK / "pristine"
SESSION = WORK / "session.sqlite"
DECLARES = {"primitive", "elementwise"}
OPERATORS = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Mul_Add|Pow_Mul|BitAnd_BitOr|BitOr_BitAnd)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Lt_GtE|Gt_LtE|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_Delete_.*|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr"
    r"|ReplaceOrWithAnd|NumberReplacer|AddNot)"
)


def rules(path: Path) -> dict[str, list[ast.AST]]:
    """For each primitive that a file declares, its rules and the private functions they call."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}

    def reached(node: ast.AST, seen: set[str]) -> Iterator[ast.AST]:
        yield node
        for part in ast.walk(node):
            name = part.id if isinstance(part, ast.Name) else ""
            is_rule = name.startswith("_") or name.endswith("_rule")
            if is_rule and name in functions and name not in seen:
                seen.add(name)
                yield from reached(functions[name], seen)

    found: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in DECLARES:
            name, seen = getattr(node.args[0], "value", None), set[str]()
            for keyword in node.keywords:
                if keyword.arg != "composite" and not isinstance(keyword.value, ast.Constant):
                    found.setdefault(name, []).extend(reached(keyword.value, seen))
    return found


def files(folder: Path) -> list[Path]:
    return sorted((folder / "minigrad" / "ops").glob("*.py")) + [
        folder / "minigrad" / "autograd" / "broadcast.py",
        folder / "minigrad" / "autograd" / "inplace.py",
    ]


def judge() -> None:
    """Run the checks of every primitive whose rules differ from the pristine ones."""

    def text(nodes: list[ast.AST]) -> list[str]:
        return [ast.unparse(node) for node in nodes]

    changed: set[str] = set()
    for path in files(WORK):
        before = rules(PRISTINE / path.relative_to(WORK))
        after = rules(path)
        changed |= {name for name in before if text(before[name]) != text(after[name])}
    from minigrad.testing import checks, specs

    for name in sorted(changed):
        try:
            checks.run(specs.table[name])
        except Exception as error:
            sys.exit(f"{name}: {type(error).__name__}: {error}")


def prepare(only: str) -> None:
    """Copy the package as its map describes it, and choose the mutations that lie in rules."""
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import WorkerOutcome, WorkResult

    shutil.rmtree(WORK, ignore_errors=True)
    no_caches = shutil.ignore_patterns("__pycache__")
    for folder in (WORK, PRISTINE):
        shutil.copytree(ROOT / "minigrad", folder / "minigrad", ignore=no_caches)
        for part in ("backends", "kernels"):
            shutil.copytree(ROOT / part, folder / "minigrad" / part, ignore=no_caches)
    modules = [str(path.relative_to(WORK)) for path in files(WORK) if rules(path)]
    (WORK / "config.toml").write_text(
        f"[cosmic-ray]\nmodule-path = {modules}\ntimeout = 120.0\nexcluded-modules = []\n"
        f'test-command = "{sys.executable} {__file__} --judge"\n'
        '[cosmic-ray.distributor]\nname = "local"\n'
    )
    cosmic_ray("init", "config.toml", SESSION.name)
    places = {
        module: [
            ((node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset))
            for name, nodes in rules(WORK / module).items()
            if only in name
            for node in nodes
        ]
        for module in modules
    }
    with use_db(SESSION) as session:
        skipped = [
            item.job_id
            for item in session.work_items
            for change in item.mutations
            if not OPERATORS.fullmatch(change.operator_name)
            or not any(a <= change.start_pos < b for a, b in places[str(change.module_path)])
        ]
        session.set_multiple_results(skipped, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
        print(f"{session.num_work_items - len(skipped)} mutants", flush=True)


def cosmic_ray(*arguments: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(WORK), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    subprocess.run(command, cwd=WORK, env=environment, check=True)


def report() -> None:
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import TestOutcome

    with use_db(SESSION) as session:
        results = [result for _, result in session.results if result.test_outcome is not None]
    survivors = [result for result in results if result.test_outcome == TestOutcome.SURVIVED]
    for result in survivors:
        print(result.diff, end="\n\n")
    killed = len(results) - len(survivors)
    print(f"{killed} of {len(results)} mutants killed: {killed / max(1, len(results)):.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="primitives whose name contains this")
    parser.add_argument("--judge", action="store_true", help="for cosmic-ray: judge one mutant")
    options = parser.parse_args()
    if options.judge:
        judge()
        return
    prepare(options.only)
    cosmic_ray("exec", "config.toml", SESSION.name)
    report()


if __name__ == "__main__":
    main()
