"""Mutation testing of the gradient rules: `make mutants`. Would the specs notice a wrong rule?

cosmic-ray changes one thing at a time, a sign, an operator, a number, in the rule of a primitive or
in the composite that its second derivative comes from; then the checks of the specs whose rules it
changed must fail. It works on a copy of the package in build/mutants. What survives is printed as a
diff: either a spec has to learn something, or the change makes no difference, and goes with the
reason into EQUIVALENT. `--only softmax` takes the primitives whose names contain that.
"""

import argparse
import ast
import os
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
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

# Changes that make no difference, as (before, after, why). Each must be tried, and survive, or the
# run fails.
EQUIVALENT = [
    ("strict=True", "strict=False", "the lengths agree; strict says so"),
    ("where_(x < y, 0, g)", "where_(x <= y, 0, g)", "equal operands share g before this"),
    ("where_(x > y, 0, g)", "where_(x >= y, 0, g)", "equal operands share g before this"),
    ("_clamp(x, None, 0.0)", "_clamp(x, None, 1.0)", "not taken above 0, and finite"),
    ("if x > 0 else math.nan", "if x >= 0 else math.nan", "0 was dealt with before"),
    ("where_(is_zero, 1, x)", "where_(is_zero, 0, x)", "the quotient is not taken at zeros"),
    ("where_(is_zero, 1, x)", "where_(is_zero, 2, x)", "the quotient is not taken at zeros"),
    ("i1_of_x / where_(is_zero, 1.0", "i1_of_x / where_(is_zero, 2.0", "not taken at zeros"),
    ("i1_of_x / where_(is_zero, 1.0", "i1_of_x / where_(is_zero, 0.0",
     "only the second derivative at 0 shows it: tests/test_composites.py"),
    ("step < shape[axis]", "step <= shape[axis]", "one more round, which multiplies by 1"),
    ("score.shape[-2:]", "score.shape[- 3:]", "a larger mask of equal matrices"),
    ("_softmax(where_(blocked, 0.0", "_softmax(where_(blocked, 1.0", "set to 0 afterwards"),
    ("_softmax(where_(blocked, 0.0", "_softmax(where_(blocked, -1.0", "set to 0 afterwards"),
    ("where_(square == 0, 1.0", "where_(square == 0, 2.0", "what is divided by it is 0"),
    ("g.array.shape and not keepdims", "g.array.shape or not keepdims", "views change nothing"),
    ("index_select(0, label)", "index_select( -1, label)", "weight has one dimension"),
    *[
        (f"reshape({name}, x.array.shape[1:2])", f"reshape({name}, x.array.shape[{part}])",
         "the composite's statistics have no gradient, and nothing else reads them")
        for name in ("mean", "var") for part in ("1: 1", "1: 3", " 0:2", " 2:2")
    ],
]  # fmt: skip
MEMORY = 2 << 30
EXAMPLES = 200  # of inputs for each check
OF_VALUES = {"forward", "edges", "layouts", "errors"}  # checks that no rule has a part in


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
                if not isinstance(keyword.value, ast.Constant):
                    found.setdefault(name, []).extend(reached(keyword.value, seen))
    return found


def annotations(node: ast.AST) -> Iterator[ast.AST]:
    """The types in a function's head, which nothing evaluates."""
    for part in ast.walk(node):
        if isinstance(part, ast.arg) and part.annotation:
            yield part.annotation
        if isinstance(part, ast.FunctionDef) and part.returns:
            yield part.returns


def computes(nodes: list[ast.AST], position: tuple[int, int]) -> bool:
    """Whether this line and column of a file lie in one of the nodes, and not in its types."""

    def within(parts: Iterable[ast.AST]) -> bool:
        return any(
            (x.lineno, x.col_offset) <= position < (x.end_lineno, x.end_col_offset) for x in parts
        )

    return within(nodes) and not any(within(annotations(node)) for node in nodes)


def files(folder: Path) -> list[Path]:
    return sorted((folder / "minigrad" / "ops").glob("*.py")) + [
        folder / "minigrad" / "autograd" / "broadcast.py",
        folder / "minigrad" / "autograd" / "inplace.py",
    ]


def judge() -> None:
    """Run the checks of every primitive whose rules differ from the pristine ones; of all where
    none does.
    """

    def text(nodes: list[ast.AST]) -> list[str]:
        return [ast.unparse(node) for node in nodes]

    changed: set[str] = set()
    for path in files(WORK):
        before = rules(PRISTINE / path.relative_to(WORK))
        after = rules(path)
        changed |= {name for name in before if text(before[name]) != text(after[name])}
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # a loop may have lost its end
    from minigrad.device import resolve
    from minigrad.testing import checks, specs
    from minigrad.testing.draws import Seeded

    for name in sorted(changed) or specs.table:
        spec = specs.table[name]
        try:
            for i in range(EXAMPLES):
                for check in checks.applicable(spec):
                    if check not in OF_VALUES:
                        checks.CHECKS[check](spec, Seeded(i), resolve("cpu"))
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
            node for name, nodes in rules(WORK / module).items() if only in name for node in nodes
        ]
        for module in modules
    }
    with use_db(SESSION) as session:
        skipped = [
            item.job_id
            for item in session.work_items
            for change in item.mutations
            if not OPERATORS.fullmatch(change.operator_name)
            or not computes(places[str(change.module_path)], change.start_pos)
        ]
        session.set_multiple_results(skipped, WorkResult(worker_outcome=WorkerOutcome.SKIPPED))
        print(f"{session.num_work_items - len(skipped)} mutants", flush=True)


def cosmic_ray(*arguments: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(WORK), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "cosmic_ray.cli", *arguments]
    subprocess.run(command, cwd=WORK, env=environment, check=True)


def excuse(diff: str) -> tuple[str, str, str] | None:
    """The row of EQUIVALENT that has the change of a line which the diff shows."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    old, new = (next(x[1:] for x in lines if x.startswith(sign)) for sign in "-+")
    return next((row for row in EQUIVALENT if row[0] in old and old.replace(*row[:2]) == new), None)


def report(complete: bool) -> int:
    """Print what survived without an excuse, excuses that are none, and the score; returns how many
    of these there were.
    """
    from cosmic_ray.work_db import use_db
    from cosmic_ray.work_item import TestOutcome

    with use_db(SESSION) as session:
        results = [result for _, result in session.results if result.test_outcome is not None]
    excused, killed, wrong = [], 0, 0
    for result in results:
        survived, row = result.test_outcome == TestOutcome.SURVIVED, excuse(result.diff)
        excused += [row] if row else []
        killed += not survived and row is None
        if survived == (row is None):
            wrong += 1
            print("survived:" if survived else "killed, though EQUIVALENT:", result.diff, sep="\n")
    for row in EQUIVALENT if complete else []:
        if row not in excused:
            wrong += 1
            print("EQUIVALENT, but not tried:", row)
    meant = len(results) - len(excused)
    print(f"{killed} of {meant} mutants killed; {len(excused)} others make no difference")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="primitives whose name contains this")
    parser.add_argument("--judge", action="store_true", help="for cosmic-ray: judge one mutant")
    options = parser.parse_args()
    if options.judge:
        judge()
        return
    prepare(options.only)
    cosmic_ray("baseline", "config.toml")
    cosmic_ray("exec", "config.toml", SESSION.name)
    sys.exit(report(complete=not options.only))


if __name__ == "__main__":
    main()
