// out[i] = f(x[i], y[i]) for every op of two operands. Either may be a number.
//
// What it teaches: what each op does at the edges, settled once for all devices: integers wrap
// around, a shift by too much gives what is left of the number, NaN wins in maximum and loses in
// fmax, and a quotient is rounded down.

#include "common.h"
#define OPERANDS 2
#include "layout.h"

#define BINARY(NAME, RESULT)                                                                   \
    kernel GROUP void binary_##NAME(global T *out, global const T *px, global const T *py,              \
                           const Layout p) {                                                   \
        WALK(const V x = OPERAND(1, px); const V y = OPERAND(2, py);                           \
             store(RESULT, out, PLACE(0));)                                                    \
    }

#define COMPARE(NAME, MASK)                                                                    \
    kernel GROUP void binary_##NAME(global uchar *out, global const T *px, global const T *py,          \
                           const Layout p) {                                                   \
        WALK(const V x = OPERAND(1, px); const V y = OPERAND(2, py);                           \
             store_bool(TO_BOOL(MASK), out, PLACE(0));)                                        \
    }

#define ZERO ((V)0)
#define ONE ((V)1)

COMPARE(eq, x == y)
COMPARE(ne, x != y)
COMPARE(lt, x < y)
COMPARE(le, x <= y)
COMPARE(gt, x > y)
COMPARE(ge, x >= y)
COMPARE(logical_and, (x != ZERO) & (y != ZERO))
COMPARE(logical_or, (x != ZERO) | (y != ZERO))
COMPARE(logical_xor, (x != ZERO) ^ (y != ZERO))

#ifndef IS_FLOAT
BINARY(bitwise_and, x & y)
BINARY(bitwise_or, x | y)
BINARY(bitwise_xor, x ^ y)
#endif

// Whether the remainder towards zero has not the sign of y, and is to be moved by one y.
#define WRONG_SIGN(rest, y) ((rest != ZERO) & ((rest < ZERO) != (y < ZERO)))

#if defined(IS_BOOL)

BINARY(add, x | y)
BINARY(mul, x & y)
BINARY(maximum, x | y)
BINARY(minimum, x & y)

#elif defined(IS_FLOAT)

BINARY(add, x + y)
BINARY(sub, x - y)
BINARY(mul, x * y)
BINARY(div, x / y)
#ifdef IS_DOUBLE
// A base of 0, infinity, NaN, or below the smallest normal number: some libraries get the powers of
// those beside it wrong.
LANES2(pow_by_lanes, pow)
inline V power(V x, V y) {
    const V size = fabs(x);
    return ANY((size < (V)DBL_MIN) | (size > (V)DBL_MAX) | (x != x)) ? pow_by_lanes(x, y)
                                                                     : pow(x, y);
}
BINARY(pow, power(x, y))
#else
BINARY(pow, pow(x, y))
#endif
BINARY(atan2, atan2(x, y))
BINARY(hypot, hypot(x, y))
BINARY(nextafter, nextafter(x, y))
LANES2(fmod_by_lanes, fmod)
BINARY(fmod, fmod_by_lanes(x, y))
BINARY(fmax, fmax(x, y))
BINARY(fmin, fmin(x, y))
BINARY(maximum, ((x > y) | (x != x)) ? x : y)
BINARY(minimum, ((x < y) | (x != x)) ? x : y)

inline V remainder_down(V x, V y) {
    V rest = fmod_by_lanes(x, y);
    return WRONG_SIGN(rest, y) ? rest + y : rest;
}
BINARY(remainder, remainder_down(x, y))

// x - rest is a multiple of y but for rounding: the quotient is next to an integer.
inline V quotient_down(V x, V y) {
    V rest = fmod_by_lanes(x, y), quotient = rint((x - rest) / y);
    quotient = WRONG_SIGN(rest, y) ? quotient - ONE : quotient;
    return y == ZERO ? x / y : quotient == ZERO ? copysign(ZERO, x / y) : quotient;
}
BINARY(floor_divide, quotient_down(x, y))

// The gradients of activations, where x is g and y what the activation was given.
inline V gelu_slope(V x) {
    V area = (V)R(0.5) * (ONE + erf(x * (V)R(0.70710678118654752440)));
    return area + x * (V)R(0.39894228040143267794) * exp((V)R(-0.5) * x * x);
}
BINARY(gelu_grad, x * gelu_slope(y))

inline V gelu_tanh_slope(V x) {
    V square = x * x;
    V t = tanh(x * ((V)R(0.79788456080286535588) + (V)R(0.035677408136300125) * square));
    V inner = (V)R(0.79788456080286535588) + (V)R(0.107032224408900376) * square;
    return (V)R(0.5) * (ONE + t + x * (ONE - t * t) * inner);
}
BINARY(gelu_tanh_grad, x * gelu_tanh_slope(y))

inline V silu_slope(V x) {
    V s = ONE / (ONE + exp(-x));
    return s * (ONE + x * (ONE - s));
}
BINARY(silu_grad, x * silu_slope(y))

#else // integers

BINARY(add, ADD(x, y))
BINARY(sub, SUB(x, y))
BINARY(mul, MUL(x, y))
BINARY(maximum, max(x, y))
BINARY(minimum, min(x, y))
BINARY(fmax, max(x, y))
BINARY(fmin, min(x, y))

// A processor stops the program when it divides by 0, or the lowest number by -1. The first is
// undefined here and gives 0 or x; the second wraps around.
#ifdef IS_UNSIGNED
#define IS_MINUS_ONE(y) (y != y)
#else
#define IS_MINUS_ONE(y) (y == (V)-1)
#endif
inline V safe(V y) {
    return ((y == ZERO) | IS_MINUS_ONE(y)) ? ONE : y;
}
inline V fmod_(V x, V y) {
    return x % safe(y);
}
BINARY(fmod, fmod_(x, y))

inline V remainder_down(V x, V y) {
    V rest = fmod_(x, y);
    return WRONG_SIGN(rest, y) ? ADD(rest, y) : rest;
}
BINARY(remainder, remainder_down(x, y))

inline V quotient_down(V x, V y) {
    V rest = fmod_(x, y), quotient = IS_MINUS_ONE(y) ? SUB(ZERO, x) : x / safe(y);
    return WRONG_SIGN(rest, y) ? SUB(quotient, ONE) : quotient;
}
BINARY(floor_divide, quotient_down(x, y))

// Euclid's way, lane by lane, since each takes steps of its own. Without signs: there the lowest
// number has an opposite.
inline C gcd_of(C x, C y) {
    U low = y < 0 ? (U)0 - (U)y : (U)y, high = x < 0 ? (U)0 - (U)x : (U)x;
    while (low != 0) {
        const U rest = high % low;
        high = low;
        low = rest;
    }
    return (C)high;
}
LANES2(gcd_by_lanes, gcd_of)
BINARY(gcd, gcd_by_lanes(x, y))

#define BITS ((V)(8 * sizeof(C)))
#define FITS(y) ((y >= ZERO) & (y < BITS))
BINARY(bitwise_left_shift, FITS(y) ? WRAP(x, <<, y & (BITS - ONE)) : ZERO)
#ifdef IS_UNSIGNED
BINARY(bitwise_right_shift, FITS(y) ? x >> (y & (BITS - ONE)) : ZERO)
#else
BINARY(bitwise_right_shift, x >> (FITS(y) ? y : BITS - ONE))
#endif

// Square and multiply, bit by bit of the exponent. Only 1 and -1 have inverses that are not 0.
inline V power(V x, V y) {
    V out = ONE, square = x, rest = y;
    for (uint bit = 0; bit < 8 * sizeof(C); bit++) {
        out = (rest & ONE) != ZERO ? MUL(out, square) : out;
        square = MUL(square, square);
        rest = rest >> ONE;
    }
    V inverse = x == ONE ? ONE : ZERO;
#ifndef IS_UNSIGNED
    inverse = x == (V)-1 ? ((y & ONE) != ZERO ? (V)-1 : ONE) : inverse;
#endif
    return y < ZERO ? inverse : out;
}
BINARY(pow, power(x, y))

#endif
