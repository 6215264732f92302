// max_pool: the largest element of every window of a plane, and where it stands.
//
// What it teaches: a window may reach beyond the plane; the loops are cut to what is inside, so that
// the test is made once for a window and not for each of its elements.

#include "common.h"

// A pool over one axis is one over two, of which the first has size 1.
typedef struct {
    long x;
    int height, width, out_height, out_width;
    int size[2], stride[2], low[2], gap[2];
    uint rows, chunk; // rows of out, in all planes
} Pool;

// Where a window that starts at `start` begins and ends to be inside of `n`: steps of `gap`.
inline int first_inside(int start, int gap) {
    return start < 0 ? (gap - 1 - start) / gap : 0;
}
inline int after_inside(int start, int gap, int n, int size) {
    return min(size, (n - start + gap - 1) / gap);
}

kernel GROUP void max_pool(global T *out, global long *indices, global const T *px, const Pool p) {
    const uint first = get_global_id(0) * p.chunk;
    for (uint r = first; r < min(first + p.chunk, p.rows); r++) {
        const int top = (int)(r % p.out_height) * p.stride[0] - p.low[0];
        const int above = first_inside(top, p.gap[0]);
        const int below = after_inside(top, p.gap[0], p.height, p.size[0]);
        const long at = p.x + (long)(r / p.out_height) * p.height * p.width;
        for (int column = 0; column < p.out_width; column++) {
            const int left = column * p.stride[1] - p.low[1];
            const int before = first_inside(left, p.gap[1]);
            const int after = after_inside(left, p.gap[1], p.width, p.size[1]);
            int place = (top + above * p.gap[0]) * p.width + left + before * p.gap[1];
            C best = GET(px, at + place);
            for (int a = above; a < below; a++)
                for (int b = before; b < after; b++) {
                    const int here = (top + a * p.gap[0]) * p.width + left + b * p.gap[1];
                    const C x = GET(px, at + here);
                    const bool is_more = x > best || (x != x && best == best);
                    best = is_more ? x : best;
                    place = is_more ? here : place;
                }
            PUT(best, out, (long)r * p.out_width + column);
            indices[(long)r * p.out_width + column] = place;
        }
    }
}

// out = 0, then out[plane, indices[plane, j]] += g[plane, j] in order: a plane has one owner.
kernel GROUP void max_pool_input(global T *out, global const T *g, global const long *indices,
                                 const long g_at, const long indices_at, const uint size,
                                 const uint n, const uint planes, const uint chunk) {
    const uint first = get_global_id(0) * chunk;
    for (uint plane = first; plane < min(first + chunk, planes); plane++) {
        const long to = (long)plane * size, from = (long)plane * n;
        for (uint j = 0; j < size; j += VEC)
            store((V)0, out, to + j, 1, min((uint)VEC, size - j));
        for (uint j = 0; j < n; j++) {
            const long place = to + indices[indices_at + from + j];
            PUT(GET(out, place) + GET(g, g_at + from + j), out, place);
        }
    }
}
