/* SPDX-License-Identifier: MIT
 *
 * cmd_predict.c: `elegans predict`: a model's outputs for rows without (or with) targets: CSV on stdout, JSON lines,
 * or images drawn in the terminal with the probability of each class; or a text that a model of texts writes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"

typedef struct predict_options {
    const char *data, *part, *layer, *start;
    double temperature;
    int64_t threads, first, show, sample, seed;
    int classes, proba, json;
} predict_options;

#define FIELD(name) offsetof(predict_options, name)

static const cli_option options[] = {
    { "data", 'd', CLI_TEXT, FIELD(data), "SOURCE",
      .help = "the rows, raw ('-': CSV on stdin): preprocessing is part of the model" },
    { "part", 0, CLI_TEXT, FIELD(part), "NAME", .help = "train or test, where the source has parts (default: test)" },
    { "classes", 0, CLI_FLAG, FIELD(classes), NULL, .help = "the class of each row (default for classifiers)" },
    { "proba", 0, CLI_FLAG, FIELD(proba), NULL, .help = "all outputs of each row: the classes' probabilities" },
    { "layer", 0, CLI_TEXT, FIELD(layer), "NAME", .help = "what that layer gives for each row, instead of the output" },
    { "first", 0, CLI_POSITIVE, FIELD(first), "N", .help = "only the first N rows" },
    { "show", 0, CLI_POSITIVE, FIELD(show), "N", .help = "draw the first N images with their probabilities" },
    { "sample", 0, CLI_POSITIVE, FIELD(sample), "N",
      .help = "a model of texts: write N characters (or words); no --data", .group = "Writing" },
    { "start", 0, CLI_TEXT, FIELD(start), "TEXT", .help = "what the text begins with (default: a new line, not told)" },
    { "temperature", 0, CLI_REAL, FIELD(temperature), "X",
      .help = "below 1 likely characters become likelier, 0 takes the likeliest (default 1)" },
    { "seed", 's', CLI_SEED, FIELD(seed), "N", .help = "the same seed writes the same text (default 0)" },
    { "threads", 0, CLI_COUNT, FIELD(threads), "N", .help = "threads, 0 for all processors (default)" },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object a row on stdout" },
    { 0 }
};

/* What is printed for each row. */
typedef struct outcome {
    const eg_model *model;
    const eg_data *data;
    const float *p;         /* [rows, width] */
    const int32_t *classes; /* [rows] */
    int64_t rows, width;
    const char *layer;      /* whose output it is; NULL: the model's */
    int binary;             /* the one output is the probability of the second of two classes */
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

/* Does the last layer of a network, as text, end in a sigmoid? */
static int ends_in_sigmoid(const eg_model *model) {
    char *text = eg_model_text(model);
    const char *last = text ? strrchr(text, ';') : NULL;
    int found = text && strstr(last ? last : text, "sigmoid") != NULL;
    eg_string_free(text);
    return found;
}

/* Of images, the first field is the file's name. */
static void print_csv_header(const outcome *r, int proba) {
    if (eg_data_row_name(r->data, 0)) fputs("file,", stdout);
    if (!proba) {
        const char *target = eg_model_target_name(r->model);
        put_field(*target ? target : "prediction");
    }
    for (int64_t j = 0; proba && j < r->width + r->binary; j++) {
        if (j) putchar(',');
        if (r->layer)
            printf("%s_%lld", r->layer, (long long)j + 1);
        else if (eg_model_classes(r->model) && r->width + r->binary > 1)
            put_field(class_name(r, (int)j));
        else
            printf("output_%lld", (long long)j + 1);
    }
    putchar('\n');
}

static void print_csv(const outcome *r, int proba, int classify) {
    print_csv_header(r, proba);
    for (int64_t i = 0; i < r->rows; i++) {
        const char *file = eg_data_row_name(r->data, i);
        if (file) put_field(file), putchar(',');
        if (!proba && classify) put_field(class_name(r, r->classes[i]));
        if (proba && r->binary) cli_put_float(stdout, 1 - r->p[i]), putchar(',');
        for (int64_t j = 0; (proba || !classify) && j < r->width; j++) {
            if (j) putchar(',');
            cli_put_float(stdout, r->p[i * r->width + j]);
        }
        putchar('\n');
    }
}

static void print_json(const outcome *r, int classify) {
    for (int64_t i = 0; i < r->rows; i++) {
        cli_json json = { .stream = stdout };
        cli_json_open(&json, NULL);
        cli_json_integer(&json, "row", i + 1);
        if (eg_data_row_name(r->data, i)) cli_json_text(&json, "file", eg_data_row_name(r->data, i));
        if (classify) cli_json_text(&json, "class", class_name(r, r->classes[i]));
        cli_json_list(&json, "output");
        for (int64_t j = 0; j < r->width; j++) cli_json_float(&json, NULL, r->p[i * r->width + j]);
        cli_json_list_end(&json);
        cli_json_close(&json);
    }
}

/* ---- pictures ------------------------------------------------------------------------------------------ */

/* An image on its way to the terminal: each character is a cell of `scale` by 2 `scale` pixels. */
typedef struct picture {
    const eg_tensor *x;
    int64_t at, height, width, channels, scale; /* at: place of its first element */
} picture;

/* Mean 0..1 of the square of pixels (row, column) in one channel, 0 outside; bytes, or floats that lie in 0..1. */
static double mean_of(const picture *p, int64_t row, int64_t column, int64_t channel) {
    double sum = 0;
    for (int64_t y = row * p->scale; y < (row + 1) * p->scale && y < p->height; y++)
        for (int64_t x = column * p->scale; x < (column + 1) * p->scale && x < p->width; x++) {
            int64_t at = p->at + (y * p->width + x) * p->channels + channel;
            sum += eg_tensor_dtype(p->x) == EG_U8 ? ((const unsigned char *)eg_tensor_data(p->x))[at] / 255.0
                                                  : (double)((const float *)eg_tensor_data(p->x))[at];
        }
    double mean = sum / (double)(p->scale * p->scale);
    return mean > 0 ? mean < 1 ? mean : 1 : 0;
}

/* 0..1: of three channels what the eye sees of them. */
static double brightness(const picture *p, int64_t row, int64_t column) {
    if (p->channels == 1) return mean_of(p, row, column, 0);
    return .299 * mean_of(p, row, column, 0) + .587 * mean_of(p, row, column, 1) + .114 * mean_of(p, row, column, 2);
}

/* One of the terminal's 24 greys, black to white, or of its 6 x 6 x 6 colours. */
static int terminal_colour(const picture *p, int64_t row, int64_t column) {
    if (p->channels == 1) return 232 + (int)(mean_of(p, row, column, 0) * 23 + .5);
    int cube = 0;
    for (int64_t c = 0; c < 3; c++) cube = 6 * cube + (int)(mean_of(p, row, column, c) * 5 + .5);
    return 16 + cube;
}

/* One line of text shows two rows: in greys or colours where colour is wanted, else as half blocks. */
static void draw_line(const picture *p, int64_t line, int64_t columns) {
    static const char *const blocks[] = { " ", "\u2580", "\u2584", "\u2588" };
    int colour = cli_colour(stdout);
    for (int64_t x = 0; x < columns; x++) {
        if (colour)
            printf("\033[38;5;%d;48;5;%dm\u2580", terminal_colour(p, 2 * line, x),
                   terminal_colour(p, 2 * line + 1, x));
        else
            fputs(blocks[(brightness(p, 2 * line, x) > .4) + 2 * (brightness(p, 2 * line + 1, x) > .4)], stdout);
    }
    if (colour) fputs("\033[0m", stdout);
}

/* Columns that the classes' names take, at most as many as leave room for a bar. */
static int name_width(const outcome *r) {
    enum { MOST = 12 };
    int width = 1;
    for (int64_t j = 0; j < r->width; j++) {
        int length = (int)strlen(class_name(r, (int)j));
        if (length > width) width = length;
    }
    return width < MOST ? width : MOST;
}

static void draw_bar(const outcome *r, int64_t i, int64_t class, int width) {
    enum { BAR = 12 };
    double p = (double)r->p[i * r->width + class];
    const char *style = r->classes[i] == class ? "1" : "2";
    printf("  %s%*.*s %5.1f%%", cli_style(stdout, style), width, width, class_name(r, (int)class), 100 * p);
    for (int k = 0, n = (int)(p * BAR + .5); k < n; k++) fputs(k ? "\u2588" : " \u2588", stdout);
    fputs(cli_style(stdout, "0"), stdout);
}

/* The `n` most probable classes, in order of their numbers. */
static void likely_classes(const float *p, int64_t width, int64_t n, int64_t *out) {
    int64_t found = 0;
    for (int64_t j = 0; j < width; j++) {
        int64_t larger = 0;
        for (int64_t k = 0; k < width; k++) larger += p[k] > p[j] || (p[k] == p[j] && k < j);
        if (larger < n) out[found++] = j;
    }
}

static void draw_title(const outcome *r, int64_t i) {
    const eg_tensor *y = eg_data_y(r->data);
    const char *file = eg_data_row_name(r->data, i);
    if (file)
        printf("%s: predicted %s", file, class_name(r, r->classes[i]));
    else
        printf("%lld: predicted %s", (long long)i + 1, class_name(r, r->classes[i]));
    if (y && eg_tensor_dtype(y) == EG_I32) {
        int32_t is = ((const int32_t *)eg_tensor_data(y))[i];
        int right = is == r->classes[i];
        printf(", is %s%s%s%s", cli_style(stdout, right ? "32" : "31"), class_name(r, is), right ? "" : " (wrong)",
               cli_style(stdout, "0"));
    }
    putchar('\n');
}

/* Image on the left, the classes' probabilities on the right. */
static void draw(const outcome *r, int64_t i) {
    enum { BARS = 32, MOST = 64 };
    eg_shape s = eg_data_sample_shape(r->data);
    int64_t room = cli_columns(stdout) - BARS, scale = room > 0 ? (s.dim[1] + room - 1) / room : s.dim[1];
    int64_t channels = s.rank == 3 ? s.dim[2] : 1;
    picture p = { eg_data_x(r->data), i * eg_shape_size(s), s.dim[0], s.dim[1], channels, scale };
    int64_t columns = (s.dim[1] + scale - 1) / scale, lines = ((s.dim[0] + scale - 1) / scale + 1) / 2;
    int64_t class[MOST], shown = r->width <= lines || r->width <= 10 ? r->width : lines;
    if (shown > MOST) shown = MOST;
    int names = name_width(r);
    likely_classes(r->p + i * r->width, r->width, shown, class);
    draw_title(r, i);
    for (int64_t line = 0; line < lines || line < shown; line++) {
        if (line < lines)
            draw_line(&p, line, columns);
        else
            printf("%*s", (int)columns, "");
        if (line < shown) draw_bar(r, i, class[line], names);
        putchar('\n');
    }
}

static int show_classes(const outcome *r, int64_t n) {
    eg_shape s = eg_data_sample_shape(r->data);
    int image = s.rank == 2 || (s.rank == 3 && (s.dim[2] == 1 || s.dim[2] == 3));
    if (!image || eg_model_classes(r->model) == 0 || r->width < 2)
        return cli_error(CLI_BAD_DATA,
                         "--show draws images and the probabilities of their classes; this model has none");
    for (int64_t i = 0; i < n && i < r->rows; i++) {
        if (i) putchar('\n');
        draw(r, i);
    }
    return CLI_OK;
}

/* One output is drawn as the two classes that it stands for. */
static int show_binary(const outcome *r, int64_t n) {
    outcome both = *r;
    float *p = malloc((size_t)(2 * r->rows + 1) * sizeof *p);
    if (!p) return cli_no_memory();
    for (int64_t i = 0; i < r->rows; i++) p[2 * i] = 1 - r->p[i], p[2 * i + 1] = r->p[i];
    both.p = p, both.width = 2;
    int code = show_classes(&both, n);
    free(p);
    return code;
}

static int show(const outcome *r, int64_t n) { return r->binary ? show_binary(r, n) : show_classes(r, n); }

/* ---- the run ------------------------------------------------------------------------------------------- */

static int report(const predict_options *o, const outcome *r) {
    int classify = !o->layer && (eg_model_classes(r->model) > 0 || o->classes);
    if (o->show != CLI_ABSENT) return show(r, o->show);
    if (o->json)
        print_json(r, classify);
    else
        print_csv(r, o->proba || o->layer, classify);
    return CLI_OK;
}

static int predict(const predict_options *o, eg_model *model, eg_data *data) {
    int code = CLI_OK;
    const eg_tensor *x = eg_data_x(data);
    eg_tensor *p = o->layer ? eg_model_predict_layer(model, o->layer, x) : eg_model_predict(model, x);
    eg_model_reset_states(model);
    eg_tensor *classes = p && !o->layer ? eg_model_predict_classes(model, x) : NULL;
    if (!p && eg_model_status(model) == EG_OK) {
        code = cli_fail(eg_error_status()); /* the layer's name */
    } else if (!p || (!o->layer && !classes)) {
        code = cli_model_error(model);
    } else {
        int64_t rows = eg_data_rows(data);
        outcome r = {
            model, data, eg_tensor_data(p), classes ? eg_tensor_data(classes) : NULL, rows,
            rows ? eg_tensor_size(p) / rows : 0, o->layer, 0
        };
        r.binary = !o->layer && r.width == 1 && eg_model_classes(model) == 2 && ends_in_sigmoid(model);
        code = report(o, &r);
    }
    eg_tensor_free(p);
    eg_tensor_free(classes);
    return code;
}

static int open_and_predict(const predict_options *o, eg_model *model) {
    int code = CLI_OK;
    if (!o->layer && !o->proba && eg_model_output_shape(model).rank > 1)
        return cli_error(CLI_USAGE, "predict: the model answers for each step of a sequence: --proba, or --sample");
    eg_data *data = cli_open_for(model, o->data, cli_part(o->part, o->data), 0, &code);
    if (!data) return code;
    int64_t wanted = cli_or(o->show, cli_or(o->first, INT64_MAX));
    eg_data *head = eg_data_range(data, 0, wanted < eg_data_rows(data) ? wanted : eg_data_rows(data));
    code = head ? predict(o, model, head) : cli_no_memory();
    eg_data_free(head);
    eg_data_free(data);
    return code;
}

static int write_text(const predict_options *o, const eg_model *model) {
    double temperature = isnan(o->temperature) ? 1 : o->temperature;
    if (!eg_model_vocabulary(model))
        return cli_error(CLI_USAGE, "predict: --sample is for models that learnt a text");
    char *text = eg_model_sample(model, .tokens = o->sample, .start = o->start, .seed = (uint64_t)cli_or(o->seed, 0),
                                 .temperature = temperature == 0 ? EG_ZERO : temperature);
    if (!text) return cli_fail(eg_error_status());
    puts(text);
    eg_string_free(text);
    return CLI_OK;
}

/* --data or --sample, with what goes with it. */
static int check_options(const predict_options *o, const char *path) {
    int writes = o->sample != CLI_ABSENT;
    if (!path || (!o->data && !writes))
        return cli_error(CLI_USAGE, "predict: a model file and --data are needed; see: elegans predict --help");
    if (writes && (o->data || o->layer || o->classes || o->proba || o->json || o->show != CLI_ABSENT))
        return cli_error(CLI_USAGE, "predict: --sample goes with --start, --temperature and --seed alone");
    if (!writes && (o->start || !isnan(o->temperature) || o->seed != CLI_ABSENT))
        return cli_error(CLI_USAGE, "predict: --start, --temperature and --seed go with --sample");
    if (o->layer && (o->classes || o->proba || o->show != CLI_ABSENT))
        return cli_error(CLI_USAGE, "predict: --layer goes without --classes, --proba and --show");
    if (o->classes && o->proba) return cli_error(CLI_USAGE, "predict: --classes or --proba, not both");
    return CLI_GO_ON;
}

static int run(int argc, char **argv) {
    predict_options o;
    const char *path = NULL;
    cli_defaults(&cli_predict, &o);
    int code = cli_parse(&cli_predict, argc, argv, &o, &path, 1);
    if (code < 0) code = check_options(&o, path);
    if (code >= 0) return code;
    eg_set_threads((int)cli_or(o.threads, 0));
    cli_allow_downloads();
    eg_model *model = cli_load_model(path, &code);
    if (!model) return code;
    code = o.sample == CLI_ABSENT ? open_and_predict(&o, model) : write_text(&o, model);
    eg_model_free(model);
    return code;
}

static const char *const notes[] = { "Without --json, --show: CSV with a header on stdout, one line a row: the class "
                                     "(or the number that a regression predicts); "
                                     "with --proba the probability of every class. Columns of the data are found by "
                                     "their names; the target may be missing.",
                                     NULL };

const cli_command cli_predict = {
    .name = "predict",
    .summary = "a model's answers for new rows",
    .usage = "MODEL --data SOURCE | --sample N [options]",
    .options = options,
    .run = run,
    .notes = notes,
    .examples = "  elegans predict iris.safetensors --data new.csv --proba\n"
                "  elegans predict mnist.safetensors --data mnist --show 3\n"
                "  cat new.csv | elegans predict iris.safetensors --data -\n"
                "  elegans predict poem.safetensors --sample 200 --start To --temperature .8\n",
};
