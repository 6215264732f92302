// cross_entropy of rows of scores (N, classes) and its gradient.
//
// What it teaches: loss and log-probabilities come from one pass over a row. A work item that meets
// an impossible label notes it in the error word, which the host reads when it waits anyway.

#include "common.h"
#include "rows.h"

typedef struct {
    long x, target, weight, g, total; // where the operands start
    long g_stride;                    // 0 where the loss is one number
    long ignore_index;
    C smoothing;
    uint rows, n, chunk, has_weight, is_mean;
} Loss;

inline long label_of(global const long *target, uint r, const Loss *p, global long *error) {
    const long label = target[p->target + r];
    if (label == p->ignore_index || (label >= 0 && label < p->n))
        return label;
    error[1] = label;
    error[2] = p->n;
    error[0] = 1;
    return p->ignore_index;
}

kernel GROUP void cross_entropy(global T *log_probs, global T *loss, global T *row_weight,
                                global const T *px, global const long *target,
                                global const T *weight, const Loss p, global long *error) {
    SCRATCH;
    ROWS(r, p) {
        const long at = p.x + (long)r * p.n, to = (long)r * p.n;
        V tops = (V)(-INFINITY), powers = ZERO, smooth = ZERO;
        EACH(j, count, p.n) {
            const V x = load(px, at + j, 1, count);
            tops = GREATER(x, tops);
        }
        const C top = row_max(tops, scratch);
        EACH(j, count, p.n)
            powers += MASKED(exp(load(px, at + j, 1, count) - (V)top), count, 0);
        const C total = log(row_sum(powers, scratch));
        EACH(j, count, p.n) {
            const V log_prob = load(px, at + j, 1, count) - (V)top - (V)total;
            store(log_prob, log_probs, to + j, 1, count);
            const V w = p.has_weight ? load(weight, p.weight + j, 1, count) : ONE;
            smooth -= MASKED(w * log_prob, count, 0);
        }
        const C soft = p.smoothing != 0 ? row_sum(smooth, scratch) / (C)p.n : 0;
        const long label = label_of(target, r, &p, error);
        if (IS_FIRST && label != p.ignore_index) {
            const C w = p.has_weight ? GET(weight, p.weight + label) : 1;
            const C hard = -w * (GET(px, at + label) - top - total);
            PUT((1 - p.smoothing) * hard + p.smoothing * soft, loss, r);
            PUT(w, row_weight, r);
        } else if (IS_FIRST) {
            PUT((C)0, loss, r);
            PUT((C)0, row_weight, r);
        }
    }
}

// gx[c] = g * ((1 - smoothing) * w * (p[c] - (c == label)) + smoothing / C * (p[c] * sum(weight)
// - weight[c])), over the total weight where the loss is a mean.
kernel GROUP void cross_entropy_grad(global T *gx, global const T *pg, global const T *log_probs,
                                     global const long *target, global const T *weight,
                                     global const T *total, const Loss p, global long *error) {
    SCRATCH;
    ROWS(r, p) {
        const long at = p.x + (long)r * p.n, to = (long)r * p.n;
        const long label = label_of(target, r, &p, error);
        const bool counts = label != p.ignore_index;
        C g = GET(pg, p.g + r * p.g_stride);
        g = p.is_mean ? g / GET(total, p.total) : g;
        const C w = counts && p.has_weight ? GET(weight, p.weight + label) : 1;
        const C hard = counts ? (1 - p.smoothing) * w : 0;
        const C share = counts ? p.smoothing / (C)p.n : 0;
        V weights = ZERO;
        EACH(j, count, p.smoothing != 0 ? p.n : 0)
            weights += MASKED(p.has_weight ? load(weight, p.weight + j, 1, count) : ONE, count, 0);
        const C all = p.smoothing != 0 ? row_sum(weights, scratch) : 0;
        EACH(j, count, p.n) {
            const V probs = exp(load(log_probs, at + j, 1, count));
            V out = probs * (V)(hard + share * all);
            if (p.smoothing != 0)
                out -= (V)share * (p.has_weight ? load(weight, p.weight + j, 1, count) : ONE);
            if (counts && label >= j && label < j + count) {
                C lanes[VEC];
                VSTORE(out, 0, lanes);
                lanes[label - j] -= hard;
                out = VLOAD(0, lanes);
            }
            store(out * (V)g, gx, to + j, 1, count);
        }
    }
}
