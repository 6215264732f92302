// The elementwise ops of three operands: where, lerp and addcmul. What it teaches: see layout.h.

#include "common.h"
#define OPERANDS 4 // three, and a parameter
#include "layout.h"

kernel GROUP void ternary_where(global T *out, global const uchar *condition, global const T *px,
                        global const T *py, const Layout p) {
    WALK(const V x = OPERAND(2, px); const V y = OPERAND(3, py);
         const B taken = load_bool(condition, PLACE(1));
         store(FROM_BOOL(taken) ? x : y, out, PLACE(0));)
}

#define TERNARY(NAME, RESULT)                                                                  \
    kernel GROUP void ternary_##NAME(global T *out, global const T *px, global const T *py,              \
                           global const T *pz, const Layout p) {                               \
        WALK(const V x = OPERAND(1, px); const V y = OPERAND(2, py);                           \
             const V z = OPERAND(3, pz); const V a = NUMBER(4);                                \
             store(RESULT, out, PLACE(0));)                                                    \
    }

#ifndef IS_BOOL
TERNARY(addcmul, ADD(x, MUL(a, MUL(y, z))))
#endif

#ifdef IS_FLOAT
TERNARY(lerp, fabs(z) < (V)R(0.5) ? x + z * (y - x) : y - (y - x) * ((V)1 - z))
#endif
