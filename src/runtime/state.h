/* SPDX-License-Identifier: MIT
 *
 * state.h: variables as the executors see them: a name, a shape and memory that never moves while the state
 * lives, so that a program may bind its address.
 */
#ifndef EG_RUNTIME_STATE_H
#define EG_RUNTIME_STATE_H

#include <elegans/program.h>
#include "base/arena.h"
#include "graph/node.h"

typedef struct eg_variable {
    const char *name;
    eg_dtype dtype;
    eg_layout layout;
    eg_shape shape;
    size_t bytes; /* as stored: panels have padding lanes */
    void *data;   /* aligned to 64 bytes, 64 readable bytes after its end */
} eg_variable;

struct eg_state {
    uint64_t seed;
    eg_arena names;
    eg_variable *variable; /* in order of creation */
    int n, capacity;
    struct eg_state_chunk *chunk; /* the one that is being filled first */
    size_t next_chunk, reserve;   /* the size of the next, and what it must hold at least */
};

/* The variable by name, NULL if absent. Valid until the next variable is added. */
const eg_variable *eg_state_get(const eg_state *state, const char *name);
/* Makes one new variable exist, of zeros. */
eg_status eg_state_make(eg_state *state, const char *name, eg_dtype dtype, const eg_shape *shape, eg_layout layout);
/* Makes n new variables exist, in the order of `var`; their memory lies side by side in the order
 * var[memory_order[0]], ..., if they are small, so that updates of neighbours run as one step. */
eg_status eg_state_add_many(eg_state *state, const eg_value *const *var, const int *memory_order, int n);
/* Bytes that a value of this shape and layout takes, without the padding of its end. */
size_t eg_stored_bytes(eg_dtype dtype, const eg_shape *shape, eg_layout layout);

#endif
