/* SPDX-License-Identifier: MIT
 *
 * peer_mkl.c: preloaded into PyTorch: Intel's MKL, which its wheels carry, asks this function whether it may use its
 * fastest kernels, and would answer no on processors of others; without it products are half as fast there.
 */
int mkl_serv_intel_cpu_true(void);
int mkl_serv_intel_cpu_true(void) { return 1; }
