/* SPDX-License-Identifier: MIT
 *
 * elegans/program.h: running formulas. A state holds variables; a program is a graph compiled for a set of roots (values
 * to fetch, assigns to make) and runs as a flat list of kernel calls on memory planned beforehand.
 *
 *     eg_program *p = eg_program_new(state, roots, n);
 *     eg_set(p, "x", X, sizeof X);
 *     eg_run(p);
 *     printf("%g\n", eg_get(p, 0)[0]);
 *
 * After eg_program_new nothing allocates. Programs of different threads are independent unless they share a state; the
 * worker threads are one pool for the process. The same seed gives the same bits for any number of threads.
 */
#ifndef ELEGANS_PROGRAM_H
#define ELEGANS_PROGRAM_H

#include <elegans/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- state: variables by name ---------------------------------------------------------------------------- */

typedef struct eg_state eg_state;

EG_API eg_state *eg_state_new(uint64_t seed);
EG_API void eg_state_free(eg_state *state); /* after the programs that use it */
EG_API uint64_t eg_state_seed(const eg_state *state);
EG_API void eg_state_set_seed(eg_state *state, uint64_t seed);

/* Makes the variable exist (zeros) if it does not; eg_program_new does this for those it meets. SHAPE/DTYPE error if it exists
 * otherwise. */
EG_API eg_status eg_state_add(eg_state *state, const eg_value *var);
EG_API int eg_state_count(const eg_state *state);
EG_API const char *eg_state_name(const eg_state *state, int index); /* in order of creation */
EG_API int eg_state_find(const eg_state *state, const char *name);  /* index or -1 */
EG_API eg_shape eg_state_shape(const eg_state *state, int index);
EG_API eg_dtype eg_state_dtype(const eg_state *state, int index);
/* Row-major copies in and out, in the variable's dtype (panels are packed and unpacked here, at the state's door). `bytes` is
 * checked against the variable. */
EG_API eg_status eg_state_read(const eg_state *state, const char *name, void *out, size_t bytes);
EG_API eg_status eg_state_write(eg_state *state, const char *name, const void *data, size_t bytes);
/* A state with the same variables and values, e.g. to keep the best weights; and the values back again: every variable that
 * both states have is copied. NULL / an error if memory is short / shapes differ. */
EG_API eg_state *eg_state_clone(const eg_state *state);
EG_API eg_status eg_state_copy(eg_state *to, const eg_state *from);
/* Fills every f32/f64 variable of the graph with normal numbers (seed of the state, site of the name). */
EG_API eg_status eg_init_normal(eg_state *state, eg_graph *graph, double stddev);

/* ---- programs -------------------------------------------------------------------------------------------- */

typedef struct eg_program eg_program;

typedef enum eg_executor {
    EG_EXECUTOR_AUTO, /* EG_CPU, or what the environment's EG_KERNELS says */
    EG_CPU,           /* float32 kernels, fused, threaded */
    EG_REF            /* naive loops in float64, whatever the declared dtype: the oracle */
} eg_executor;

typedef struct eg_program_opt {
    size_t size_;
    eg_executor executor;
    int threads;         /* 0: the process default (eg_set_threads) */
    int no_fuse;         /* one kernel for each value */
    int no_layout;       /* no panels */
    int profile;         /* measure every step */
    const char *kernels; /* "portable", "avx2", "avx512", "neon"; NULL: $EG_KERNELS, or the best */
} eg_program_opt;

/* Compiles; NULL on failure (the graph's own error if it is poisoned). The roots' graph may be freed afterwards. */
EG_API eg_program *eg_program_new_(eg_state *state, eg_value *const *roots, int n, eg_program_opt opt);
#define eg_program_new(...) EG_PROGRAM_NEW_(__VA_ARGS__, .size_ = sizeof(eg_program_opt))
#define EG_PROGRAM_NEW_(state, roots, n, ...) eg_program_new_(state, roots, n, (eg_program_opt){ __VA_ARGS__ })
EG_API void eg_program_free(eg_program *program);

/* Copies `bytes` row-major bytes into the input; SHAPE error if the size is not the input's, NAME error for an unknown one
 * (inputs that no root needs are accepted and ignored). */
EG_API eg_status eg_set(eg_program *program, const char *input, const void *data, size_t bytes);
/* Borrows instead: `data` is read at each run until bound again. It should be aligned to 64 bytes and have 64 readable
 * bytes after its end; if it is not, or if the kernels need another form, it is copied at each run. */
EG_API eg_status eg_bind(eg_program *program, const char *input, const void *data, size_t bytes);
/* One run: DIVERGED never (values may be inf or nan), MISSING if an input was never set. */
EG_API eg_status eg_run(eg_program *program);

/* Result of root i (0-based, as given): row-major in the root's dtype, borrowed until the next run. eg_get is for f32;
 * NULL for an assign. */
EG_API const float *eg_get(const eg_program *program, int root);
EG_API const void *eg_get_data(const eg_program *program, int root);
/* The same converted to double, as many as out holds; with EG_REF these are the unrounded float64 values. */
EG_API eg_status eg_fetch(const eg_program *program, int root, double *out, int64_t n);

EG_API size_t eg_program_memory(const eg_program *program);          /* bytes of arena, inputs and constants */
EG_API int eg_program_steps(const eg_program *program);
EG_API double eg_program_flops(const eg_program *program);           /* per run */
/* With EG_REF: the smallest distance to a kink (compare, max, relu, floor) of the last run. */
EG_API double eg_program_margin(const eg_program *program);
/* One line for each step: text of the value, kernel, FLOPs, bytes; with profile also microseconds, GFLOP/s, GB/s. Allocated,
 * free with eg_string_free. */
EG_API char *eg_program_text(const eg_program *program);

/* Threads of the process-wide pool: 0 = $EG_THREADS, or all processors if that is not set. Results do not depend on it. A
 * program is not built while $EG_THREADS would decide and is no number. */
EG_API void eg_set_threads(int threads);
EG_API int eg_threads(void);

#ifdef __cplusplus
}
#endif
#endif
