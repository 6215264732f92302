// out[b, r, c] = sum over k of x[b, r, k] * y[b, k, c], straight from the definition.
//
// What it teaches: where to start. One work item for each element of out walks along a row of x and
// a column of y. Nothing that was loaded is used again, so it waits for memory most of the time.

#include "common.h"

#ifdef IS_FLOAT
#define MULTIPLY_ADD(a, b, c) fma(a, b, c)
#else // unsigned, so that it wraps around
#define MULTIPLY_ADD(a, b, c) (C)((U)(a) * (U)(b) + (U)(c))
#endif

typedef struct {
    long x, y;                  // where the matrices begin
    long x_batch, x_row, x_k;   // how far apart neighbours lie
    long y_batch, y_k, y_column;
    uint rows, columns, depth, batch;
} Product;

kernel void naive(global T *out, global const T *x, global const T *y, const Product p) {
    const uint c = get_global_id(0), r = get_global_id(1), b = get_global_id(2);
    const long px = p.x + b * p.x_batch + r * p.x_row, py = p.y + b * p.y_batch + c * p.y_column;
    C sum = 0;
    for (uint k = 0; k < p.depth; k++)
        sum = MULTIPLY_ADD(GET(x, px + k * p.x_k), GET(y, py + k * p.y_k), sum);
    PUT(sum, out, ((long)b * p.rows + r) * p.columns + c);
}
