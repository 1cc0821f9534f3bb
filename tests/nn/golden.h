/* SPDX-License-Identifier: MIT
 *
 * golden.h: reads the records that tools/golden_layers.py and tools/golden_recurrent.py write, and compares tensors
 * with them. Who includes it says first how much a record holds: SAMPLES of each tensor, MOST_TENSORS, MOST_NUMBERS.
 */
#ifndef TESTS_NN_GOLDEN_H
#define TESTS_NN_GOLDEN_H

#include <math.h>
#include <string.h>

#include "fault.h"

/* ---- the file -------------------------------------------------------------------------------- */

typedef struct tensor {
    int64_t size;
    int samples;
    float sample[SAMPLES];
} tensor;

typedef struct record {
    int kind, n, ntensors;
    int p[MOST_NUMBERS];
    tensor tensors[MOST_TENSORS];
} record;

typedef struct reader {
    const unsigned char *at, *end;
} reader;

static void take(reader *r, void *out, size_t n) {
    assert_true((size_t)(r->end - r->at) >= n);
    memcpy(out, r->at, n);
    r->at += n;
}

static int take_byte(reader *r) {
    unsigned char byte;
    take(r, &byte, 1);
    return byte;
}

static void take_record(reader *r, record *out) {
    out->kind = take_byte(r);
    out->n = take_byte(r);
    assert_true(out->n <= MOST_NUMBERS);
    for (int i = 0; i < out->n; i++) {
        int16_t number;
        take(r, &number, sizeof number);
        out->p[i] = number;
    }
    out->ntensors = take_byte(r);
    assert_true(out->ntensors <= MOST_TENSORS);
    for (int i = 0; i < out->ntensors; i++) {
        uint32_t size;
        take(r, &size, sizeof size);
        tensor *t = &out->tensors[i];
        t->size = size;
        t->samples = size < SAMPLES ? (int)size : SAMPLES;
        take(r, t->sample, sizeof(float) * (size_t)t->samples);
    }
}

/* ---- numbers --------------------------------------------------------------------------------- */

/* numbers() of the tool. */
static double number(int64_t i, int seed) {
    int64_t n = (i * 7919 + (int64_t)seed * 104729 + i * i % 1009 * 31) % 257 - 128;
    return (double)n / 128;
}

static int64_t place(int k, int64_t size) { return (int64_t)(((uint64_t)k * 2654435761u + 12345) % (uint64_t)size); }

static void compare(const record *r, int which, const float *got, int64_t size, int index) {
    const tensor *t = &r->tensors[which];
    if (size != t->size)
        fail_msg("record %d (kind %d), tensor %d: %d elements, not %d", index, r->kind, which, (int)size,
                 (int)t->size);
    for (int k = 0; k < t->samples; k++) {
        float want = t->sample[k], have = got[place(k, size)];
        if (!(fabsf(want - have) <= 1e-5f + 1e-5f * fabsf(want)))
            fail_msg("record %d (kind %d), tensor %d, element %d: %.9g, not %.9g", index, r->kind, which,
                     (int)place(k, size), (double)have, (double)want);
    }
}

#endif
