// The walks of connectionist temporal classification, forwards and backwards: one launch each.
//
// What it teaches: how to stay in one kernel though each step needs all of the one before. A work
// group takes one sequence through all its steps. Its items share the places out among them, and meet
// at a barrier after each step: what one has written the others may read. On a CPU the group is one
// item with wide vectors, and the barriers cost nothing.
//
//     alpha of step t       . . a b c . .       a place takes from three neighbours, which are loads
//                               \ | /            of the same row, 0, 1 and 2 elements further on
//     alpha of step t + 1   . . . . x . .

#include "common.h"

#define GROUP_SIZE 64
#ifdef IS_CPU
#define GATHERED GROUP
#define MEET
#else
#define GATHERED __attribute__((reqd_work_group_size(GROUP_SIZE, 1, 1)))
#define MEET barrier(CLK_GLOBAL_MEM_FENCE)
#endif

// s runs over this item's vectors of n places; `count` of the lanes are there.
#define EACH(s, count, n)                                                                      \
    for (uint s = get_local_id(0) * VEC, count; count = min((uint)VEC, (n) - s), s < (n);      \
         s += get_local_size(0) * VEC)
#define NEVER ((C)(-R(1e30)))

typedef struct {
    long x, skips, frames, last; // where the operands start; of the gradient alpha for x
    uint steps, batch, places;
} Walks;

// e to the three that a place takes from, relative to the largest, and that one.
typedef struct {
    V two, one, stay, most;
} Ways;

inline Ways ways(global const T *row, global const uchar *skips, uint s, uint count) {
    Ways w;
    const V two = load(row, s, 1, count);
    w.one = load(row, s + 1, 1, count);
    w.stay = load(row, s + 2, 1, count);
    w.two = FROM_BOOL(load_bool(skips, s, 1, count)) ? two : two + NEVER;
    w.most = fmax(w.two, fmax(w.one, w.stay));
    w.two = exp(w.two - w.most);
    w.one = exp(w.one - w.most);
    w.stay = exp(w.stay - w.most);
    return w;
}

kernel GATHERED void ctc(global T *out, global T *alpha, global const T *px,
                         global const uchar *pskips, global const long *frames,
                         global const long *last, const Walks p) {
    const uint n = get_group_id(0), width = p.places + 2;
    const long step = (long)p.batch * width;
    const bool is_first = get_local_id(0) == 0;
    global const uchar *skips = pskips + p.skips + (long)n * p.places;
    global T *row = alpha + (long)n * width;
    EACH(s, count, width) store((V)NEVER, row, s, 1, count);
    MEET;
    if (is_first)
        PUT(R(0.0), row, 1);
    MEET;
    for (uint t = 0; t < p.steps; t++, row += step) {
        global const T *x = px + p.x + ((long)t * p.batch + n) * p.places;
        EACH(s, count, p.places) {
            const Ways w = ways(row, skips, s, count);
            const V before = w.most + log(w.two + w.one + w.stay);
            store(before + load(x, s, 1, count), row + step, s + 2, 1, count);
        }
        if (is_first) {
            PUT(NEVER, row, step);
            PUT(NEVER, row, step + 1);
        }
        MEET;
    }
    if (is_first) {
        row = alpha + frames[p.frames + n] * step + (long)n * width + last[p.last + n];
        const C x = GET(row, 1), y = GET(row, 2), most = fmax(x, y);
        PUT(most + log(exp(x - most) + exp(y - most)), out, n);
    }
}

// shares has four rows for each sequence, of L + 4: what goes two, one, and no place back, by the
// place + 2 that it comes from; and the gradient of alpha. What lies beyond the places stays 0.
kernel GATHERED void ctc_grad(global T *gx, global T *shares, global const T *g, const long g_at,
                              global const T *palpha, global const uchar *pskips,
                              global const long *frames, global const long *last,
                              const Walks p) {
    const uint n = get_group_id(0), width = p.places + 2, pad = width + 2;
    const long step = (long)p.batch * width, end = frames[p.frames + n];
    global const uchar *skips = pskips + p.skips + (long)n * p.places;
    global const T *alpha = palpha + p.x + (long)n * width;
    global T *two = shares + (long)n * 4 * pad, *one = two + pad, *stay = one + pad;
    global T *galpha = stay + pad;
    EACH(s, count, 4 * pad) store((V)0, two, s, 1, count);
    MEET;
    for (uint t = p.steps; t > 0; t--) {
        if (t == end && get_local_id(0) == 0) {
            const uint at = last[p.last + n] + 1;
            const C x = GET(alpha, end * step + at), y = GET(alpha, end * step + at + 1);
            const C most = fmax(x, y), a = exp(x - most), b = exp(y - most);
            const C each = GET(g, g_at + n) / (a + b);
            PUT(GET(galpha, at) + each * a, galpha, at);
            PUT(GET(galpha, at + 1) + each * b, galpha, at + 1);
        }
        MEET;
        EACH(s, count, p.places) {
            const V here = load(galpha, s + 2, 1, count);
            const Ways w = ways(alpha + (t - 1) * step, skips, s, count);
            const V each = here / (w.two + w.one + w.stay);
            store(here, gx, ((long)(t - 1) * p.batch + n) * p.places + s, 1, count);
            store(each * w.two, two, s + 2, 1, count);
            store(each * w.one, one, s + 2, 1, count);
            store(each * w.stay, stay, s + 2, 1, count);
        }
        MEET;
        EACH(s, count, width) {
            const V sum = load(two, s + 2, 1, count) + load(one, s + 1, 1, count);
            store(sum + load(stay, s, 1, count), galpha, s, 1, count);
        }
        MEET;
    }
}
