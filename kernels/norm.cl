// layer_norm and batch_norm, and their gradients; and the variance.
//
// What it teaches: mean and variance take two passes, since x ** 2 - mean ** 2 cancels; what is large
// is reading memory, and the second pass finds the row in the cache. The gradients of weight and bias
// are sums over rows: every work item adds up its own rows, and a second kernel adds those sums.

#include "common.h"
#include "rows.h"

// A row of layer_norm lies together. A row of batch_norm is a channel: `segments` pieces of `n`
// elements, one for each image, `segment_step` apart.
typedef struct {
    long x, g, w, b, mean, rstd; // where the operands start
    C eps;
    uint rows, n, chunk, has_w, has_b, segments, segment_step;
} Norm;

#define AT(r) ((long)(r) * p.n)

kernel GROUP void layer_norm(global T *out, global T *means, global T *rstds, global const T *px,
                             global const T *pw, global const T *pb, const Norm p) {
    SCRATCH;
    ROWS(r, p) {
        V sum = ZERO, squares = ZERO;
        EACH(j, count, p.n) sum += MASKED(load(px, p.x + AT(r) + j, 1, count), count, 0);
        const C mean = row_sum(sum, scratch) / (C)p.n;
        EACH(j, count, p.n) {
            const V d = MASKED(load(px, p.x + AT(r) + j, 1, count) - (V)mean, count, 0);
            squares += d * d;
        }
        const C rstd = 1 / sqrt(row_sum(squares, scratch) / (C)p.n + p.eps);
        EACH(j, count, p.n) {
            V y = (load(px, p.x + AT(r) + j, 1, count) - (V)mean) * (V)rstd;
            if (p.has_w)
                y *= load(pw, p.w + j, 1, count);
            if (p.has_b)
                y += load(pb, p.b + j, 1, count);
            store(y, out, AT(r) + j, 1, count);
        }
        if (IS_FIRST) {
            PUT(mean, means, r);
            PUT(rstd, rstds, r);
        }
    }
}

// out[i] = sum((x[i, j] - mean[i]) ** 2 for j) / freedom. The mean is taken relative to the first
// element of the row: the variance of equal numbers is 0.
kernel GROUP void variance(global T *out, global const T *px, const Rows p, const C freedom) {
    SCRATCH;
    ROWS(r, p) {
        const long at = p.x + (long)r * p.n;
        V sum = ZERO, squares = ZERO;
        const V first = (V)GET(px, at);
        EACH(j, count, p.n) sum += MASKED(load(px, at + j, 1, count) - first, count, 0);
        const V mean = (V)(row_sum(sum, scratch) / (C)p.n);
        EACH(j, count, p.n) {
            const V d = MASKED(load(px, at + j, 1, count) - first - mean, count, 0);
            squares += d * d;
        }
        const C total = row_sum(squares, scratch);
        if (IS_FIRST)
            PUT(total / freedom, out, r);
    }
}

kernel GROUP void layer_norm_input(global T *gx, global const T *pg, global const T *px,
                                   global const T *pw, global const T *means,
                                   global const T *rstds, const Norm p) {
    SCRATCH;
    ROWS(r, p) {
        const V mean = (V)GET(means, p.mean + r), rstd = (V)GET(rstds, p.rstd + r);
        V sums = ZERO, products = ZERO;
        EACH(j, count, p.n) {
            V v = load(pg, p.g + AT(r) + j, 1, count);
            v = p.has_w ? v * load(pw, p.w + j, 1, count) : v;
            v = MASKED(v, count, 0);
            sums += v;
            products += v * (load(px, p.x + AT(r) + j, 1, count) - mean) * rstd;
        }
        const V sum = (V)(row_sum(sums, scratch) / (C)p.n);
        const V along = (V)(row_sum(products, scratch) / (C)p.n);
        EACH(j, count, p.n) {
            V v = load(pg, p.g + AT(r) + j, 1, count);
            v = p.has_w ? v * load(pw, p.w + j, 1, count) : v;
            const V h = (load(px, p.x + AT(r) + j, 1, count) - mean) * rstd;
            store(rstd * (v - sum - h * along), gx, AT(r) + j, 1, count);
        }
    }
}

// The sums over `chunk` rows, for VEC columns: gw and gb (pieces, n) of float, for a later sum.
kernel GROUP void layer_norm_weights(global C *gw, global C *gb, global const T *pg,
                                     global const T *px, global const T *means,
                                     global const T *rstds, const Norm p) {
    const uint j = get_global_id(0) * VEC, piece = get_global_id(1);
    if (j >= p.n)
        return;
    const uint count = min((uint)VEC, p.n - j);
    V products = ZERO, sums = ZERO;
    for (uint r = piece * p.chunk; r < min((piece + 1) * p.chunk, p.rows); r++) {
        const V mean = (V)GET(means, p.mean + r), rstd = (V)GET(rstds, p.rstd + r);
        const V g = load(pg, p.g + AT(r) + j, 1, count);
        products += g * (load(px, p.x + AT(r) + j, 1, count) - mean) * rstd;
        sums += g;
    }
    C lanes[VEC];
    VSTORE(products, 0, lanes);
    for (uint k = 0; k < count; k++)
        gw[(long)piece * p.n + j + k] = lanes[k];
    VSTORE(sums, 0, lanes);
    for (uint k = 0; k < count; k++)
        gb[(long)piece * p.n + j + k] = lanes[k];
}

// The segments of a channel are added up one by one, then their sums: in one long sum of numbers that
// are alike the total outgrows them, and the roundings go one way.
#define IN_CHANNEL(s, j) ((long)(s) * p.segment_step + (long)r * p.n + (j))

kernel GROUP void batch_norm(global T *out, global T *means, global T *vars, global T *rstds,
                             global const T *px, global const T *pw, global const T *pb,
                             const Norm p) {
    SCRATCH;
    ROWS(r, p) {
        const C n = (C)p.segments * (C)p.n;
        V sum = ZERO, squares = ZERO;
        for (uint s = 0; s < p.segments; s++) {
            V part = ZERO;
            EACH(j, count, p.n) part += MASKED(load(px, p.x + IN_CHANNEL(s, j), 1, count), count, 0);
            sum += part;
        }
        const C mean = row_sum(sum, scratch) / n;
        for (uint s = 0; s < p.segments; s++) {
            V part = ZERO;
            EACH(j, count, p.n) {
                const V d = MASKED(load(px, p.x + IN_CHANNEL(s, j), 1, count) - (V)mean, count, 0);
                part += d * d;
            }
            squares += part;
        }
        const C var = row_sum(squares, scratch) / n, rstd = 1 / sqrt(var + p.eps);
        const V scale = (V)(p.has_w ? GET(pw, p.w + r) * rstd : rstd);
        const V shift = (V)(p.has_b ? GET(pb, p.b + r) : 0);
        for (uint s = 0; s < p.segments; s++)
            EACH(j, count, p.n) {
                const V x = load(px, p.x + IN_CHANNEL(s, j), 1, count);
                store((x - (V)mean) * scale + shift, out, IN_CHANNEL(s, j), 1, count);
            }
        if (IS_FIRST) {
            PUT(mean, means, r);
            PUT(var, vars, r);
            PUT(rstd, rstds, r);
        }
    }
}

kernel GROUP void batch_norm_grad(global T *gx, global T *gw, global T *gb, global const T *pg,
                                  global const T *px, global const T *pw, global const T *means,
                                  global const T *rstds, const Norm p) {
    SCRATCH;
    ROWS(r, p) {
        const C n = (C)p.segments * (C)p.n, rstd = GET(rstds, p.rstd + r);
        const V mean = (V)GET(means, p.mean + r);
        V sums = ZERO, products = ZERO;
        for (uint s = 0; s < p.segments; s++) {
            V part = ZERO, product_part = ZERO;
            EACH(j, count, p.n) {
                const V g = MASKED(load(pg, p.g + IN_CHANNEL(s, j), 1, count), count, 0);
                part += g;
                product_part += g * (load(px, p.x + IN_CHANNEL(s, j), 1, count) - mean);
            }
            sums += part;
            products += product_part;
        }
        const C sum = row_sum(sums, scratch), product = row_sum(products, scratch) * rstd;
        const V scale = (V)(p.has_w ? GET(pw, p.w + r) * rstd : rstd);
        const V along = (V)(product / n * rstd), level = (V)(sum / n);
        for (uint s = 0; s < p.segments; s++)
            EACH(j, count, p.n) {
                const V g = load(pg, p.g + IN_CHANNEL(s, j), 1, count);
                const V d = load(px, p.x + IN_CHANNEL(s, j), 1, count) - mean;
                store(scale * (g - level - d * along), gx, IN_CHANNEL(s, j), 1, count);
            }
        if (IS_FIRST) {
            PUT(product, gw, r);
            PUT(sum, gb, r);
        }
    }
}
