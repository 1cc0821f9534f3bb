/* SPDX-License-Identifier: MIT
 *
 * state.c: the variables of a model, by name. They live in chunks that are never moved or shrunk; small ones
 * made one after the other lie side by side. A matrix in panels is packed and unpacked here, at the state's
 * door, so that nobody outside the engine sees the layout. Not a file format: see src/formats.
 */
#include <string.h>
#include "base/alloc.h"
#include "base/rng.h"
#include "base/status.h"
#include "runtime/state.h"
#include "tensor/shape.h"

enum { PANEL = 32, FIRST_CHUNK = 4096, LARGEST_CHUNK = 1 << 18 };

typedef struct eg_state_chunk {
    struct eg_state_chunk *next;
    unsigned char *memory; /* aligned to 64 bytes, zeroed */
    size_t used, size;
} eg_state_chunk;

/* ---- life ------------------------------------------------------------------------------------------------ */

eg_state *eg_state_new(uint64_t seed) {
    eg_state *state = eg_calloc(1, sizeof *state);
    if (state) state->seed = seed;
    return state;
}

void eg_state_free(eg_state *state) {
    if (!state) return;
    for (eg_state_chunk *chunk = state->chunk, *next; chunk; chunk = next) {
        next = chunk->next;
        eg_free(chunk->memory);
        eg_free(chunk);
    }
    eg_arena_free(&state->names);
    eg_free(state->variable);
    eg_free(state);
}

uint64_t eg_state_seed(const eg_state *state) { return state->seed; }

void eg_state_set_seed(eg_state *state, uint64_t seed) { state->seed = seed; }

/* ---- room ------------------------------------------------------------------------------------------------ */

static size_t rounded(size_t bytes) { return bytes ? (bytes + EG_ALIGN - 1) / EG_ALIGN * EG_ALIGN : EG_ALIGN; }

size_t eg_stored_bytes(eg_dtype dtype, const eg_shape *shape, eg_layout layout) {
    if (layout == EG_PANELS) {
        int64_t panels = (shape->dim[1] + PANEL - 1) / PANEL;
        return (size_t)(panels * shape->dim[0] * PANEL) * eg_dtype_size(dtype);
    }
    return (size_t)eg_count(shape) * eg_dtype_size(dtype);
}

/* A chunk with its first `used` bytes handed out, in front of the others or right behind the first. */
static void *new_chunk(eg_state *state, size_t size, size_t used, int in_front) {
    eg_state_chunk *chunk = eg_calloc(1, sizeof *chunk);
    unsigned char *memory = chunk ? eg_calloc(1, size + EG_ALIGN) : NULL; /* the last variable's readable end */
    if (!memory) {
        eg_free(chunk);
        return NULL;
    }
    eg_state_chunk **link = in_front || !state->chunk ? &state->chunk : &state->chunk->next;
    *chunk = (eg_state_chunk){ *link, memory, used, size };
    *link = chunk;
    return memory;
}

/* `bytes` of zeros. What is large has a chunk of its own, behind the one that small variables go on filling; a
 * new chunk is twice the last, or as much as was reserved. */
static void *room(eg_state *state, size_t bytes) {
    eg_state_chunk *first = state->chunk;
    if (bytes > LARGEST_CHUNK / 4) return new_chunk(state, bytes, bytes, 0);
    if (first && first->size - first->used >= bytes) {
        first->used += bytes;
        return first->memory + first->used - bytes;
    }
    size_t size = state->next_chunk ? state->next_chunk : FIRST_CHUNK;
    if (size < state->reserve) size = state->reserve;
    if (size < bytes) size = bytes;
    void *memory = new_chunk(state, size, bytes, 1);
    if (memory) {
        state->next_chunk = 2 * size < LARGEST_CHUNK ? 2 * size : LARGEST_CHUNK;
        state->reserve = 0;
    }
    return memory;
}

/* ---- adding ---------------------------------------------------------------------------------------------- */

static eg_status grow(eg_state *state, int more) {
    if (state->n + more <= state->capacity) return EG_OK;
    int capacity = 2 * state->capacity > state->n + more ? 2 * state->capacity : state->n + more + 16;
    eg_variable *variable = eg_realloc(state->variable, (size_t)capacity * sizeof *variable);
    if (!variable) return EG_E_MEMORY;
    state->variable = variable;
    state->capacity = capacity;
    return EG_OK;
}

static const char *layout_name(eg_layout layout) { return layout == EG_PANELS ? "panels" : "rows"; }

static eg_status same(const eg_variable *have, const eg_value *want) {
    if (!eg_same_shape(&have->shape, &want->shape))
        return eg_fail(EG_E_SHAPE, "variable '%s' is %s in the state, not %s", have->name,
                       eg_shape_words(&have->shape), eg_shape_words(&want->shape));
    if (have->dtype != want->dtype)
        return eg_fail(EG_E_DTYPE, "variable '%s' is %s in the state, not %s", have->name, eg_dtype_name(have->dtype),
                       eg_dtype_name(want->dtype));
    if (have->layout != want->layout)
        return eg_fail(EG_E_DTYPE, "variable '%s' is stored in %s, not in %s: eg_var and eg_weight were mixed",
                       have->name, layout_name(have->layout), layout_name(want->layout));
    return EG_OK;
}

/* A variable of zeros in *out. */
static eg_status fill(eg_state *state, eg_variable *out, const char *name, eg_dtype dtype, const eg_shape *shape,
                      eg_layout layout) {
    size_t bytes = eg_stored_bytes(dtype, shape, layout);
    const char *copy = eg_arena_strdup(&state->names, name);
    *out = (eg_variable){ copy, dtype, layout, *shape, bytes, copy ? room(state, rounded(bytes)) : NULL };
    return out->data ? EG_OK : EG_E_MEMORY;
}

eg_status eg_state_make(eg_state *state, const char *name, eg_dtype dtype, const eg_shape *shape, eg_layout layout) {
    EG_TRY(grow(state, 1));
    EG_TRY(fill(state, &state->variable[state->n], name, dtype, shape, layout));
    state->n++;
    return EG_OK;
}

eg_status eg_state_add_many(eg_state *state, const eg_value *const *var, const int *memory_order, int n) {
    size_t total = 0;
    for (int i = 0; i < n; i++) total += rounded(eg_stored_bytes(var[i]->dtype, &var[i]->shape, var[i]->layout));
    state->reserve = total < LARGEST_CHUNK ? total : 0;
    EG_TRY(grow(state, n));
    eg_variable *made = state->variable + state->n; /* behind the end until all are whole */
    for (int k = 0; k < n; k++) {
        const eg_value *v = var[memory_order[k]];
        EG_TRY(fill(state, &made[memory_order[k]], v->name, v->dtype, &v->shape, v->layout));
    }
    state->n += n;
    return EG_OK;
}

eg_status eg_state_add(eg_state *state, const eg_value *var) {
    if (eg_value_is_poisoned(var)) return eg_graph_settle(var->graph);
    if (var->op != EG_OP_VAR) return eg_fail(EG_E_ARGUMENT, "state: %s is no variable", eg_value_op(var));
    const eg_variable *have = eg_state_get(state, var->name);
    return have ? same(have, var) : eg_state_make(state, var->name, var->dtype, &var->shape, var->layout);
}

eg_state *eg_state_clone(const eg_state *state) {
    eg_state *copy = eg_state_new(state->seed);
    for (int i = 0; copy && i < state->n; i++) {
        const eg_variable *v = &state->variable[i];
        if (eg_state_make(copy, v->name, v->dtype, &v->shape, v->layout) == EG_OK) {
            memcpy(copy->variable[i].data, v->data, v->bytes);
        } else {
            eg_state_free(copy);
            copy = NULL;
        }
    }
    return copy;
}

eg_status eg_state_copy(eg_state *to, const eg_state *from) {
    for (int i = 0; i < from->n; i++) {
        const eg_variable *a = &from->variable[i], *b = eg_state_get(to, a->name);
        if (!b) continue;
        if (a->dtype != b->dtype || !eg_same_shape(&a->shape, &b->shape) || a->layout != b->layout)
            return eg_fail(EG_E_SHAPE, "variable '%s' differs between the two states", a->name);
    }
    for (int i = 0; i < from->n; i++) {
        const eg_variable *a = &from->variable[i], *b = eg_state_get(to, a->name);
        if (b) memcpy(b->data, a->data, a->bytes);
    }
    return EG_OK;
}

/* ---- looking --------------------------------------------------------------------------------------------- */

int eg_state_count(const eg_state *state) { return state->n; }

const char *eg_state_name(const eg_state *state, int index) { return state->variable[index].name; }

eg_shape eg_state_shape(const eg_state *state, int index) { return state->variable[index].shape; }

eg_dtype eg_state_dtype(const eg_state *state, int index) { return state->variable[index].dtype; }

int eg_state_find(const eg_state *state, const char *name) {
    for (int i = 0; i < state->n; i++)
        if (strcmp(state->variable[i].name, name) == 0) return i;
    return -1;
}

const eg_variable *eg_state_get(const eg_state *state, const char *name) {
    int index = eg_state_find(state, name);
    return index < 0 ? NULL : &state->variable[index];
}

/* ---- the door -------------------------------------------------------------------------------------------- */

/* Rows <-> panels [ceil(n/32)][k][32] of a matrix [k,n]: into the one of them that is given as `to`. */
static void turn_matrix(const eg_shape *shape, float *to, const float *from, int to_panels) {
    int64_t k = shape->dim[0], n = shape->dim[1], panel = 0;
    for (int64_t j = 0; j < n; j += PANEL) {
        size_t width = (size_t)(n - j < PANEL ? n - j : PANEL);
        for (int64_t row = j; row < k * n; row += n, panel += PANEL) {
            if (to_panels) memset(to + panel, 0, PANEL * sizeof *to);
            memcpy(to + (to_panels ? panel : row), from + (to_panels ? row : panel), width * sizeof *to);
        }
    }
}

/* The variable, if it is there and takes that many row-major bytes. */
static eg_status checked(const eg_state *state, const char *name, size_t bytes, const eg_variable **out) {
    const eg_variable *v = eg_state_get(state, name);
    if (!v) return eg_fail(EG_E_NAME, "the state has no variable '%s'", name);
    size_t rows = eg_stored_bytes(v->dtype, &v->shape, EG_ROWS);
    if (bytes != rows)
        return eg_fail(EG_E_SHAPE, "variable '%s' is %s%s: %zu bytes, not %zu", name, eg_dtype_name(v->dtype),
                       eg_shape_words(&v->shape), rows, bytes);
    *out = v;
    return EG_OK;
}

/* Out to the user's row-major `bytes`, or in from them. */
static eg_status pass(const eg_state *state, const char *name, void *out, const void *in, size_t bytes) {
    const eg_variable *v = NULL;
    EG_TRY(checked(state, name, bytes, &v));
    void *to = in ? v->data : out;
    const void *from = in ? in : v->data;
    if (v->layout == EG_PANELS)
        turn_matrix(&v->shape, to, from, in != NULL);
    else if (bytes)
        memcpy(to, from, bytes);
    return EG_OK;
}

eg_status eg_state_read(const eg_state *state, const char *name, void *out, size_t bytes) {
    return pass(state, name, out, NULL, bytes);
}

eg_status eg_state_write(eg_state *state, const char *name, const void *data, size_t bytes) {
    return pass(state, name, NULL, data, bytes);
}

static eg_status fill_normal(eg_state *state, const eg_value *var, double stddev) {
    EG_TRY(eg_state_add(state, var));
    int64_t n = eg_count(&var->shape);
    size_t size = eg_dtype_size(var->dtype), bytes = (size_t)n * size;
    if (n == 0) return EG_OK;
    unsigned char *draw = eg_alloc(bytes);
    if (!draw) return EG_E_MEMORY;
    eg_rng_key key = { state->seed, 0, eg_site(var->name) };
    for (int64_t i = 0; i < n; i++) {
        double number = stddev * eg_rng_normal(key, (uint64_t)i);
        eg_convert(var->dtype, draw + (size_t)i * size, EG_F64, &number, 1);
    }
    eg_status status = eg_state_write(state, var->name, draw, bytes);
    eg_free(draw);
    return status;
}

eg_status eg_init_normal(eg_state *state, eg_graph *graph, double stddev) {
    for (int i = 0; i < graph->n; i++) {
        const eg_value *v = graph->values[i];
        if (v->op == EG_OP_VAR && (v->dtype == EG_F32 || v->dtype == EG_F64))
            EG_TRY(fill_normal(state, v, stddev));
    }
    return EG_OK;
}
