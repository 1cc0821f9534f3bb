/* SPDX-License-Identifier: MIT
 *
 * cmd_predict.c: `elegans predict`: a model's outputs for rows without (or with) targets: CSV on stdout, JSON lines,
 * or images drawn in the terminal with the probability of each class.
 */
#include <stdlib.h>
#include <string.h>
#include "cli.h"

typedef struct predict_options {
    const char *data, *part;
    int64_t threads, first, show;
    int classes, proba, json;
} predict_options;

#define FIELD(name) offsetof(predict_options, name)

static const cli_option options[] = {
    { "data", 'd', CLI_TEXT, FIELD(data), "SOURCE", "the rows, raw: preprocessing is part of the model", NULL },
    { "part", 0, CLI_TEXT, FIELD(part), "NAME", "train or test, where the source has parts (default: test)", NULL },
    { "classes", 0, CLI_FLAG, FIELD(classes), NULL, "the class of each row (default for classifiers)", NULL },
    { "proba", 0, CLI_FLAG, FIELD(proba), NULL, "all outputs of each row: the classes' probabilities", NULL },
    { "first", 0, CLI_COUNT, FIELD(first), "N", "only the first N rows", NULL },
    { "show", 0, CLI_COUNT, FIELD(show), "N", "draw the first N images with their probabilities", NULL },
    { "threads", 0, CLI_COUNT, FIELD(threads), "N", "threads (default: all processors)", NULL },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, "one JSON object a row on stdout", NULL },
    { 0 }
};

/* What is printed for each row. */
typedef struct outcome {
    const eg_model *model;
    const eg_data *data;
    const float *p;         /* [rows, width] */
    const int32_t *classes; /* [rows] */
    int64_t rows, width;
} outcome;

/* The class's name, or its number where the model knows no names. */
static const char *class_name(const outcome *r, int index) {
    static char number[16];
    const char *name = eg_model_class_name(r->model, index);
    if (*name) return name;
    snprintf(number, sizeof number, "%d", index);
    return number;
}

/* A CSV field, quoted where RFC 4180 asks for it. */
static void put_field(const char *text) {
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"') putchar('"');
        putchar(*text);
    }
    putchar('"');
}

static void print_csv_header(const outcome *r, int proba) {
    if (!proba) {
        const char *target = eg_model_target_name(r->model);
        put_field(*target ? target : "prediction");
    }
    for (int64_t j = 0; proba && j < r->width; j++) {
        if (j) putchar(',');
        if (eg_model_classes(r->model) && r->width > 1)
            put_field(class_name(r, (int)j));
        else
            printf("output_%lld", (long long)j + 1);
    }
    putchar('\n');
}

static void print_csv(const outcome *r, int proba, int classify) {
    print_csv_header(r, proba);
    for (int64_t i = 0; i < r->rows; i++) {
        if (!proba && classify) put_field(class_name(r, r->classes[i]));
        for (int64_t j = 0; (proba || !classify) && j < r->width; j++)
            printf(j ? ",%.7g" : "%.7g", (double)r->p[i * r->width + j]);
        putchar('\n');
    }
}

static void print_json(const outcome *r, int classify) {
    for (int64_t i = 0; i < r->rows; i++) {
        cli_json json = { .stream = stdout };
        cli_json_open(&json, NULL);
        cli_json_integer(&json, "row", i + 1);
        if (classify) cli_json_text(&json, "class", class_name(r, r->classes[i]));
        cli_json_list(&json, "output");
        for (int64_t j = 0; j < r->width; j++) cli_json_real(&json, NULL, (double)r->p[i * r->width + j]);
        cli_json_list_end(&json);
        cli_json_close(&json);
    }
}

/* ---- pictures -------------------------------------------------------------------------------------------- */

/* Brightness 0..1 of pixel (y, x) of image i; bytes or floats that lie in 0..1. */
static double pixel(const eg_data *data, int64_t i, int64_t y, int64_t x, int64_t height, int64_t width) {
    const eg_tensor *t = eg_data_x(data);
    if (y >= height) return 0;
    int64_t at = (i * height + y) * width + x;
    if (eg_tensor_dtype(t) == EG_U8) return ((const unsigned char *)eg_tensor_data(t))[at] / 255.0;
    return (double)((const float *)eg_tensor_data(t))[at];
}

/* Two rows of pixels to a line of text: upper and lower half blocks. */
static void draw_line(const eg_data *data, int64_t i, int64_t y, eg_shape s) {
    static const char *const blocks[] = { " ", "\u2580", "\u2584", "\u2588" };
    for (int64_t x = 0; x < s.dim[1]; x++) {
        int upper = pixel(data, i, y, x, s.dim[0], s.dim[1]) > .4,
            lower = pixel(data, i, y + 1, x, s.dim[0], s.dim[1]) > .4;
        fputs(blocks[upper + 2 * lower], stdout);
    }
}

static void draw_bar(const outcome *r, int64_t i, int64_t j) {
    double p = (double)r->p[i * r->width + j];
    printf("  %6.6s %5.1f %% ", class_name(r, (int)j), 100 * p);
    for (int k = 0; k < (int)(p * 12 + .5); k++) fputs("\u2588", stdout);
}

/* Image on the left, the classes' probabilities on the right. */
static void draw(const outcome *r, int64_t i) {
    eg_shape s = eg_data_sample_shape(r->data);
    const eg_tensor *y = eg_data_y(r->data);
    int64_t lines = (s.dim[0] + 1) / 2;
    printf("%lld: predicted %s", (long long)i + 1, class_name(r, r->classes[i]));
    if (y && eg_tensor_dtype(y) == EG_I32) printf(", is %s", class_name(r, ((const int32_t *)eg_tensor_data(y))[i]));
    putchar('\n');
    for (int64_t line = 0; line < lines || line < r->width; line++) {
        if (line < lines)
            draw_line(r->data, i, 2 * line, s);
        else
            printf("%*s", (int)s.dim[1], "");
        if (line < r->width) draw_bar(r, i, line);
        putchar('\n');
    }
}

static int show(const outcome *r, int64_t n) {
    eg_shape s = eg_data_sample_shape(r->data);
    if (s.rank != 2 || !eg_model_classes(r->model))
        return cli_error(CLI_BAD_DATA, "--show draws grey images of a classifier");
    for (int64_t i = 0; i < n && i < r->rows; i++) draw(r, i);
    return CLI_OK;
}

/* ---- the run --------------------------------------------------------------------------------------------- */

static int report(const predict_options *o, const outcome *r) {
    int classify = eg_model_classes(r->model) > 0 || o->classes;
    if (o->show) return show(r, o->show);
    if (o->json)
        print_json(r, classify);
    else
        print_csv(r, o->proba, classify);
    return CLI_OK;
}

static int predict(const predict_options *o, eg_model *model, eg_data *data) {
    int code = CLI_OK;
    eg_tensor *p = eg_model_predict(model, eg_data_x(data)),
              *classes = p ? eg_model_predict_classes(model, eg_data_x(data)) : NULL;
    if (eg_model_status(model) != EG_OK || !p || !classes) {
        code = cli_error(cli_exit_code(eg_model_status(model)), "%s", eg_model_error(model));
    } else {
        int64_t rows = eg_data_rows(data);
        outcome r = {
            model, data, eg_tensor_data(p), eg_tensor_data(classes), rows, rows ? eg_tensor_size(p) / rows : 0
        };
        code = report(o, &r);
    }
    eg_tensor_free(p);
    eg_tensor_free(classes);
    return code;
}

static int open_and_predict(const predict_options *o, eg_model *model) {
    int code = CLI_OK;
    const char *part = o->part ? o->part : eg_data_has_part(o->data, "test") ? "test" : NULL;
    eg_data *data = cli_open_for(model, o->data, part, 0, &code);
    if (!data) return code;
    int64_t wanted = o->show ? o->show : o->first;
    if (wanted && wanted < eg_data_rows(data)) {
        eg_data *head = eg_data_range(data, 0, wanted);
        eg_data_free(data);
        data = head;
        if (!data) return cli_fail(EG_E_MEMORY);
    }
    code = predict(o, model, data);
    eg_data_free(data);
    return code;
}

static int run(int argc, char **argv) {
    predict_options o = { 0 };
    const char *path = NULL;
    int code = cli_parse(&cli_predict, argc, argv, &o, &path, 1);
    if (code >= 0) return code;
    if (!path || !o.data)
        return cli_error(CLI_USAGE, "predict: a model file and --data are needed; see: elegans predict --help");
    if (o.classes && o.proba) return cli_error(CLI_USAGE, "predict: --classes or --proba, not both");
    if (o.threads) eg_set_threads((int)o.threads);
    eg_model *model = cli_load_model(path, &code);
    if (!model) return code;
    code = open_and_predict(&o, model);
    eg_model_free(model);
    return code;
}

const cli_command cli_predict = {
    .name = "predict",
    .summary = "a model's answers for new rows",
    .usage = "MODEL --data SOURCE [options]",
    .options = options,
    .run = run,
    .examples = "  elegans predict iris.safetensors --data new.csv --proba\n"
                "  elegans predict mnist.safetensors --data mnist --show 3\n"
                "  cat new.csv | elegans predict iris.safetensors --data -\n",
};
