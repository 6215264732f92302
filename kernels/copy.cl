// out[i] = (T)x[i]: copies between layouts and between types; and out[i] = number.
//
// What it teaches: a cast to bool asks whether the element is 0, every other one truncates. With
// S = T this is the copy that makes a strided array contiguous.

#include "common.h"
#define OPERANDS 1
#include "layout.h"

#ifndef S // the type of x in memory, and what it is computed in
#define S float
#define SC float
#endif

#ifdef FROM_HALF
#define SGET(p, i) vload_half(i, p)
#define SGET_WIDE(p, i) VLOAD_HALF(i, p)
#else
#define SGET(p, i) (p)[i]
#define SGET_WIDE(p, i) VLOAD(i, p)
#endif
#ifdef FROM_DOUBLE
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

inline WIDE(SC) load_source(global const S *p, long at, long step, uint count) {
#if VEC == 1
    return SGET(p, at);
#else
    if (step == 1 && count == VEC)
        return SGET_WIDE(p, at);
    SC lanes[VEC];
    for (uint k = 0; k < VEC; k++)
        lanes[k] = SGET(p, at + step * min(k, count - 1));
    return VLOAD(0, lanes);
#endif
}

#if defined(IS_BOOL) && VEC == 1
#define CAST(x) (uchar)((x) != 0)
#elif defined(IS_BOOL)
#define CAST(x) (CONVERT(uchar)((x) != (WIDE(SC))0) & (uchar)1)
#else
#define CAST(x) CONVERT(C)(x)
#endif

kernel GROUP void copy(global T *out, global const S *px, const Layout p) {
    WALK(const WIDE(SC) x = load_source(px, PLACE(1)); store(CAST(x), out, PLACE(0));)
}

kernel GROUP void fill(global T *out, const Layout p) {
    WALK(store(NUMBER(1), out, PLACE(0));)
}

#ifndef IS_FLOAT
// out[i] = start + i * step, contiguous. Floats are made on the host, in float64.
kernel GROUP void arange(global T *out, const uint n, const uint chunk, const long start,
                         const long step) {
    const uint first = get_global_id(0) * chunk;
    for (uint i = first; i < min(first + chunk, n); i++)
        out[i] = (T)(start + step * (long)i);
}
#endif
