/* SPDX-License-Identifier: MIT
 *
 * picture_png.c: a picture as PNG, by rsvg-convert (of librsvg), which knows letters; a picture is SVG first.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "picture.h"

static int is_png(const char *path) {
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, ".png") == 0;
}

static int convert(const char *svg, const char *png, const char *path) {
    const char *const words[] = { "rsvg-convert", "--zoom", "2", "--output", png, svg, NULL };
    int code = cli_run_quietly(words);
    if (code == CLI_NOT_INSTALLED)
        return cli_error(CLI_MISSING, "%s: a PNG needs rsvg-convert (Debian: librsvg2-bin); SVG needs nothing", path);
    if (code == 0 && rename(png, path) == 0) return CLI_GO_ON;
    return cli_error(CLI_CANNOT_WRITE, "%s: rsvg-convert cannot write it", path);
}

/* Both files lie beside the wanted one until it is whole. */
int picture_save_as(picture *p, const char *path) {
    if (!is_png(path)) return picture_save(p, path);
    size_t size = strlen(path) + 32;
    char *svg = malloc(size), *png = malloc(size);
    int code = svg && png ? CLI_GO_ON : cli_no_memory();
    if (code < 0) {
        snprintf(svg, size, "%s.%lld.svg", path, (long long)getpid());
        snprintf(png, size, "%s.%lld.tmp", path, (long long)getpid());
        code = picture_save(p, svg);
        if (code < 0) code = convert(svg, png, path);
        unlink(svg);
        unlink(png);
    }
    picture_drop(p);
    free(svg);
    free(png);
    return code;
}
