/* SPDX-License-Identifier: MIT
 *
 * bench.h: what the sides written in C share. A side is a program that is asked to do works (works.txt) and tells how
 * long each takes:
 *
 *     side [-t threads] [-p] [words of a name]     does the works whose name has the words, prints one line for each
 *     side -s [-t threads]                         reads requests, answers each by one line of JSON (for bench.py):
 *
 *         work KIND | NAME | KEYS | NETWORK        {"ready": 1, "side": ..., "flops": ...} or {"no": why}
 *         run MILLISECONDS                         {"us": median of a call, "least": ..., "samples": ...}
 */
#ifndef EG_BENCH_H
#define EG_BENCH_H

#include <stddef.h>
#include <stdint.h>

typedef struct bench_work {
    char line[512]; /* what the rest points into */
    const char *kind, *name, *keys, *net;
} bench_work;

double bench_number(const bench_work *work, const char *key, double otherwise); /* of key=number */
int bench_is(const bench_work *work, const char *key, const char *word);        /* whether the keys say key=word */

typedef struct bench_job {
    void (*call)(void *user); /* what is measured */
    void (*end)(void *user);
    void *user;
    double flops;               /* of a call; 0: not known, or not what counts */
    char *(*text)(void *user);  /* for -p: the profile, freed by free(); or NULL */
    const char *side;           /* who does it */
} bench_job;

/* NULL if all is well, else why this side cannot do this work (which is no failure). */
typedef const char *(*bench_prepare)(const bench_work *work, int threads, bench_job *job);
int bench_main(int argc, char **argv, bench_prepare prepare);
extern int bench_profile; /* -p was given */

/* n floats in [0, 1), at 64 bytes, with 64 bytes behind them; the same for the same seed. Freed by free(). */
float *bench_floats(int64_t n, unsigned seed);

#endif
