# %% [markdown]
# # 6. A matrix product in OpenCL, from naive to fast
#
# The product of two n x n matrices takes 2 n^3 operations. A processor says how many operations it
# can do in a second, at most. Yet the first program one writes for it reaches a few percent of
# that. This lesson writes the kernel four times. Each time it asks what the processor was waiting
# for, and it ends near what the machine can do.
#
# OpenCL is C for devices: a *kernel* is a function that is run many times at once, by *items* that
# differ in nothing but their number. The same text runs on a GPU and on the cores of a CPU. What is
# fast on each differs, and that is a part of the lesson.
#
# You need a device. `pip install 'minigrad-edu[opencl-cpu]'` brings one that is your own CPU.

# %%
import time
import warnings

import numpy as np

import minigrad

backend = minigrad.device("opencl").backend
cl, queue = backend.cl, backend.queue
VEC = backend.programs.vector_width(np.dtype(np.float32)) if backend.is_cpu else 4
VEC = max(VEC, 4)  # floats in one register
print(backend.description, "with", backend.compute_units, "cores, vectors of", VEC)

n = 1024 if backend.is_cpu else 256
rng = np.random.default_rng(0)
x, y = (rng.standard_normal((n, n), dtype=np.float32) for _ in range(2))
right = x.astype(np.float64) @ y
inputs = [backend.from_host(v).buffer for v in (x, y)]


def build(source, name):
    """Compiles the text of a kernel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # compilers that succeed have things to say, too
        program = cl.Program(backend.context, source).build([f"-DVEC={VEC}"])
    return cl.Kernel(program, name)


def seconds(launch, times=3):
    """The shortest of some runs, each waited for: launching returns before the work is done."""
    launch()
    queue.finish()
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        launch()
        queue.finish()
        taken.append(time.perf_counter() - start)
    return min(taken)


# %% [markdown]
# ## What the machine can do
#
# Before anything is called slow, measure what would be fast. This kernel does nothing but multiply
# and add, on numbers that stay in registers. `fma(a, b, c)` is a * b + c, one instruction. A
# processor can begin two of them in every clock tick, though each takes about four ticks until its
# result is there. So there are sixteen sums that do not wait for each other.

# %%
PEAK = """
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
typedef JOIN(float, VEC) V;

kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void peak(global float *out, const int steps) {
    V sums[16];
    for (int i = 0; i < 16; i++)
        sums[i] = (V)(i + get_global_id(0));
    for (int k = 0; k < steps; k++)
        #pragma unroll
        for (int i = 0; i < 16; i++)
            sums[i] = fma(sums[i], (V)0.5f, (V)1.0f);
    V sum = sums[0];
    for (int i = 1; i < 16; i++)
        sum += sums[i];
    JOIN(vstore, VEC)(sum, get_global_id(0), out);
}
"""
items, steps = 8 * backend.compute_units, 400_000
spins = backend.empty((items * VEC,), np.dtype(np.float32))
kernel = build(PEAK, "peak")
best = seconds(lambda: kernel(queue, (items,), (1,), spins.buffer, np.int32(steps)))
peak = 2 * 16 * VEC * steps * items / best / 1e9
print(f"peak: {peak:.0f} GFLOP/s")
assert np.allclose(backend.to_host(spins), 32)  # each of the sixteen came to 2

# %% [markdown]
# ## Naive
#
# One item for each element of the result, and in it the definition. For every multiplication and
# addition, two numbers are fetched. The items of a row read the same row of x, the items of a
# column the same column of y, and nothing makes use of that but the cache, by luck.

# %%
rates = {}


def try_out(name, kernel, global_size, local_size):
    """Runs a kernel, holds its result against NumPy's, and notes its speed."""
    out = backend.empty((n, n), np.dtype(np.float32))
    arguments = (out.buffer, *inputs, np.int32(n))
    best = seconds(lambda: kernel(queue, global_size, local_size, *arguments))
    error = np.abs(backend.to_host(out) - right).max()
    assert error < 1e-5 * n, error
    rates[name] = 2 * n**3 / best / 1e9
    print(f"{name}: {rates[name]:.0f} GFLOP/s, {100 * rates[name] / peak:.0f} % of the peak")


NAIVE = """
kernel void naive(global float *out, global const float *x, global const float *y, const int n) {
    const int r = get_global_id(1), c = get_global_id(0);
    float sum = 0;
    for (int k = 0; k < n; k++)
        sum += x[r * n + k] * y[k * n + c];
    out[r * n + c] = sum;
}
"""
try_out("naive", build(NAIVE, "naive"), (n, n), None)

# %% [markdown]
# ## Tiled: fetch once, use sixteen times
#
# Items come in groups, and a group has a small memory of its own, called local. A group of 16 x 16
# items computes a tile of the result. It copies a tile of x and one of y there, every item one
# number of each, waits until all are done, and then each number is used by sixteen items.
#
#                   +----+                     +----+
#                   | ys |  16 rows of y       |    |  and so on, down
#                   +----+                     +----+
#         +----+    +----+     +----+          +----+
#         | xs |    |out |     |  xs, next     |out |
#         +----+    +----+     +----+          +----+
#
# On a GPU this is the step that counts, since its local memory is much faster than the other one.
# On a CPU local memory is memory like any other, and waiting for each other is work: do not expect
# much.

# %%
TILED = """
#define TILE 16
kernel __attribute__((reqd_work_group_size(TILE, TILE, 1)))
void tiled(global float *out, global const float *x, global const float *y, const int n) {
    local float xs[TILE][TILE], ys[TILE][TILE];
    const int r = get_global_id(1), c = get_global_id(0);
    const int i = get_local_id(1), j = get_local_id(0);
    float sum = 0;
    for (int k = 0; k < n; k += TILE) {
        xs[i][j] = x[r * n + k + j];
        ys[i][j] = y[(k + i) * n + c];
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int t = 0; t < TILE; t++)
            sum += xs[i][t] * ys[t][j];
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    out[r * n + c] = sum;
}
"""
try_out("tiled", build(TILED, "tiled"), (n, n), (16, 16))

# %% [markdown]
# ## Registers: ten loads for five hundred operations
#
# The fastest memory of all are the registers. An item of this kernel computes a tile of 8 rows by
# two vectors, and keeps all of its sums there. For one step of k it loads two vectors of y and 8
# numbers of x, and multiplies each with each:
#
#                          y[k, c ...]    y[k, c + VEC ...]        2 loads
#         x[r, k]        | sums[0][0]   | sums[0][1]   |
#         x[r + 1, k]    | sums[1][0]   | sums[1][1]   |
#           ...          |    ...       |    ...       |
#         x[r + 7, k]    | sums[7][0]   | sums[7][1]   |
#         8 loads                                         16 instructions, 2 * 16 * VEC operations
#
# A core runs one item after the other: no groups, no waiting, few items with much to do.

# %%
TILE = """
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define LOAD(p) JOIN(vload, VEC)(0, p)
#define STORE(v, p) JOIN(vstore, VEC)(v, 0, p)
#define ROWS 8
#define COLUMNS (2 * VEC)
typedef JOIN(float, VEC) V;
"""
REGISTERS = TILE + """
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void registers(global float *out, global const float *x, global const float *y, const int n) {
    const int r = get_global_id(1) * ROWS, c = get_global_id(0) * COLUMNS;
    V sums[ROWS][2];
    #pragma unroll
    for (int i = 0; i < ROWS; i++)
        sums[i][0] = sums[i][1] = (V)0;
    for (int k = 0; k < n; k++) {
        const V left = LOAD(y + k * n + c), right = LOAD(y + k * n + c + VEC);
        #pragma unroll
        for (int i = 0; i < ROWS; i++) {
            sums[i][0] = fma((V)(x[(r + i) * n + k]), left, sums[i][0]);
            sums[i][1] = fma((V)(x[(r + i) * n + k]), right, sums[i][1]);
        }
    }
    #pragma unroll
    for (int i = 0; i < ROWS; i++) {
        STORE(sums[i][0], out + (r + i) * n + c);
        STORE(sums[i][1], out + (r + i) * n + c + VEC);
    }
}
"""
try_out("registers", build(REGISTERS, "registers"), (n // (2 * VEC), n // 8), (1, 1))

# %% [markdown]
# ## Packed: what is used together lies together
#
# How often is a number of y loaded now? Once for every 8 rows of x, and from where? Two rows of y
# are n numbers apart, so that the two vectors we load are neighbours of nothing that we need next.
# A cache stores lines of 16 floats at places given by their address: those of a column of a matrix
# whose width is a power of two want the same few places, and throw each other out.
#
# So an item copies its panel of y first: DEPTH rows of two vectors, side by side, small enough to
# stay in the cache while *all* rows of x pass by. Copying costs n numbers once where n^2 / 8 are
# loaded. Where k is longer than DEPTH, the next piece of the panel follows, and its sums are added.

# %%
PACKED = TILE + """
#define DEPTH 256
kernel __attribute__((reqd_work_group_size(1, 1, 1)))
void packed(global float *out, global const float *x, global const float *y, const int n) {
    local float panel[DEPTH * COLUMNS];
    const int c = get_global_id(0) * COLUMNS;
    for (int k0 = 0; k0 < n; k0 += DEPTH) {
        for (int k = 0; k < DEPTH; k++) {
            STORE(LOAD(y + (k0 + k) * n + c), panel + k * COLUMNS);
            STORE(LOAD(y + (k0 + k) * n + c + VEC), panel + k * COLUMNS + VEC);
        }
        for (int r = 0; r < n; r += ROWS) {
            V sums[ROWS][2];
            #pragma unroll
            for (int i = 0; i < ROWS; i++) {
                sums[i][0] = k0 ? LOAD(out + (r + i) * n + c) : (V)0;
                sums[i][1] = k0 ? LOAD(out + (r + i) * n + c + VEC) : (V)0;
            }
            for (int k = 0; k < DEPTH; k++) {
                const V left = LOAD(panel + k * COLUMNS), right = LOAD(panel + k * COLUMNS + VEC);
                #pragma unroll
                for (int i = 0; i < ROWS; i++) {
                    sums[i][0] = fma((V)(x[(r + i) * n + k0 + k]), left, sums[i][0]);
                    sums[i][1] = fma((V)(x[(r + i) * n + k0 + k]), right, sums[i][1]);
                }
            }
            #pragma unroll
            for (int i = 0; i < ROWS; i++) {
                STORE(sums[i][0], out + (r + i) * n + c);
                STORE(sums[i][1], out + (r + i) * n + c + VEC);
            }
        }
    }
}
"""
try_out("packed", build(PACKED, "packed"), (n // (2 * VEC),), (1,))

# %% [markdown]
# ## The one that minigrad uses
#
# `kernels/matmul.cl` has these kernels once more, for matrices of any size, any strides and any
# type: what a real one needs besides. A transposed matrix needs no copy, since the panel is packed
# from any strides. `backends/opencl/matmul.py` chooses among them.

# %%
with minigrad.device("opencl"):
    a, b = minigrad.tensor(x), minigrad.tensor(y)
    best = seconds(lambda: a @ b)
    product, transposed = a @ b, a @ b.T.contiguous().T
rates["minigrad"] = 2 * n**3 / best / 1e9
assert np.abs(product.numpy() - right).max() < 1e-5 * n
assert (product == transposed).all()  # the same sums in the same order, whatever the strides

widest = max(map(len, rates))
print(f"\n{'':{widest}}  0 %{' ' * 40}peak, {peak:.0f} GFLOP/s")
for name, rate in rates.items():
    bar = "#" * round(46 * rate / peak)
    print(f"{name:{widest}}  {bar} {rate:.0f}")

# %% [markdown]
# ## Things to try
#
# - ROWS = 4, 12, 16 in TILE: what becomes of the sums when there are more of them than registers?
# - DEPTH = 32 and DEPTH = 1024 in PACKED. Which cache does a panel of each fit into?
# - n = 960 and DEPTH = 240: `registers` gets much faster. Why? What is special about 1024?
# - Let `tiled` compute 4 x 4 elements an item, as `blocked` does in `kernels/matmul.cl`.

# %%
assert set(rates) == {"naive", "tiled", "registers", "packed", "minigrad"}
assert all(rate > 0 for rate in rates.values())
