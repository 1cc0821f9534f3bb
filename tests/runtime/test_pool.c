/* SPDX-License-Identifier: MIT
 *
 * test_pool.c: every part of every job is done exactly once and before the caller goes on, whoever does it; two
 * user threads do not disturb each other; sleeping workers wake; a forked child is not stuck. Run it under the
 * thread sanitizer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/status.h"
#include "runtime/cpu.h"
#include "runtime/pool.h"
#include "runtime/random_graph.h"

enum { MOST_PARTS = 16 };

typedef struct tally {
    int count[MOST_PARTS]; /* plain ints: a part done twice at once, or unseen by the caller, is a race */
    int round;
} tally;

static void count_part(void *context, int part) {
    tally *t = context;
    t->count[part] += t->round;
}

static void run_jobs(int jobs) {
    tally t = { { 0 }, 0 };
    int sum[MOST_PARTS] = { 0 };
    for (int k = 1; k <= jobs; k++) {
        int parts = 1 + k % MOST_PARTS;
        t.round = k;
        eg_pool_run(parts, count_part, &t);
        for (int i = 0; i < parts; i++) sum[i] += k;
        assert_memory_equal(sum, t.count, sizeof sum);
    }
}

static void every_part_is_done_once(void **unused) {
    (void)unused;
    eg_pool_prepare(3);
    run_jobs(20000);
}

static void sleepers_wake(void **unused) {
    (void)unused;
    for (int i = 0; i < 20; i++) {
        nanosleep(&(struct timespec){ 0, 300000 }, NULL);
        run_jobs(3);
    }
}

static void *user(void *unused) {
    run_jobs(5000);
    return unused;
}

static void user_threads_do_not_disturb_each_other(void **unused) {
    (void)unused;
    pthread_t thread[3];
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&thread[i], NULL, user, NULL), 0);
    run_jobs(5000);
    for (int i = 0; i < 3; i++) pthread_join(thread[i], NULL);
}

static void a_child_works_alone(void **unused) {
    (void)unused;
    pid_t child = fork();
    if (child == 0) {
        tally t = { { 0 }, 1 };
        eg_pool_run(4, count_part, &t);
        _exit(t.count[0] == 1 && t.count[3] == 1 ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    run_jobs(100);
}

static void the_number_of_threads_is_said_or_found(void **unused) {
    (void)unused;
    eg_set_threads(3);
    assert_int_equal(eg_threads(), 3);
    eg_set_threads(0);
    setenv("EG_THREADS", "2", 1);
    assert_int_equal(eg_threads(), 2);
    unsetenv("EG_THREADS");
    assert_true(eg_threads() >= 1);
}

static eg_status add_one(int threads) {
    eg_graph *graph = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *root = eg_add(eg_input(graph, "x", EG_F32, EG_SHAPE(4)), eg_const(graph, 1));
    eg_error_clear();
    eg_program_free(eg_program_new(state, &root, 1, .executor = EG_CPU, .threads = threads));
    eg_state_free(state);
    eg_graph_free(graph);
    return eg_error_status();
}

static void a_wish_that_is_no_number_is_an_error_where_it_decides(void **unused) {
    (void)unused;
    static const char *const wishes[] = { "x", "2x", "-1", "99999999999999999999" };
    for (int i = 0; i < 4; i++) {
        setenv("EG_THREADS", wishes[i], 1);
        assert_int_equal(add_one(0), EG_E_ARGUMENT);
        assert_non_null(strstr(eg_error(), "is no number of threads"));
        assert_int_equal(add_one(2), EG_OK);
    }
    eg_set_threads(1);
    assert_int_equal(add_one(0), EG_OK);
    eg_set_threads(0);
    setenv("EG_THREADS", "", 1);
    assert_int_equal(add_one(0), EG_OK);
    unsetenv("EG_THREADS");
}

/* ---- programs on several user threads -------------------------------------------------------------------- */

typedef struct worker {
    const random_graph *r;
    double sum;
} worker;

static void *run_programs(void *context) {
    worker *w = context;
    eg_state *state = eg_state_new(1);
    eg_program *p = eg_program_new(state, w->r->root, w->r->nroots, .executor = EG_CPU, .threads = 3);
    if (p && random_graph_feed(w->r, p, 0) == EG_OK) {
        for (int i = 0; i < 30; i++) eg_run(p);
        eg_fetch(p, 0, &w->sum, 1);
    }
    eg_program_free(p);
    eg_state_free(state);
    return NULL;
}

static void programs_run_on_two_user_threads(void **unused) {
    (void)unused;
    eg_least_work_of_a_part = 0;
    for (uint64_t seed = 1; seed < 20; seed++) {
        random_graph r = random_graph_new(seed), again = random_graph_new(seed);
        worker w[2] = { { &r, 0 }, { &again, 0 } };
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run_programs, &w[0]), 0);
        run_programs(&w[1]);
        pthread_join(thread, NULL);
        assert_memory_equal(&w[0].sum, &w[1].sum, sizeof(double));
        random_graph_free(&r);
        random_graph_free(&again);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_is_done_once),
        cmocka_unit_test(sleepers_wake),
        cmocka_unit_test(user_threads_do_not_disturb_each_other),
        cmocka_unit_test(a_child_works_alone),
        cmocka_unit_test(the_number_of_threads_is_said_or_found),
        cmocka_unit_test(a_wish_that_is_no_number_is_an_error_where_it_decides),
        cmocka_unit_test(programs_run_on_two_user_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
