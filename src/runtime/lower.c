/* SPDX-License-Identifier: MIT
 *
 * lower.c: from the compiled graph to steps. One table says how each op is lowered; what stands in no table row
 * runs by its float64 reference (lower_reference.c), so that every graph runs, and the rows are there for
 * speed. Views and constants need no step.
 */
#include <string.h>
#include "base/alloc.h"
#include "base/status.h"
#include "ops/op.h"
#include "runtime/cpu.h"
#include "runtime/lower.h"

/* ---- growing tables -------------------------------------------------------------------------------------- */

/* Makes room for one more of n; the table may move. It has room for 32, 64, 128, ...: it is full when it holds as
 * many. */
static eg_status grow(void *table, int n, size_t size) {
    enum { FIRST = 32 };
    if (n & (n - 1) || (n > 0 && n < FIRST)) return EG_OK;
    void *old, *new;
    memcpy(&old, table, sizeof old);
    new = eg_realloc(old, (size_t)(n ? 2 * n : FIRST) * size);
    if (!new) return EG_E_MEMORY;
    memcpy(table, &new, sizeof new);
    return EG_OK;
}

#define GROW(table, n) grow(&(table), n, sizeof *(table))

/* ---- storage --------------------------------------------------------------------------------------------- */

int eg_storage_new(eg_cpu_run *run, size_t bytes) {
    if (GROW(run->storage, run->nstorage) != EG_OK) return -1;
    run->storage[run->nstorage] = (eg_storage){
        .bytes = bytes, .input = -1, .same_as = -1, .first = -1, .last = -1, .group = -1
    };
    return run->nstorage++;
}

int eg_floats_new(eg_cpu_run *run, int64_t n) { return eg_storage_new(run, (size_t)n * sizeof(float)); }

static int is_constant(const eg_value *v) {
    return v->op == EG_OP_CONST || v->op == EG_OP_DATA || v->op == EG_OP_IOTA;
}

static int leaf_storage(eg_cpu_run *run, const eg_value *v) {
    int s = eg_storage_new(run, eg_stored_bytes(v->dtype, &v->shape, v->layout));
    if (s < 0) return -1;
    eg_storage *storage = &run->storage[s];
    storage->value = v;
    storage->kind = v->op == EG_OP_INPUT ? EG_IN_INPUT
                    : v->op == EG_OP_VAR ? EG_IN_STATE
                    : is_constant(v)     ? EG_IN_CONSTANTS
                                         : EG_IN_ARENA;
    if (v->op == EG_OP_VAR) storage->base = eg_state_get(run->program->state, v->name)->data;
    for (int i = 0; i < run->program->ninputs; i++)
        if (run->program->input[i].value == v) storage->input = i;
    return s;
}

const eg_value *eg_behind_views(const eg_value *v) {
    while (v->op == EG_OP_RESHAPE) v = v->in[0];
    return v;
}

int eg_storage_of(eg_cpu_run *run, const eg_value *value) {
    int *known = &run->storage_of[value->id];
    if (*known < 0) *known = value->op == EG_OP_RESHAPE ? eg_storage_of(run, value->in[0]) : leaf_storage(run, value);
    return *known;
}

int eg_storage_root(const eg_cpu_run *run, int storage) {
    while (run->storage[storage].same_as >= 0) storage = run->storage[storage].same_as;
    return storage;
}

size_t eg_storage_at(const eg_cpu_run *run, int storage) {
    size_t at = 0;
    for (; storage >= 0; storage = run->storage[storage].same_as) at += run->storage[storage].at;
    return at;
}

int eg_storage_part(eg_cpu_run *run, int whole, size_t at, size_t bytes) {
    int part = whole < 0 ? -1 : eg_storage_new(run, bytes);
    if (part < 0) return -1;
    run->storage[part].same_as = whole;
    run->storage[part].at = at;
    return part;
}

eg_status eg_group_new(eg_cpu_run *run, const int *storages, int n) {
    EG_TRY(GROW(run->group, run->ngroup));
    const int *copy = eg_arena_copy(run->arena, storages, (size_t)n * sizeof *storages);
    if (!copy) return EG_E_MEMORY;
    run->group[run->ngroup++] = (eg_neighbours){ .storage = copy, .n = n };
    return EG_OK;
}

/* ---- steps ----------------------------------------------------------------------------------------------- */

eg_cpu_step *eg_step_new(eg_cpu_run *run, const eg_value *value, const char *kernel, eg_step_fn fn,
                         size_t detail_bytes) {
    if (GROW(run->step, run->nstep) != EG_OK) return NULL;
    void *detail = eg_arena_alloc(run->arena, detail_bytes);
    if (!detail) return NULL;
    eg_cpu_step *step = run->last = &run->step[run->nstep++];
    *step = (eg_cpu_step){ .run = fn, .detail = detail, .items = 1, .parts = 1, .value = value, .kernel = kernel,
                       .first_use = run->nuse };
    return step;
}

static eg_status add_fixup(eg_cpu_run *run, int storage, const void *slot) {
    if (!slot) return EG_OK;
    EG_TRY(GROW(run->fixup, run->nfixup));
    run->fixup[run->nfixup++] = (eg_fixup){ .slot = (void *)(uintptr_t)slot, .storage = storage };
    return EG_OK;
}

static eg_status add_use(eg_cpu_run *run, int storage, eg_use use) {
    if (storage < 0) return EG_E_MEMORY;
    EG_TRY(GROW(run->use, run->nuse));
    use.storage = storage;
    run->use[run->nuse++] = use;
    run->last->nuse++;
    run->last->bytes += (double)run->storage[storage].bytes;
    eg_storage *s = &run->storage[eg_storage_root(run, storage)];
    int now = run->nstep - 1;
    if (use.write && s->first < 0) s->first = now;
    if (s->last < now) s->last = now;
    return EG_OK;
}

eg_status eg_step_uses(eg_cpu_run *run, int storage, const void *slot, eg_use use) {
    if (run->status == EG_OK) run->status = add_use(run, storage, use);
    if (run->status == EG_OK) run->status = add_fixup(run, storage, slot);
    return run->status;
}

eg_status eg_step_reads_at(eg_cpu_run *run, int storage, const void *slot) {
    return eg_step_uses(run, storage, slot, (eg_use){ 0 });
}

eg_status eg_step_writes_at(eg_cpu_run *run, int storage, const void *slot) {
    return eg_step_uses(run, storage, slot, (eg_use){ .write = 1 });
}

eg_status eg_step_reads(eg_cpu_run *run, const eg_value *value, const void *slot) {
    return eg_step_reads_at(run, eg_storage_of(run, value), slot);
}

eg_status eg_step_writes(eg_cpu_run *run, const eg_value *value, const void *slot) {
    return eg_step_writes_at(run, eg_storage_of(run, value), slot);
}

eg_status eg_step_computes(eg_cpu_run *run, const void *slots) {
    const eg_value *v = run->last->value;
    void *const *slot = slots;
    for (int i = 0; i < v->nin; i++) eg_step_reads(run, v->in[i], slot + 1 + i);
    return eg_step_writes(run, v, slot);
}

int eg_storage_is_fixed(const eg_cpu_run *run, int storage) {
    const eg_storage *s = &run->storage[eg_storage_root(run, storage)];
    return s->kind == EG_IN_LOOP ? s->fixed : s->kind != EG_IN_ARENA;
}

/* ---- copies ---------------------------------------------------------------------------------------------- */

typedef struct copy_detail {
    unsigned char *to;
    const unsigned char *from;
    size_t bytes;
} copy_detail;

static void run_copy(const eg_cpu_step *step, int64_t from, int64_t to, float *scratch) {
    (void)from, (void)to, (void)scratch;
    const copy_detail *d = step->detail;
    if (d->bytes) memcpy(d->to, d->from, d->bytes);
}

eg_status eg_lower_copy(eg_cpu_run *run, const eg_value *value, int to, int from) {
    eg_cpu_step *step = eg_step_new(run, value, "copy", run_copy, sizeof(copy_detail));
    if (!step || to < 0) return EG_E_MEMORY;
    copy_detail *d = step->detail;
    d->bytes = run->storage[to].bytes;
    step->work = .1 * (double)d->bytes;
    eg_step_reads_at(run, from, &d->from);
    return eg_step_writes_at(run, to, &d->to);
}

int eg_use_over(const eg_use *write, int use) {
    int bit = use - write->over_from;
    return bit >= 0 && bit < 32 && write->over >> bit & 1;
}

/* ---- assigns --------------------------------------------------------------------------------------------- */

/* May the value be made right in the variable's memory? Yes if it is only written by one step, nobody fetches
 * it, and from that step on nobody reads the variable, but the step itself element by element. */
static int may_write_through(const eg_cpu_run *run, int value, int var) {
    const eg_storage *s = &run->storage[value];
    if (s->kind != EG_IN_ARENA || s->same_as >= 0 || s->first < 0) return 0;
    for (int i = s->first; i < run->nstep; i++) {
        const eg_cpu_step *step = &run->step[i];
        const eg_use *use = &run->use[step->first_use], *own = NULL;
        for (int k = 0; k < step->nuse; k++)
            if (use[k].write && use[k].storage == value) own = &use[k];
        if (own && i > s->first) return 0;
        for (int k = 0; k < step->nuse; k++) {
            if (eg_storage_root(run, use[k].storage) != var) continue;
            if (use[k].write || !own || !eg_use_over(own, k)) return 0;
        }
    }
    return 1;
}

static int is_fetched(eg_cpu_run *run, int storage) {
    const eg_unit *unit = &run->program->unit;
    for (int i = 0; i < unit->nroots; i++)
        if (!eg_root_is_effect(run->program, i) && eg_storage_of(run, unit->root[i]) == storage) return 1;
    return 0;
}

eg_status eg_lower_assign(eg_cpu_run *run, const eg_value *value) {
    int var = eg_storage_of(run, value->in[0]), now = eg_storage_of(run, value->in[1]);
    if (var < 0 || now < 0) return EG_E_MEMORY;
    if (eg_storage_root(run, now) == var) return EG_OK;
    if (run->storage[now].bytes == run->storage[var].bytes && !is_fetched(run, now) &&
        may_write_through(run, now, var)) {
        run->storage[now].same_as = var;
        return EG_OK;
    }
    return eg_lower_copy(run, value, var, now);
}

/* ---- the table ------------------------------------------------------------------------------------------- */

static eg_status lower_nothing(eg_cpu_run *run, const eg_value *value) { return (void)run, (void)value, EG_OK; }

static eg_status lower_detach(eg_cpu_run *run, const eg_value *value) {
    return eg_lower_copy(run, value, eg_storage_of(run, value), eg_storage_of(run, value->in[0]));
}

static const eg_lower_fn lowerings[EG_OP_COUNT] = {
    [EG_OP_INPUT] = lower_nothing,
    [EG_OP_VAR] = lower_nothing,
    [EG_OP_PARAM] = lower_nothing,
    [EG_OP_CONST] = lower_nothing,
    [EG_OP_DATA] = lower_nothing,
    [EG_OP_IOTA] = lower_nothing,
    [EG_OP_RESHAPE] = lower_nothing,
    [EG_OP_DETACH] = lower_detach,
    [EG_OP_PART] = lower_nothing, /* written by its FUSED or SCAN */
    [EG_OP_FUSED] = eg_lower_fused,
    [EG_OP_ASSIGN] = eg_lower_assign,
    [EG_OP_SCAN] = eg_lower_scan,
    [EG_OP_SUM] = eg_lower_reduce,
    [EG_OP_MAX] = eg_lower_reduce,
    [EG_OP_MIN] = eg_lower_reduce,
    [EG_OP_LOGSUMEXP] = eg_lower_reduce,
    [EG_OP_ARGMAX] = eg_lower_argmax,
    [EG_OP_PERMUTE] = eg_lower_permute,
    [EG_OP_EXPAND] = eg_lower_expand,
    [EG_OP_SLICE] = eg_lower_slice,
    [EG_OP_PAD] = eg_lower_pad,
    [EG_OP_FLIP] = eg_lower_flip,
    [EG_OP_CONCAT] = eg_lower_concat,
    [EG_OP_MATMUL] = eg_lower_matmul,
    [EG_OP_CONV] = eg_lower_conv,
    [EG_OP_WINDOW_SUM] = eg_lower_window_sum,
    [EG_OP_WINDOW_ARGMAX] = eg_lower_window_argmax,
    [EG_OP_TAKE_ALONG] = eg_lower_take_along,
    [EG_OP_PUT_ALONG] = eg_lower_put_along,
    [EG_OP_PACK] = eg_lower_pack,
    [EG_OP_UNPACK] = eg_lower_unpack,
    [EG_OP_GATHER] = eg_lower_gather,
    [EG_OP_SCATTER_ADD] = eg_lower_scatter_add,
    [EG_OP_ONE_HOT] = eg_lower_one_hot,
    [EG_OP_RANDOM_UNIFORM] = eg_lower_random,
    [EG_OP_RANDOM_NORMAL] = eg_lower_random,
};

static eg_status lower_value(eg_cpu_run *run, const eg_value *v) {
    int has_parts = v->def->attr == EG_ATTR_BODY;
    if (v->op != EG_OP_ASSIGN && !has_parts && eg_count(&v->shape) == 0) return EG_OK;
    if (lowerings[v->op]) return lowerings[v->op](run, v);
    if (v->def->flags & EG_ELEMENTWISE) return eg_lower_elementwise(run, v);
    return eg_lower_reference(run, v);
}

/* What eg_get hands out must be rows of its own: inputs and variables may change before the user looks. */
static eg_status lower_root(eg_cpu_run *run, int index) {
    const eg_value *v = run->program->unit.root[index];
    int s = eg_storage_of(run, v), own = s;
    if (s < 0) return EG_E_MEMORY;
    eg_place_kind kind = run->storage[eg_storage_root(run, s)].kind;
    if (v->layout == EG_PANELS || kind == EG_IN_INPUT || kind == EG_IN_STATE) {
        own = eg_storage_new(run, eg_stored_bytes(v->dtype, &v->shape, EG_ROWS));
        EG_TRY(v->layout == EG_PANELS ? eg_lower_unpack_to(run, v, own, s) : eg_lower_copy(run, v, own, s));
    }
    run->storage[eg_storage_root(run, own)].last = EG_FOREVER;
    return add_fixup(run, own, &run->result[index]);
}

eg_status eg_cpu_lower_values(eg_cpu_run *run, eg_value *const *root, int nroots) {
    eg_mark_needed(root, nroots, run->needed);
    for (int i = 0; i < run->graph->n; i++)
        if (run->needed[i]) EG_TRY(lower_value(run, run->graph->values[i]));
    return EG_OK;
}

eg_status eg_cpu_lower(eg_cpu_run *run) {
    const eg_program *p = run->program;
    for (int i = 0; i < run->graph->n; i++) run->storage_of[i] = -1;
    EG_TRY(eg_cpu_lower_values(run, p->unit.root, p->unit.nroots));
    for (int i = 0; i < p->unit.nroots; i++)
        if (!eg_root_is_effect(p, i)) EG_TRY(lower_root(run, i));
    return eg_strip_steps_finish(run);
}
