"""Which OpenCL devices are there, and which one is meant.

    MINIGRAD_OPENCL_DEVICE   words that the device's description must contain ("intel", "pocl 3.1"),
                             or its number in the list; `opencl:1` counts in what is left
    MINIGRAD_OPENCL_SPLIT    2: takes every CPU device apart into two
    MINIGRAD_OPENCL_DISABLE  "fp64,fp16": types to do without, to see what happens

Note [Runtimes]. An OpenCL program talks to a loader (here the one in pyopencl's wheel), which reads
a folder of .icd files, each of which names the library of a runtime. The system has such a folder.
A runtime that came by pip is in none, since pip may not write there. So pyopencl is shown a folder
of our own, with the files of the system and one for each runtime that pip has installed.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SYSTEM_FOLDER = Path("/etc/OpenCL/vendors")
PIP_RUNTIMES = {"intel-opencl-rt": "libintelocl.so"}
ADVICE = (
    "install one with `pip install 'minigrad-edu[opencl-cpu]'` (a CPU runtime, no root needed; "
    "in a checkout: `pip install -e '.[opencl-cpu]'`), `apt install pocl-opencl-icd`, or the "
    "driver of your GPU. `python -m minigrad.info` shows what was found"
)


def icd_files() -> dict[str, str]:
    """The names and contents of the .icd files: those of pip's runtimes and those of the system."""
    found = {}
    for package, library in PIP_RUNTIMES.items():
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            for file in importlib.metadata.files(package) or ():
                if file.name == library:
                    found[f"{package}.icd"] = str(Path(str(file.locate())).resolve())
    for path in sorted(SYSTEM_FOLDER.glob("*.icd")):
        found[path.name] = path.read_text().strip()
    return found


@functools.cache
def import_pyopencl() -> Any:
    """The module pyopencl, with the loader pointed at everything there is."""
    with _shown_to_the_loader(icd_files()):
        try:
            cl = importlib.import_module("pyopencl")
        except ImportError as error:
            raise RuntimeError(
                f"OpenCL needs pyopencl ({error}): `pip install 'minigrad-edu[opencl]'` (in a "
                "checkout: `pip install -e '.[opencl]'`), or [opencl-cpu], which brings a runtime "
                "for the CPU"
            ) from error
        with contextlib.suppress(cl.Error):
            cl.get_platforms()  # the loader reads its folder now, and never again
    return cl


@contextlib.contextmanager
def _shown_to_the_loader(files: dict[str, str]) -> Iterator[None]:
    """A folder of these files for as long as the loader looks. Who has set one is left alone."""
    if "OCL_ICD_VENDORS" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="minigrad-icd-") as folder:
        for name, content in files.items():
            Path(folder, name).write_text(content + "\n")
        os.environ["OCL_ICD_VENDORS"] = folder
        try:
            yield
        finally:
            del os.environ["OCL_ICD_VENDORS"]


def platforms() -> list[Any]:
    """The runtimes that answered."""
    cl = import_pyopencl()
    try:
        return list(cl.get_platforms())
    except cl.Error:
        return []  # PLATFORM_NOT_FOUND_KHR


def describe(device: Any) -> str:
    """What MINIGRAD_OPENCL_DEVICE is looked for in."""
    platform = device.platform
    return f"{device.name.strip()}, {platform.name.strip()}, {platform.version.strip()}"


@functools.cache
def all_devices() -> tuple[Any, ...]:
    """Every device: GPUs before CPUs, and among those the newest version of OpenCL first."""
    cl = import_pyopencl()
    found = []
    for platform in platforms():
        with contextlib.suppress(cl.Error):  # a platform without devices says so by an error
            found += platform.get_devices()
    return tuple(sorted(found, key=lambda d: (is_cpu(d), _negated_version(d), describe(d))))


def is_cpu(device: Any) -> bool:
    return bool(device.type & import_pyopencl().device_type.CPU)


def _negated_version(device: Any) -> tuple[int, ...]:
    words = device.platform.version.split()  # "OpenCL 3.1 ..."
    return tuple(-int(part) for part in words[1].split(".") if part.isdigit())


def devices() -> list[Any]:
    """What `opencl:0`, `opencl:1` ... mean: the devices that MINIGRAD_OPENCL_DEVICE leaves."""
    found = list(all_devices())
    wanted = os.environ.get("MINIGRAD_OPENCL_DEVICE", "").strip()
    if wanted.isdigit():
        found = found[int(wanted):int(wanted) + 1]
    elif wanted:
        words = wanted.lower().replace("pocl", "portable computing language").split()
        found = [d for d in found if all(word in describe(d).lower() for word in words)]
    parts = os.environ.get("MINIGRAD_OPENCL_SPLIT", "").strip()
    return found if not parts else [part for d in found for part in _split(d, int(parts))]


@functools.cache
def _split(device: Any, parts: int) -> list[Any]:
    """A CPU device as several of equally many cores."""
    if not is_cpu(device):
        return [device]
    cl = import_pyopencl()
    cores = device.max_compute_units // parts
    if cores == 0:
        raise RuntimeError(
            f"MINIGRAD_OPENCL_SPLIT={parts}: {describe(device)} has only "
            f"{device.max_compute_units} cores")
    scheme = [cl.device_partition_property.EQUALLY, cores]
    return list(device.create_sub_devices(scheme))[:parts]


def device(index: int) -> Any:
    """The device `opencl:index`, or an error that says what there is."""
    found = devices()
    if index < len(found):
        return found[index]
    wanted = os.environ.get("MINIGRAD_OPENCL_DEVICE")
    if found:
        listed = "; ".join(f"opencl:{i} is {describe(d)}" for i, d in enumerate(found))
        raise RuntimeError(f"there is no device 'opencl:{index}': {listed}")
    if wanted and all_devices():
        listed = "; ".join(f"{i}: {describe(d)}" for i, d in enumerate(all_devices()))
        raise RuntimeError(
            f"MINIGRAD_OPENCL_DEVICE={wanted!r} fits no device. There are: {listed}")
    raise RuntimeError(f"no OpenCL device was found: {ADVICE}")


def disabled() -> set[str]:
    """The types that MINIGRAD_OPENCL_DISABLE hides."""
    names = {"fp64": "float64", "fp16": "float16"}
    words = os.environ.get("MINIGRAD_OPENCL_DISABLE", "").replace(",", " ").split()
    unknown = [word for word in words if word not in names]
    if unknown:
        raise RuntimeError(
            f"MINIGRAD_OPENCL_DISABLE: there is no {unknown[0]!r}; there are: {', '.join(names)}")
    return {names[word] for word in words}
