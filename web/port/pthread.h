/* SPDX-License-Identifier: MIT
 *
 * pthread.h: threads for a WebAssembly module that has none. No thread can be started, so that the library's pool
 * stays empty and its caller does all parts itself; locks have nobody to keep out. Not a thread library.
 */
#ifndef EG_PORT_PTHREAD_H
#define EG_PORT_PTHREAD_H

#include <errno.h>
#include <sys/types.h> /* wasi-libc has the types, and nothing else */

#define PTHREAD_MUTEX_INITIALIZER { { { 0 } } }
#define PTHREAD_COND_INITIALIZER { { { 0 } } }
#define PTHREAD_ONCE_INIT 0

static inline int pthread_create(pthread_t *thread, const void *attributes, void *(*run)(void *), void *argument) {
    (void)thread, (void)attributes, (void)run, (void)argument;
    return EAGAIN;
}
static inline int pthread_join(pthread_t thread, void **result) { return (void)thread, (void)result, ESRCH; }
static inline int pthread_mutex_init(pthread_mutex_t *m, const void *attributes) { return (void)m, (void)attributes, 0; }
static inline int pthread_mutex_lock(pthread_mutex_t *m) { return (void)m, 0; }
static inline int pthread_mutex_unlock(pthread_mutex_t *m) { return (void)m, 0; }
static inline int pthread_cond_init(pthread_cond_t *c, const void *attributes) { return (void)c, (void)attributes, 0; }
static inline int pthread_cond_wait(pthread_cond_t *c, pthread_mutex_t *m) { return (void)c, (void)m, 0; }
static inline int pthread_cond_broadcast(pthread_cond_t *c) { return (void)c, 0; }
static inline int pthread_atfork(void (*before)(void), void (*parent)(void), void (*child)(void)) {
    return (void)before, (void)parent, (void)child, 0;
}
static inline int pthread_once(pthread_once_t *once, void (*first)(void)) {
    if (!*once) *once = 1, first();
    return 0;
}

#endif
