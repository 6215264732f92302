// Reading and writing at positions that are data: gather, scatter and what is built on them.
//
// What it teaches: an index may be wrong, and a device cannot raise. A wrong one is replaced by 0 and
// noted in the error word, which the host reads when it waits anyway. And writes may meet: of two
// that go to one place the later one must win, and sums must be added in order, at every run. So a
// work item owns places, not sources: it goes through all of a line's indices in order and takes
// those that point to its own part of the line.

#include "common.h"
#define OPERANDS 2
#include "layout.h"

typedef struct {
    long size;                       // of the axis that the indices point into
    long index_stride, source_stride, place_stride; // along the axis
    uint n, parts, is_checked;       // indices of a line; parts of a line that have an owner each
} Axis;

inline long checked(long index, const Axis *axis, global long *error) {
    if (!axis->is_checked || (index >= 0 && index < axis->size))
        return index;
    error[1] = index;
    error[2] = axis->size;
    error[0] = 1;
    return 0;
}

// out[i] = x[i[axis := index[i]]], where index is operand 1 and x, without its axis, operand 2.
kernel GROUP void gather(global T *out, global const long *index, global const T *px,
                         const Layout p, const Axis axis, global long *error) {
    WALK(
        if (p.step[1] == 0) {
            const long from = checked(index[at[1]], &axis, error) * axis.place_stride;
            store(load(px, from + PLACE(2)), out, PLACE(0));
        } else for (uint k = 0; k < count; k++) {
            const long i = index[at[1] + (long)(c + k) * p.step[1]];
            const long from = checked(i, &axis, error) * axis.place_stride;
            PUT(GET(px, from + at[2] + (long)(c + k) * p.step[2]), out,
                at[0] + (long)(c + k) * p.step[0]);
        }
    )
}

// For j in order: out[line, index[line, j]] = source[line, j], or that much more. WALK goes over the
// lines; where they share their indices, over VEC lines at a time.
#define SCATTER(NAME, NEW)                                                                     \
    kernel GROUP void NAME(global T *out, global const long *index, global const T *source,    \
                           const Layout p, const Axis axis, global long *error) {              \
        const long part = (axis.size + axis.parts - 1) / axis.parts;                           \
        const long low = get_global_id(1) * part, high = min(low + part, axis.size);           \
        WALK(                                                                                  \
            const uint together = p.step[1] == 0 ? count : 1;                                  \
            for (uint k = 0; k < count; k += together)                                         \
                for (uint j = 0; j < axis.n; j++) {                                            \
                    const long mine = c + k;                                                   \
                    const long i = index[at[1] + mine * p.step[1] + j * axis.index_stride];    \
                    const long place = checked(i, &axis, error);                               \
                    if (place < low || place >= high)                                          \
                        continue;                                                              \
                    const V x = load(source, at[2] + mine * p.step[2] + j * axis.source_stride, \
                                     p.step[2], together);                                     \
                    const long to = at[0] + mine * p.step[0] + place * axis.place_stride;      \
                    const V old = load(out, to, p.step[0], together);                          \
                    store(NEW, out, to, p.step[0], together);                                  \
                }                                                                              \
        )                                                                                      \
    }
SCATTER(scatter, x)
#ifndef IS_BOOL
SCATTER(scatter_add, ADD(old, x))
#endif
