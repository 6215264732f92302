// out[b, r, c] = sum(x[b, r, k] * y[b, k, c] for k), for operands with any strides.
//
// What it teaches: the product of two n x n matrices takes 2 n^3 operations on 2 n^2 numbers. How
// fast it is depends on how often a number is used before it has to be fetched again. Four kernels,
// each of which uses what it fetched more often than the one before:
//
//     naive      an item computes one element           a number from memory is used once
//     tiled      a group shares tiles of x and y        ... is used TILE times
//     blocked    an item computes 4 x 4 elements        ... and what it reads there, 4 times
//     packed     vectors in registers, panels in cache: the same idea for the core of a CPU
//
// The first three are for GPUs, whose items work side by side and share local memory; each item of
// the last keeps a core busy by itself. Where x is a single row, nothing can be used twice. Rows of x are walked by any stride, and so are columns of
// y: a transposed matrix needs no copy.
//
// Where K is long and out small there is too little work to share out. Then K is split: part s of
// `splits` multiplies a slice of K and writes a matrix of its own, and add_splits adds these,
// always in one order, so that every run gives the same bits.

#include "product.h"
#include "common.h"

typedef struct {
    long rows, columns, depth;                    // x has rows x depth elements, y depth x columns
    long x_row, x_k, y_k, y_column;               // strides, in elements
    long x_outer, x_inner, y_outer, y_inner;      // ... of the two axes that number the batches
    long inner;                                   // how many batches lie along the inner of these
    long splits, slice;                           // the parts of K, and how much is in each
    long block;                                   // rows for each item of `packed`
} Product;

// What the third index of an item or a group stands for: a batch, and a slice of K. Where in x, y
// and out the matrices begin, and how deep they are.
typedef struct {
    long x, y, out, depth;
} Part;

inline Part part(const Product *p, long number, long count) {
    const long batch = number / p->splits, split = number % p->splits;
    const long outer = batch / p->inner, inner = batch % p->inner, k = split * p->slice;
    Part m;
    m.x = outer * p->x_outer + inner * p->x_inner + k * p->x_k;
    m.y = outer * p->y_outer + inner * p->y_inner + k * p->y_k;
    m.out = (split * (count / p->splits) + batch) * p->rows * p->columns;
    m.depth = clamp(p->depth - k, 0L, p->slice);
    return m;
}

#define ARGUMENTS                                                                              \
    global C *out, global const T *x, global const T *y, const Product p, const long x_start,  \
    const long y_start

// Points x, y and out to the part at hand. out has type C: if T is another one, or K is split,
// add_splits makes the result of it.
#define FIND_PART(number, count)                                                               \
    const Part m = part(&p, number, count);                                                    \
    x += x_start + m.x;                                                                        \
    y += y_start + m.y;                                                                        \
    out += m.out

// --- naive ------------------------------------------------------------------------------------
//
// The definition. Two numbers are fetched for every two operations: memory decides.

kernel void naive(ARGUMENTS) {
    const long c = get_global_id(0), r = get_global_id(1);
    FIND_PART(get_global_id(2), get_global_size(2));
    C sum = 0;
    for (long k = 0; k < m.depth; k++)
        sum = MAD(GET(x, r * p.x_row + k * p.x_k), GET(y, k * p.y_k + c * p.y_column), sum);
    out[r * p.columns + c] = sum;
}

// --- tiled ------------------------------------------------------------------------------------
//
//                  K                   TILE
//             +---------+            +-------+     A group of TILE x TILE items computes a tile
//             |         |            |  ys   |     of out. For each step along K it copies one
//        TILE |[xs] --> |          K |   |   |     tile of x and one of y to local memory, each
//             |         |            |   v   |     item one number of each; every number there
//             +---------+            +-------+     is then read by TILE items.
//
// Tiles reach beyond the edges of the matrices: what is outside is filled with zeros.

// Element (r, c) of a matrix, zero where it is outside.
inline C at(global const T *x, long r, long c, long rows, long columns, long row, long column) {
    return r < rows && c < columns ? GET(x, r * row + c * column) : (C)0;
}

kernel TILE_GROUP void tiled(ARGUMENTS) {
    local C xs[TILE][TILE], ys[TILE][TILE];
    const int i = get_local_id(1), j = get_local_id(0);
    const long r = get_global_id(1), c = get_global_id(0);
    FIND_PART(get_group_id(2), get_num_groups(2));
    C sum = 0;
    for (long k = 0; k < m.depth; k += TILE) {
        xs[i][j] = at(x, r, k + j, p.rows, m.depth, p.x_row, p.x_k);
        ys[i][j] = at(y, k + i, c, m.depth, p.columns, p.y_k, p.y_column);
        barrier(CLK_LOCAL_MEM_FENCE);  // all of the tiles is there
        for (int t = 0; t < TILE; t++)
            sum = MAD(xs[i][t], ys[t][j], sum);
        barrier(CLK_LOCAL_MEM_FENCE);  // nobody needs them any more
    }
    if (r < p.rows && c < p.columns)
        out[r * p.columns + c] = sum;
}

// --- blocked ----------------------------------------------------------------------------------
//
// Now local memory is what is too slow: `tiled` reads two numbers there for two operations. So
// every item computes EACH x EACH elements, kept in registers. For one step of K it reads EACH
// numbers of x and EACH of y, and does EACH x EACH multiplications with them.
//
//          ys:   . a . . . b . .        The elements of an item lie TILE apart, here for TILE = 4
//               +---------------+       and EACH = 2: in one instruction, neighbouring items read
//     xs:   c   | . # . . . # . |       neighbouring numbers.
//           .   | . . . . . . . |
//           .   | . . . . . . . |       xs and ys are copied by all items together. Which of its
//           d   | . # . . . # . |       axes a matrix is walked along fastest is the one along
//               +---------------+       which its elements are neighbours in memory: its rows are
//                                       fetched whole even if it is transposed.

kernel TILE_GROUP void blocked(ARGUMENTS) {
    local C xs[TILE][SIDE + 1], ys[TILE][SIDE + 1];  // + 1: columns fall into different banks
    const int i = get_local_id(1), j = get_local_id(0), item = i * TILE + j;
    const long r0 = get_group_id(1) * SIDE, c0 = get_group_id(0) * SIDE;
    FIND_PART(get_group_id(2), get_num_groups(2));
    C sums[EACH][EACH] = {{0}};
    for (long k = 0; k < m.depth; k += TILE) {
        for (int n = item; n < TILE * SIDE; n += TILE * TILE) {
            const int xk = p.x_k == 1 ? n % TILE : n / SIDE, r = p.x_k == 1 ? n / TILE : n % SIDE;
            const int yk = p.y_k == 1 ? n % TILE : n / SIDE, c = p.y_k == 1 ? n / TILE : n % SIDE;
            xs[xk][r] = at(x, r0 + r, k + xk, p.rows, m.depth, p.x_row, p.x_k);
            ys[yk][c] = at(y, k + yk, c0 + c, m.depth, p.columns, p.y_k, p.y_column);
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int t = 0; t < TILE; t++)
            for (int a = 0; a < EACH; a++)
                for (int b = 0; b < EACH; b++)
                    sums[a][b] = MAD(xs[t][i + a * TILE], ys[t][j + b * TILE], sums[a][b]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int a = 0; a < EACH; a++)
        for (int b = 0; b < EACH; b++) {
            const long r = r0 + i + a * TILE, c = c0 + j + b * TILE;
            if (r < p.rows && c < p.columns)
                out[r * p.columns + c] = sums[a][b];
        }
}

// --- packed -----------------------------------------------------------------------------------
//
// A core of a CPU has registers for vectors and a cache instead of many items. One item computes
// some rows of one panel, COLUMNS = two vectors wide:
//
//                 K                  COLUMNS
//            +----------+            +-----+      1. It packs DEPTH rows of the panel of y
//            |          |            | y0  |  DEPTH  next to each other: they stay in the cache
//     ROWS   |x0 x1 ... |            | y1  |         while all of the rows of x pass by, and
//            |          |        K   | ... |         any strides and edges are dealt with here.
//            +----------+            |     |      2. It takes ROWS rows of x at a time. The tile
//                                    +-----+         of ROWS x COLUMNS sums lies in registers:
//                                    +-----+         for each k, two vectors of the panel are
//                               ROWS |sums |         loaded, and ROWS numbers of x, each of
//                                    +-----+         which multiplies both vectors.
//
// With ROWS = 8 and vectors of 16 that is 10 loads for 512 operations. The 16 sums do not depend on
// each other, so the processor need not wait for one before it begins the next. Where K is longer
// than DEPTH, the next piece of the panel is packed, and its products are added to those in out.

#ifndef DEPTH
#define DEPTH 256
#endif
#define COLUMNS (2 * VEC)

#if VEC > 1
// VEC vectors as the rows of a square, which is mirrored. A round takes the number of each element
// (its row, then its lane, written in binary) and turns it round by one digit: what was the first
// digit of the row becomes the last one of the lane. When half of the digits have come round, rows
// are lanes and lanes are rows.
inline void transpose(V *v) {
    for (int n = 1; n < VEC; n *= 2) {
        V w[VEC];
        #pragma unroll
        for (int i = 0; i < VEC / 2; i++) {
            w[2 * i].even = v[i].lo;
            w[2 * i].odd = v[i + VEC / 2].lo;
            w[2 * i + 1].even = v[i].hi;
            w[2 * i + 1].odd = v[i + VEC / 2].hi;
        }
        #pragma unroll
        for (int i = 0; i < VEC; i++)
            v[i] = w[i];
    }
}

// Packs the columns of a y whose columns are contiguous, VEC x VEC elements at a time, and says how
// many rows that makes.
inline int pack_transposed(local C *panel, global const T *y, long y_column, int depth,
                           int columns) {
    int k = 0;
    for (; k + VEC <= depth; k += VEC)
        for (int side = 0; side < COLUMNS; side += VEC) {
            V v[VEC];
            #pragma unroll
            for (int i = 0; i < VEC; i++)
                v[i] = GET_WIDE(y + min(side + i, columns - 1) * y_column, k);
            transpose(v);
            #pragma unroll
            for (int i = 0; i < VEC; i++)
                VSTORE(v[i], (k + i) * COLUMNS + side, panel);
        }
    return k;
}
#else
#define pack_transposed(panel, y, y_column, depth, columns) 0
#endif

// The rows of the panel. What reaches beyond the edge of y repeats the last column.
inline void pack(local C *panel, global const T *y, long y_k, long y_column, int depth,
                 int columns) {
    int k = 0;
    if (y_column == 1 && columns == COLUMNS)
        for (; k < depth; k++, y += y_k) {
            VSTORE(GET_WIDE(y, 0), k * COLUMNS, panel);
            VSTORE(GET_WIDE(y, VEC), k * COLUMNS + VEC, panel);
        }
    else if (y_k == 1 && y_column != 1)
        k = pack_transposed(panel, y, y_column, depth, columns);
    for (; k < depth; k++)
        for (int c = 0; c < COLUMNS; c++)
            panel[k * COLUMNS + c] = GET(y, k * y_k + min(c, columns - 1) * y_column);
}

// Writes a row of sums, or adds it to what is there.
inline void put(V left, V right, global C *out, int columns, bool add) {
    if (columns == COLUMNS) {
        VSTORE(add ? PLUS(VLOAD(0, out), left) : left, 0, out);
        VSTORE(add ? PLUS(VLOAD(VEC, out), right) : right, VEC, out);
        return;
    }
    C lanes[COLUMNS];
    VSTORE(left, 0, lanes);
    VSTORE(right, VEC, lanes);
    for (int c = 0; c < columns; c++)
        out[c] = add ? PLUS(out[c], lanes[c]) : lanes[c];
}

// ROWS rows of x by the panel. Beyond the last row it is computed again, and not written.
inline void multiply(global C *out, global const T *x, local const C *panel, const Product *p,
                     int depth, int rows, int columns, bool add) {
    V sums[ROWS][2];
    global const T *row[ROWS];
    #pragma unroll
    for (int r = 0; r < ROWS; r++) {
        sums[r][0] = sums[r][1] = (V)(C)0;
        row[r] = x + min(r, rows - 1) * p->x_row;
    }
    for (int k = 0; k < depth; k++) {
        const V left = VLOAD(k * COLUMNS, panel), right = VLOAD(k * COLUMNS + VEC, panel);
        #pragma unroll
        for (int r = 0; r < ROWS; r++) {
            const V factor = (V)(GET(row[r], k * p->x_k));
            sums[r][0] = MAD(factor, left, sums[r][0]);
            sums[r][1] = MAD(factor, right, sums[r][1]);
        }
    }
    #pragma unroll
    for (int r = 0; r < ROWS; r++)
        if (r < rows)
            put(sums[r][0], sums[r][1], out + r * p->columns, columns, add);
}

kernel GROUP void packed(ARGUMENTS) {
    local C panel[DEPTH * COLUMNS];
    const long c = get_group_id(0) * COLUMNS, begin = get_group_id(1) * p.block;
    const long end = min(p.rows, begin + p.block);
    const int columns = min((long)COLUMNS, p.columns - c);
    FIND_PART(get_group_id(2), get_num_groups(2));
    for (long k = 0; k < m.depth; k += DEPTH) {
        const int depth = min((long)DEPTH, m.depth - k);
        pack(panel, y + k * p.y_k + c * p.y_column, p.y_k, p.y_column, depth, columns);
        for (long r = begin; r < end; r += ROWS)
            multiply(out + r * p.columns + c, x + r * p.x_row + k * p.x_k, panel, &p, depth,
                     min((long)ROWS, end - r), columns, k > 0);
    }
}

// --- a single row -----------------------------------------------------------------------------
//
// A vector times a matrix uses every number of the matrix once: nothing is gained by packing. The
// matrix is read as it lies, by columns (dots) or by rows (strips).

kernel GROUP void dots(ARGUMENTS) {
    const long begin = get_group_id(0) * p.block, end = min(p.columns, begin + p.block);
    FIND_PART(get_group_id(2), get_num_groups(2));
    for (long c = begin; c < end; c++) {
        global const T *column = y + c * p.y_column;
        V sums[4] = {(V)(C)0, (V)(C)0, (V)(C)0, (V)(C)0};
        long k = 0;
        for (; k + 4 * VEC <= m.depth; k += 4 * VEC)
            for (int i = 0; i < 4; i++)
                sums[i] = MAD(GET_WIDE(x, k + i * VEC), GET_WIDE(column, k + i * VEC), sums[i]);
        C lanes[VEC], sum = 0;
        VSTORE(PLUS(PLUS(sums[0], sums[1]), PLUS(sums[2], sums[3])), 0, lanes);
        for (int i = 0; i < VEC; i++)
            sum = PLUS(sum, lanes[i]);
        for (; k < m.depth; k++)
            sum = MAD(GET(x, k), GET(column, k), sum);
        out[c] = sum;
    }
}

kernel GROUP void strips(ARGUMENTS) {
    const long c = get_group_id(0) * 2 * COLUMNS, count = min(2L * COLUMNS, p.columns - c);
    FIND_PART(get_group_id(2), get_num_groups(2));
    V sums[4] = {(V)(C)0, (V)(C)0, (V)(C)0, (V)(C)0};
    for (long k = 0; k < m.depth; k++) {
        const V factor = (V)GET(x, k * p.x_k);
        for (int i = 0; i < 4 && i * VEC < count; i++) {
            const uint rest = min((long)VEC, count - i * VEC);
            sums[i] = MAD(factor, load(y, k * p.y_k + c + i * VEC, 1, rest), sums[i]);
        }
    }
    put(sums[0], sums[1], out + c, min((long)COLUMNS, count), false);
    if (count > COLUMNS)
        put(sums[2], sums[3], out + c + COLUMNS, count - COLUMNS, false);
}

// --- the parts of K ---------------------------------------------------------------------------

// out[i] = sum(sums[s, i] for s), in this order, rounded to type T once.
kernel void add_splits(global T *out, global const C *sums, const long n, const long splits) {
    const long i = get_global_id(0);
    C sum = sums[i];
    for (long s = 1; s < splits; s++)
        sum = PLUS(sum, sums[s * n + i]);
    PUT(sum, out, i);
}
