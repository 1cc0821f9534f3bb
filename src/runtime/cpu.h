/* SPDX-License-Identifier: MIT
 *
 * cpu.h: the parts of the cpu executor. The compiled graph becomes a flat array of steps in three moves:
 *
 *   lower   each value becomes no step (a view, a constant), one or a few; a step says which memory it reads and
 *           writes, and where in itself the addresses belong                                  lower*.c, strip.c
 *   plan    memory that is live at different times shares one arena                           plan.c
 *   bind    the addresses are written into the steps                                          plan.c
 *
 * and a run is a loop over that array (cpu.c).
 */
#ifndef EG_RUNTIME_CPU_H
#define EG_RUNTIME_CPU_H

#include "kernels/kernels.h"
#include "runtime/runtime.h"

/* ---- memory ---------------------------------------------------------------------------------------------- */

enum { EG_FOREVER = 1 << 30 }; /* eg_storage.last of what outlives the run */

/* LOOP: in a scan's body, what lies elsewhere in each step, or outside. */
typedef enum eg_place_kind { EG_IN_ARENA, EG_IN_INPUT, EG_IN_STATE, EG_IN_CONSTANTS, EG_IN_LOOP } eg_place_kind;

/* Memory of one value and all views of it. */
typedef struct eg_storage {
    eg_place_kind kind;
    size_t bytes;
    size_t offset;          /* ARENA, CONSTANTS: from the start of that block */
    unsigned char *base;    /* STATE: the variable's data */
    int input;              /* INPUT, LOOP: the port */
    int fixed;              /* LOOP: the same in each step, and only read */
    int same_as;            /* -1, or the storage that this one was put into (an assigned value in its variable) */
    size_t at;              /* where in that one it begins */
    int64_t row;            /* 0, or some columns of it alone: the way from row to row, in elements */
    int first, last;        /* ARENA: first step that writes it, last that touches it; first -1: nobody */
    int group;              /* ARENA: -1, or its row in run->group: they lie side by side, in that order */
    const eg_value *value;  /* CONSTANTS: what to fill it with */
} eg_storage;

/* A step reads or writes a storage. A write may take the place of the read number over_from + i (counted over
 * the step's uses) if bit i of `over` is set: each element is read before the same element is written. */
typedef struct eg_use {
    int storage, write, over_from;
    uint32_t over;
} eg_use;

/* Does `write` allow to be put where the step's use number `use` reads? */
int eg_use_over(const eg_use *write, int use);

/* Where an address belongs. */
typedef struct eg_fixup {
    void **slot;
    int storage;
    size_t at; /* of a port: how far behind its start */
} eg_fixup;

/* Storages that must lie side by side, each rounded up to 64 bytes, so that steps over them become one. */
typedef struct eg_neighbours {
    const int *storage;
    int n, first, last;
    size_t bytes;
} eg_neighbours;

/* ---- steps ----------------------------------------------------------------------------------------------- */

typedef struct eg_cpu_step eg_cpu_step;
typedef struct eg_cpu_run eg_cpu_run;

/* Does items [from, to) of the step's work. `scratch` is this part's own, step->scratch floats. */
typedef void (*eg_step_fn)(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch);

struct eg_cpu_step {
    eg_step_fn run;
    void *detail;           /* of the kind of step */
    int64_t items;          /* the work may be cut between any two */
    double work;            /* estimated nanoseconds of the whole on one thread: how many parts are worth it */
    int parts;              /* set by bind: 1 = on the caller alone */
    int roomy;              /* set by bind: what it writes has all room behind it up to the next 64 bytes */
    size_t scratch;         /* floats for each part */
    const eg_value *value;
    const char *kernel;
    double flops, bytes;
    int first_use, nuse;    /* in run->use */
    void (*bound)(eg_cpu_step *step); /* NULL, or called once when the addresses are there; may change `items` */
    /* NULL, or: can the step compute a batch's rows [from, to) and read no other row of what its loop changes? If so,
     * and `make`, its items are the `rows` rows from now on. */
    int (*by_rows)(const eg_cpu_run *run, eg_cpu_step *step, int64_t rows, int make);
    double seconds, fastest; /* of all profiled runs together, and of the fastest */
};

struct eg_cpu_run {
    eg_program *program;
    eg_arena *arena;        /* the program's: steps, details, tables */
    const eg_kernels *kernels;
    const eg_graph *graph;
    eg_storage *storage;
    eg_cpu_step *step, *last; /* all; the last one */
    eg_use *use;
    eg_fixup *fixup;
    eg_neighbours *group;
    int nstorage, nstep, nuse, nfixup, ngroup;
    eg_status status;       /* the first failure of building steps */
    int *storage_of;        /* [graph->n], -1: none yet */
    unsigned char *needed;  /* [graph->n]: is part of the program */
    int threads;            /* most parts that are allowed */
    int parts;              /* most parts of any step, those of loops included */
    int *port_fixup;        /* [nports + 1]: the fixups of port i are fixup[port_fixup[i] .. port_fixup[i + 1]) */
    int nports;             /* inputs of the program, or ports of a loop */
    void **result;          /* [nroots]: row-major, in the root's dtype */
    unsigned char *memory, *constants;
    size_t memory_bytes, constant_bytes;
    struct eg_strips *strips; /* all strip programs */
    float *scratch;         /* [parts][scratch_floats] */
    size_t scratch_floats;
    int64_t begin, end;     /* of a loop that is cut by the rows of its batch: which it does now; else 0, 0 */
    int64_t profiled;       /* runs */
    eg_cpu_run *loops, *next_loop; /* the bodies of its scans; of the same outer run */
};

/* Parts get at least this many nanoseconds of work; tests set 0 to cut everything. */
extern double eg_least_work_of_a_part;

/* ---- building steps -------------------------------------------------------------------------------------- */

/* A new last step; valid until the next one is made. NULL without memory. `detail_bytes` zeroed bytes come
 * with it. */
eg_cpu_step *eg_step_new(eg_cpu_run *run, const eg_value *value, const char *kernel, eg_step_fn fn,
                         size_t detail_bytes);
/* The last step reads / writes the value's memory, and wants its address in *slot, a pointer of any type in
 * its detail. What fails once fails from then on, so that the answer to a step's last use is that to all. */
eg_status eg_step_reads(eg_cpu_run *run, const eg_value *value, const void *slot);
eg_status eg_step_writes(eg_cpu_run *run, const eg_value *value, const void *slot);
/* The same for a storage (-1: without memory, it fails); slot may be NULL. */
eg_status eg_step_reads_at(eg_cpu_run *run, int storage, const void *slot);
eg_status eg_step_writes_at(eg_cpu_run *run, int storage, const void *slot);
eg_status eg_step_uses(eg_cpu_run *run, int storage, const void *slot, eg_use use);
/* The last step reads all operands of its value and writes it: `slots` is where a row of pointers begins, the
 * result's, then the operands'. */
eg_status eg_step_computes(eg_cpu_run *run, const void *slots);
/* Memory of the arena that is no value: scratch that several steps or all parts of one share. -1 without memory. */
int eg_storage_new(eg_cpu_run *run, size_t bytes);
int eg_floats_new(eg_cpu_run *run, int64_t n);
/* The storage of a value, made at the first call; views have that of what they look at. -1 without memory. */
int eg_storage_of(eg_cpu_run *run, const eg_value *value);
/* The storage in which another one was put, or itself; and where in it. */
int eg_storage_root(const eg_cpu_run *run, int storage);
size_t eg_storage_at(const eg_cpu_run *run, int storage);
/* A part of another storage. -1 without memory. */
int eg_storage_part(eg_cpu_run *run, int whole, size_t at, size_t bytes);
/* Asks for storages to lie side by side; ignored where one of them cannot move. */
eg_status eg_group_new(eg_cpu_run *run, const int *storages, int n);

/* ---- the moves ------------------------------------------------------------------------------------------- */

eg_status eg_cpu_lower(eg_cpu_run *run);
eg_status eg_cpu_plan(eg_cpu_run *run);
/* A loop's body: everything but its memory, which the outer run gives it; then, once it is there, the addresses. */
eg_status eg_cpu_plan_loop(eg_cpu_run *loop);
void eg_cpu_settle_loop(eg_cpu_run *loop);
/* Lowers the values that roots need, in order. */
eg_status eg_cpu_lower_values(eg_cpu_run *run, eg_value *const *root, int nroots);
/* Frees what a run has outside of the program's arena. */
void eg_cpu_run_free(eg_cpu_run *run);
/* All steps once. */
void eg_cpu_run_steps(eg_cpu_run *run);
/* The body that a step runs; NULL if it is no scan. */
eg_cpu_run *eg_cpu_loop_of(const eg_cpu_step *step);
/* Writes the address of an input again, after it was lent from elsewhere. */
void eg_cpu_bind(eg_cpu_run *run, int input);

/* Lowering of one value: appends its steps. */
typedef eg_status (*eg_lower_fn)(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_reference(eg_cpu_run *run, const eg_value *value); /* any op, in float64 on one thread */
eg_status eg_lower_elementwise(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_fused(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_matmul(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_conv(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_window_sum(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_window_argmax(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_take_along(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_put_along(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_pack(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_unpack(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_reduce(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_argmax(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_expand(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_permute(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_slice(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_pad(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_flip(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_concat(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_gather(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_scatter_add(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_one_hot(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_random(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_assign(eg_cpu_run *run, const eg_value *value);
eg_status eg_lower_scan(eg_cpu_run *run, const eg_value *value);
/* Does it stay as it is while the loop runs whose body this is? */
int eg_storage_is_fixed(const eg_cpu_run *run, int storage);
/* A plain copy of one storage into another, as large as that; either may be -1, without memory. */
eg_status eg_lower_copy(eg_cpu_run *run, const eg_value *value, int to, int from);

#endif
