/* SPDX-License-Identifier: MIT
 *
 * transpose.c: a square of as many rows and columns as a vector has lanes, or a part of it, turned in registers.
 */
#include "kernels/isa.h"

/* What stays in registers needs no loop over memory: where there are enough of them, some
 * per cent of a small net's time. */
#if defined(EG_ISA_AVX512)
#define IN_REGISTERS EG_UNROLL
#else
#define IN_REGISTERS
#endif

/* r[4g + c], part q: rows 4g..4g+3 of column 4q + c. Gives column 4q + c in x[q]. */
EG_INLINE void column_of_parts(const eg_vf *r, int c, eg_vf *x) {
    EG_UNROLL for (int q = 0; q < EG_W / 4; q++) x[q] = r[4 * q + c];
    v_transpose_parts(x);
}

/* Masked accesses cost most processors several plain ones: a square that is whole does without. */
EG_INLINE void turn_whole(float *d, int64_t d_row, const float *s, int64_t s_row) {
    eg_vf r[EG_W], x[EG_W / 4];
    EG_UNROLL for (int i = 0; i < EG_W; i += 4) {
        EG_UNROLL for (int q = 0; q < 4; q++) r[i + q] = v_load(s + (i + q) * s_row);
        v_transpose4(r + i);
    }
    EG_UNROLL for (int c = 0; c < 4; c++) {
        column_of_parts(r, c, x);
        EG_UNROLL for (int q = 0; q < EG_W / 4; q++) v_store(d + (4 * q + c) * d_row, x[q]);
    }
}

EG_INLINE void turn_part(float *d, int64_t d_row, int64_t d_rows, int64_t d_width, const float *s, int64_t s_row,
                         int64_t s_rows, int64_t s_width) {
    eg_vf r[EG_W], x[EG_W / 4];
    eg_tail read = v_tail(s_width);
    IN_REGISTERS for (int i = 0; i < EG_W; i += 4) {
        EG_UNROLL for (int q = 0; q < 4; q++)
            r[i + q] = i + q < s_rows ? v_load_tail(s + (i + q) * s_row, read) : v_set(0.f);
        v_transpose4(r + i);
    }
    IN_REGISTERS for (int c = 0; c < 4; c++) {
        column_of_parts(r, c, x);
        EG_UNROLL for (int q = 0; q < EG_W / 4; q++)
            if (4 * q + c < d_rows) v_store_tail(d + (4 * q + c) * d_row, x[q], v_tail(d_width));
    }
}

void EG_FN(transpose)(float *d, int64_t d_row, int64_t d_rows, int64_t d_width, const float *s, int64_t s_row,
                      int64_t s_rows, int64_t s_width) {
    int is_whole = d_rows >= EG_W && d_width == EG_W && s_rows >= EG_W && s_width == EG_W;
    if (is_whole && !EG_MASKS_ARE_FREE)
        turn_whole(d, d_row, s, s_row);
    else
        turn_part(d, d_row, d_rows, d_width, s, s_row, s_rows, s_width);
    v_leave();
}
