/* SPDX-License-Identifier: MIT
 *
 * peer_openblas.c: OpenBLAS' side of the benchmark: products by cblas_sgemm, which packs both operands in each call.
 */
#include <cblas.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "bench.h"

/* On processors younger than itself OpenBLAS takes its oldest kernels. It is told better ones, which it asks for when
 * it is loaded: in a process started anew. */
static void choose_kernels(char **argv) {
#if defined(__x86_64__)
    const char *kernels = __builtin_cpu_supports("avx512bw") ? "SkylakeX"
                          : __builtin_cpu_supports("avx2")   ? "Haswell"
                                                             : NULL;
    if (!kernels || strcmp(openblas_get_corename(), "Prescott") != 0 || getenv("OPENBLAS_CORETYPE")) return;
    setenv("OPENBLAS_CORETYPE", kernels, 1);
    execv("/proc/self/exe", argv);
#else
    (void)argv;
#endif
}

typedef struct product {
    int m, n, k, lda, ldb;
    CBLAS_TRANSPOSE ta, tb;
    float *a, *b, *c;
} product;

static void run_product(void *user) {
    const product *p = user;
    cblas_sgemm(CblasRowMajor, p->ta, p->tb, p->m, p->n, p->k, 1, p->a, p->lda, p->b, p->ldb, 0, p->c, p->n);
}

static void end_product(void *user) {
    product *p = user;
    free(p->a), free(p->b), free(p->c);
}

static const char *prepare(const bench_work *work, int threads, bench_job *job) {
    static product p;
    if (strcmp(work->kind, "gemm") != 0) return "matrix products only";
    int m = (int)bench_number(work, "m", 1), k = (int)bench_number(work, "k", 1), n = (int)bench_number(work, "n", 1);
    int a_turned = bench_is(work, "form", "atb"), b_turned = bench_is(work, "form", "abt");
    openblas_set_num_threads(threads);
    p = (product){ m, n, k, a_turned ? m : k, b_turned ? k : n, a_turned ? CblasTrans : CblasNoTrans,
                   b_turned ? CblasTrans : CblasNoTrans, bench_floats((int64_t)m * k, 1),
                   bench_floats((int64_t)k * n, 2), bench_floats((int64_t)m * n, 3) };
    *job = (bench_job){ run_product, end_product, &p, 2. * m * n * k, NULL, "OpenBLAS" };
    return NULL;
}

int main(int argc, char **argv) {
    choose_kernels(argv);
    return bench_main(argc, argv, prepare);
}
