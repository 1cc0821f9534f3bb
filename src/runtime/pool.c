/* SPDX-License-Identifier: MIT
 *
 * pool.c: fork and join in a tenth of a microsecond. Workers watch one word, the ticket; while work keeps
 * coming they spin on it, after 50 microseconds without they sleep: a library must not burn a core.
 *
 * The ticket numbers the jobs: even while one is open, odd while the next one's fields are written. A thread that
 * read the same even ticket before and after the fields has those of that job. It then takes a part by raising the
 * number of the last job in which that part was taken to this one's; if the job has ended meanwhile, somebody has. A
 * worker that comes late finds no part left and nobody waits for it. The caller takes parts as well and then waits
 * for those that others have begun.
 *
 * Each thread first asks for the part of its own number and then for those behind it: what it wrote in one job, it
 * finds in its own cache in the next one.
 *
 * A system wakes a thread where the waker runs, as if that were about to stop, and is in no hurry to part them: two
 * threads then share one processor for many milliseconds. A worker that wakes up beside its caller moves on.
 *
 * Not a task scheduler: one job at a time. A second user thread does not queue, it runs its parts alone.
 */
#include <elegans/program.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/cpu.h"
#include "base/status.h"
#include "base/text.h"
#include "runtime/pool.h"

enum { MOST_WORKERS = 255, SPINS_PER_LOOK = 64, SPINS_BEFORE_YIELD = 1024 };
static const double SPIN_SECONDS = 50e-6;

static struct {
    /* The job: written by the caller while no part is open. */
    _Atomic(eg_part_fn) fn;
    _Atomic(void *) context;
    atomic_int parts;
    /* Next to the job, a line of its own each: what everybody hammers on. */
    _Alignas(64) atomic_uint_fast64_t ticket;
    _Alignas(64) atomic_uint_fast64_t taken[MOST_WORKERS + 1]; /* the ticket of the last job whose part i was taken */
    _Alignas(64) atomic_int done;
    _Alignas(64) atomic_int busy;     /* a caller is inside */
    atomic_int sleepers, stop, workers;
    atomic_int processor;             /* of the caller who woke the sleepers */
    pthread_t thread[MOST_WORKERS];
    pthread_mutex_t mutex;            /* of the condition, and of starting workers */
    pthread_cond_t wake;
} pool = { .mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER };

static atomic_int wanted_threads; /* of eg_set_threads; 0: not said */

static inline void breathe(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* ---- taking parts ---------------------------------------------------------------------------------------- */

static int take(int part, uint_fast64_t ticket) {
    uint_fast64_t last = atomic_load_explicit(&pool.taken[part], memory_order_relaxed);
    return last < ticket && atomic_compare_exchange_strong_explicit(&pool.taken[part], &last, ticket,
                                                                    memory_order_acq_rel, memory_order_relaxed);
}

/* Works on the open job until none of its parts is left; on part `own` first. */
static void take_parts(int own) {
    uint_fast64_t ticket = atomic_load_explicit(&pool.ticket, memory_order_acquire);
    eg_part_fn fn = atomic_load_explicit(&pool.fn, memory_order_acquire);
    void *context = atomic_load_explicit(&pool.context, memory_order_acquire);
    int parts = atomic_load_explicit(&pool.parts, memory_order_acquire);
    if (ticket & 1 || atomic_load_explicit(&pool.ticket, memory_order_relaxed) != ticket) return;
    for (int i = 0; i < parts; i++) {
        int part = (own + i) % parts;
        if (!take(part, ticket)) continue;
        fn(context, part);
        atomic_fetch_add_explicit(&pool.done, 1, memory_order_release);
    }
}

/* A worker that shares the caller's processor all the same gets its turn. */
static void wait_for_others(int parts) {
    for (int spins = 0; atomic_load_explicit(&pool.done, memory_order_acquire) < parts; spins++) {
        if (spins < SPINS_BEFORE_YIELD)
            breathe();
        else
            sched_yield();
    }
}

void eg_pool_run(int parts, eg_part_fn fn, void *context) {
    int idle = 0;
    if (parts < 2 || atomic_load_explicit(&pool.workers, memory_order_relaxed) == 0 ||
        !atomic_compare_exchange_strong(&pool.busy, &idle, 1)) {
        for (int i = 0; i < parts; i++) fn(context, i);
        return;
    }
    uint_fast64_t closed = atomic_load_explicit(&pool.ticket, memory_order_relaxed) | 1;
    atomic_store_explicit(&pool.ticket, closed, memory_order_relaxed);
    atomic_store_explicit(&pool.fn, fn, memory_order_release);
    atomic_store_explicit(&pool.context, context, memory_order_release);
    atomic_store_explicit(&pool.parts, parts, memory_order_release);
    atomic_store_explicit(&pool.done, 0, memory_order_relaxed);
    atomic_store(&pool.ticket, closed + 1);
    if (atomic_load(&pool.sleepers) > 0) {
        atomic_store_explicit(&pool.processor, eg_processor(), memory_order_relaxed);
        pthread_mutex_lock(&pool.mutex);
        pthread_cond_broadcast(&pool.wake);
        pthread_mutex_unlock(&pool.mutex);
    }
    take_parts(0);
    wait_for_others(parts);
    atomic_store_explicit(&pool.busy, 0, memory_order_release);
}

/* ---- workers --------------------------------------------------------------------------------------------- */

static int has_news(uint_fast64_t seen) {
    uint_fast64_t ticket = atomic_load(&pool.ticket);
    return (ticket != seen && !(ticket & 1)) || atomic_load(&pool.stop);
}

static void wait_for_news(uint_fast64_t seen, int worker) {
    double end = eg_clock() + SPIN_SECONDS;
    do {
        for (int i = 0; i < SPINS_PER_LOOK; i++) {
            if (has_news(seen)) return;
            breathe();
        }
    } while (eg_clock() < end);
    pthread_mutex_lock(&pool.mutex);
    atomic_fetch_add(&pool.sleepers,
                     1); /* before the last look: a caller sees the sleeper or the sleeper the ticket */
    while (!has_news(seen)) pthread_cond_wait(&pool.wake, &pool.mutex);
    atomic_fetch_sub(&pool.sleepers, 1);
    pthread_mutex_unlock(&pool.mutex);
    int taken = atomic_load_explicit(&pool.processor, memory_order_relaxed);
    if (taken >= 0 && taken == eg_processor()) eg_processor_leave(taken, worker);
}

static void *work(void *number) {
    int worker = (int)(intptr_t)number; /* from 1 */
    eg_denormals_flush();
    uint_fast64_t seen = 0;
    while (!atomic_load(&pool.stop)) {
        wait_for_news(seen, worker);
        seen = atomic_load(&pool.ticket);
        take_parts(worker);
    }
    return NULL;
}

/* A forked child has the pool's memory but none of its threads, and no part in its parent's job. */
static void forget_workers(void) {
    atomic_fetch_or(&pool.ticket, 1);
    atomic_store(&pool.workers, 0);
    atomic_store(&pool.busy, 0);
    atomic_store(&pool.sleepers, 0);
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.wake, NULL);
}

void eg_pool_prepare(int threads) {
    pthread_mutex_lock(&pool.mutex);
    static int first = 1;
    if (first) first = pthread_atfork(NULL, NULL, forget_workers) != 0;
    int n = atomic_load(&pool.workers);
    while (n < threads - 1 && n < MOST_WORKERS) {
        void *number = (void *)(intptr_t)(n + 1);
        if (pthread_create(&pool.thread[n], NULL, work, number) != 0) break;
        atomic_store(&pool.workers, ++n);
    }
    pthread_mutex_unlock(&pool.mutex);
}

/* When the process ends or the library is unloaded, no thread may be left in its code. */
__attribute__((destructor)) static void stop_workers(void) {
    pthread_mutex_lock(&pool.mutex);
    atomic_store(&pool.stop, 1);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.mutex);
    int n = atomic_load(&pool.workers);
    for (int i = 0; i < n; i++) pthread_join(pool.thread[i], NULL);
    atomic_store(&pool.workers, 0);
}

/* ---- how many -------------------------------------------------------------------------------------------- */

void eg_set_threads(int threads) {
    int most = MOST_WORKERS + 1;
    atomic_store(&wanted_threads, threads < 0 ? 0 : threads > most ? most : threads);
}

eg_status eg_threads_find(int *threads) {
    int64_t n = atomic_load(&wanted_threads);
    const char *wish = getenv("EG_THREADS");
    eg_status status = EG_OK;
    if (n == 0 && wish) {
        const char *end = eg_parse_int(wish, wish + strlen(wish), &n);
        if (*wish && (!end || *end || n < 0))
            status = eg_fail(EG_E_ARGUMENT, "EG_THREADS: '%.60s' is no number of threads", wish);
    }
    if (n <= 0) n = eg_cpu_info()->cores;
    *threads = n < 1 ? 1 : n > MOST_WORKERS + 1 ? MOST_WORKERS + 1 : (int)n;
    return status;
}

int eg_threads(void) {
    int threads;
    eg_threads_find(&threads);
    return threads;
}
