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
    uint n, chunk; // elements of out
} Pool;

kernel GROUP void max_pool(global T *out, global long *indices, global const T *px, const Pool p) {
    const uint first = get_global_id(0) * p.chunk;
    for (uint i = first; i < min(first + p.chunk, p.n); i++) {
        const int column = i % p.out_width, row = i / p.out_width % p.out_height;
        const uint plane = i / p.out_width / p.out_height;
        const int top = row * p.stride[0] - p.low[0], left = column * p.stride[1] - p.low[1];
        const int above = max(0, (-top + p.gap[0] - 1) / p.gap[0]);
        const int before = max(0, (-left + p.gap[1] - 1) / p.gap[1]);
        const long at = p.x + (long)plane * p.height * p.width;
        int place = (top + above * p.gap[0]) * p.width + left + before * p.gap[1];
        C best = GET(px, at + place);
        for (int a = above; a < p.size[0] && top + a * p.gap[0] < p.height; a++)
            for (int b = before; b < p.size[1] && left + b * p.gap[1] < p.width; b++) {
                const int here = (top + a * p.gap[0]) * p.width + left + b * p.gap[1];
                const C x = GET(px, at + here);
                if (x > best || (x != x && best == best)) {
                    best = x;
                    place = here;
                }
            }
        PUT(best, out, i);
        indices[i] = place;
    }
}
