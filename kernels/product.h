// Sums of products: their types, their operations, the sizes of their tiles. Stands before
// common.h.

// Sums of integers wrap around, which C promises for unsigned ones alone: their bits are the same.
#if defined(T) && !defined(IS_FLOAT)
#undef T
#undef C
#define T U
#define C U
#endif

// z + x * y and x + y, where for bool `and` and `or` stand for * and +.
#if defined(IS_FLOAT)
#define MAD(x, y, z) fma(x, y, z)
#define PLUS(x, y) ((x) + (y))
#elif defined(IS_BOOL)
#define MAD(x, y, z) ((z) | ((x) & (y)))
#define PLUS(x, y) ((x) | (y))
#else
#define MAD(x, y, z) ((z) + (x) * (y))
#define PLUS(x, y) ((x) + (y))
#endif

// On a GPU: groups of TILE x TILE items, each of which computes EACH x EACH elements.
#define TILE 16
#define EACH 4
#define SIDE (TILE * EACH)
#define TILE_GROUP __attribute__((reqd_work_group_size(TILE, TILE, 1)))

// On a CPU: the rows of a tile of sums in registers. It is two vectors wide.
#ifndef ROWS
#define ROWS 8
#endif
