/* SPDX-License-Identifier: MIT
 *
 * isa.c: the table of one build.
 */
#include "kernels/isa.h"

#define EG_TEXT2(name) #name
#define EG_TEXT(name) EG_TEXT2(name)
#define EG_ENTRY(NAME, ARITY, TEXT) [EG_STRIP_##NAME] = EG_FN(strip_##NAME),
#define EG_CHAIN(NAME) [EG_CHAIN_##NAME##_] = EG_FN(chain_##NAME),

const eg_kernels EG_FN(kernels) = {
    .name = EG_TEXT(EG_ISA),
    .fused = EG_FUSED,
    .lanes = EG_W,
    .short_k = EG_SHORT,
    .gemm = EG_FN(gemm),
    .one_tile = EG_FN(one_tile),
    .transpose = EG_FN(transpose),
    .strip = { EG_STRIP_LIST(EG_ENTRY) },
#if !EG_SMALL
    .chain = { EG_CHAIN_LIST(EG_CHAIN) },
#endif
    .block_reduce = { EG_LENT(block_sum), EG_LENT(block_max), EG_LENT(block_min) },
    .row_reduce = { EG_LENT(row_sum), EG_LENT(row_max), EG_LENT(row_min) },
    .column_reduce = { EG_LENT(column_sum), EG_LENT(column_max), EG_LENT(column_min) },
    .splat = EG_FN(splat),
    .from_u8 = EG_FN(from_u8),
    .from_i32 = EG_FN(from_i32),
    .to_u8 = EG_FN(to_u8),
    .to_i32 = EG_FN(to_i32),
    .window_sum = EG_FN(window_sum),
    .window_argmax = EG_FN(window_argmax),
    .window_put = EG_FN(window_put),
    .window_collect = EG_FN(window_collect),
    .depthwise = EG_FN(depthwise),
    .depthwise_kernel = EG_FN(depthwise_kernel),
    .uniform = EG_FN(uniform),
    .normal = EG_FN(normal),
};
