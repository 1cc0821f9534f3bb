/* SPDX-License-Identifier: MIT
 *
 * generate.c: the toy problems of the course and of most textbooks, and the little language that names them. A
 * generator is one row of a table: its name, its keys with defaults and limits, and the function that draws one row.
 * Rows of classes are interleaved (0 1 2 0 1 2 ...), so that any part of a set holds all classes.
 */
#include "data/generate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "tensor/shape.h"

static const double pi = 3.14159265358979323846;

/* What the words may set; all but the noise are whole numbers. */
enum { N, NOISE, SEED, CLASSES, DIMS, KEYS };
static const char *const keys[KEYS] = { "n", "noise", "seed", "classes", "dims" };

typedef struct settings {
    int64_t value[KEYS]; /* N: samples; of the spiral: per class. CLASSES: 0 for regression */
    double noise;
    int test;
} settings;

enum { MAX_SAMPLES = 10000000, MAX_DIMS = 1000, MAX_KINDS = 100, DIGIT_SIZE = EG_DIGIT_SIDE * EG_DIGIT_SIDE };

typedef struct row {
    double x[MAX_DIMS], y;
    int label;
} row;

typedef struct generator {
    const char *name;
    /* Draws row i without its noise, which is added to all x, or to y in a regression. The label is i % classes
     * before. */
    void (*draw)(const settings *s, int64_t i, eg_rng *rng, row *out);
    int32_t n; /* the defaults, noise in hundredths */
    int16_t classes, dims, noise;
    int16_t most_classes; /* from 2 on; equal to the default where there is no key "classes" */
    int16_t most_dims;    /* equal to dims where there is no key "dims" */
    int16_t is_arms;      /* n counts samples of each class, noise turns them */
} generator;

/* ---- the sets -------------------------------------------------------------------------------------------------- */

static void draw_xor(const settings *s, int64_t i, eg_rng *rng, row *out) {
    (void)s, (void)rng;
    out->x[0] = (double)(i / 2 % 2);
    out->x[1] = (double)(i % 2);
    out->label = (int)((i / 2 ^ i) % 2);
}

/* CS231n: arm j turns from 4j to 4(j+1) radians while its radius grows from 0 to 1. */
static void draw_spiral(const settings *s, int64_t i, eg_rng *rng, row *out) {
    int64_t n = s->value[N];
    double r = n > 1 ? (double)(i / s->value[CLASSES]) / (double)(n - 1) : 0;
    double t = 4 * (out->label + r) + s->noise * eg_rng_gauss(rng);
    out->x[0] = r * sin(t);
    out->x[1] = r * cos(t);
}

/* Rings of radius 1, 1/2, ... 1/classes from the outside. */
static void draw_circles(const settings *s, int64_t i, eg_rng *rng, row *out) {
    (void)i;
    double r = 1 - (double)out->label / (double)s->value[CLASSES], t = 2 * pi * eg_rng_double(rng);
    out->x[0] = r * cos(t);
    out->x[1] = r * sin(t);
}

static void draw_moons(const settings *s, int64_t i, eg_rng *rng, row *out) {
    (void)s, (void)i;
    double t = pi * eg_rng_double(rng);
    out->x[0] = out->label ? 1 - cos(t) : cos(t);
    out->x[1] = out->label ? .5 - sin(t) : sin(t);
}

/* One bell per class: centres on a circle of radius 1 in the first two dimensions, opposite ones for two classes. */
static void draw_gauss(const settings *s, int64_t i, eg_rng *rng, row *out) {
    (void)i, (void)rng;
    double t = 2 * pi * out->label / (double)s->value[CLASSES];
    for (int j = 2; j < s->value[DIMS]; j++) out->x[j] = 0;
    out->x[0] = s->value[DIMS] > 1 ? cos(t) : 2.0 * out->label;
    out->x[1] = sin(t);
}

/* y = sum_j w_j x_j + b with w and b uniform in (-2, 2), drawn from the seed: the same for both parts. */
static void draw_linear(const settings *s, int64_t i, eg_rng *rng, row *out) {
    (void)i;
    eg_rng truth = eg_rng_new((uint64_t)s->value[SEED], eg_site("gen/linear/truth"));
    out->y = 4 * eg_rng_double(&truth) - 2;
    for (int j = 0; j < s->value[DIMS]; j++) {
        out->x[j] = (double)(float)eg_rng_gauss(rng);
        out->y += (4 * eg_rng_double(&truth) - 2) * out->x[j];
    }
}

static void draw_sine(const settings *s, int64_t i, eg_rng *rng, row *out) {
    (void)s, (void)i;
    out->x[0] = (double)(float)(pi * (2 * eg_rng_double(rng) - 1));
    out->y = sin(out->x[0]);
}

static const generator generators[] = {
    { "xor", draw_xor, 4, 2, 2, 0, 2, 2, 0 },
    { "spiral", draw_spiral, 100, 3, 2, 20, MAX_KINDS, 2, 1 },
    { "circles", draw_circles, 200, 2, 2, 10, MAX_KINDS, 2, 0 },
    { "moons", draw_moons, 200, 2, 2, 10, 2, 2, 0 },
    { "gauss", draw_gauss, 200, 2, 2, 40, MAX_KINDS, MAX_DIMS, 0 },
    { "linear", draw_linear, 200, 0, 1, 10, 0, MAX_DIMS, 0 },
    { "sine", draw_sine, 200, 0, 1, 10, 0, 1, 0 },
    { "digits", NULL, 20000, 10, DIGIT_SIZE, 5, 10, DIGIT_SIZE, 0 },
};
enum { GENERATORS = sizeof generators / sizeof generators[0] };

/* ---- the language ---------------------------------------------------------------------------------------------- */

static eg_status unknown_generator(const char *name) {
    const char *known[GENERATORS];
    for (int i = 0; i < GENERATORS; i++) known[i] = generators[i].name;
    return eg_fail_unknown("generated set", name, known, GENERATORS);
}

static int has_key(const generator *g, int key) {
    return key == CLASSES ? g->classes < g->most_classes : key != DIMS || g->dims < g->most_dims;
}

static eg_status unknown_key(const generator *g, const char *name) {
    const char *known[KEYS];
    int n = 0;
    for (int i = 0; i < KEYS; i++)
        if (has_key(g, i)) known[n++] = keys[i];
    eg_fail_unknown("key", name, known, n);
    return eg_context("gen:%s", g->name);
}

static eg_status set_value(const generator *g, settings *s, int key, const char *text) {
    const char *end = text + strlen(text);
    const int64_t least[KEYS] = { 1, 0, 0, 2, 1 },
                  most[KEYS] = { MAX_SAMPLES, 0, INT64_MAX, g->most_classes, g->most_dims };
    if (key == NOISE) {
        if (eg_parse_double(text, end, &s->noise) == end && end > text && s->noise >= 0 && s->noise <= 1000)
            return EG_OK;
        return eg_fail(EG_E_ARGUMENT, "gen:%s: noise=%.40s: a number from 0 to 1000 is needed", g->name, text);
    }
    int64_t *value = &s->value[key];
    if (eg_parse_int(text, end, value) == end && end > text && *value >= least[key] && *value <= most[key])
        return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "gen:%s: %s=%.40s: a whole number from %lld to %lld is needed", g->name, keys[key],
                   text, (long long)least[key], (long long)most[key]);
}

static eg_status set_key(const generator *g, settings *s, const char *name, const char *text) {
    for (int i = 0; i < KEYS; i++) {
        if (strcmp(name, keys[i]) != 0 || !has_key(g, i)) continue;
        if (text) return set_value(g, s, i, text);
        return eg_fail(EG_E_ARGUMENT, "gen:%s: \"%s\" needs a value: %s=...", g->name, name, name);
    }
    return unknown_key(g, name);
}

/* Cuts `text` ("spiral?classes=3,n=100") at its commas and ampersands. */
static eg_status parse_query(char *text, const generator **out, settings *s) {
    char *query = strchr(text, '?'), *name, *value;
    if (query) *query++ = '\0';
    *out = NULL;
    for (int i = 0; i < GENERATORS; i++)
        if (strcmp(text, generators[i].name) == 0) *out = &generators[i];
    const generator *g = *out;
    if (!g) return unknown_generator(text);
    s->value[N] = g->n, s->value[CLASSES] = g->classes, s->value[DIMS] = g->dims, s->noise = g->noise / 100.;
    while ((name = eg_next_setting(&query, &value))) EG_TRY(set_key(g, s, name, value));
    return EG_OK;
}

static eg_status parse(const char *text, const generator **out, settings *s) {
    char copy[256];
    if (strlen(text) >= sizeof copy) return eg_fail(EG_E_ARGUMENT, "gen:%.40s...: too long", text);
    return parse_query(strcpy(copy, text), out, s);
}

/* ---- drawing --------------------------------------------------------------------------------------------------- */

/* Each row has random numbers of its own: site = set and part, step = row. */
static eg_rng row_rng(const generator *g, const settings *s) {
    char site[40];
    snprintf(site, sizeof site, "gen/%s/%s", g->name, s->test ? "test" : "train");
    return eg_rng_new((uint64_t)s->value[SEED], eg_site(site));
}

static void add_noise(double *values, int64_t n, double noise, eg_rng *rng) {
    for (int64_t j = 0; j < n; j++) values[j] += noise * eg_rng_gauss(rng);
}

static void draw_rows(const generator *g, const settings *s, eg_data *data) {
    int64_t rows = eg_data_rows(data), classes = s->value[CLASSES], dims = s->value[DIMS];
    char *x = eg_tensor_data(data->x);
    void *y = eg_tensor_data(data->y);
    eg_rng start = row_rng(g, s);
    row one;
    for (int64_t r = 0; r < rows; r++) {
        eg_rng rng = start;
        rng.key.step = (uint32_t)r;
        one.label = classes > 0 ? (int)(r % classes) : 0;
        if (g->draw) {
            g->draw(s, r, &rng, &one);
            if (!g->is_arms) add_noise(classes > 0 ? one.x : &one.y, classes > 0 ? dims : 1, s->noise, &rng);
            eg_convert(EG_F32, (float *)x + r * dims, EG_F64, one.x, dims);
        } else {
            eg_draw_digit(one.label, s->noise, &rng, (unsigned char *)x + r * dims);
        }
        if (classes > 0)
            ((int32_t *)y)[r] = one.label;
        else
            ((float *)y)[r] = (float)one.y;
    }
}

static eg_status generate(const generator *g, const settings *s, eg_data *data) {
    eg_data_info *info = data->info;
    int64_t classes = s->value[CLASSES], rows = s->value[N] * (g->is_arms ? classes : 1);
    data->x = g->draw ? eg_new_matrix(EG_F32, rows, s->value[DIMS])
                      : eg_tensor_shaped(EG_U8, &EG_SHAPE(rows, EG_DIGIT_SIDE, EG_DIGIT_SIDE));
    data->y = classes > 0 ? eg_new_vector(EG_I32, rows) : eg_new_matrix(EG_F32, rows, 1);
    if (!data->x || !data->y) return eg_error_status();
    info->task = classes > 0 ? EG_TASK_CLASSIFICATION : EG_TASK_REGRESSION;
    if (classes > 0) EG_TRY(eg_data_name_classes(info, NULL, (int)classes));
    info->source =
        eg_arena_format(&info->arena, "gen:%s (drawn by elegans, %s part)", g->name, s->test ? "test" : "train");
    if (!info->source) return EG_E_MEMORY;
    draw_rows(g, s, data);
    return EG_OK;
}

eg_status eg_generate(const char *text, int test, uint64_t seed, eg_data *data) {
    const generator *g;
    settings s = { .value[SEED] = (int64_t)seed, .test = test };
    EG_TRY(parse(text, &g, &s));
    return generate(g, &s, data);
}

eg_status eg_generate_check(const char *text) {
    const generator *g;
    settings s = { 0 };
    return parse(text, &g, &s);
}
