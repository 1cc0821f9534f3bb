/* SPDX-License-Identifier: MIT
 *
 * runtime.h: what a program is made of. program.c keeps the user's side (names, sizes, errors); an engine does
 * the work: ref.c interprets the graph in float64, cpu.c runs a flat list of kernel calls.
 */
#ifndef EG_RUNTIME_H
#define EG_RUNTIME_H

#include <elegans/program.h>
#include "base/arena.h"
#include "base/text.h"
#include "compile/pass.h"
#include "runtime/state.h"

/* An input of a program, by the name the user knows. */
typedef struct eg_port {
    const char *name;
    eg_dtype dtype;
    eg_shape shape;
    size_t bytes;
    const eg_value *value; /* in the program's graph; NULL if no root needs it: then it is accepted and ignored */
    void *own;             /* where eg_set copies to */
    const void *data;      /* own, or what eg_bind lent; NULL: never set */
    const void *crooked;   /* lent but not aligned: copied to own at each run; NULL: none */
} eg_port;

typedef struct eg_engine {
    const char *name;
    int compiles; /* wants the passes; the oracle takes the graph as it was written */
    eg_status (*start)(eg_program *program);
    eg_status (*run)(eg_program *program);
    void (*bound)(eg_program *program, int input); /* input.data has changed */
    const void *(*data)(const eg_program *program, int root);
    void (*fetch)(const eg_program *program, int root, double *out, int64_t n);
    size_t (*memory)(const eg_program *program);
    int (*steps)(const eg_program *program);
    void (*describe)(const eg_program *program, eg_text *text); /* a line for each step */
    double (*margin)(const eg_program *program);
    void (*stop)(eg_program *program); /* also after a start that failed half-way */
} eg_engine;

struct eg_program {
    eg_state *state;
    eg_unit unit;
    eg_program_opt opt;
    const struct eg_kernels *kernels;
    const eg_engine *engine;
    void *run;          /* the engine's own */
    eg_arena arena;     /* names, tables */
    eg_port *input;
    int ninputs, found; /* found: the port that was set last */
    void *inputs;       /* one block for all ports' `own` */
    size_t input_bytes;
    int was_run;
};

extern const eg_engine eg_engine_ref, eg_engine_cpu;

/* Is the root an ASSIGN, which has no data? */
static inline int eg_root_is_effect(const eg_program *program, int root) {
    return program->unit.root[root]->op == EG_OP_ASSIGN;
}

#endif
