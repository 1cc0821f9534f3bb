/* SPDX-License-Identifier: MIT
 *
 * arena.c: a chain of blocks, newest first. Small requests are carved from the head; a request that is large beside
 * the block size gets a block of its own behind the head, so that the head's room is not wasted.
 */
#include "base/arena.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

enum { GRAIN = 16, FIRST_BLOCK = 4096 - 64, LARGEST_BLOCK = 1 << 20 };

typedef struct eg_arena_block {
    struct eg_arena_block *next;
    size_t size, used; /* of the bytes after this header */
    size_t padding_;   /* keeps the bytes after the header aligned to GRAIN */
} eg_arena_block;

_Static_assert(sizeof(eg_arena_block) % GRAIN == 0, "the content of a block must start aligned");

static eg_arena_block *block_new(eg_arena *arena, size_t size) {
    size_t total;
    if (!eg_add_size(size, sizeof(eg_arena_block), &total)) total = SIZE_MAX;
    eg_arena_block *block = eg_alloc(total);
    if (!block) return NULL;
    *block = (eg_arena_block){ .size = size };
    arena->bytes += total;
    return block;
}

/* A block with `size` bytes free: a fresh head of twice what is held so far, or a large request's own. */
static eg_arena_block *block_for(eg_arena *arena, size_t size) {
    eg_arena_block *head = arena->head;
    if (head && head->size - head->used >= size) return head;
    size_t grown = arena->bytes < FIRST_BLOCK ? FIRST_BLOCK : arena->bytes;
    if (grown > LARGEST_BLOCK) grown = LARGEST_BLOCK;
    int own = head && size > grown / 4;
    eg_arena_block *block = block_new(arena, own || size > grown ? size : grown);
    if (!block) return NULL;
    eg_arena_block **link = own ? &head->next : &arena->head;
    block->next = *link;
    *link = block;
    return block;
}

void *eg_arena_alloc(eg_arena *arena, size_t size) {
    size_t full = size == 0 ? GRAIN : size;
    full = full > SIZE_MAX - GRAIN ? full : (full + GRAIN - 1) / GRAIN * GRAIN;
    eg_arena_block *block = block_for(arena, full);
    if (!block) return NULL;
    void *memory = (char *)(block + 1) + block->used;
    block->used += full;
    arena->used += full;
    return memset(memory, 0, full);
}

void *eg_arena_copy(eg_arena *arena, const void *bytes, size_t size) {
    void *copy = eg_arena_alloc(arena, size);
    if (copy && size > 0) memcpy(copy, bytes, size);
    return copy;
}

char *eg_arena_strdup(eg_arena *arena, const char *text) { return eg_arena_copy(arena, text, strlen(text) + 1); }

char *eg_arena_format(eg_arena *arena, const char *format, ...) {
    eg_text text = { 0 };
    va_list arguments;
    va_start(arguments, format);
    eg_text_formatv(&text, format, arguments);
    va_end(arguments);
    char *copy = text.failed ? NULL : eg_arena_strdup(arena, text.data);
    eg_text_free(&text);
    return copy;
}

void eg_arena_free(eg_arena *arena) {
    for (eg_arena_block *block = arena->head, *next; block; block = next) {
        next = block->next;
        eg_free(block);
    }
    *arena = EG_ARENA_INIT;
}
