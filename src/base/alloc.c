/* SPDX-License-Identifier: MIT
 *
 * alloc.c: the heap behind one hook. Each block is over-allocated so that it starts on a 64-byte border whatever the
 * hook returns; a small header right before it keeps its size and the way back to the hook's pointer:
 *
 *     hook's pointer ... [size, offset] | block, a multiple of 64 bytes
 *                                       ^ 64-byte aligned
 *
 * Not a pool: a network allocates when it is built and never while it runs, so the C library's heap is fast enough.
 */
#include "base/alloc.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include "base/status.h"

typedef struct header {
    size_t size;   /* bytes of the block, rounded up to EG_ALIGN */
    size_t offset; /* from the hook's pointer to the block */
} header;

enum { SLACK = sizeof(header) + EG_ALIGN - 1 };

/* Poison of the hostile build: fresh floats read as NaN and fresh pointers trap; freed bytes differ from both. */
enum { POISON_FRESH = 0xff, POISON_FREED = 0xdb };

/* Large blocks lie in large pages where the system has them for those who ask: matrices are read in strides, and a page
 * of 4 KB ends after a few. */
static void *libc_large(size_t size) {
    enum { PAGE = 1 << 21 };
    void *block = NULL;
#ifdef MADV_HUGEPAGE
    if (size >= PAGE && posix_memalign(&block, PAGE, size) == 0) madvise(block, size, MADV_HUGEPAGE);
#endif
    return block ? block : malloc(size);
}

static void *libc_resize(void *user, void *block, size_t old_size, size_t new_size) {
    (void)user, (void)old_size;
    if (!block) return libc_large(new_size);
    if (new_size > 0) return realloc(block, new_size);
    free(block);
    return NULL;
}

static eg_allocator allocator = { libc_resize, NULL };
static atomic_size_t bytes_now, bytes_peak;
static atomic_uint_fast64_t allocation_count;
static atomic_uint_fast64_t fail_countdown; /* 0: off, 1: the next allocation fails */
static atomic_int fail_sticky;

void eg_set_allocator(const eg_allocator *hook) { allocator = hook ? *hook : (eg_allocator){ libc_resize, NULL }; }

eg_memory_use eg_memory(void) {
    return (eg_memory_use){ atomic_load(&bytes_now), atomic_load(&bytes_peak), atomic_load(&allocation_count) };
}

void eg_alloc_fail_at(uint64_t n, int sticky) {
    atomic_store(&fail_sticky, sticky);
    atomic_store(&fail_countdown, n);
}

int eg_mul_size(size_t a, size_t b, size_t *out) {
    *out = a * b;
    return a == 0 || b <= SIZE_MAX / a;
}

int eg_add_size(size_t a, size_t b, size_t *out) {
    *out = a + b;
    return b <= SIZE_MAX - a;
}

/* Whether the allocation that is about to happen is the one that a fault loop asked to fail. */
static int told_to_fail(void) {
    uint_fast64_t left = atomic_load(&fail_countdown);
    while (left > 0) {
        uint_fast64_t next = left > 1 ? left - 1 : (uint_fast64_t)(atomic_load(&fail_sticky) ? 1 : 0);
        if (atomic_compare_exchange_weak(&fail_countdown, &left, next)) return left == 1;
    }
    return 0;
}

static void count(size_t added, size_t removed) {
    size_t now = atomic_fetch_add(&bytes_now, added - removed) + added - removed;
    size_t peak = atomic_load(&bytes_peak);
    while (now > peak && !atomic_compare_exchange_weak(&bytes_peak, &peak, now)) continue;
}

static header *header_of(void *block) { return (header *)block - 1; }
static char *hook_pointer(void *block) { return (char *)block - header_of(block)->offset; }

/* Rounds up to EG_ALIGN; 0 when the block and its slack do not fit a size_t, or for size 0. */
static size_t rounded(size_t size) {
    if (size > (size_t)PTRDIFF_MAX - SLACK - EG_ALIGN) return 0;
    return (size + EG_ALIGN - 1) / EG_ALIGN * EG_ALIGN;
}

/* The aligned block inside the hook's memory `raw`, its header filled in. */
static void *place(char *raw, size_t size) {
    uintptr_t start = (uintptr_t)raw + sizeof(header);
    size_t offset = sizeof(header) + (size_t)(-start & (EG_ALIGN - 1));
    void *block = raw + offset;
    *header_of(block) = (header){ size, offset };
    return block;
}

static void *no_memory(size_t size) {
    eg_fail(EG_E_MEMORY, "no memory for %zu bytes", size);
    return NULL;
}

void *eg_alloc(size_t size) {
    size_t full = rounded(size);
    if (full == 0 || told_to_fail()) return no_memory(size);
    char *raw = allocator.resize(allocator.user, NULL, 0, full + SLACK);
    if (!raw) return no_memory(size);
    void *block = place(raw, full);
#ifdef EG_HOSTILE
    memset(block, POISON_FRESH, full);
#endif
    atomic_fetch_add(&allocation_count, 1);
    count(full, 0);
    return block;
}

void *eg_calloc(size_t n, size_t size) {
    size_t total;
    if (!eg_mul_size(n, size, &total)) return no_memory(SIZE_MAX);
    void *block = eg_alloc(total);
    if (block) memset(block, 0, header_of(block)->size);
    return block;
}

void eg_free(void *block) {
    if (!block) return;
    size_t size = header_of(block)->size;
    char *raw = hook_pointer(block);
#ifdef EG_HOSTILE
    memset(block, POISON_FREED, size);
#endif
    count(0, size);
    allocator.resize(allocator.user, raw, size + SLACK, 0);
}

#ifdef EG_HOSTILE
/* Always moves, so that a pointer kept across a resize is caught. */
static void *resize(void *block, size_t size) {
    size_t old = header_of(block)->size;
    void *fresh = eg_alloc(size);
    if (!fresh) return NULL;
    memcpy(fresh, block, old < size ? old : size);
    eg_free(block);
    return fresh;
}
#else
/* The hook may return memory that is aligned otherwise: then the content is slid to the new border. */
static void *resize(void *block, size_t size) {
    size_t full = rounded(size), old = header_of(block)->size, offset = header_of(block)->offset;
    if (full == 0 || told_to_fail()) return no_memory(size);
    char *raw = allocator.resize(allocator.user, hook_pointer(block), old + SLACK, full + SLACK);
    if (!raw) return no_memory(size);
    uintptr_t start = (uintptr_t)raw + sizeof(header);
    size_t shift = sizeof(header) + (size_t)(-start & (EG_ALIGN - 1));
    if (shift != offset) memmove(raw + shift, raw + offset, old < full ? old : full);
    atomic_fetch_add(&allocation_count, 1);
    count(full, old);
    return place(raw, full);
}
#endif

void *eg_realloc(void *block, size_t size) { return block ? resize(block, size) : eg_alloc(size); }

eg_status eg_grow(void *table, size_t n, size_t size) {
    enum { LEAST = 1024 };
    void *block;
    memcpy(&block, table, sizeof block);
    size_t room = block ? header_of(block)->size : 0, bytes;
    if (!eg_mul_size(n, size, &bytes)) bytes = SIZE_MAX;
    if (bytes <= room) return EG_OK;
    if (bytes < 2 * room) bytes = 2 * room;
    if (!(block = eg_realloc(block, bytes < LEAST ? LEAST : bytes))) return EG_E_MEMORY;
    memcpy(table, &block, sizeof block);
    return EG_OK;
}

char *eg_strndup(const char *text, size_t length) {
    size_t size;
    if (!eg_add_size(length, 1, &size)) return no_memory(length);
    char *copy = eg_alloc(size);
    if (!copy) return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

char *eg_strdup(const char *text) { return eg_strndup(text, strlen(text)); }
