/* SPDX-License-Identifier: MIT
 *
 * idx_files.h: small IDX files, plain and packed, for the tests that read them.
 */
#ifndef EG_TESTS_IDX_FILES_H
#define EG_TESTS_IDX_FILES_H

#include <stdlib.h>
#include <string.h>
#include "folder.h"

/* Bytes of a small IDX array: header, then elements 0, 1, 2, ... of one byte. Returns its size. */
static size_t make_idx(unsigned char *out, int type, int rank, const int *dims) {
    size_t size = 4, body = 1;
    memcpy(out, (unsigned char[]){ 0, 0, (unsigned char)type, (unsigned char)rank }, 4);
    for (int i = 0; i < rank; i++, size += 4) {
        memcpy(out + size, (unsigned char[]){ 0, 0, (unsigned char)(dims[i] >> 8), (unsigned char)dims[i] }, 4);
        body *= (size_t)dims[i];
    }
    for (size_t i = 0; i < body; i++) out[size + i] = (unsigned char)i;
    return size + body;
}

/* Puts labels into the test folder. */
static inline const char *put_labels(const char *name, const unsigned char *labels, int n) {
    unsigned char bytes[512];
    size_t size = make_idx(bytes, 8, 1, &n);
    memcpy(bytes + size - n, labels, (size_t)n);
    return put_file(name, bytes, size);
}

/* Puts n images of 2x3 pixels. */
static inline const char *put_images(const char *name, int n) {
    unsigned char bytes[512];
    return put_file(name, bytes, make_idx(bytes, 8, 3, (int[]){ n, 2, 3 }));
}

/* The same bytes through the gzip command; returns their number, 0 where there is no such command. */
static inline size_t pack(const unsigned char *bytes, size_t size, unsigned char *out, size_t room) {
    char command[500];
    put_file("to-pack", bytes, size);
    snprintf(command, sizeof command, "gzip -nc < '%s' 2>/dev/null", in_folder("to-pack"));
    FILE *pipe = popen(command, "r");
    size_t n = pipe ? fread(out, 1, room, pipe) : 0;
    if (pipe) pclose(pipe);
    return n;
}

#endif
