/* SPDX-License-Identifier: MIT
 *
 * cpu.c: what the processor can do and what time it is. A vector unit counts as usable only if the system saves its
 * registers across a task switch, which XGETBV tells.
 */
#include "base/cpu.h"

#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#include <xmmintrin.h>
#endif

static eg_cpu info;
static pthread_once_t info_once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__) || defined(__i386__)
/* Bits of CPUID leaf 1 ecx, of leaf 7 ebx, and of XCR0 (Intel SDM volume 2, CPUID and XGETBV). */
enum { ECX_FMA = 1 << 12, ECX_OSXSAVE = 1 << 27, ECX_AVX = 1 << 28 };
static const unsigned ebx_avx2 = 1u << 5, ebx_avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31; /* F DQ BW VL */
static const unsigned xcr0_ymm = 0x06, xcr0_zmm = 0xE6;

static unsigned saved_registers(void) {
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static void probe_isa(void) {
    unsigned a, b, c, d, ebx;
    const unsigned need = ECX_FMA | ECX_OSXSAVE | ECX_AVX;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & need) != need) return;
    if (!__get_cpuid_count(7, 0, &a, &ebx, &c, &d)) return;
    unsigned saved = saved_registers();
    info.avx2_fma = (saved & xcr0_ymm) == xcr0_ymm && (ebx & ebx_avx2) != 0;
    info.avx512 = info.avx2_fma && (saved & xcr0_zmm) == xcr0_zmm && (ebx & ebx_avx512) == ebx_avx512;
}

static void probe_name(void) {
    unsigned words[12] = { 0 };
    for (unsigned i = 0; i < 3; i++)
        if (!__get_cpuid(0x80000002u + i, &words[4 * i], &words[4 * i + 1], &words[4 * i + 2], &words[4 * i + 3]))
            return;
    memcpy(info.name, words, sizeof words); /* 48 bytes, padded with zeros or spaces */
}

unsigned eg_denormals_flush(void) {
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040); /* FTZ | DAZ */
    return mode;
}

void eg_denormals_restore(unsigned mode) { _mm_setcsr(mode); }
#elif defined(__aarch64__)
static void probe_isa(void) { info.neon = 1; }
static void probe_name(void) { strcpy(info.name, "aarch64"); }

unsigned eg_denormals_flush(void) {
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    __asm__ volatile("msr fpcr, %0" : : "r"(mode | UINT64_C(1) << 24)); /* FZ */
    return (unsigned)mode;
}

void eg_denormals_restore(unsigned mode) { __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)mode)); }
#else
static void probe_isa(void) {}
static void probe_name(void) { strcpy(info.name, "unknown"); }
unsigned eg_denormals_flush(void) { return 0; }
void eg_denormals_restore(unsigned mode) { (void)mode; }
#endif

#ifdef __linux__
int eg_processor(void) { return sched_getcpu(); }

void eg_processor_leave(int taken, int n) {
    cpu_set_t all, one;
    if (sched_getaffinity(0, sizeof all, &all) != 0 || CPU_COUNT(&all) < 2) return;
    size_t to = (size_t)taken;
    for (n = (n - 1) % (CPU_COUNT(&all) - 1) + 1; n > 0; n -= CPU_ISSET(to, &all) != 0) to = (to + 1) % CPU_SETSIZE;
    CPU_ZERO(&one);
    CPU_SET(to, &one);
    sched_setaffinity(0, sizeof one, &one);
    sched_setaffinity(0, sizeof all, &all);
}
#else
int eg_processor(void) { return -1; }
void eg_processor_leave(int taken, int n) { (void)taken, (void)n; }
#endif

static int probe_cores(void) {
#ifdef __linux__
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

static void probe_caches(void) {
#ifdef _SC_LEVEL1_DCACHE_SIZE
    const int names[3] = { _SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE };
    int64_t *const sizes[3] = { &info.l1d, &info.l2, &info.l3 };
    for (int i = 0; i < 3; i++) {
        long bytes = sysconf(names[i]);
        *sizes[i] = bytes > 0 ? bytes : 0;
    }
#endif
}

static void probe(void) {
    probe_isa();
    probe_name();
    probe_caches();
    info.cores = probe_cores();
}

const eg_cpu *eg_cpu_info(void) {
    pthread_once(&info_once, probe);
    return &info;
}

double eg_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

