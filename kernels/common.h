// What all kernels share: the types of the elements, loads and stores of VEC elements at a time, and
// the error word. The text of this file stands where a kernel says #include "common.h".
//
// T is how an element lies in memory, C the type it is computed in. The two differ for half alone,
// which every device can load and store and few can compute with. V is a vector of VEC elements:
// 1 on a GPU, where each work item takes one element, and as many as fit a register on a CPU.

#ifndef T
#define T float
#define C float
#define I int   // the signed and unsigned integers as wide as C
#define U uint
#define IS_FLOAT 1
#endif
#ifndef VEC
#define VEC 1
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#if VEC == 1
#define WIDE(type) type
#else
#define WIDE(type) JOIN(type, VEC)
#endif
#define CONVERT(type) JOIN(convert_, WIDE(type))
#define AS(type) JOIN(as_, WIDE(type))
typedef WIDE(C) V;

// A literal in the type C: R(0.5) is 0.5f unless C is double, so that fp64 is never asked for.
#ifdef IS_DOUBLE
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#define R(x) x
#else
#define R(x) x##f
#endif

// On a CPU a work group is one work item, which loops over a long piece of memory by itself. The hint
// says that its vectors are written out: some compilers would spend seconds on widening it further.
#ifdef IS_CPU
#define GROUP __attribute__((reqd_work_group_size(1, 1, 1), vec_type_hint(float4)))
#else
#define GROUP
#endif

// Vectors of one element have other built-in functions than vectors of many.
#if VEC == 1
#define VLOAD(i, p) ((p)[i])
#define VSTORE(v, i, p) (p)[i] = (v)
#define VLOAD_HALF(i, p) vload_half(i, p)
#define VSTORE_HALF(v, i, p) vstore_half_rte(v, i, p)
#else
#define VLOAD(i, p) JOIN(vload, VEC)(0, (p) + (i))
#define VSTORE(v, i, p) JOIN(vstore, VEC)(v, 0, (p) + (i))
#define VLOAD_HALF(i, p) JOIN(vload_half, VEC)(0, (p) + (i))
#define VSTORE_HALF(v, i, p) JOIN(JOIN(vstore_half, VEC), _rte)(v, 0, (p) + (i))
#endif

// One element of type T as type C, and back.
#ifdef IS_HALF
#define GET(p, i) vload_half(i, p)
#define PUT(v, p, i) vstore_half_rte(v, i, p)
#define GET_WIDE(p, i) VLOAD_HALF(i, p)
#define PUT_WIDE(v, p, i) VSTORE_HALF(v, i, p)
#else
#define GET(p, i) ((p)[i])
#define PUT(v, p, i) (p)[i] = (v)
#define GET_WIDE(p, i) VLOAD(i, p)
#define PUT_WIDE(v, p, i) VSTORE(v, i, p)
#endif

// `count` elements, at most VEC, from p[at] on, `step` apart. The lanes beyond repeat the last one:
// nothing outside of the array is read.
inline V load(global const T *p, long at, long step, uint count) {
#if VEC == 1
    return GET(p, at);
#else
    if (step == 1 && count == VEC)
        return GET_WIDE(p, at);
    if (step == 0)
        return (V)(GET(p, at));
    C lanes[VEC];
    for (uint k = 0; k < VEC; k++)
        lanes[k] = GET(p, at + step * min(k, count - 1));
    return VLOAD(0, lanes);
#endif
}

inline void store(V v, global T *p, long at, long step, uint count) {
#if VEC == 1
    PUT(v, p, at);
#else
    if (step == 1 && count == VEC) {
        PUT_WIDE(v, p, at);
        return;
    }
    C lanes[VEC];
    VSTORE(v, 0, lanes);
    for (uint k = 0; k < count; k++)
        PUT(lanes[k], p, at + step * k);
#endif
}

// The same for bool, which lies in memory as a uchar, 0 or 1.
typedef WIDE(uchar) B;

inline B load_bool(global const uchar *p, long at, long step, uint count) {
#if VEC == 1
    return p[at];
#else
    if (step == 1 && count == VEC)
        return VLOAD(at, p);
    uchar lanes[VEC];
    for (uint k = 0; k < VEC; k++)
        lanes[k] = p[at + step * min(k, count - 1)];
    return VLOAD(0, lanes);
#endif
}

inline void store_bool(B v, global uchar *p, long at, long step, uint count) {
#if VEC == 1
    p[at] = v;
#else
    if (step == 1 && count == VEC) {
        VSTORE(v, at, p);
        return;
    }
    uchar lanes[VEC];
    VSTORE(v, 0, lanes);
    for (uint k = 0; k < count; k++)
        p[at + step * k] = lanes[k];
#endif
}

// A function lane by lane, where a vector's own version is wrong for one lane because of another.
#if VEC == 1
#define LANES1(NAME, f) inline V NAME(V x) { return f(x); }
#define LANES2(NAME, f) inline V NAME(V x, V y) { return f(x, y); }
#else
#define LANES1(NAME, f)                                                                        \
    inline V NAME(V x) {                                                                       \
        C lanes[VEC];                                                                          \
        VSTORE(x, 0, lanes);                                                                   \
        for (uint k = 0; k < VEC; k++)                                                         \
            lanes[k] = f(lanes[k]);                                                            \
        return VLOAD(0, lanes);                                                                \
    }
#define LANES2(NAME, f)                                                                        \
    inline V NAME(V x, V y) {                                                                  \
        C lanes[VEC], others[VEC];                                                             \
        VSTORE(x, 0, lanes);                                                                   \
        VSTORE(y, 0, others);                                                                  \
        for (uint k = 0; k < VEC; k++)                                                         \
            lanes[k] = f(lanes[k], others[k]);                                                 \
        return VLOAD(0, lanes);                                                                \
    }
#endif

// Sums and products of integers wrap around, which C promises for unsigned ones only.
#ifdef IS_FLOAT
#define ADD(x, y) ((x) + (y))
#define SUB(x, y) ((x) - (y))
#define MUL(x, y) ((x) * (y))
#else
#define WRAP(x, op, y) AS(C)((WIDE(U))(AS(U)((V)(x)) op AS(U)((V)(y))))
#define ADD(x, y) WRAP(x, +, y)
#define SUB(x, y) WRAP(x, -, y)
#define MUL(x, y) WRAP(x, *, y)
#endif

// The result of a comparison as 0 or 1. A comparison of vectors is -1 where it holds, of scalars 1.
#if VEC == 1
#define ANY(m) ((m) != 0)
#define TO_BOOL(m) ((uchar)((m) != 0))
#define FROM_BOOL(b) ((b) != 0)
#else
#define ANY(m) any(m)
#define TO_BOOL(m) (CONVERT(uchar)(m) & (uchar)1)
#define FROM_BOOL(b) (CONVERT(I)(b) != (I)0)
#endif
