"""What people read and run first: the tutorials, the demo, and the README with its line counts.

Each program runs in a process of its own, from another folder, with every warning an error.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from minigrad.backends.opencl import discovery
from minigrad.datasets.sources import SOURCES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LESSONS = sorted((ROOT / "tutorials").glob("[0-9][0-9]_*.py"))
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
COUNTED = re.compile(r"^\| `([^`]+)` \| ([\d,]+) \|", re.MULTILINE)
FOLDERS = ("minigrad", "backends", "kernels", "tests", "tutorials", "benchmarks")


def run(folder, *args):
    """What a Python program prints; it must end well."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MINIGRAD_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", *map(str, args)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.returncode == 0, f"{args}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def lines_of(path):
    """The lines of a file, or of all the files in Python and OpenCL C of a folder and below."""
    place = ROOT / path
    sources = (p for p in place.rglob("*") if p.suffix in (".py", ".cl", ".h"))
    files = sorted(sources) if place.is_dir() else [place]
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


# What some lessons cannot do without: a module, data sets.
MODULES = {"11": "gymnasium"}
DATA = {
    "09": ["fashion", "digits"], "10": ["libreoffice-en-US", "libreoffice-fr"],
    "12": ["austen"], "13": ["fashion", "digits"], "14": ["diamonds"], "15": ["digits"],
}  # fmt: skip


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem)
def test_lesson_runs(lesson, tmp_path):
    """Those from 9 on train for minutes, and have a short form for the tests."""
    number = lesson.stem[:2]
    if "opencl" in lesson.stem:
        pytest.importorskip("pyopencl", reason="needs OpenCL: pip install -e '.[opencl-cpu]'")
        if not discovery.devices():
            pytest.skip(f"no OpenCL device: {discovery.ADVICE}")
    if number in MODULES:
        pytest.importorskip(MODULES[number], reason="needs more: pip install -e '.[tutorials]'")
    for name in DATA.get(number, []):
        if SOURCES[name].find() is None:
            pytest.skip(f"needs a data set: make data ARGS={name}")
    run(tmp_path, lesson, *(["--quick", "--out", tmp_path] if number > "08" else []))


def test_the_lessons_begin_with_prose():
    numbers = range(1, 16)
    assert [path.name[:2] for path in LESSONS] == [f"{n:02}" for n in numbers]
    for path in LESSONS:
        text = path.read_text(encoding="utf-8")
        assert text.startswith("# %% [markdown]\n# # "), path.name
        assert "\nassert " in text, path.name


def test_demo_runs(tmp_path):
    pytest.importorskip("matplotlib", reason="the demo draws: pip install 'minigrad-edu[demo]'")
    pytest.importorskip("tqdm", reason="the demo shows progress: pip install 'minigrad-edu[demo]'")
    if SOURCES["digits"].find() is None:
        pytest.skip("the demo needs the digits: make data")
    # Note: warnings are not errors here. matplotlib and tqdm are other people's.
    command = ("-W", "default", ROOT / "tutorials/demo_mnist.py", "--epochs", 1, "--out", tmp_path)
    last_line = run(tmp_path, *command).splitlines()[-1]
    accuracy = re.fullmatch(r"held-out accuracy: ([\d.]+) %", last_line)
    assert accuracy, last_line
    assert float(accuracy[1]) > 85, "one epoch is little, but it is not nothing"
    made = {path.name for path in tmp_path.iterdir()}
    assert {"digits.safetensors", "loss.png", "predictions.png"} <= made


@pytest.mark.parametrize("index", range(len(BLOCKS)))
def test_readme_block_runs(index, tmp_path):
    run(tmp_path, "-c", BLOCKS[index])


def test_readme_opens_with_the_two_commands():
    assert BLOCKS, "the README shows no Python"
    assert README.index("make demo") < README.index("make test") < README.index("```python")
    assert README.index("make test") < README.index("pip install")


def test_readme_line_counts_are_true():
    rows = COUNTED.findall(README)
    assert len(rows) >= 15, "the table of the reading order is gone"
    drifted = []
    for path, count in rows:
        assert (ROOT / path).exists(), f"the README names {path}, which is not there"
        stated, actual = int(count.replace(",", "")), lines_of(path)
        if abs(stated - actual) > 0.15 * actual:
            drifted.append(f"{path}: the README says {stated}, it has {actual}")
    advice = "python tests/test_tutorials.py counts again"
    assert not drifted, "\n".join([*drifted, advice])


def test_readme_names_files_that_exist():
    named = set(re.findall(rf"`((?:{'|'.join(FOLDERS)})/[\w./]*)`", README))
    assert len(named) > 20
    assert sorted(path for path in named if not (ROOT / path).exists()) == []


if __name__ == "__main__":
    recounted = COUNTED.sub(lambda row: f"| `{row[1]}` | {lines_of(row[1]):,} |", README)
    (ROOT / "README.md").write_text(recounted, encoding="utf-8")
