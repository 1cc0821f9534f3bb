/* SPDX-License-Identifier: MIT
 *
 * rng.h: counter-based random numbers, Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). A number is a pure function of (seed, step, site, element): no state, any order, any thread.
 *
 * Layout of the 128-bit counter and 64-bit key, the same in every executor and kernel:
 *   key     = { low 32 bits of seed, high 32 bits of seed }
 *   counter = { element / 4 (low 32), step (low 32), site, element / 4 (high 32) }
 *   element i takes word i % 4 of its block.
 */
#ifndef EG_BASE_RNG_H
#define EG_BASE_RNG_H

#include <stdint.h>

typedef struct eg_rng_key {
    uint64_t seed;
    uint32_t step, site;
} eg_rng_key;

/* The four words of block `block` = element / 4. */
void eg_philox(eg_rng_key key, uint64_t block, uint32_t out[4]);
/* Raw word of one element. */
uint32_t eg_rng_word(eg_rng_key key, uint64_t element);

/* word -> float in [0, 1): (word >> 8) * 2^-24. */
float eg_rng_uniform(eg_rng_key key, uint64_t element);
/* Standard normal by Box-Muller on the pair of words (2j, 2j+1): with u1 = uniform + 2^-25, u2 = uniform,
 * r = sqrt(-2 ln u1): element 2j is r cos(2 pi u2), element 2j+1 is r sin(2 pi u2). Computed in double. */
double eg_rng_normal(eg_rng_key key, uint64_t element);

/* A sequence for host-side work (shuffles, data generation): element counter that only moves on. */
typedef struct eg_rng {
    eg_rng_key key; /* not to be changed once something was drawn */
    uint64_t next, known; /* `words` are those of block known - 1; 0: of none */
    uint32_t words[4];
} eg_rng;
eg_rng eg_rng_new(uint64_t seed, uint32_t site);
double eg_rng_double(eg_rng *rng);                  /* [0, 1), 53 bits from two words */
uint64_t eg_rng_below(eg_rng *rng, uint64_t bound); /* unbiased integer in [0, bound), bound > 0 */
double eg_rng_gauss(eg_rng *rng);
/* Fisher-Yates over 0..n-1 written to `order`. */
void eg_rng_permutation(eg_rng *rng, int64_t *order, int64_t n);

/* A stable 32-bit number of a name (FNV-1a), for sites: eg_site("dropout_1"). */
uint32_t eg_site(const char *name);

#endif
