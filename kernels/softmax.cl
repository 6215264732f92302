// softmax, log_softmax and their gradients, along rows that lie together; and the softmax of
// attention, which scales and masks first.
//
// What it teaches: an exponential of a large number is infinite, so the largest element is taken off
// first; and a row is read from memory once, as what follows the first pass finds it in the cache.

#include "common.h"
#include "rows.h"

inline C largest(global const T *px, long at, uint n, SHARED scratch) {
    V top = (V)(-INFINITY);
    EACH(j, count, n) {
        const V x = load(px, at + j, 1, count);
        top = GREATER(x, top);
    }
    return row_max(top, scratch);
}

// The powers go to out, their sum is returned.
inline C sum_of_powers(global T *out, global const T *px, long to, long at, C top, uint n,
                       SHARED scratch) {
    V total = ZERO;
    EACH(j, count, n) {
        const V power = exp(load(px, at + j, 1, count) - (V)top);
        store(power, out, to + j, 1, count);
        total += MASKED(power, count, 0);
    }
    return row_sum(total, scratch);
}

kernel GROUP void softmax(global T *out, global const T *px, const Rows p) {
    SCRATCH;
    ROWS(r, p) {
        const long at = p.x + (long)r * p.n, to = (long)r * p.n;
        const C top = largest(px, at, p.n, scratch);
        const C total = sum_of_powers(out, px, to, at, top, p.n, scratch);
        EACH(j, count, p.n) store(load(out, to + j, 1, count) / (V)total, out, to + j, 1, count);
    }
}

kernel GROUP void log_softmax(global T *out, global const T *px, const Rows p) {
    SCRATCH;
    ROWS(r, p) {
        const long at = p.x + (long)r * p.n, to = (long)r * p.n;
        const C top = largest(px, at, p.n, scratch);
        const C total = log(sum_of_powers(out, px, to, at, top, p.n, scratch));
        EACH(j, count, p.n) {
            const V x = load(px, at + j, 1, count);
            store(x - (V)top - (V)total, out, to + j, 1, count);
        }
    }
}

// out[i] = log(sum(e ** x[i, j] for j))
kernel GROUP void logsumexp(global T *out, global const T *px, const Rows p) {
    SCRATCH;
    ROWS(r, p) {
        const long at = p.x + (long)r * p.n;
        const C top = largest(px, at, p.n, scratch), level = isinf(top) ? 0 : top;
        V total = ZERO;
        EACH(j, count, p.n) {
            const V power = exp(load(px, at + j, 1, count) - (V)level);
            total += MASKED(power, count, 0);
        }
        const C sum = row_sum(total, scratch);
        if (IS_FIRST)
            PUT(log(sum) + level, out, r);
    }
}

// gx = out * (g - sum(g * out)) * scale, where x is g and y is out
kernel GROUP void softmax_grad(global T *gx, global const T *pg, global const T *pout,
                               const Rows p, const C scale) {
    SCRATCH;
    ROWS(r, p) {
        const long g_at = p.x + (long)r * p.n, at = p.y + (long)r * p.n, to = (long)r * p.n;
        V dot_ = ZERO;
        EACH(j, count, p.n) {
            const V product = load(pg, g_at + j, 1, count) * load(pout, at + j, 1, count);
            dot_ += MASKED(product, count, 0);
        }
        const V total = (V)row_sum(dot_, scratch);
        EACH(j, count, p.n) {
            const V g = load(pg, g_at + j, 1, count), out = load(pout, at + j, 1, count);
            store(out * (g - total) * (V)scale, gx, to + j, 1, count);
        }
    }
}

// gx = g - e ** out * sum(g)
kernel GROUP void log_softmax_grad(global T *gx, global const T *pg, global const T *pout,
                                   const Rows p) {
    SCRATCH;
    ROWS(r, p) {
        const long g_at = p.x + (long)r * p.n, at = p.y + (long)r * p.n, to = (long)r * p.n;
        V sum = ZERO;
        EACH(j, count, p.n) sum += MASKED(load(pg, g_at + j, 1, count), count, 0);
        const V total = (V)row_sum(sum, scratch);
        EACH(j, count, p.n) {
            const V g = load(pg, g_at + j, 1, count), out = load(pout, at + j, 1, count);
            store(g - exp(out) * total, gx, to + j, 1, count);
        }
    }
}

// Rows of scores, one for each place l of the query: softmax(score * scale) over the places s that
// l may see: those up to l where is_causal. All else is 0, and so is a row that may see nothing.
kernel GROUP void causal_softmax(global T *out, global const T *px, const Rows p, const C scale,
                                 const uint places, const uint is_causal) {
    SCRATCH;
    ROWS(r, p) {
        const long at = p.x + (long)r * p.n, to = (long)r * p.n;
        const uint n = is_causal ? min(p.n, r % places + 1) : p.n;
        const C top = largest(px, at, n, scratch);
        V total = ZERO;
        EACH(j, count, n) {
            const V power = top == -INFINITY ? ZERO
                : exp((load(px, at + j, 1, count) - (V)top) * (V)scale);
            store(power, out, to + j, 1, count);
            total += MASKED(power, count, 0);
        }
        const C sum = row_sum(total, scratch);
        const V factor = (V)(sum == 0 ? 0 : 1 / sum);
        EACH(j, count, n) store(load(out, to + j, 1, count) * factor, out, to + j, 1, count);
        EACH(j, count, p.n - n) store(ZERO, out, to + n + j, 1, count);
    }
}
