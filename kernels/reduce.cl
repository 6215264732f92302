// out[i] = x[i, 0] + x[i, 1] + ... + x[i, n - 1], and the same with other operations than +.
//
// What it teaches: a sum in floating point depends on the order, so the order is fixed by the shape
// and by nothing else, least of all by which core is faster. There are two ways through memory:
//
//     rows      x[i, :] lies together: lanes take every VEC-th element, then the lanes are added
//     columns   x[:, j] lies together for neighbouring i: each lane has an i of its own
//
//         rows:     i=0 | 0 1 2 3 | 0 1 2 3 | 0 1      columns:   i=0 i=1 i=2 i=3
//                         lanes of one sum                    j=0  0   1   2   3
//                                                             j=1  0   1   2   3
//
// Where there are fewer sums than work items, each is cut into `pieces` of `length` elements, and
// the partial results are reduced by a second launch. On a GPU the work items of a group take the
// place of the lanes. And no sum grows long: every BLOCK additions a new one is begun, since a number
// that is added to a total much larger than itself loses its last digits.

#include "common.h"

#ifndef O // the type of out, for half as x: float for partial results
#define O T
#endif
#ifdef O_IS_HALF
#define PUT_OUT(v, p, i) vstore_half_rte(v, i, p)
#else
#define PUT_OUT(v, p, i) (p)[i] = (v)
#endif
#define MAX_DIMS 8
#define GROUP_SIZE 128
#define BLOCK 256

typedef struct {
    long start, stride; // of x; the stride from one element of a sum to the next
    long kept_stride[MAX_DIMS];
    uint kept_shape[MAX_DIMS];
    uint dims, kept, n, pieces, length, chunk; // chunk: tasks of a work item
} Reduction;

inline long kept_start(const Reduction *p, uint i) {
    long at = p->start;
    for (int d = (int)p->dims - 1; d >= 0; d--) {
        at += p->kept_stride[d] * (long)(i % p->kept_shape[d]);
        i /= p->kept_shape[d];
    }
    return at;
}

#ifdef IS_CPU

#define ROWS(NAME, OUT, A, INIT, MAP, COMBINE, FINISH)                                         \
    kernel GROUP void JOIN(NAME, _rows)(global OUT *out, global const T *px,                   \
                                        const Reduction p) {                                   \
        const uint tasks = p.kept * p.pieces, first = get_global_id(0) * p.chunk;              \
        for (uint task = first; task < min(first + p.chunk, tasks); task++) {                  \
            const uint from = task % p.pieces * p.length;                                      \
            const uint n = min(p.length, p.n - from);                                          \
            const long at = kept_start(&p, task / p.pieces) + (long)from * p.stride;           \
            WIDE(A) wide[4] = {(WIDE(A))INIT, (WIDE(A))INIT, (WIDE(A))INIT, (WIDE(A))INIT};    \
            uint j = 0;                                                                        \
            while (p.stride == 1 && j + 4 * VEC <= n) {                                        \
                WIDE(A) part[4] = {(WIDE(A))INIT, (WIDE(A))INIT, (WIDE(A))INIT, (WIDE(A))INIT}; \
                for (uint end = j + BLOCK * VEC; j < end && j + 4 * VEC <= n; j += 4 * VEC)    \
                    for (uint k = 0; k < 4; k++) {                                             \
                        const V x = GET_WIDE(px, at + j + k * VEC);                            \
                        part[k] = COMBINE(part[k], MAP(x));                                    \
                    }                                                                          \
                for (uint k = 0; k < 4; k++)                                                   \
                    wide[k] = COMBINE(wide[k], part[k]);                                       \
            }                                                                                  \
            for (; j + VEC <= n; j += VEC) {                                                   \
                const V x = load(px, at + (long)j * p.stride, p.stride, VEC);                  \
                wide[0] = COMBINE(wide[0], MAP(x));                                            \
            }                                                                                  \
            wide[0] = COMBINE(wide[0], wide[1]);                                               \
            wide[2] = COMBINE(wide[2], wide[3]);                                               \
            wide[0] = COMBINE(wide[0], wide[2]);                                               \
            A lanes[VEC];                                                                      \
            VSTORE(wide[0], 0, lanes);                                                         \
            for (uint half_ = VEC / 2; half_ > 0; half_ /= 2)                                  \
                for (uint k = 0; k < half_; k++)                                               \
                    lanes[k] = COMBINE(lanes[k], lanes[k + half_]);                            \
            A total = lanes[0];                                                                \
            if (j < n) {                                                                       \
                const V x = load(px, at + (long)j * p.stride, p.stride, n - j);                \
                VSTORE(MAP(x), 0, lanes);                                                      \
                for (uint k = 0; k < n - j; k++)                                               \
                    total = COMBINE(total, lanes[k]);                                          \
            }                                                                                  \
            FINISH(total, out, task);                                                          \
        }                                                                                      \
    }

#else

#define ROWS(NAME, OUT, A, INIT, MAP, COMBINE, FINISH)                                         \
    kernel void JOIN(NAME, _rows)(global OUT *out, global const T *px, const Reduction p) {    \
        local A lanes[GROUP_SIZE];                                                             \
        const uint task = get_group_id(0), lane = get_local_id(0);                             \
        const uint from = task % p.pieces * p.length, n = min(p.length, p.n - from);           \
        const long at = kept_start(&p, task / p.pieces) + (long)from * p.stride;               \
        A total = INIT;                                                                        \
        for (uint j = lane; j < n; j += GROUP_SIZE) {                                          \
            const C x = GET(px, at + (long)j * p.stride);                                      \
            total = COMBINE(total, MAP(x));                                                    \
        }                                                                                      \
        lanes[lane] = total;                                                                   \
        for (uint half_ = GROUP_SIZE / 2; half_ > 0; half_ /= 2) {                             \
            barrier(CLK_LOCAL_MEM_FENCE);                                                      \
            if (lane < half_)                                                                  \
                lanes[lane] = COMBINE(lanes[lane], lanes[lane + half_]);                       \
        }                                                                                      \
        if (lane == 0)                                                                         \
            FINISH(lanes[0], out, task);                                                       \
    }

#endif

// A task is COLUMN_VECTORS * VEC neighbouring columns of one piece; columns are the last of the kept
// axes. Many vectors, whose sums stay in the nearest cache: memory is read along its rows.
#ifdef IS_CPU
#define COLUMN_VECTORS 64
#else
#define COLUMN_VECTORS 1
#endif
#define COLUMNS(NAME, OUT, A, INIT, MAP, COMBINE, FINISH)                                      \
    kernel GROUP void JOIN(NAME, _columns)(global OUT *out, global const T *px,                \
                                           const Reduction p) {                                \
        const uint columns = p.kept_shape[p.dims - 1], width = COLUMN_VECTORS * VEC;           \
        const uint blocks = (columns + width - 1) / width, outer = p.kept / columns;           \
        const uint tasks = blocks * outer * p.pieces, first = get_global_id(0) * p.chunk;      \
        for (uint task = first; task < min(first + p.chunk, tasks); task++) {                  \
            const uint column = task % blocks * width, count = min(width, columns - column);   \
            const uint i = task / blocks % outer * columns + column;                           \
            const uint piece = task / blocks / outer, from = piece * p.length;                 \
            const uint n = min(p.length, p.n - from);                                          \
            const long step = p.kept_stride[p.dims - 1];                                       \
            const long at = kept_start(&p, i) + (long)from * p.stride;                         \
            WIDE(A) total[COLUMN_VECTORS], part[COLUMN_VECTORS];                               \
            for (uint k = 0; k < COLUMN_VECTORS && k * VEC < count; k++)                       \
                total[k] = (WIDE(A))INIT;                                                      \
            const uint whole = step == 1 ? count / VEC : 0;                                    \
            for (uint j = 0; j < n;) {                                                         \
                for (uint k = 0; k < COLUMN_VECTORS && k * VEC < count; k++)                   \
                    part[k] = (WIDE(A))INIT;                                                   \
                for (const uint end = min(j + BLOCK, n); j < end; j++) {                       \
                    const long row = at + (long)j * p.stride;                                  \
                    for (uint k = 0; k < whole; k++) {                                         \
                        const V x = GET_WIDE(px, row + k * VEC);                               \
                        part[k] = COMBINE(part[k], MAP(x));                                    \
                    }                                                                          \
                    for (uint k = whole; k * VEC < count; k++) {                               \
                        const uint rest = min((uint)VEC, count - k * VEC);                     \
                        const V x = load(px, row + k * VEC * step, step, rest);                \
                        part[k] = COMBINE(part[k], MAP(x));                                    \
                    }                                                                          \
                }                                                                              \
                for (uint k = 0; k < COLUMN_VECTORS && k * VEC < count; k++)                   \
                    total[k] = COMBINE(total[k], part[k]);                                     \
            }                                                                                  \
            A lanes[COLUMN_VECTORS * VEC];                                                     \
            for (uint k = 0; k < COLUMN_VECTORS && k * VEC < count; k++)                       \
                VSTORE(total[k], 0, lanes + k * VEC);                                          \
            for (uint k = 0; k < count; k++)                                                   \
                FINISH(lanes[k], out, (long)piece * p.kept + i + k);                           \
        }                                                                                      \
    }

#define REDUCTION(...) ROWS(__VA_ARGS__) COLUMNS(__VA_ARGS__)

#define SAME(x) (x)
#define IS_TRUE(x) ((x) != (V)0)
#define FINISH_BOOL(total, out, i) (out)[i] = (uchar)((total) != 0)
#define EITHER(a, b) ((a) | (b))
#define BOTH(a, b) ((a) & (b))
#define GREATER(a, b) ((((a) > (b)) | ((a) != (a))) ? (a) : (b))
#define SMALLER(a, b) ((((a) < (b)) | ((a) != (a))) ? (a) : (b))

REDUCTION(reduce_any, uchar, I, 0, IS_TRUE, EITHER, FINISH_BOOL)
REDUCTION(reduce_all, uchar, I, -1, IS_TRUE, BOTH, FINISH_BOOL)

#if defined(IS_FLOAT)
#define LOWEST (-INFINITY)
#define HIGHEST INFINITY
#elif defined(IS_UNSIGNED)
#define LOWEST 0
#define HIGHEST ((C)~(U)0)
#else
#define HIGHEST ((C)((U)~(U)0 >> 1))
#define LOWEST ((C)((U)1 << (8 * sizeof(C) - 1)))
#endif
REDUCTION(reduce_max, O, C, LOWEST, SAME, GREATER, PUT_OUT)
REDUCTION(reduce_min, O, C, HIGHEST, SAME, SMALLER, PUT_OUT)

#define PLUS(a, b) ((a) + (b))
#define TIMES(a, b) ((a) * (b))
#ifdef IS_FLOAT
REDUCTION(reduce_sum, O, C, 0, SAME, PLUS, PUT_OUT)
REDUCTION(reduce_prod, O, C, 1, SAME, TIMES, PUT_OUT)
#else // in unsigned numbers, which may wrap around; the conversions keep all bits
#define UNSIGNED(x) AS(U)(x)
REDUCTION(reduce_sum, O, U, 0, UNSIGNED, PLUS, PUT_OUT)
REDUCTION(reduce_prod, O, U, 1, UNSIGNED, TIMES, PUT_OUT)
#endif
