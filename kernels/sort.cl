// Sorting the rows of x (rows, n), stable, with the place that each element came from.
//
// What it teaches: two sorted runs can be merged by many work items at once. The first d elements of
// the merged run are some i of the left and d - i of the right one, and that i is found by bisection.
// So every work item finds where its part begins and merges from there on, knowing of no other:
//
//     left   1 3 3 8          the part from d = 4 on starts at left[2], right[2]
//     right  2 3 5 9
//     merged 1 2 3 3 | 3 5 8 9

#include "common.h"

#define RUN 16 // what one work item sorts by insertion, before the merging begins

// Whether x comes strictly before y. NaN counts as the largest value.
inline bool before(C x, C y, uint descending) {
    return descending ? (x > y || (x != x && y == y)) : (x < y || (y != y && x == x));
}

kernel GROUP void sort_runs(global T *values, global long *order, const uint rows, const uint n,
                            const uint descending, const uint chunk) {
    const uint runs = (n + RUN - 1) / RUN, first = get_global_id(0) * chunk;
    for (uint task = first; task < min(first + chunk, runs * rows); task++) {
        const uint from = task % runs * RUN, count = min((uint)RUN, n - from);
        const long at = (long)(task / runs) * n + from;
        for (uint k = 0; k < count; k++) {
            const C x = GET(values, at + k);
            uint place = k;
            for (; place > 0 && before(x, GET(values, at + place - 1), descending); place--) {
                PUT(GET(values, at + place - 1), values, at + place);
                order[at + place] = order[at + place - 1];
            }
            PUT(x, values, at + place);
            order[at + place] = from + k;
        }
    }
}

// Merges neighbouring runs of `run` elements. A task writes `part` elements of the result.
kernel GROUP void merge_runs(global T *out, global long *out_order, global const T *values,
                             global const long *order, const uint rows, const uint n,
                             const uint descending, const uint run, const uint part,
                             const uint chunk) {
    const uint parts = (n + part - 1) / part, first = get_global_id(0) * chunk;
    for (uint task = first; task < min(first + chunk, parts * rows); task++) {
        const uint start = task % parts * part, pair = start / (2 * run) * (2 * run);
        const uint left_size = min(run, n - pair), right_size = min(run, n - pair - left_size);
        const long row = (long)(task / parts) * n, left = row + pair, right = left + left_size;
        const uint d = start - pair;
        uint low = d > right_size ? d - right_size : 0, high = min(d, left_size);
        while (low < high) {
            const uint middle = (low + high) / 2;
            const bool right_first = before(GET(values, right + d - 1 - middle),
                                            GET(values, left + middle), descending);
            low = right_first ? low : middle + 1;
            high = right_first ? middle : high;
        }
        uint i = low, j = d - low;
        for (uint k = start; k < min(start + part, min(n, pair + 2 * run)); k++) {
            const bool take_right = i >= left_size || (j < right_size
                && before(GET(values, right + j), GET(values, left + i), descending));
            const long from = take_right ? right + j++ : left + i++;
            PUT(GET(values, from), out, row + k);
            out_order[row + k] = order[from];
        }
    }
}

// out[i] = how many elements of the sorted row come before values[i], or equal it where `right`.
kernel GROUP void searchsorted(global long *out, global const T *sorted, global const T *values,
                               const uint n, const uint count, const uint row_values,
                               const uint right, const uint chunk) {
    const uint first = get_global_id(0) * chunk;
    for (uint i = first; i < min(first + chunk, count); i++) {
        const long row = row_values ? (long)(i / row_values) * n : 0;
        const C value = GET(values, i);
        uint low = 0, high = n;
        while (low < high) {
            const uint middle = (low + high) / 2;
            const C x = GET(sorted, row + middle);
            const bool is_below = right ? !before(value, x, 0) : before(x, value, 0);
            low = is_below ? middle + 1 : low;
            high = is_below ? high : middle;
        }
        out[i] = low;
    }
}
