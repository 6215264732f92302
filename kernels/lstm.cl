// The steps of an LSTM, forwards and backwards.
//
// What it teaches: a step needs all of the one before it, so steps cannot be shared out; sequences
// can. An item takes VEC sequences, one in each lane of its vectors, through all the steps by itself,
// and need not wait for anybody:
//
//                lane 0  1  2  3              What goes from step to step lies as (H, lanes): one
//     state of unit 0 |  .  .  .  .  |        vector for each unit. A weight is one number, which
//     state of unit 1 |  .  .  .  .  |        multiplies such a vector. UNITS units are computed at
//              ...    |  .  .  .  .  |        a time, with their four gates: 4 * UNITS sums lie in
//                                             registers while the vectors of the state pass by.
//                                             Such a brick of units has one size, known to the
// compiler; where the units do not divide into bricks, the last begins earlier, and computes some
// units twice.
//
// x, g, out and gx are (T, N, 4 H) or (T, N, H): there a lane is a row. cells and gates are for the
// way back alone, and lie as (T, H, pad) and (T, 4 H, pad), where pad is N rounded up to whole
// vectors. Lanes beyond N compute the last sequence once more, and are not written out.

#include "common.h"

#ifndef UNITS
#define UNITS 4
#endif
#ifndef COLUMNS
#define COLUMNS 16
#endif

typedef struct {
    long x, w, h, c; // where the operands start; of the gradient g, w, g_last, c
    uint steps, batch, size, pad, reverse;
} Lstm;

// Element j of `count` rows of n elements, a lane each.
inline V from_rows(global const T *p, uint j, uint n, uint count) {
    C lanes[VEC];
    for (uint k = 0; k < VEC; k++)
        lanes[k] = GET(p, (long)min(k, count - 1) * n + j);
    return VLOAD(0, lanes);
}

inline void to_rows(V v, global T *p, uint j, uint n, uint count) {
    C lanes[VEC];
    VSTORE(v, 0, lanes);
    for (uint k = 0; k < count; k++)
        PUT(lanes[k], p, (long)k * n + j);
}

inline V sigmoid(V x) { return 1 / (1 + exp(-x)); }

// What all of an item's steps need: its first sequence, how many it has, and the sizes.
#define PLACES                                                                                 \
    const uint n = get_global_id(0) * VEC, count = min((uint)VEC, p.batch - n);                \
    const uint size = p.size, pad = p.pad
#define BRICKS(j, width, size)                                                                 \
    for (uint next_##j = 0, j; j = min(next_##j, (size) - (width)), next_##j < (size);         \
         next_##j += (width))
#define STEP(s) (p.reverse ? p.steps - 1 - (s) : (s))

// state has room for two states (2, H, pad): of the step before, and of this one.
kernel GROUP void lstm(global T *out, global T *last, global T *cells, global T *gates,
                       global T *state, global const T *px, global const T *pw,
                       global const T *ph, global const T *pc, const Lstm p) {
    PLACES;
    global const T *w = pw + p.w;
    for (uint j = 0; j < size; j++)
        VSTORE(from_rows(ph + p.h + (long)n * size, j, size, count), j * pad + n, state);
    for (uint s = 0; s < p.steps; s++) {
        const long t = STEP(s);
        global const T *x = px + p.x + (t * p.batch + n) * 4 * size;
        global const T *now = state + (s & 1) * size * pad + n;
        global T *next = state + (~s & 1) * size * pad + n;
        BRICKS(j, UNITS, size) {
            V z[4][UNITS];
            for (uint q = 0; q < 4; q++)
                for (uint u = 0; u < UNITS; u++)
                    z[q][u] = from_rows(x, q * size + j + u, 4 * size, count);
            for (uint k = 0; k < size; k++) {
                const V h = VLOAD(k * pad, now);
                for (uint q = 0; q < 4; q++)
                    for (uint u = 0; u < UNITS; u++)
                        z[q][u] = fma((V)w[(q * size + j + u) * (long)size + k], h, z[q][u]);
            }
            for (uint u = 0; u < UNITS; u++) {
                const uint r = j + u;
                const V i = sigmoid(z[0][u]), f = sigmoid(z[1][u]);
                const V g = tanh(z[2][u]), o = sigmoid(z[3][u]);
                const V before = s == 0 ? from_rows(pc + p.c + (long)n * size, r, size, count)
                                        : VLOAD((STEP(s - 1) * size + r) * (long)pad + n, cells);
                const V c = f * before + i * g, h = o * tanh(c);
                const V kept[4] = {i, f, g, o};
                for (uint q = 0; q < 4; q++)
                    VSTORE(kept[q], ((t * 4 + q) * size + r) * pad + n, gates);
                VSTORE(c, (t * size + r) * pad + n, cells);
                VSTORE(h, r * pad, next);
                to_rows(h, out + (t * p.batch + n) * size, r, size, count);
                if (s + 1 == p.steps)
                    to_rows(c, last + (long)n * size, r, size, count);
            }
        }
    }
}

// gh and gc come in and go out as rows; `state` has room for both as (2, H, pad), and for the
// gradients of the gates of one step (4 H, pad). Bricks of w are read along its rows here: column k
// of the gates' gradients goes to COLUMNS neighbouring elements of gh.
kernel GROUP void lstm_grad(global T *gx, global T *gh, global T *gc, global T *state,
                            global const T *pg, global const T *pw, global const T *plast,
                            global const T *pc, global const T *cells, global const T *gates,
                            const Lstm p) {
    PLACES;
    global T *const of_h = state + n, *const of_c = state + size * pad + n;
    global T *const of_z = state + 2 * size * pad + n;
    for (uint j = 0; j < size; j++) {
        VSTORE((V)0, j * pad, of_h);
        VSTORE(from_rows(plast + p.h + (long)n * size, j, size, count), j * pad, of_c);
    }
    for (uint s = p.steps; s-- > 0;) {
        const long t = STEP(s);
        for (uint j = 0; j < size; j++) {
            const V i = VLOAD((t * 4 * size + j) * pad + n, gates);
            const V f = VLOAD(((t * 4 + 1) * size + j) * pad + n, gates);
            const V z = VLOAD(((t * 4 + 2) * size + j) * pad + n, gates);
            const V o = VLOAD(((t * 4 + 3) * size + j) * pad + n, gates);
            const V level = tanh(VLOAD((t * size + j) * pad + n, cells));
            const V before = s == 0 ? from_rows(pc + p.c + (long)n * size, j, size, count)
                                    : VLOAD((STEP(s - 1) * size + j) * (long)pad + n, cells);
            const V g = from_rows(pg + p.x + (t * p.batch + n) * size, j, size, count);
            const V h = VLOAD(j * pad, of_h) + g;
            const V c = VLOAD(j * pad, of_c) + h * o * (1 - level * level);
            const V parts[4] = {c * z * i * (1 - i), c * before * f * (1 - f), c * i * (1 - z * z),
                                h * level * o * (1 - o)};
            VSTORE(c * f, j * pad, of_c);
            for (uint q = 0; q < 4; q++) {
                VSTORE(parts[q], (q * size + j) * pad, of_z);
                to_rows(parts[q], gx + (t * p.batch + n) * 4 * size, q * size + j, 4 * size, count);
            }
        }
        BRICKS(j, COLUMNS, size) {
            V sums[COLUMNS];
            for (uint u = 0; u < COLUMNS; u++)
                sums[u] = (V)0;
            for (uint k = 0; k < 4 * size; k++) {
                const V z = VLOAD(k * pad, of_z);
                global const T *row = pw + p.w + (long)k * size + j;
                for (uint u = 0; u < COLUMNS; u++)
                    sums[u] = fma((V)row[u], z, sums[u]);
            }
            for (uint u = 0; u < COLUMNS; u++)
                VSTORE(sums[u], (j + u) * pad, of_h);
        }
    }
    for (uint j = 0; j < size; j++) {
        to_rows(VLOAD(j * pad, of_h), gh + (long)n * size, j, size, count);
        to_rows(VLOAD(j * pad, of_c), gc + (long)n * size, j, size, count);
    }
}
