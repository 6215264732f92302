// Kernels that go along an axis step by step: cumsum, cumprod, and where a value stands.
//
// What it teaches: what one step needs from the step before cannot be shared out, so the lines are:
// each work item goes along lines of its own.

#include "common.h"

#define MAX_DIMS 8

typedef struct {
    long start, stride; // of x, the stride along the axis
    long line_stride[MAX_DIMS];
    uint line_shape[MAX_DIMS];
    uint dims, lines, n, chunk, inner; // inner: how many lines lie between neighbours on the axis
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

#define SCAN(NAME, FIRST, STEP)                                                                \
    kernel GROUP void NAME(global T *out, global const T *px, const Scan p) {                  \
        const uint first = get_global_id(0) * p.chunk;                                         \
        for (uint i = first; i < min(first + p.chunk, p.lines); i++) {                         \
            const long from = line_start(&p, i), to = line_in_out(&p, i);                      \
            ACCUMULATOR total = FIRST;                                                         \
            for (uint j = 0; j < p.n; j++) {                                                   \
                const ACCUMULATOR x = (ACCUMULATOR)GET(px, from + (long)j * p.stride);         \
                total = STEP;                                                                  \
                PUT((C)total, out, to + (long)j * p.inner);                                    \
            }                                                                                  \
        }                                                                                      \
    }

#ifdef IS_FLOAT
#define ACCUMULATOR C
#else
#define ACCUMULATOR U // unsigned, so that it wraps around
#endif
#ifndef IS_BOOL
SCAN(cumsum, 0, total + x)
SCAN(cumprod, 1, total * x)
#endif

// out[i] = the first j where x[i, j] is best[i], or NaN.
kernel GROUP void find(global long *out, global const T *px, global const T *best, const Scan p) {
    const uint first = get_global_id(0) * p.chunk;
    for (uint i = first; i < min(first + p.chunk, p.lines); i++) {
        const long from = line_start(&p, i);
        const C wanted = GET(best, i);
        uint j = 0;
        for (; j < p.n; j++) {
            const C x = GET(px, from + (long)j * p.stride);
            if (x == wanted || x != x)
                break;
        }
        out[i] = j;
    }
}
