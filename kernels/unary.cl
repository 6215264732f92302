// out[i] = f(x[i]) for every op of one operand, some of them with a number or two.
//
// What it teaches: an op is one line, and the loop around it is written once, in layout.h. Each line
// works on a vector V of elements, on every lane at once: a condition is a mask of lanes, and `?:`
// chooses lane by lane.

#include "common.h"
#define OPERANDS 3 // x, and two parameters
#include "layout.h"

#define UNARY(NAME, RESULT)                                                                    \
    kernel GROUP void unary_##NAME(global T *out, global const T *px, const Layout p) {                \
        const V a = NUMBER(2), b = NUMBER(3);                                                  \
        WALK(const V x = load(px, PLACE(1)); store(RESULT, out, PLACE(0));)                    \
    }

#define PREDICATE(NAME, MASK)                                                                  \
    kernel GROUP void unary_##NAME(global uchar *out, global const T *px, const Layout p) {            \
        WALK(const V x = load(px, PLACE(1)); store_bool(TO_BOOL(MASK), out, PLACE(0));)        \
    }

#define ZERO ((V)0)
#define ONE ((V)1)

PREDICATE(logical_not, x == ZERO)

PREDICATE(isnan, x != x)
#ifndef IS_FLOAT // where every number is finite
PREDICATE(isinf, x != x)
PREDICATE(isfinite, x == x)
#endif

#ifdef IS_BOOL
UNARY(abs, x)
UNARY(bitwise_not, x ^ ONE)
UNARY(sign, x)
#else

UNARY(square, MUL(x, x))
UNARY(sign, x > ZERO ? ONE : x < ZERO ? (V)-1 : ZERO)
// The upper limit has the last word. NaN is in no order with anything, and stays, as a limit too.
inline V at_least(V x, V a) { return ((x > a) | (x != x)) ? x : a; }
inline V at_most(V x, V b) { return ((x < b) | (x != x)) ? x : b; }
UNARY(clamp, at_most(at_least(x, a), b))

#ifdef IS_FLOAT

UNARY(neg, -x)
UNARY(abs, fabs(x))
UNARY(relu, x < ZERO ? ZERO : x)
UNARY(exp, exp(x))
UNARY(exp2, exp2(x))
UNARY(expm1, expm1(x))
UNARY(log, log(x))
UNARY(log2, log2(x))
UNARY(log10, log10(x))
UNARY(log1p, log1p(x))
UNARY(sqrt, sqrt(x))
UNARY(rsqrt, ONE / sqrt(x))
UNARY(reciprocal, ONE / x)
// An angle beyond 2 ** 15 gets its sine by itself: some libraries get the angles beside it wrong.
#define ANGLE(f)                                                                               \
    LANES1(f##_far, f)                                                                         \
    inline V f##_safe(V x) {                                                                   \
        return ANY(fabs(x) > (V)R(32768.0)) ? f##_far(x) : f(x);                               \
    }
ANGLE(sin)
ANGLE(cos)
ANGLE(tan)
UNARY(sin, sin_safe(x))
UNARY(cos, cos_safe(x))
UNARY(tan, tan_safe(x))
UNARY(asin, asin(x))
UNARY(acos, acos(x))
UNARY(atan, atan(x))
UNARY(sinh, sinh(x))
UNARY(cosh, cosh(x))
UNARY(tanh, tanh(x))
UNARY(asinh, asinh(x))
UNARY(acosh, acosh(x))
UNARY(atanh, atanh(x))
UNARY(erf, erf(x))
UNARY(erfc, erfc(x))
UNARY(lgamma, lgamma(x))
UNARY(floor, floor(x))
UNARY(ceil, ceil(x))
UNARY(trunc, trunc(x))
UNARY(round, rint(x))

UNARY(leaky_relu, x > ZERO ? x : x * a)
UNARY(elu, x > ZERO ? x : expm1(x) * a)
UNARY(softplus, x * a > b ? x : log1p(exp(x * a)) / a)
UNARY(sigmoid, ONE / (ONE + exp(-x)))
UNARY(silu, x / (ONE + exp(-x)))
UNARY(gelu, (V)R(0.5) * x * (ONE + erf(x * (V)R(0.70710678118654752440))))
// (1 + tanh(u)) / 2 is 1 / (1 + e ** (-2 u))
UNARY(gelu_tanh, x / (ONE + exp(x * ((V)R(-1.59576912160573071176)
    - (V)R(0.07135481627260025) * x * x))))

PREDICATE(signbit, signbit(x))
PREDICATE(isinf, fabs(x) == (V)INFINITY)
PREDICATE(isfinite, fabs(x) < (V)INFINITY)

#else // integers

UNARY(neg, SUB(ZERO, x))
UNARY(abs, x < ZERO ? SUB(ZERO, x) : x)
UNARY(relu, x < ZERO ? ZERO : x)
UNARY(bitwise_not, ~x)

#endif
#endif
