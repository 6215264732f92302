"""How fast minigrad is beside PyTorch: `make bench`, or `python -m benchmarks.run --help`."""
