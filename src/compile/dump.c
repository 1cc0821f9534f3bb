/* SPDX-License-Identifier: MIT
 *
 * dump.c: what EG_DUMP asks to see goes to stderr, whole. This is the one place of the library that prints, because
 * who sets EG_DUMP sits at a terminal and wants to see inside a program that he cannot change.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "compile/pass.h"

/* Is `name` in the comma-separated `list`? */
static int listed(const char *list, const char *name) {
    size_t length = strlen(name);
    for (const char *p = list; (p = strstr(p, name)) != NULL; p += length)
        if ((p == list || p[-1] == ',') && (p[length] == ',' || p[length] == 0)) return 1;
    return 0;
}

int eg_dump_wanted(const char *name) {
    const char *list = getenv("EG_DUMP");
    return list && (listed(list, name) || listed(list, "all"));
}

void eg_dump(const char *when, const char *name, const char *text) {
    fprintf(stderr, "---- %s %s\n%s\n", when, name, text);
}

/* ---- words that are none --------------------------------------------------------------------------------------- */

static int is(const char *name, const char *word, size_t length) {
    return strlen(name) == length && memcmp(name, word, length) == 0;
}

static int is_known(const char *word, size_t length) {
    for (const eg_pass *pass = eg_passes; pass->name; pass++)
        if (is(pass->name, word, length)) return 1;
    return is("plan", word, length) || is("all", word, length);
}

/* Some passes stand more than once in the list. */
static int is_first(const eg_pass *pass) {
    for (const eg_pass *earlier = eg_passes; earlier < pass; earlier++)
        if (strcmp(earlier->name, pass->name) == 0) return 0;
    return 1;
}

void eg_dump_check(void) {
    size_t length;
    for (const char *word = getenv("EG_DUMP"); word && *word; word += length + (word[length] == ',')) {
        length = strcspn(word, ",");
        if (is_known(word, length)) continue;
        fprintf(stderr, "EG_DUMP: no pass is called '%.*s'; there are", (int)length, word);
        for (const eg_pass *pass = eg_passes; pass->name; pass++)
            if (is_first(pass)) fprintf(stderr, " %s,", pass->name);
        fprintf(stderr, " plan, all\n");
    }
}
