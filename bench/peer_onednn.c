/* SPDX-License-Identifier: MIT
 *
 * peer_onednn.c: oneDNN's side of the benchmark: products by dnnl_sgemm, and convolutions whose operands already lie in
 * whatever blocked form the library likes best: its reorders are not counted.
 */
#include <omp.h>
#include <oneapi/dnnl/dnnl.h>
#include <stdlib.h>
#include <string.h>
#include "bench.h"

enum { OPERANDS = 3, IMAGE = 0, KERNEL = 1, RESULT = 2 };

typedef struct work {
    /* products */
    int64_t m, n, k, lda, ldb;
    char ta, tb;
    float *data[OPERANDS];
    /* convolutions */
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t memory[OPERANDS];
    dnnl_exec_arg_t arguments[OPERANDS];
} work;

static void run_product(void *user) {
    const work *p = user;
    dnnl_sgemm(p->ta, p->tb, p->m, p->n, p->k, 1, p->data[0], p->lda, p->data[1], p->ldb, 0, p->data[2], p->n);
}

static void run_convolution(void *user) {
    work *p = user;
    dnnl_primitive_execute(p->primitive, p->stream, OPERANDS, p->arguments);
    dnnl_stream_wait(p->stream);
}

static void end_work(void *user) {
    work *p = user;
    if (p->primitive) dnnl_primitive_destroy(p->primitive);
    for (int i = 0; i < OPERANDS; i++) {
        if (p->memory[i]) dnnl_memory_destroy(p->memory[i]);
        free(p->data[i]);
    }
    if (p->stream) dnnl_stream_destroy(p->stream);
    if (p->engine) dnnl_engine_destroy(p->engine);
    *p = (work){ 0 };
}

static const char *prepare_product(const bench_work *w, work *p, bench_job *job) {
    p->m = (int64_t)bench_number(w, "m", 1), p->k = (int64_t)bench_number(w, "k", 1);
    p->n = (int64_t)bench_number(w, "n", 1);
    p->ta = bench_is(w, "form", "atb") ? 'T' : 'N', p->tb = bench_is(w, "form", "abt") ? 'T' : 'N';
    p->lda = p->ta == 'T' ? p->m : p->k, p->ldb = p->tb == 'T' ? p->k : p->n;
    p->data[0] = bench_floats(p->m * p->k, 1), p->data[1] = bench_floats(p->k * p->n, 2);
    p->data[2] = bench_floats(p->m * p->n, 3);
    *job = (bench_job){ run_product, end_work, p, 2. * (double)(p->m * p->n * p->k), NULL, "oneDNN" };
    return NULL;
}

/* What each pass reads and writes, and where its description says in which form. */
static const struct pass {
    const char *name;
    int argument[OPERANDS];
    dnnl_query_t form[OPERANDS];
} passes[] = {
    { "forward", { DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST },
      { dnnl_query_src_md, dnnl_query_weights_md, dnnl_query_dst_md } },
    { "data", { DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST },
      { dnnl_query_diff_src_md, dnnl_query_weights_md, dnnl_query_diff_dst_md } },
    { "weights", { DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST },
      { dnnl_query_src_md, dnnl_query_diff_weights_md, dnnl_query_diff_dst_md } },
};

static dnnl_status_t describe(const struct pass *pass, const work *p, const dnnl_memory_desc_t md[OPERANDS], int64_t pad,
                              dnnl_primitive_desc_t *out) {
    const dnnl_dims_t one = { 1, 1 }, around = { pad, pad };
    dnnl_convolution_desc_t forward, backward;
    dnnl_primitive_desc_t hint = NULL;
    dnnl_status_t status = dnnl_convolution_forward_desc_init(&forward, dnnl_forward_training, dnnl_convolution_direct,
                                                              &md[0], &md[1], NULL, &md[2], one, around, around);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(&hint, &forward, NULL, p->engine, NULL);
    if (status != dnnl_success || pass == &passes[0]) return *out = hint, status;
    status = pass == &passes[1]
                 ? dnnl_convolution_backward_data_desc_init(&backward, dnnl_convolution_direct, &md[0], &md[1], &md[2],
                                                            one, around, around)
                 : dnnl_convolution_backward_weights_desc_init(&backward, dnnl_convolution_direct, &md[0], &md[1], NULL,
                                                               &md[2], one, around, around);
    if (status == dnnl_success) status = dnnl_primitive_desc_create(out, &backward, NULL, p->engine, hint);
    dnnl_primitive_desc_destroy(hint);
    return status;
}

static dnnl_status_t make(const struct pass *pass, work *p, const dnnl_memory_desc_t md[OPERANDS], int64_t pad) {
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl_engine_create(&p->engine, dnnl_cpu, 0);
    if (status == dnnl_success) status = dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags);
    if (status == dnnl_success) status = describe(pass, p, md, pad, &description);
    if (status != dnnl_success) return status;
    for (int i = 0; i < OPERANDS && status == dnnl_success; i++) {
        const dnnl_memory_desc_t *form = dnnl_primitive_desc_query_md(description, pass->form[i], 0);
        int64_t n = (int64_t)dnnl_memory_desc_get_size(form) / 4;
        p->data[i] = bench_floats(n, (unsigned)i + 1);
        status = dnnl_memory_create(&p->memory[i], form, p->engine, p->data[i]);
        p->arguments[i] = (dnnl_exec_arg_t){ pass->argument[i], p->memory[i] };
    }
    if (status == dnnl_success) status = dnnl_primitive_create(&p->primitive, description);
    dnnl_primitive_desc_destroy(description);
    return status;
}

static const char *prepare_convolution(const bench_work *w, work *p, bench_job *job) {
    int64_t size = (int64_t)bench_number(w, "size", 8), taps = (int64_t)bench_number(w, "taps", 3);
    int64_t channels = (int64_t)bench_number(w, "channels", 1), out = (int64_t)bench_number(w, "out", 8);
    int64_t pad = bench_number(w, "same", 0) > 0 ? taps / 2 : 0, side = size + 2 * pad - taps + 1;
    const dnnl_dims_t dims[OPERANDS] = { { 64, channels, size, size }, { out, channels, taps, taps },
                                           { 64, out, side, side } };
    dnnl_memory_desc_t md[OPERANDS];
    for (int i = 0; i < OPERANDS; i++) dnnl_memory_desc_init_by_tag(&md[i], 4, dims[i], dnnl_f32, dnnl_format_tag_any);
    for (size_t i = 0; i < sizeof passes / sizeof *passes; i++)
        if (bench_is(w, "pass", passes[i].name) && make(&passes[i], p, md, pad) == dnnl_success) {
            double flops = 2. * 64 * (double)(side * side * taps * taps * channels * out);
            *job = (bench_job){ run_convolution, end_work, p, flops, NULL, "oneDNN" };
            return NULL;
        }
    end_work(p);
    return "no such convolution";
}

static const char *prepare(const bench_work *w, int threads, bench_job *job) {
    static work p;
    omp_set_num_threads(threads);
    if (strcmp(w->kind, "gemm") == 0) return prepare_product(w, &p, job);
    if (strcmp(w->kind, "conv") == 0) return prepare_convolution(w, &p, job);
    return "products and convolutions only";
}

int main(int argc, char **argv) { return bench_main(argc, argv, prepare); }
