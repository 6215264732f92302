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
#elif defined(VIA) // floats become narrow integers by way of int, so that -1.0 is 255 on all devices
#define CAST(x) CONVERT(C)(CONVERT(VIA)(x))
#else
#define CAST(x) CONVERT(C)(x)
#endif

kernel GROUP void copy(global T *out, global const S *px, const Layout p) {
    WALK(const WIDE(SC) x = load_source(px, PLACE(1)); store(CAST(x), out, PLACE(0));)
}

kernel GROUP void fill(global T *out, const Layout p) {
    WALK(store(NUMBER(1), out, PLACE(0));)
}

// out[i] = start + i * step, contiguous.
#ifndef IS_FLOAT
kernel GROUP void arange(global T *out, const uint n, const uint chunk, const long start,
                         const long step) {
    const uint first = get_global_id(0) * chunk;
    for (uint i = first; i < min(first + chunk, n); i++)
        out[i] = (T)(start + step * (long)i);
}
#else
// In two numbers each, the second of which holds the digits that the first has no room for: as good
// as float64, on devices without it. Those with it need no second ones, where they compute in it.
#pragma OPENCL FP_CONTRACT OFF
kernel GROUP void arange(global T *out, const uint n, const uint chunk, const C start,
                         const C start_low, const C step, const C step_low) {
    const uint first = get_global_id(0) * chunk;
    for (uint i = first; i < min(first + chunk, n); i++) {
        const C k = (C)i, product = k * step, sum = start + product;
#ifdef IS_DOUBLE
        out[i] = sum;
#else
        const C k_low = (C)((long)i - (long)k), added = sum - start;
        const C low = fma(k, step, -product) + k * step_low + k_low * step + start_low;
        const C lost = ((start - (sum - added)) + (product - added)) + low;
        PUT(isfinite(sum) ? sum + lost : sum, out, i);
#endif
    }
}
#endif
