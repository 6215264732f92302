// How elementwise kernels walk over their operands. Stands where a kernel says #include "layout.h",
// after OPERANDS, the number of operands without out.
//
// One loop serves all memory layouts. The host has merged the axes that can be walked as one, and
// describes what is left as rows of `columns` elements: along a row each operand moves by a fixed
// step (1: its neighbours in memory, 0: one element repeated), and where a row starts is found from
// its number. A contiguous array is a single row.
//
//     x of shape (2, 3), strides (1, 2)          y of shape (4,), and a number
//       row 0   x[0] x[2] x[4]                     row 0   y[0] y[1] y[2] y[3]
//       row 1   x[1] x[3] x[5]
//
// The elements are shared out in pieces of `chunk` in row-major order: one element for each work
// item of a GPU; thousands for a work item of a CPU, which takes VEC of them at a time.

#define MAX_ROW_DIMS 7

// At [0] what concerns out, then the operands in order. A number is an operand that is no array, or
// a parameter.
typedef struct {
    long start[OPERANDS + 1];
    union {
        C value;
        long slot;
    } number[OPERANDS + 1];
    long step[OPERANDS + 1];
    long stride[OPERANDS + 1][MAX_ROW_DIMS];
    uint shape[MAX_ROW_DIMS];
    uint dims, n, columns, chunk, is_number;
} Layout;

inline long row_start(const Layout *p, int operand, uint row) {
    long at = p->start[operand];
    for (int d = (int)p->dims - 1; d >= 0; d--) {
        at += p->stride[operand][d] * (long)(row % p->shape[d]);
        row /= p->shape[d];
    }
    return at;
}

// Does the statements for every piece of a row, of `count` elements from column `c` on.
#define WALK(...)                                                                              \
    for (uint i = get_global_id(0) * p.chunk, stop = min(i + p.chunk, p.n); i < stop;) {       \
        uint row = i / p.columns, column = i % p.columns;                                      \
        uint end = min(p.columns, column + (stop - i));                                        \
        long at[OPERANDS + 1];                                                                 \
        for (int k = 0; k <= OPERANDS; k++)                                                    \
            at[k] = row_start(&p, k, row);                                                     \
        for (uint c = column; c < end; c += VEC) {                                             \
            uint count = min((uint)VEC, end - c);                                              \
            __VA_ARGS__                                                                        \
        }                                                                                      \
        i += end - column;                                                                     \
    }

#define PLACE(k) at[k] + (long)c * p.step[k], p.step[k], count
#define OPERAND(k, pointer)                                                                    \
    ((p.is_number >> k & 1) ? (V)(p.number[k].value) : load(pointer, PLACE(k)))
#define NUMBER(k) ((V)(p.number[k].value))
