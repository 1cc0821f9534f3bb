/* SPDX-License-Identifier: MIT
 *
 * cpu.h: what this processor can do, asked once.
 */
#ifndef EG_BASE_CPU_H
#define EG_BASE_CPU_H

#include <stdint.h>

typedef struct eg_cpu {
    int avx2_fma, avx512; /* usable: the processor has it and the system saves its registers; avx512 = F+DQ+BW+VL */
    int neon;
    int cores;            /* processors this process may run on */
    int64_t l1d, l2, l3;  /* bytes, 0 if unknown */
    char name[64];
} eg_cpu;

const eg_cpu *eg_cpu_info(void);

/* Seconds on a monotonic clock. */
double eg_clock(void);

/* The processor this thread is on, or -1 where nobody can tell. */
int eg_processor(void);

/* Moves this thread from `taken` to the n-th after it of the processors it may run on (n = 1, 2, ...; they go round).
 * A push, not a bond: it may run on all of them as before. */
void eg_processor_leave(int taken, int n);

/* Flush-to-zero for denormals on this thread: returns the old mode; eg_denormals_restore puts it back. */
unsigned eg_denormals_flush(void);
void eg_denormals_restore(unsigned mode);

#endif
