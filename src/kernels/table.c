/* SPDX-License-Identifier: MIT
 *
 * table.c: the builds of the kernels in this library, and which of them this processor can run.
 */
#include "kernels/kernels.h"

#include <string.h>
#include "base/cpu.h"

extern const eg_kernels eg_kernels_portable;
#if defined(__x86_64__)
extern const eg_kernels eg_kernels_avx2, eg_kernels_avx512;
#elif defined(__aarch64__)
extern const eg_kernels eg_kernels_neon;
#endif

/* From the slowest to the fastest. */
const eg_kernels *eg_kernels_table(int i) {
    const eg_kernels *usable[4] = { &eg_kernels_portable };
    int n = 1;
#if defined(__x86_64__)
    if (eg_cpu_info()->avx2_fma) usable[n++] = &eg_kernels_avx2;
    if (eg_cpu_info()->avx512) usable[n++] = &eg_kernels_avx512;
#elif defined(__aarch64__)
    usable[n++] = &eg_kernels_neon; /* every AArch64 has it */
#endif
    return i >= 0 && i < n ? usable[i] : NULL;
}

const eg_kernels *eg_kernels_named(const char *name) {
    const eg_kernels *k;
    for (int i = 0; (k = eg_kernels_table(i)); i++)
        if (strcmp(k->name, name) == 0) return k;
    return NULL;
}

const eg_kernels *eg_kernels_best(void) {
    const eg_kernels *k, *best = NULL;
    for (int i = 0; (k = eg_kernels_table(i)); i++) best = k;
    return best;
}
