"""The OpenCL C sources, one family of kernels a file, read through importlib.resources."""
