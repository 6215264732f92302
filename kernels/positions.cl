// out[i] = before[i] + stride * index[i], where a negative index counts from the end of its axis.
//
// What it teaches: however many axes an index has (x[rows, columns]), in memory there is one number
// for a place: the sum of index times stride.

#define T long
#define C long
#define I long
#define U ulong
#include "common.h"
#define OPERANDS 2
#include "layout.h"

kernel GROUP void positions(global long *out, global const long *before, global const long *index,
                            const Layout p, const long size, const long stride,
                            global long *error) {
    WALK(for (uint k = 0; k < count; k++) {
        long i = index[at[2] + (long)(c + k) * p.step[2]];
        if (i < -size || i >= size) {
            error[1] = i;
            error[2] = size;
            error[0] = 1;
            i = 0;
        }
        out[at[0] + (long)(c + k) * p.step[0]] =
            before[at[1] + (long)(c + k) * p.step[1]] + stride * (i < 0 ? i + size : i);
    })
}

// For every i that is not 0: the coordinates of its place in a row-major array. rank[i] is how many
// of them there are up to and with i.
kernel GROUP void coordinates(global long *out, global const uchar *is_there,
                              global const long *rank, const uint n, const uint chunk,
                              const uint dims, global const long *shape) {
    const uint first = get_global_id(0) * chunk;
    for (uint i = first; i < min(first + chunk, n); i++)
        if (is_there[i]) {
            uint rest = i;
            for (int d = (int)dims - 1; d >= 0; d--) {
                out[(rank[i] - 1) * dims + d] = rest % (uint)shape[d];
                rest /= (uint)shape[d];
            }
        }
}
