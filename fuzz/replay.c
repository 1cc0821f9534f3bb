/* SPDX-License-Identifier: MIT
 *
 * replay.c: main for a fuzz target without libFuzzer: runs it on each file of the folders it is given, on each file's
 * first halves, and on the file with single bits flipped, all in blocks of the exact size.
 */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { FLIPS = 64 };

static void run(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size + !size);
    if (!copy) exit(1);
    if (size > 0) memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_variants(uint8_t *data, size_t size) {
    run(data, size);
    for (size_t n = size / 2; n > 0; n /= 2) run(data, n), run(data, size - n);
    for (size_t i = 0; i < FLIPS && size > 0; i++) {
        size_t bit = i * 2654435761u % (8 * size);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        run(data, size);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

static int replay(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) return 0;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc((size_t)size + 1);
    int ok = size >= 0 && data && fread(data, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    if (ok) run_variants(data, (size_t)size);
    free(data);
    return ok;
}

int main(int argc, char **argv) {
    int inputs = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        char path[4096];
        for (struct dirent *e; dir && (e = readdir(dir)) != NULL;) {
            if (e->d_name[0] == '.') continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            if (!replay(path)) return fprintf(stderr, "%s: cannot read\n", path), 1;
            inputs++;
        }
        if (dir) closedir(dir);
    }
    printf("%d inputs and their variants\n", inputs);
    return inputs == 0;
}
