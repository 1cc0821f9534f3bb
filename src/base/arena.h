/* SPDX-License-Identifier: MIT
 *
 * arena.h: memory that is freed all at once. A graph's nodes, a pass's scratch, a parser's tree live in one.
 * Blocks are chained and grow geometrically; nothing is ever moved, so pointers stay valid until the arena is freed.
 */
#ifndef EG_BASE_ARENA_H
#define EG_BASE_ARENA_H

#include <stddef.h>
#include <stdarg.h>

typedef struct eg_arena {
    struct eg_arena_block *head; /* newest block first */
    size_t used, bytes;          /* bytes handed out; bytes held */
} eg_arena;

#define EG_ARENA_INIT ((eg_arena){ 0 })

/* Zeroed memory aligned to 16; NULL (error set) when there is none. size 0 gives a valid pointer. */
void *eg_arena_alloc(eg_arena *arena, size_t size);
void *eg_arena_copy(eg_arena *arena, const void *bytes, size_t size);
char *eg_arena_strdup(eg_arena *arena, const char *text);
char *eg_arena_format(eg_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees all blocks; the arena may be used again. */
void eg_arena_free(eg_arena *arena);

#define EG_ARENA_NEW(arena, type) ((type *)eg_arena_alloc((arena), sizeof(type)))
#define EG_ARENA_ARRAY(arena, type, count) ((type *)eg_arena_alloc((arena), sizeof(type) * (size_t)(count)))

#endif
