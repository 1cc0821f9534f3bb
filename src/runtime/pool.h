/* SPDX-License-Identifier: MIT
 *
 * pool.h: one set of worker threads for the process. A step is cut into parts; each thread takes the part of its own
 * number, the caller part 0, and then whoever is free takes what is left, so that a sleeping or missing worker only
 * costs time, never a result.
 */
#ifndef EG_RUNTIME_POOL_H
#define EG_RUNTIME_POOL_H

typedef void (*eg_part_fn)(void *context, int part);

/* Starts workers until there are threads - 1 of them (fewer if the system refuses). Allocates: call it when
 * compiling. */
void eg_pool_prepare(int threads);
/* Runs fn(context, 0) ... fn(context, parts - 1), each once, and returns when all are done. If another user
 * thread is using the pool, the caller does all parts alone. Never allocates. */
void eg_pool_run(int parts, eg_part_fn fn, void *context);

/* What eg_threads gives; an error if $EG_THREADS has the say and is no number. */
eg_status eg_threads_find(int *threads);

#endif
