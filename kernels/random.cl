// Random numbers by counting: Philox4x64-10.
//
// What it teaches: a random number need not depend on the one before. Ten rounds of multiplying and
// mixing turn the number of a block into four words that look random, so that any work item can make
// any part of the sequence: element i is the same on every device, and however many cores it has.
// See Note [Randomness] in backends/base.py for what becomes of the words.

#include "common.h"

typedef struct {
    ulong word[4];
} Block;

inline Block philox(ulong counter, ulong key) {
    ulong a = counter, b = 0, c = 0, d = 0, k = key, l = 0;
    for (int round = 0; round < 10; round++) {
        const ulong high = mul_hi(0xD2E7470EE14C6C93UL, a), low = 0xD2E7470EE14C6C93UL * a;
        const ulong top = mul_hi(0xCA5A826395121157UL, c), bottom = 0xCA5A826395121157UL * c;
        a = top ^ b ^ k;
        b = bottom;
        c = high ^ d ^ l;
        d = low;
        k += 0x9E3779B97F4A7C15UL;
        l += 0xBB67AE8584CAA73BUL;
    }
    const Block out = {{a, b, c, d}};
    return out;
}

// Half h of a block, the low half of each word first.
inline uint half_of(const Block *block, uint h) {
    return (uint)(block->word[h / 2] >> (32 * (h % 2)));
}

// Each work item makes `chunk` blocks, each of PER_BLOCK elements.
#define RANDOM(NAME, TYPE, PER_BLOCK, MAKE, ...)                                               \
    kernel GROUP void NAME(global TYPE *out, global const long *seed, global const long *offset, \
                           const long seed_at, const long offset_at, const uint n,             \
                           const uint chunk __VA_ARGS__) {                                     \
        const uint first = get_global_id(0) * chunk;                                           \
        const uint blocks = (n + PER_BLOCK - 1) / PER_BLOCK;                                   \
        for (uint b = first; b < min(first + chunk, blocks); b++) {                            \
            const Block block = philox(offset[offset_at] + 1 + b, seed[seed_at]);              \
            const uint at = b * PER_BLOCK;                                                     \
            MAKE                                                                               \
        }                                                                                      \
    }
#define EACH(PER_BLOCK, ...) for (uint e = 0; e < min((uint)PER_BLOCK, n - at); e++) __VA_ARGS__

#ifndef IS_FLOAT

RANDOM(random_bits, long, 4, EACH(4, out[at + e] = (long)block.word[e];))
RANDOM(randint, T, 4, EACH(4, out[at + e] = (T)(low + mul_hi(block.word[e], span));),
       , const ulong low, const ulong span)

#else

#ifdef IS_DOUBLE
#define PER 4
#define UNIFORM(block, e) (convert_double((block)->word[e] >> 11) * 0x1p-53)
#define POSITIVE(block, e) (convert_double(((block)->word[e] >> 11) + 1) * 0x1p-53)
#define TURN(block, e) UNIFORM(block, e)
#else
#define PER 8
#define TURN(block, e) (convert_float(half_of(block, e) >> 8) * 0x1p-24f)
#define POSITIVE(block, e) (convert_float((ulong)half_of(block, e) + 1) * 0x1p-32f)
#ifdef IS_HALF
#define UNIFORM(block, e) (convert_float(half_of(block, e) >> 21) * 0x1p-11f)
#else
#define UNIFORM(block, e) TURN(block, e)
#endif
#endif

RANDOM(uniform, T, PER, EACH(PER, PUT(UNIFORM(&block, e), out, at + e);))

// Box-Muller: a radius and an angle make two normal numbers, the coordinates of a point. The points
// of a block are computed together, as vectors.
#define POINTS(f) JOIN(f, HALF_PER)
#ifdef IS_DOUBLE
#define HALF_PER 2
#else
#define HALF_PER 4
#endif
RANDOM(normal, T, PER, C u[HALF_PER]; C turn[HALF_PER]; C xs[HALF_PER]; C ys[HALF_PER];
       for (uint e = 0; e < HALF_PER; e++) {
           u[e] = POSITIVE(&block, 2 * e);
           turn[e] = TURN(&block, 2 * e + 1);
       }
       const POINTS(C) radius = sqrt((POINTS(C))R(-2.0) * log(POINTS(vload)(0, u)));
       const POINTS(C) angle = (POINTS(C))R(6.283185307179586477) * POINTS(vload)(0, turn);
       POINTS(vstore)(radius * cos(angle), 0, xs);
       POINTS(vstore)(radius * sin(angle), 0, ys);
       EACH(PER, PUT(e % 2 ? ys[e / 2] : xs[e / 2], out, at + e);))

#endif
