"""Sentences in two languages: the paragraphs of LibreOffice's help, which say the same in each."""

import html
import itertools
import re
from pathlib import Path

from minigrad.datasets.sources import SOURCES

# Paragraphs have the same id in all languages. Where programs or systems differ there is a hidden
# span for each, and one whose id begins with "default".
_PARAGRAPH = re.compile(r'<(p|h[1-6])\b[^>]*\bid="((?:par|hd)_[^"]+)"[^>]*>(.*?)</\1>', re.DOTALL)
_TAG = re.compile(r"(<[^>]*>)")
_HIDDEN = re.compile(r'<span hidden="true" id="(?!default)')
_LATIN, _HANGUL = re.compile(r"[A-Za-z]"), re.compile(r"[\uac00-\ud7a3]")


def libreoffice(language: str = "ko") -> list[tuple[str, str]]:
    """Pairs of an English paragraph and its translation: "ko" (Korean), "fr" or "de".

    Left out is what was not translated, which is half of the Korean help. Pairs are in the order of
    the files, each one once. ValueError for another language.

    >>> from minigrad import datasets
    >>> pairs = datasets.libreoffice("fr")
    >>> [pair for pair in pairs if pair[0] == "Dotted"]
    [('Dotted', 'Pointillé')]
    """
    pairs = itertools.chain.from_iterable(libreoffice_files(language).values())
    return list(dict.fromkeys(pairs))


def libreoffice_files(language: str = "ko") -> dict[str, list[tuple[str, str]]]:
    """The same pairs by file, to hold out whole pages; what two pages both say is in both.

    >>> from minigrad import datasets
    >>> pages = datasets.libreoffice_files("fr")
    >>> pages["sbasic/shared/03104200.html"][0]
    ('Array Function', 'Fonction Array')
    """
    name = f"libreoffice-{language}"
    if name not in SOURCES or language == "en-US":
        raise ValueError(f"libreoffice: there are pairs for ko, fr and de, not for {language!r}")
    english, other = (
        _paragraphs(SOURCES[name].require("libreoffice")) for name in ("libreoffice-en-US", name)
    )
    pages: dict[str, list[tuple[str, str]]] = {}
    for key, text in english.items():
        if key in other and _translated(pair := (text, other[key]), language):
            pages.setdefault(key[0], []).append(pair)
    return {file: list(dict.fromkeys(pairs)) for file, pairs in pages.items()}


def _paragraphs(folder: Path) -> dict[tuple[str, str], str]:
    """The text of each paragraph by file and id."""
    found: dict[tuple[str, str], str] = {}
    for path in sorted(folder.rglob("*.html")):
        file = path.relative_to(folder).as_posix()
        for _, name, content in _PARAGRAPH.findall(path.read_text(encoding="utf-8")):
            if text := _text(content):
                found.setdefault((file, name), text)
    return found


def _text(content: str) -> str:
    """The words of a piece of HTML that are seen, with single spaces."""
    seen, depth = [], 0  # in how many spans we are, the outermost of which is hidden
    for part in _TAG.split(content):
        if not part.startswith("<"):
            seen += [] if depth else [part]
        elif depth:
            depth += part.startswith("<span") - part.startswith("</span")
        else:
            depth = int(bool(_HIDDEN.match(part)))
    return " ".join(html.unescape("".join(seen)).split())


def _translated(pair: tuple[str, str], language: str) -> bool:
    english, other = pair
    if language != "ko":
        return english != other
    hangul = len(_HANGUL.findall(other))
    return hangul >= max(3, len(_LATIN.findall(other)))
