/* SPDX-License-Identifier: MIT
 *
 * sha256.h: SHA-256 (FIPS 180-4), to name a set of weights by what it is.
 */
#ifndef EG_BASE_SHA256_H
#define EG_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct eg_sha256 {
    uint32_t state[8];
    uint64_t length;
    unsigned char block[64];
} eg_sha256;

void eg_sha256_init(eg_sha256 *hash);
void eg_sha256_add(eg_sha256 *hash, const void *bytes, size_t size);
/* 64 lower-case hexadecimal digits and a NUL. */
void eg_sha256_hex(eg_sha256 *hash, char out[65]);

#endif
