/* SPDX-License-Identifier: MIT
 *
 * bench.h: what the benchmarks share: a clock, a median of many calls, the machine's peak, and the line that bench.py
 * reads.
 */
#ifndef EG_BENCH_H
#define EG_BENCH_H

/* Microseconds of one call: median over many measurements of as many calls as take about 2 ms, after a warm-up. */
double bench_median(void (*call)(void *user), void *user);

/* Microseconds in which each of `threads` threads makes BENCH_PEAK_FLOPS float operations from registers. */
#define BENCH_PEAK_FLOPS 6.4e8
double bench_fma_peak(int threads);

/* {"name": ..., "side": ..., "threads": ..., "us": ..., "flops": ...} */
void bench_print(const char *name, const char *side, int threads, double us, double flops);

#endif
