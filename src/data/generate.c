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

typedef struct settings {
    int64_t n; /* samples; of the spiral: per class */
    int classes, dims;
    double noise;
    uint64_t seed;
    int test;
} settings;

typedef struct generator generator;
struct generator {
    const char *name;
    int64_t n;   /* default */
    int classes; /* default; 0 for regression */
    int dims;
    double noise;
    int least_classes, most_classes; /* equal where there is no key "classes" */
    int most_dims;                   /* equal to dims where there is no key "dims" */
    int per_class;                   /* n counts samples of each class */
    /* Draws row `row`: x [dims]; returns the class or writes the target. */
    int (*draw)(const settings *s, int64_t row, eg_rng *rng, float *x, float *y);
};

/* ---- the sets -------------------------------------------------------------------------------------------------- */

static float noisy(double value, double noise, eg_rng *rng) { return (float)(value + noise * eg_rng_gauss(rng)); }

static int draw_xor(const settings *s, int64_t row, eg_rng *rng, float *x, float *y) {
    (void)y;
    int a = (int)(row / 2 % 2), b = (int)(row % 2);
    x[0] = noisy(a, s->noise, rng);
    x[1] = noisy(b, s->noise, rng);
    return a ^ b;
}

/* CS231n: arm j turns from 4j to 4(j+1) radians while its radius grows from 0 to 1. */
static int draw_spiral(const settings *s, int64_t row, eg_rng *rng, float *x, float *y) {
    (void)y;
    int arm = (int)(row % s->classes);
    double r = s->n > 1 ? (double)(row / s->classes) / (double)(s->n - 1) : 0;
    double t = 4 * (arm + r) + s->noise * eg_rng_gauss(rng);
    x[0] = (float)(r * sin(t));
    x[1] = (float)(r * cos(t));
    return arm;
}

/* Rings of radius 1, 1/2, ... 1/classes from the outside. */
static int draw_circles(const settings *s, int64_t row, eg_rng *rng, float *x, float *y) {
    (void)y;
    int ring = (int)(row % s->classes);
    double r = 1 - (double)ring / s->classes, t = 2 * pi * eg_rng_double(rng);
    x[0] = noisy(r * cos(t), s->noise, rng);
    x[1] = noisy(r * sin(t), s->noise, rng);
    return ring;
}

static int draw_moons(const settings *s, int64_t row, eg_rng *rng, float *x, float *y) {
    (void)y;
    int lower = (int)(row % 2);
    double t = pi * eg_rng_double(rng);
    x[0] = noisy(lower ? 1 - cos(t) : cos(t), s->noise, rng);
    x[1] = noisy(lower ? .5 - sin(t) : sin(t), s->noise, rng);
    return lower;
}

/* One bell per class: centres on a circle of radius 1 in the first two dimensions, opposite ones for two classes. */
static int draw_gauss(const settings *s, int64_t row, eg_rng *rng, float *x, float *y) {
    (void)y;
    int c = (int)(row % s->classes);
    double t = 2 * pi * c / s->classes;
    double centre[2] = { s->dims > 1 ? cos(t) : 2.0 * c, sin(t) };
    for (int j = 0; j < s->dims; j++) x[j] = noisy(j < 2 ? centre[j] : 0, s->noise, rng);
    return c;
}

/* y = sum_j w_j x_j + b with w and b uniform in (-2, 2), drawn from the seed: the same for both parts. */
static int draw_linear(const settings *s, int64_t row, eg_rng *rng, float *x, float *y) {
    (void)row;
    eg_rng truth = eg_rng_new(s->seed, eg_site("gen/linear/truth"));
    double sum = 4 * eg_rng_double(&truth) - 2;
    for (int j = 0; j < s->dims; j++) {
        x[j] = (float)eg_rng_gauss(rng);
        sum += (4 * eg_rng_double(&truth) - 2) * (double)x[j];
    }
    *y = noisy(sum, s->noise, rng);
    return 0;
}

static int draw_sine(const settings *s, int64_t row, eg_rng *rng, float *x, float *y) {
    (void)row;
    x[0] = (float)(pi * (2 * eg_rng_double(rng) - 1));
    *y = noisy(sin((double)x[0]), s->noise, rng);
    return 0;
}

enum { MAX_SAMPLES = 10000000, MAX_DIMS = 1000, MAX_KINDS = 100 };

static const generator generators[] = {
    { "xor", 4, 2, 2, 0, 2, 2, 2, 0, draw_xor },
    { "spiral", 100, 3, 2, .2, 2, MAX_KINDS, 2, 1, draw_spiral },
    { "circles", 200, 2, 2, .1, 2, MAX_KINDS, 2, 0, draw_circles },
    { "moons", 200, 2, 2, .1, 2, 2, 2, 0, draw_moons },
    { "gauss", 200, 2, 2, .4, 2, MAX_KINDS, MAX_DIMS, 0, draw_gauss },
    { "linear", 200, 0, 1, .1, 0, 0, MAX_DIMS, 0, draw_linear },
    { "sine", 200, 0, 1, .1, 0, 0, 1, 0, draw_sine },
    { "digits", 20000, 10, EG_DIGIT_SIDE *EG_DIGIT_SIDE, .05, 10, 10, EG_DIGIT_SIDE *EG_DIGIT_SIDE, 0, NULL },
};
enum { GENERATORS = sizeof generators / sizeof generators[0] };

/* ---- the language ---------------------------------------------------------------------------------------------- */

static eg_status unknown_generator(const char *name) {
    const char *known[GENERATORS];
    for (int i = 0; i < GENERATORS; i++) known[i] = generators[i].name;
    return eg_fail_unknown("generated set", name, known, GENERATORS);
}

typedef struct key {
    const char *name;
    eg_status (*set)(const generator *g, settings *s, const char *value);
} key;

static eg_status whole(const generator *g, const char *name, const char *text, int64_t least, int64_t most,
                       int64_t *out) {
    const char *end = text + strlen(text);
    if (eg_parse_int(text, end, out) == end && end > text && *out >= least && *out <= most) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "gen:%s: %s=%.40s: a whole number from %lld to %lld is needed", g->name, name, text,
                   (long long)least, (long long)most);
}

static eg_status set_n(const generator *g, settings *s, const char *value) {
    return whole(g, "n", value, 1, MAX_SAMPLES, &s->n);
}

static eg_status set_classes(const generator *g, settings *s, const char *value) {
    int64_t classes = 0;
    EG_TRY(whole(g, "classes", value, g->least_classes, g->most_classes, &classes));
    s->classes = (int)classes;
    return EG_OK;
}

static eg_status set_dims(const generator *g, settings *s, const char *value) {
    int64_t dims = 0;
    EG_TRY(whole(g, "dims", value, 1, g->most_dims, &dims));
    s->dims = (int)dims;
    return EG_OK;
}

static eg_status set_seed(const generator *g, settings *s, const char *value) {
    int64_t seed = 0;
    EG_TRY(whole(g, "seed", value, 0, INT64_MAX, &seed));
    s->seed = (uint64_t)seed;
    return EG_OK;
}

static eg_status set_noise(const generator *g, settings *s, const char *value) {
    const char *end = value + strlen(value);
    if (eg_parse_double(value, end, &s->noise) == end && end > value && s->noise >= 0 && s->noise <= 1000)
        return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "gen:%s: noise=%.40s: a number from 0 to 1000 is needed", g->name, value);
}

static const key keys[] = {
    { "n", set_n }, { "noise", set_noise }, { "seed", set_seed }, { "classes", set_classes }, { "dims", set_dims }
};
enum { KEYS = sizeof keys / sizeof keys[0] };

static int has_key(const generator *g, const key *k) {
    if (k->set == set_classes) return g->least_classes < g->most_classes;
    return k->set != set_dims || g->dims < g->most_dims;
}

static eg_status unknown_key(const generator *g, const char *name) {
    const char *known[KEYS];
    int n = 0;
    for (int i = 0; i < KEYS; i++)
        if (has_key(g, &keys[i])) known[n++] = keys[i].name;
    eg_fail_unknown("key", name, known, n);
    return eg_context("gen:%s", g->name);
}

static eg_status set_key(const generator *g, settings *s, char *pair) {
    char *equal = strchr(pair, '=');
    if (equal) *equal = '\0';
    for (int i = 0; i < KEYS; i++) {
        if (strcmp(pair, keys[i].name) != 0 || !has_key(g, &keys[i])) continue;
        if (!equal) return eg_fail(EG_E_ARGUMENT, "gen:%s: \"%s\" needs a value: %s=...", g->name, pair, pair);
        return keys[i].set(g, s, equal + 1);
    }
    return unknown_key(g, pair);
}

/* Cuts `text` ("spiral?classes=3,n=100") at its commas and ampersands. */
static eg_status parse_query(char *text, const generator **out, settings *s) {
    char *query = strchr(text, '?');
    if (query) *query++ = '\0';
    *out = NULL;
    for (int i = 0; i < GENERATORS; i++)
        if (strcmp(text, generators[i].name) == 0) *out = &generators[i];
    const generator *g = *out;
    if (!g) return unknown_generator(text);
    s->n = g->n, s->classes = g->classes, s->dims = g->dims, s->noise = g->noise;
    while (query && *query != '\0') {
        char *next = strpbrk(query, ",&");
        if (next) *next++ = '\0';
        EG_TRY(set_key(g, s, query));
        query = next;
    }
    return EG_OK;
}

static eg_status parse(const char *text, const generator **out, settings *s) {
    char copy[256];
    if (strlen(text) >= sizeof copy) return eg_fail(EG_E_ARGUMENT, "gen:%.40s...: too long", text);
    return parse_query(strcpy(copy, text), out, s);
}

/* ---- drawing --------------------------------------------------------------------------------------------------- */

/* Each row has random numbers of its own: site = set and part, step = row. */
static eg_rng row_rng(const generator *g, const settings *s, int64_t row) {
    char site[40];
    snprintf(site, sizeof site, "gen/%s/%s", g->name, s->test ? "test" : "train");
    eg_rng rng = eg_rng_new(s->seed, eg_site(site));
    rng.key.step = (uint32_t)row;
    return rng;
}

static void draw_rows(const generator *g, const settings *s, eg_data *data) {
    int64_t rows = eg_data_rows(data);
    void *x = eg_tensor_data(data->x), *y = eg_tensor_data(data->y);
    eg_rng start = row_rng(g, s, 0);
    for (int64_t r = 0; r < rows; r++) {
        eg_rng rng = start;
        rng.key.step = (uint32_t)r;
        float target = 0;
        int label = g->draw ? g->draw(s, r, &rng, (float *)x + r * s->dims, &target) : (int)(r % s->classes);
        if (!g->draw) eg_draw_digit(label, s->noise, &rng, (unsigned char *)x + r * s->dims);
        if (s->classes > 0)
            ((int32_t *)y)[r] = label;
        else
            ((float *)y)[r] = target;
    }
}

static eg_status generate(const generator *g, const settings *s, eg_data *data) {
    eg_data_info *info = data->info;
    int64_t rows = g->per_class ? s->n * s->classes : s->n;
    data->x = g->draw ? eg_new_matrix(EG_F32, rows, s->dims)
                      : eg_tensor_shaped(EG_U8, &EG_SHAPE(rows, EG_DIGIT_SIDE, EG_DIGIT_SIDE));
    data->y = s->classes > 0 ? eg_new_vector(EG_I32, rows) : eg_new_matrix(EG_F32, rows, 1);
    if (!data->x || !data->y) return eg_error_status();
    info->task = s->classes > 0 ? EG_TASK_CLASSIFICATION : EG_TASK_REGRESSION;
    if (s->classes > 0) EG_TRY(eg_data_name_classes(info, NULL, s->classes));
    info->source =
        eg_arena_format(&info->arena, "gen:%s (drawn by elegans, %s part)", g->name, s->test ? "test" : "train");
    if (!info->source) return EG_E_MEMORY;
    draw_rows(g, s, data);
    return EG_OK;
}

eg_status eg_generate(const char *text, int test, uint64_t seed, eg_data *data) {
    const generator *g;
    settings s = { .seed = seed, .test = test };
    EG_TRY(parse(text, &g, &s));
    return generate(g, &s, data);
}

eg_status eg_generate_check(const char *text) {
    const generator *g;
    settings s = { 0 };
    return parse(text, &g, &s);
}
