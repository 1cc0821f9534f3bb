/* SPDX-License-Identifier: MIT
 *
 * cpu: plausible answers, agreement with the compiler's own detection, and the denormal mode.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <float.h>
#ifdef __linux__
#include <sched.h>
#endif
#include <stdlib.h>

#include "base/cpu.h"

static void test_info(void **state) {
    (void)state;
    const eg_cpu *cpu = eg_cpu_info();
    assert_ptr_equal(cpu, eg_cpu_info());
    assert_true(cpu->cores >= 1 && cpu->cores < 100000);
    assert_true(cpu->name[0] != '\0');
    assert_true(cpu->l1d >= 0 && cpu->l2 >= 0 && cpu->l3 >= 0);
    assert_true(!cpu->avx512 || cpu->avx2_fma);
#if defined(__x86_64__)
    __builtin_cpu_init();
    assert_int_equal(cpu->avx2_fma, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    assert_int_equal(cpu->avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"));
#endif
}

static void test_clock_moves_on(void **state) {
    (void)state;
    double start = eg_clock(), now = start;
    for (int i = 0; i < 100000000 && now == start; i++) now = eg_clock();
    assert_true(now > start && now - start < 1);
}

static void test_denormals(void **state) {
    (void)state;
#if defined(__x86_64__) || defined(__aarch64__)
    volatile float tiny = FLT_MIN, half = 0.5f;
    unsigned mode = eg_denormals_flush();
    float flushed = tiny * half;
    eg_denormals_restore(mode);
    float kept = tiny * half;
    assert_true(flushed == 0 && kept > 0);
#endif
}

/* The system may bring a thread back at once: moved once in many tries is moved. */
static void test_threads_part(void **state) {
    (void)state;
    int cores = eg_cpu_info()->cores, moved = 0;
    if (cores < 2 || eg_processor() < 0) skip();
    for (int i = 0; i < 100 && !moved; i++) {
        int taken = eg_processor();
        eg_processor_leave(taken, 1);
        moved = eg_processor() != taken;
    }
    assert_true(moved);
#ifdef __linux__
    cpu_set_t all;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_int_equal(CPU_COUNT(&all), cores);
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_info), cmocka_unit_test(test_clock_moves_on), cmocka_unit_test(test_denormals),
                                        cmocka_unit_test(test_threads_part) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
