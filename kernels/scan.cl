// Kernels that go along an axis step by step: cumsum, cumprod, and where a value stands.
//
// What it teaches: what one step needs from the step before cannot be shared out, so the lines are:
// each work item goes along lines of its own. Where there are few, and long, each is cut into
// `pieces` of `length` elements. These begin anew, and in a second launch each is told what came
// before it:
//
//     x           1 2 3 | 4 5 6 | 7 8 9
//     cumsum      1 3 6 | 4 9 15| 7 15 24       totals  6 15 24
//     carry       1 3 6 | 10 ...| 28 ...        + 6 in the second piece, + 6 + 15 in the third
//
// In floating point a long sum outgrows what is added to it: 2 ** 24 + 1 is 2 ** 24 in float32. So
// what each step lost is kept apart. For an addition a few subtractions find it out (Knuth's
// two-sum), for a multiplication one fma, which rounds x * y - z once.

#include "common.h"

#define MAX_DIMS 8

typedef struct {
    long start, stride; // of x, the stride along the axis
    long line_stride[MAX_DIMS];
    uint line_shape[MAX_DIMS];
    uint dims, lines, n, pieces, length, chunk;
    uint inner; // how many lines lie between neighbours on the axis
} Scan;

inline long line_start(const Scan *p, uint i) {
    long at = p->start;
    for (int d = (int)p->dims - 1; d >= 0; d--) {
        at += p->line_stride[d] * (long)(i % p->line_shape[d]);
        i /= p->line_shape[d];
    }
    return at;
}

// out has the axis and the lines behind it in row-major order: (outer, n, inner).
inline long line_in_out(const Scan *p, uint i) {
    return (long)(i / p->inner) * p->n * p->inner + i % p->inner;
}

// The pieces of all lines: task `t` is piece t % pieces of line t / pieces, from element j to `end`.
#define PIECES(t, p, j, end)                                                                   \
    for (uint t = get_global_id(0) * p.chunk, j, end;                                          \
         t < min((uint)(get_global_id(0) + 1) * p.chunk, p.lines * p.pieces) &&                \
             (j = t % p.pieces * p.length, end = min(j + p.length, p.n), true);                \
         t++)

#ifdef IS_FLOAT
#define ACCUMULATOR C
#else
#define ACCUMULATOR U // unsigned, so that it wraps around
#endif

// The total so far, and what the roundings of its steps lost.
typedef struct {
    ACCUMULATOR value, lost;
} Total;

inline Total plus(Total total, ACCUMULATOR x) {
    const ACCUMULATOR sum = total.value + x;
#ifdef IS_FLOAT
    const C added = sum - total.value;
    if (isfinite(sum))
        total.lost += (total.value - (sum - added)) + (x - added);
#endif
    total.value = sum;
    return total;
}

inline Total times(Total total, ACCUMULATOR x) {
    const ACCUMULATOR product = total.value * x;
#ifdef IS_FLOAT
    if (isfinite(product))
        total.lost = fma(total.lost, x, fma(total.value, x, -product));
#endif
    total.value = product;
    return total;
}

#define SCAN(NAME, FIRST, STEP)                                                                \
    kernel GROUP void NAME(global T *out, global const T *px, global ACCUMULATOR *totals,      \
                           const Scan p) {                                                     \
        PIECES(t, p, j, end) {                                                                 \
            const long from = line_start(&p, t / p.pieces), to = line_in_out(&p, t / p.pieces); \
            Total total = {FIRST, 0};                                                          \
            for (; j < end; j++) {                                                             \
                total = STEP(total, (ACCUMULATOR)GET(px, from + (long)j * p.stride));          \
                PUT((C)(total.value + total.lost), out, to + (long)j * p.inner);               \
            }                                                                                  \
            if (p.pieces > 1)                                                                  \
                totals[t] = total.value + total.lost;                                          \
        }                                                                                      \
    }                                                                                          \
    kernel GROUP void JOIN(NAME, _carry)(global T *out, global const ACCUMULATOR *totals,      \
                                         const Scan p) {                                       \
        PIECES(t, p, j, end) {                                                                 \
            const long to = line_in_out(&p, t / p.pieces);                                     \
            Total before = {FIRST, 0};                                                         \
            for (uint i = t - t % p.pieces; i < t; i++)                                        \
                before = STEP(before, totals[i]);                                              \
            for (; t % p.pieces > 0 && j < end; j++) {                                         \
                const Total total = STEP(before, (ACCUMULATOR)GET(out, to + (long)j * p.inner)); \
                PUT((C)(total.value + total.lost), out, to + (long)j * p.inner);               \
            }                                                                                  \
        }                                                                                      \
    }
#ifndef IS_BOOL
SCAN(cumsum, 0, plus)
SCAN(cumprod, 1, times)
#endif

// out[i, piece] = the first j of the piece where x[i, j] is best[i], or NaN; n if there is none.
kernel GROUP void find(global long *out, global const T *px, global const T *best, const Scan p) {
    PIECES(t, p, j, end) {
        const long from = line_start(&p, t / p.pieces);
        const C wanted = GET(best, t / p.pieces);
        for (; j < end; j++) {
            const C x = GET(px, from + (long)j * p.stride);
            if (x == wanted || x != x)
                break;
        }
        out[t] = j < end ? j : p.n;
    }
}
