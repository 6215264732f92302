// Convolution and its two gradients: the three derivatives of one sum,
//     sum(g[n, o, p] * w[o, c, k] * x[n, c, p * stride + k * dilation - low] for n, o, c, p, k).
//
// What it teaches: a convolution is a matrix product whose matrices are nowhere in memory. Take w
// as a matrix with a row for each output channel o and a column for each tap (c, k); then
//
//     conv          out = w @ X       X has a row for each tap, a column for each position (n, p)
//     conv_input    out = w' @ G      the taps are (o, k), the positions those of x
//     conv_weight   out = g @ X'      and here the positions are what is summed over
//
// X repeats every pixel once for each tap. It need not be built, since where X[tap, position] lies
// in the image is a sum of two numbers: what the tap adds, and where the position begins. A table
// of each is all that the kernels need. That takes two things of the image:
//
//     zeros around it, so that no                    and for a stride s, pixels s apart next to
//     position asks where the edge is                each other (here s = 2, one row):
//
//         0 0 0 0 0 0                                    a b c d e f g h
//         0 a b c d 0     tap (k, l) adds
//         0 e f g h 0     k * 6 + l                      a c e g | b d f h
//         0 i j k l 0
//         0 0 0 0 0 0                                    taps 0, 2 read from the left part,
//                                                        taps 1, 3 from the right one: stride 1
//
// lay_out copies the image so. The copy is as large as the image and its padding; X would be as
// many times as large as there are taps in a window. float16 is cast to float32 before it comes
// here.

#include "product.h"
#include "common.h"

// --- the image --------------------------------------------------------------------------------

typedef struct {
    long channels, height, width;                   // of x
    long x_image, x_channel, x_row, x_column;       // strides of x
    long low_rows, low_columns;                     // zeros before the first row and column
    long step_rows, step_columns;                   // the strides of the convolution
    long parts_down, parts_across;                  // of a plane of the copy: those that taps need
    long rows, columns;                             // of each part
    long count, block;                              // parts of all the copy, and for each item
} Image;

// Where in a plane of x part `number` of the copy begins: the row and column of its first element,
// which may be outside. Moves *x to that plane.
inline long2 begin_of_part(global const T **x, const Image *p, long number) {
    const long down = number / p->parts_across % p->parts_down, across = number % p->parts_across;
    const long plane = number / (p->parts_across * p->parts_down);
    *x += plane / p->channels * p->x_image + plane % p->channels * p->x_channel;
    return (long2)(across - p->low_columns, down - p->low_rows);
}

#ifdef IS_CPU
// out[j] = x[(column + j * step) * stride], and zero where that is outside of the row.
inline void lay_out_row(global T *out, global const T *x, long column, const Image *p) {
    const long step = p->step_columns, stride = p->x_column;
    const long first = min(column < 0 ? (step - 1 - column) / step : 0, p->columns);
    const long last = clamp((p->width - column + step - 1) / step, first, p->columns);
    long j = 0;
    for (; j < first; j++)
        out[j] = 0;
    x += column * stride;
#if VEC > 1
    if (step == 1 && stride == 1)
        for (; j + VEC <= last; j += VEC)
            VSTORE(VLOAD(j, x), j, out);
    if (step == 2 && stride == 1) {
        // Of two vectors, every other element. They begin at an even column, to end within the row.
        const long odd = (column + 2 * first) & 1;
        for (; j + VEC <= last && column + 2 * (j + VEC) - odd <= p->width; j += VEC) {
            const V one = VLOAD(2 * j - odd, x), two = VLOAD(2 * j - odd + VEC, x);
            VSTORE(odd ? (V)(one.odd, two.odd) : (V)(one.even, two.even), j, out);
        }
    }
#endif
    for (; j < last; j++)
        out[j] = x[j * step * stride];
    for (; j < p->columns; j++)
        out[j] = 0;
}

kernel GROUP void lay_out(global T *out, global const T *x, const Image p, const long x_start) {
    const long end = min((long)(get_global_id(0) + 1) * p.block, p.count);
    for (long number = get_global_id(0) * p.block; number < end; number++) {
        global const T *plane = x + x_start;
        const long2 begin = begin_of_part(&plane, &p, number);
        for (long i = 0; i < p.rows; i++) {
            global T *row = out + (number * p.rows + i) * p.columns;
            const long from = begin.y + i * p.step_rows;
            if (from >= 0 && from < p.height)
                lay_out_row(row, plane + from * p.x_row, begin.x, &p);
            else
                for (long j = 0; j < p.columns; j++)
                    row[j] = 0;
        }
    }
}
#else
kernel void lay_out(global T *out, global const T *x, const Image p, const long x_start) {
    const long j = get_global_id(0), i = get_global_id(1), number = get_global_id(2);
    x += x_start;
    const long2 begin = begin_of_part(&x, &p, number);
    const long row = begin.y + i * p.step_rows, column = begin.x + j * p.step_columns;
    const bool inside = row >= 0 && row < p.height && column >= 0 && column < p.width;
    out[(number * p.rows + i) * p.columns + j]
        = inside ? x[row * p.x_row + column * p.x_column] : (T)0;
}
#endif

// --- conv and conv_input on a CPU -------------------------------------------------------------
//
// The tile of matmul.cl: ROWS output channels by two vectors of positions, with the sums in
// registers. Half a vector of positions in a row is a unit: for each tap, it is UNIT pixels in a
// row of the image. A row that is no multiple of UNIT ends with a unit that overlaps the one before
// it; a row that is shorter is a unit of its own, of which the first `lanes` positions count.
//
//     positions      0 1 2 3 4 5 6 7 8 9          UNIT = 4: three units in a row
//                   [       ]
//                           [       ]
//                               [       ]

#if VEC > 2  // a device of short vectors is treated like a GPU
#if VEC == 16
#define UNIT 8
#elif VEC == 8
#define UNIT 4
#else
#define UNIT 2
#endif

typedef struct {
    long rows, depth, units;                        // output channels of a group, taps, units
    long image, group;                              // how far apart images, and groups in them, are
    long w_row, w_group;
    long out_image, out_group, out_row, out_step;   // out_step: between neighbouring positions
    long lanes, groups, block;                      // block: units for each item
} Convolution;

inline V load_units(global const T *image, int first, int second) {
    return (V)(JOIN(vload, UNIT)(0, image + first), JOIN(vload, UNIT)(0, image + second));
}

inline void write_units(V v, global T *out, int first, int second, long step, int lanes) {
    if (step == 1 && lanes == UNIT) {
        JOIN(vstore, UNIT)(v.lo, 0, out + first);
        JOIN(vstore, UNIT)(v.hi, 0, out + second);
        return;
    }
    T each[VEC];
    VSTORE(v, 0, each);
    for (int i = 0; i < lanes; i++) {
        out[first + i * step] = each[i];
        out[second + i * step] = each[UNIT + i];
    }
}

// taps: what each adds in the image and in w. units: where each begins in the image and in out.
kernel GROUP void conv(global T *out, global const T *image, global const T *w,
                       global const int2 *taps, global const int2 *units, const Convolution p,
                       const long w_start) {
    const long n = get_global_id(1) / p.groups, group = get_global_id(1) % p.groups;
    const long begin = get_global_id(0) * p.block, end = min(begin + p.block, p.units);
    image += n * p.image + group * p.group;
    w += w_start + group * p.w_group;
    out += n * p.out_image + group * p.out_group;
    for (long u = begin; u < end; u += 4) {
        const int2 u0 = units[u], u1 = units[min(u + 1, end - 1)];
        const int2 u2 = units[min(u + 2, end - 1)], u3 = units[min(u + 3, end - 1)];
        for (long r0 = 0; r0 < p.rows; r0 += ROWS) {
            const int rows = min((long)ROWS, p.rows - r0);
            V sums[ROWS][2];
            global const T *row[ROWS];
            #pragma unroll
            for (int r = 0; r < ROWS; r++) {
                sums[r][0] = sums[r][1] = (V)(T)0;
                row[r] = w + (r0 + min(r, rows - 1)) * p.w_row;
            }
            for (long k = 0; k < p.depth; k++) {
                const int2 tap = taps[k];
                const V left = load_units(image + tap.x, u0.x, u1.x);
                const V right = load_units(image + tap.x, u2.x, u3.x);
                #pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    const V factor = (V)(row[r][tap.y]);
                    sums[r][0] = MAD(factor, left, sums[r][0]);
                    sums[r][1] = MAD(factor, right, sums[r][1]);
                }
            }
            #pragma unroll
            for (int r = 0; r < ROWS; r++)
                if (r < rows) {
                    global T *q = out + (r0 + r) * p.out_row;
                    write_units(sums[r][0], q, u0.y, u1.y, p.out_step, p.lanes);
                    write_units(sums[r][1], q, u2.y, u3.y, p.out_step, p.lanes);
                }
        }
    }
}

// --- conv_weight on a CPU ---------------------------------------------------------------------
//
// Here the positions are summed over, and they are what lies side by side in memory. So a vector
// holds VEC parts of one sum: PAIRS output channels by PAIRS taps, each a vector, which is added up
// across its lanes at the end.
//
// g is laid out as well if need be, with zeros where a vector reaches beyond the positions. Pixels
// count as zero there, too, by the mask: zero times what lies there might be NaN. Where rows are
// short, all of a plane is taken as one row: then g has rows as long as those of the image, and the
// mask has holes.

#define PAIRS 4

typedef struct {
    long rows, taps;                                // output channels of a group, taps of a group
    long height, width;                             // rows of positions, and how long the mask is
    long image, group, image_row;
    long g_image, g_channel, g_row;
    long images, slice, run;                        // images for each item, and at a time
    long groups, block;                             // rows for each item
} Gradient;

// Adds neighbouring lanes of x and of y: half as many sums of each, side by side.
inline V fold(V x, V y) {
    return (V)(PLUS(x.even, x.odd), PLUS(y.even, y.odd));
}

// The sums over the positions of some images: sums[i * PAIRS + j] for channel i and tap j.
inline void correlate(T *sums, global const T *const *g, global const T *const *x,
                      global const I *mask, const Gradient *p, long images) {
    V v[PAIRS * PAIRS];
    #pragma unroll
    for (int i = 0; i < PAIRS * PAIRS; i++)
        v[i] = (V)(T)0;
    for (long n = 0; n < images; n++)
        for (long row = 0; row < p->height; row++)
            for (long column = 0; column < p->width; column += VEC) {
                const WIDE(I) inside = VLOAD(column, mask);
                const long at = n * p->image + row * p->image_row + column;
                V pixels[PAIRS];
                #pragma unroll
                for (int j = 0; j < PAIRS; j++)
                    pixels[j] = AS(T)(AS(I)(VLOAD(at, x[j])) & inside);
                #pragma unroll
                for (int i = 0; i < PAIRS; i++) {
                    const V factor = VLOAD(n * p->g_image + row * p->g_row + column, g[i]);
                    #pragma unroll
                    for (int j = 0; j < PAIRS; j++)
                        v[i * PAIRS + j] = MAD(factor, pixels[j], v[i * PAIRS + j]);
                }
            }
    int count = PAIRS * PAIRS;
    #pragma unroll
    for (int width = VEC; width > 1; width /= 2) {
        count /= 2;
        #pragma unroll
        for (int i = 0; i < count; i++)
            v[i] = fold(v[2 * i], v[2 * i + 1]);
    }
    for (int i = 0; i < PAIRS * PAIRS / VEC; i++)
        VSTORE(v[i], i * VEC, sums);
}

// Part s of the images writes sums of its own, (groups, rows, taps), for add_splits of matmul.cl.
kernel GROUP void conv_weight(global T *out, global const T *image, global const T *g,
                              global const int2 *taps, global const I *mask, const Gradient p,
                              const long g_start) {
    const long group = get_global_id(1), part = get_global_id(2), first = part * p.slice;
    const long begin = get_global_id(0) * p.block, end = min(begin + p.block, p.rows);
    const long last = min(first + p.slice, p.images);
    out += (part * p.groups + group) * p.rows * p.taps;
    for (long n = first; n < last; n += p.run)
        for (long r = begin; r < end; r += PAIRS)
            for (long t = 0; t < p.taps; t += PAIRS) {
                global const T *from_g[PAIRS], *from_x[PAIRS];
                for (int i = 0; i < PAIRS; i++) {
                    const long channel = group * p.rows + min(r + i, end - 1);
                    from_g[i] = g + g_start + n * p.g_image + channel * p.g_channel;
                    from_x[i] = image + n * p.image + group * p.group
                        + taps[min(t + i, p.taps - 1)].x;
                }
                T sums[PAIRS * PAIRS];
                correlate(sums, from_g, from_x, mask, &p, min(p.run, last - n));
                for (int i = 0; i < min((long)PAIRS, end - r); i++)
                    for (int j = 0; j < min((long)PAIRS, p.taps - t); j++) {
                        global T *q = out + (r + i) * p.taps + t + j;
                        *q = n == first ? sums[i * PAIRS + j] : PLUS(*q, sums[i * PAIRS + j]);
                    }
            }
}
#endif

// --- all three on a GPU -----------------------------------------------------------------------
//
// The kernel `blocked` of matmul.cl, where an element is found by tables instead of strides:
//
//     out[r * out_row + c.out] = sum(a[r * a_row + k.a] * b[k.b + c.b] for k)
//
//                   conv, conv_input              conv_weight
//     a             w                             g, laid out
//     rows r        output channels               output channels
//     k             taps                          positions of all images
//     columns c     positions of all images       taps
//
// The tables hold one image. Entry i of all is entry i % count, moved by i / count images.

typedef struct {
    long rows, columns, depth;
    long a_row, out_row;
    long k_count, k_a, k_b;                         // of the table of k: entries, and what an image
    long c_count, c_b, c_out;                       // adds in a and b; of columns: in b and out
    long a_group, b_group, out_group, groups;
    long slice, out_slice;                          // how much of k is in each part, and its out
} Gather;

inline long moved(long entry, long number, long count, long step) {
    return entry + number / count * step;
}

kernel TILE_GROUP void gathered(global T *out, global const T *a, global const T *b,
                                global const int2 *ks, global const int2 *cs, const Gather p,
                                const long a_start) {
    local T as[TILE][SIDE + 1], bs[TILE][SIDE + 1];
    const int i = get_local_id(1), j = get_local_id(0);
    const long r0 = get_group_id(1) * SIDE, c0 = get_group_id(0) * SIDE;
    const long group = get_group_id(2) % p.groups, part = get_group_id(2) / p.groups;
    const long end = min(p.depth, (part + 1) * p.slice);
    a += a_start + group * p.a_group;
    b += group * p.b_group;
    out += part * p.out_slice + group * p.out_group;
    T sums[EACH][EACH] = {{0}};
    for (long k0 = part * p.slice; k0 < end; k0 += TILE) {
        for (int n = i * TILE + j; n < TILE * SIDE; n += TILE * TILE) {
            const int t = n / SIDE, s = n % SIDE;
            const long k = k0 + t, r = r0 + s, c = c0 + s;
            T x = 0, y = 0;
            if (k < end) {
                const int2 at = ks[k % p.k_count];
                if (r < p.rows)
                    x = a[r * p.a_row + moved(at.x, k, p.k_count, p.k_a)];
                if (c < p.columns)
                    y = b[moved(at.y, k, p.k_count, p.k_b)
                          + moved(cs[c % p.c_count].x, c, p.c_count, p.c_b)];
            }
            as[t][s] = x;
            bs[t][s] = y;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int t = 0; t < TILE; t++)
            for (int m = 0; m < EACH; m++)
                for (int n = 0; n < EACH; n++)
                    sums[m][n] = MAD(as[t][i + m * TILE], bs[t][j + n * TILE], sums[m][n]);
        barrier(CLK_LOCAL_MEM_FENCE);
    }
    for (int m = 0; m < EACH; m++)
        for (int n = 0; n < EACH; n++) {
            const long r = r0 + i + m * TILE, c = c0 + j + n * TILE;
            if (r < p.rows && c < p.columns)
                out[r * p.out_row + moved(cs[c % p.c_count].y, c, p.c_count, p.c_out)]
                    = sums[m][n];
        }
}
