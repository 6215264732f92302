// Steps of optimizers, in place: every parameter with its gradient and its state in one pass.
//
// What it teaches: written as separate ops a step reads and writes each array several times, and
// memory is all it waits for. What changes from step to step comes in arrays of one element, so that
// the host need not know it.

#include "common.h"

typedef struct {
    long p, g, m, v; // where the arrays start
    uint n, chunk, flags;
} Step;

#define MAXIMIZE 1
#define NESTEROV 2
#define MOMENTUM 4
#define DECOUPLED 8

#define EACH(j, count)                                                                         \
    for (uint j = get_global_id(0) * s.chunk, stop = min(j + s.chunk, s.n),                    \
              count = min((uint)VEC, stop - j);                                                \
         j < stop; j += VEC, count = min((uint)VEC, stop - j))

kernel GROUP void sgd(global T *ps, global const T *gs, global T *bufs, global const C *lr,
                      const long lr_at, const C momentum, const C keep, const C decay,
                      const Step s) {
    const V rate = (V)lr[lr_at];
    EACH(j, count) {
        const V p = load(ps, s.p + j, 1, count), slope = load(gs, s.g + j, 1, count);
        V g = (s.flags & MAXIMIZE ? -slope : slope) + (V)decay * p;
        if (s.flags & MOMENTUM) {
            const V buf = (V)momentum * load(bufs, s.m + j, 1, count) + (V)keep * g;
            store(buf, bufs, s.m + j, 1, count);
            g = s.flags & NESTEROV ? g + (V)momentum * buf : buf;
        }
        store(p - rate * g, ps, s.p + j, 1, count);
    }
}

// rest1 is 1 - beta1, subtracted in float64: 1 - 0.999 has lost four digits in float32.
kernel GROUP void adam(global T *ps, global const T *gs, global T *ms, global T *vs,
                       global const C *lr, global const C *correction1,
                       global const C *correction2, const long lr_at, const long at1,
                       const long at2, const C beta1, const C beta2, const C rest1,
                       const C rest2, const C eps, const C decay, const Step s) {
    const C rate = lr[lr_at], step = rate / correction1[at1], root = sqrt(correction2[at2]);
    EACH(j, count) {
        V p = load(ps, s.p + j, 1, count), g = load(gs, s.g + j, 1, count);
        g = s.flags & MAXIMIZE ? -g : g;
        if (s.flags & DECOUPLED)
            p -= (V)(rate * decay) * p;
        else
            g += (V)decay * p;
        const V m = (V)beta1 * load(ms, s.m + j, 1, count) + (V)rest1 * g;
        const V v = (V)beta2 * load(vs, s.v + j, 1, count) + (V)rest2 * g * g;
        store(m, ms, s.m + j, 1, count);
        store(v, vs, s.v + j, 1, count);
        store(p - (V)step * m / (sqrt(v) / (V)root + (V)eps), ps, s.p + j, 1, count);
    }
}
