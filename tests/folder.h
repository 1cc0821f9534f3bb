/* SPDX-License-Identifier: MIT
 *
 * folder.h: a folder of its own for a test program, and files in it.
 */
#ifndef EG_TESTS_FOLDER_H
#define EG_TESTS_FOLDER_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

/* Group setup and teardown of cmocka. */
static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/elegans-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* A file, or a folder with all that is in it. */
static int remove_tree(const char *tree) {
    DIR *dir = opendir(tree);
    if (!dir) return remove(tree);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[400];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if ((size_t)snprintf(path, sizeof path, "%s/%s", tree, e->d_name) < sizeof path) remove_tree(path);
    }
    closedir(dir);
    return rmdir(tree);
}

static int remove_folder(void **state) {
    (void)state;
    return remove_tree(folder);
}

/* A path in the folder; the last four results stay valid. */
static const char *in_folder(const char *name) {
    static char paths[4][400];
    static int turn;
    char *path = paths[turn++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static const char *put_file(const char *name, const void *bytes, size_t size) {
    const char *path = in_folder(name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) abort();
    return path;
}

#endif
