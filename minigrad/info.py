"""What minigrad finds on this machine: `python -m minigrad.info`.

Versions, the variables that are set, and of OpenCL the ICD files, the platforms and their devices,
each with what it can do and a short test of whether it computes; and advice where something is
missing. The exit status is 0 even where there is no OpenCL, and 1 where a device fails its test.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from minigrad.backends.opencl import discovery
from minigrad.device import Device

VARIABLES = ("MINIGRAD_BACKEND", "MINIGRAD_WRAP", "MINIGRAD_OPENCL_DEVICE",
             "MINIGRAD_OPENCL_SPLIT", "MINIGRAD_OPENCL_DISABLE", "OCL_ICD_VENDORS")  # fmt: skip


def main() -> int:
    """Prints the report; returns the exit status."""
    failures: list[str] = []
    for line in report(failures):
        print(line)
    return 1 if failures else 0


def report(failures: list[str]) -> Iterator[str]:
    """The lines; the devices that fail are added to `failures`."""
    yield (
        f"minigrad {version('minigrad-edu')}, Python {platform.python_version()}, NumPy "
        f"{np.__version__}, {platform.machine()} with {os.cpu_count()} cores"
    )
    for name in VARIABLES:
        if name in os.environ:
            yield f"{name}={os.environ[name]}"
    yield "OpenCL"
    yield f"  pyopencl: {version('pyopencl')}"
    for name, content in discovery.icd_files().items():
        is_missing = content.startswith("/") and not os.path.exists(content)
        yield f"  {name}: {content}{' (no such file)' if is_missing else ''}"
    try:
        found = discovery.devices()
    except RuntimeError as error:
        yield f"  {error}"
        return
    for runtime in discovery.platforms():
        yield f"  platform: {runtime.name}, {runtime.version}"
    if not found:
        yield f"  {_why_none()}"
    for i, device in enumerate(found):
        yield from about_device(f"opencl:{i}", device, failures)


def _why_none() -> str:
    try:
        discovery.device(0)
    except RuntimeError as error:
        return str(error)
    raise AssertionError("there is a device after all")


def version(package: str) -> str:
    """The version of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def about_device(name: str, device: Any, failures: list[str]) -> Iterator[str]:
    """What a device is, and whether it computes."""
    kind = "CPU" if discovery.is_cpu(device) else "GPU or other"
    mib = [n // 2**20 for n in (device.global_mem_size, device.max_mem_alloc_size)]
    yield f"  {name}: {discovery.describe(device)}"
    yield (
        f"    {kind}, {device.max_compute_units} compute units, {mib[0]} MiB of memory, at most "
        f"{mib[1]} MiB for an array, {device.local_mem_size // 1024} KiB local"
    )
    try:
        types = self_test(name)
    except Exception as error:
        failures.append(name)
        yield f"    the test FAILED: {type(error).__name__}: {str(error)[-2000:]}"
    else:
        yield f"    computes in {types}: the test passed"


def self_test(name: str) -> str:
    """Multiplies, also matrices, and sorts in every type that the device has; names the types."""
    backend = Device(name).backend
    x = np.arange(35).reshape(5, 7) % 6
    for dtype in backend.types:
        exact = x.astype(dtype)
        y = backend.from_host(exact)
        product = backend.to_host(backend.matmul(y, backend.permute(y, (1, 0))))
        ordered = backend.to_host(backend.sort(backend.mul(y, y), 1, False)[0])
        if not (np.array_equal(product, exact @ exact.T)
                and np.array_equal(ordered, np.sort(exact * exact, 1))):
            raise RuntimeError(f"wrong results in {dtype}")
    return ", ".join(sorted(dtype.name for dtype in backend.types))


if __name__ == "__main__":
    sys.exit(main())
