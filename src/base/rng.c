/* SPDX-License-Identifier: MIT
 *
 * rng.c: Philox4x32-10 and what is drawn from it. The element is the counter, so nothing here has state but eg_rng's
 * position. Not for cryptography.
 */
#include "base/rng.h"

#include <math.h>

/* Multipliers and Weyl increments of Philox4x32 (Salmon et al. 2011, table 2). */
static const uint32_t multiplier[2] = { 0xD2511F53u, 0xCD9E8D57u };
static const uint32_t weyl[2] = { 0x9E3779B9u, 0xBB67AE85u };

void eg_philox(eg_rng_key key, uint64_t block, uint32_t out[4]) {
    uint32_t k0 = (uint32_t)key.seed, k1 = (uint32_t)(key.seed >> 32);
    uint32_t c0 = (uint32_t)block, c1 = key.step, c2 = key.site, c3 = (uint32_t)(block >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)multiplier[0] * c0, p1 = (uint64_t)multiplier[1] * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += weyl[0];
        k1 += weyl[1];
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

uint32_t eg_rng_word(eg_rng_key key, uint64_t element) {
    uint32_t words[4];
    eg_philox(key, element / 4, words);
    return words[element % 4];
}

static float word_uniform(uint32_t word) { return (float)(word >> 8) * 0x1p-24f; }

float eg_rng_uniform(eg_rng_key key, uint64_t element) { return word_uniform(eg_rng_word(key, element)); }

double eg_rng_normal(eg_rng_key key, uint64_t element) {
    uint32_t words[4];
    eg_philox(key, element / 4, words);
    const uint32_t *pair = words + (element % 4 & 2);
    double u1 = (double)word_uniform(pair[0]) + 0x1p-25, u2 = (double)word_uniform(pair[1]);
    double r = sqrt(-2 * log(u1)), angle = 2 * 3.14159265358979323846 * u2;
    return element % 2 == 0 ? r * cos(angle) : r * sin(angle);
}

eg_rng eg_rng_new(uint64_t seed, uint32_t site) { return (eg_rng){ .key = { .seed = seed, .site = site } }; }

static uint32_t next_word(eg_rng *rng) {
    uint64_t element = rng->next++;
    if (rng->known != element / 4 + 1) {
        eg_philox(rng->key, element / 4, rng->words);
        rng->known = element / 4 + 1;
    }
    return rng->words[element % 4];
}

double eg_rng_double(eg_rng *rng) {
    uint64_t high = next_word(rng) >> 5, low = next_word(rng) >> 6; /* 27 + 26 bits */
    return (double)(high << 26 | low) * 0x1p-53;
}

/* Lemire's method ("Fast random integer generation in an interval", 2019): the high half of word * bound, rejecting
 * the few low halves that would favour some results. */
static uint32_t below_32(eg_rng *rng, uint32_t bound) {
    uint32_t reject = -bound % bound;
    uint64_t product;
    do product = (uint64_t)next_word(rng) * bound;
    while ((uint32_t)product < reject);
    return (uint32_t)(product >> 32);
}

uint64_t eg_rng_below(eg_rng *rng, uint64_t bound) {
    if (bound <= UINT32_MAX) return below_32(rng, (uint32_t)bound);
    uint64_t reject = -bound % bound, word;
    do {
        word = (uint64_t)next_word(rng) << 32;
        word |= next_word(rng);
    } while (word < reject);
    return word % bound;
}

double eg_rng_gauss(eg_rng *rng) {
    uint64_t element = (rng->next + 1) & ~UINT64_C(1); /* a pair starts at an even element */
    rng->next = element + 2;
    return eg_rng_normal(rng->key, element);
}

void eg_rng_permutation(eg_rng *rng, int64_t *order, int64_t n) {
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)eg_rng_below(rng, (uint64_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

uint32_t eg_site(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name != '\0'; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}
