// How the kernels that need a whole row at once go about it. Stands where a kernel says
// #include "rows.h".
//
// A row of n elements belongs to one work item of a CPU, which takes VEC of them at a time, or to a
// group of a GPU, whose GROUP_SIZE work items take every GROUP_SIZE-th element each. Both read:
//
//     V total = ZERO;
//     EACH(j, count, n) total += MASKED(load(x, at + j, 1, count), count, 0);
//     const C sum = row_sum(total, scratch);

#define GROUP_SIZE 128

typedef struct {
    long x, y; // where the operands start
    uint rows, n, chunk;
} Rows;

#define ZERO ((V)0)
#define ONE ((V)1)

#ifdef IS_CPU
#define FIRST 0
#define STRIDE VEC
#define SCRATCH C *const scratch = 0 // lanes are added in registers
#define SHARED C *const
#define ROWS(r, p) for (uint r = get_global_id(0) * p.chunk;                                   \
                        r < min((uint)(get_global_id(0) + 1) * p.chunk, p.rows); r++)
#define IS_FIRST true
#else
#define FIRST get_local_id(0)
#define STRIDE GROUP_SIZE
#define SCRATCH local C scratch[GROUP_SIZE]
#define SHARED local C *const
#define ROWS(r, p) for (uint r = get_group_id(0), once = 1; once; once = 0)
#define IS_FIRST (get_local_id(0) == 0)
#endif

#define EACH(j, count, n)                                                                      \
    for (uint j = FIRST, count = min((uint)VEC, (uint)(n) - j); j < (n);                       \
         j += STRIDE, count = min((uint)VEC, (uint)(n) - j))

// The lanes beyond count, which repeat the last element, replaced by what changes nothing.
constant C lane_number[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
#if VEC == 1
#define MASKED(x, count, neutral) (x)
#else
inline V masked(V x, uint count, C neutral) {
    if (count == VEC)
        return x;
    return JOIN(vload, VEC)(0, lane_number) < (V)(C)count ? x : (V)neutral;
}
#define MASKED(x, count, neutral) masked(x, count, neutral)
#endif

#define PLUS(a, b) ((a) + (b))
#define GREATER(a, b) (((a) > (b)) | ((a) != (a)) ? (a) : (b))

#ifdef IS_CPU
#define ROW_REDUCTION(NAME, COMBINE)                                                           \
    inline C NAME(V x, SHARED scratch) {                                                       \
        C lanes[VEC];                                                                          \
        VSTORE(x, 0, lanes);                                                                   \
        for (uint half_ = VEC / 2; half_ > 0; half_ /= 2)                                      \
            for (uint k = 0; k < half_; k++)                                                   \
                lanes[k] = COMBINE(lanes[k], lanes[k + half_]);                                \
        return lanes[0];                                                                       \
    }
#else
#define ROW_REDUCTION(NAME, COMBINE)                                                           \
    inline C NAME(C x, SHARED scratch) {                                                       \
        const uint lane = get_local_id(0);                                                     \
        barrier(CLK_LOCAL_MEM_FENCE);                                                          \
        scratch[lane] = x;                                                                     \
        for (uint half_ = GROUP_SIZE / 2; half_ > 0; half_ /= 2) {                             \
            barrier(CLK_LOCAL_MEM_FENCE);                                                      \
            if (lane < half_)                                                                  \
                scratch[lane] = COMBINE(scratch[lane], scratch[lane + half_]);                 \
        }                                                                                      \
        barrier(CLK_LOCAL_MEM_FENCE);                                                          \
        return scratch[0];                                                                     \
    }
#endif
ROW_REDUCTION(row_sum, PLUS)
ROW_REDUCTION(row_max, GREATER)
