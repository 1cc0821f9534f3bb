/* SPDX-License-Identifier: MIT
 *
 * alloc.h: the only door to the heap. Everything goes through the user's eg_allocator hook, is counted, and is
 * aligned to 64 bytes (a cache line, an AVX-512 vector) with its size rounded up to 64, so that a kernel may read the
 * padding of a row's last vector. A hostile build (EG_HOSTILE) fills fresh and freed memory with a poison pattern and
 * can be told to fail the n-th allocation.
 */
#ifndef EG_BASE_ALLOC_H
#define EG_BASE_ALLOC_H

#include <elegans/base.h>

enum { EG_ALIGN = 64 };

/* `size` bytes, uninitialised / zeroed; NULL (and a MEMORY error) when there are none or on size 0. */
void *eg_alloc(size_t size);
void *eg_calloc(size_t count, size_t size); /* the product is checked for overflow */
/* Keeps the content up to the smaller size; on failure the old block stays valid and NULL comes back. */
void *eg_realloc(void *block, size_t size);
void eg_free(void *block); /* NULL is fine */
/* Makes room for n elements in a table that grows, an eg_realloc'ed array or NULL: at least twice what it had. It may
 * move; on failure it stays as it is. */
eg_status eg_grow(void *table, size_t n, size_t size);
#define EG_GROW(table, n) eg_grow(&(table), (size_t)(n), sizeof *(table))
char *eg_strdup(const char *text);
char *eg_strndup(const char *text, size_t length);

/* a*b or a+b into *out; false on overflow of size_t. */
int eg_mul_size(size_t a, size_t b, size_t *out);
int eg_add_size(size_t a, size_t b, size_t *out);

/* Makes the n-th allocation from now on fail, and all after it while `sticky` is set; n = 0 turns it off.
 * Works in every build: the fault loops of the tests are one call. */
void eg_alloc_fail_at(uint64_t n, int sticky); /* for tests */

#endif
