"""python -m minigrad.datasets: where each set is, and with --fetch gets those that are absent."""

import argparse
import sys

from minigrad.datasets.sources import SOURCES, data_folder


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m minigrad.datasets", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SOURCES)}")
    parser.add_argument("--fetch", action="store_true", help="get what is absent")
    options = parser.parse_args()
    names = options.names or list(SOURCES)
    if unknown := [name for name in names if name not in SOURCES]:
        sys.exit(f"There is no set {unknown[0]!r}; there are {', '.join(SOURCES)}.")
    sys.exit(not all([show(name, options.fetch) for name in names]))


def show(name: str, fetch: bool) -> bool:
    """Says where a set is, or the line that gets it; False where it is absent and not wanted so."""
    source, problem = SOURCES[name], ""
    if fetch and source.find() is None:
        try:
            source.fetch(data_folder())
        except RuntimeError as error:
            problem = f"{error}"
    found = source.find()
    print(f"{name}: {found or problem or 'absent; to get it: ' + source.line(data_folder())}")
    return found is not None or not fetch


if __name__ == "__main__":
    main()
