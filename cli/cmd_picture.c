/* SPDX-License-Identifier: MIT
 *
 * cmd_picture.c: `elegans picture`: figures for a course, drawn from the numbers that the library computes.
 */
#include <string.h>
#include "cli.h"
#include "figures.h"

typedef struct picture_options {
    const char *svg;
    int list;
} picture_options;

static const cli_option options[] = { { "svg", 0, CLI_TEXT, offsetof(picture_options, svg), "FILE",
                                        .help = "where it goes (default: standard output)" },
                                      { "list", 0, CLI_FLAG, offsetof(picture_options, list), NULL,
                                        .help = "the names, with what each shows" },
                                      { 0 } };

static const struct figure {
    const char *name, *shows;
    eg_status (*draw)(picture *p);
} figures[] = {
    { "activations", "every activation function with its derivative", figure_activations },
    { "descent", "the ways of batch, mini-batch and single-example descent down one error surface", figure_descent },
    { "preprocessing", "one cloud of points raw, standardised, turned by PCA and whitened", figure_preprocessing },
    { "losses", "the 0-1 loss beside the log loss over the plane of two weights", figure_losses },
    { "zigzag", "why units that are not centred, as sigmoids, make the weights after them zig-zag", figure_zigzag },
};
enum { FIGURES = sizeof figures / sizeof *figures };

static int unknown_figure(const char *name) {
    const char *names[FIGURES];
    for (int i = 0; i < FIGURES; i++) names[i] = figures[i].name;
    const char *meant = eg_did_you_mean(name, names, FIGURES);
    if (meant) return cli_error(CLI_USAGE, "picture: unknown picture '%s'; did you mean '%s'?", name, meant);
    return cli_error(CLI_USAGE, "picture: unknown picture '%s'; see: elegans picture --list", name);
}

static int draw(const struct figure *figure, const char *path) {
    picture p = { 0 };
    eg_status status = figure->draw(&p);
    if (status == EG_OK) return picture_save(&p, path ? path : "-");
    picture_drop(&p);
    return cli_fail(status);
}

static int run(int argc, char **argv) {
    picture_options o;
    const char *name = NULL;
    cli_defaults(&cli_picture, &o);
    int code = cli_parse(&cli_picture, argc, argv, &o, &name, 1);
    if (code >= 0) return code;
    if (!name && !o.list) return cli_error(CLI_USAGE, "picture: which one? see: elegans picture --list");
    for (int i = 0; i < FIGURES; i++) {
        if (o.list)
            printf("%-14s ", figures[i].name),
                cli_print_wrapped(stdout, figures[i].shows, 15, cli_wrap_columns(stdout));
        else if (strcmp(figures[i].name, name) == 0)
            return (code = draw(&figures[i], o.svg)) < 0 ? CLI_OK : code;
    }
    return o.list ? CLI_OK : unknown_figure(name);
}

const cli_command cli_picture = {
    .name = "picture",
    .summary = "figures for a course: activations, descent, losses, ...",
    .usage = "NAME [--svg FILE]",
    .options = options,
    .run = run,
    .examples = "  elegans picture --list\n"
                "  elegans picture activations --svg activations.svg\n",
};
