/* SPDX-License-Identifier: MIT
 *
 * plot_layers.c: a trained model from within: the first layer's weights as images, and how the numbers of each layer
 * are spread: activations, weights, and the gradients by these weights, on some training samples. The layers' outputs
 * are those of models made of the first lines of the model's text, which share its variables.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "plot_training.h"
#include "training.h"

enum { MARGIN = 10, MOST_LAYERS = 16, SAMPLES = 256 };

/* ---- the model's variables ------------------------------------------------------------------------------- */

/* A variable's values as doubles; NULL without memory. */
static double *values_of(eg_model *model, const char *name, eg_dtype dtype, int64_t n) {
    size_t size = eg_dtype_size(dtype);
    double *out = malloc(sizeof *out * (size_t)n);
    char *raw = malloc(size * (size_t)n);
    if (out && raw && eg_state_read(eg_model_state(model), name, raw, size * (size_t)n) == EG_OK) {
        for (int64_t i = 0; i < n; i++) out[i] = dtype == EG_F64 ? ((double *)raw)[i] : (double)((float *)raw)[i];
    } else {
        free(out);
        out = NULL;
    }
    free(raw);
    return out;
}

static int is_kernel(const eg_value *variable) {
    return eg_value_shape(variable).rank >= 2 && strstr(eg_value_name(variable), "kernel") != NULL;
}

/* ---- filters --------------------------------------------------------------------------------------------- */

typedef struct bank {
    double *weights; /* [height][width][channels][n] */
    int64_t height, width, channels, n;
    double scale; /* what is drawn as a full colour */
} bank;

/* The first kernel as a bank of images, if it looks at images: a convolution's, or a dense one over all pixels. */
static int find_bank(eg_model *model, bank *out) {
    eg_shape in = eg_model_input_shape(model);
    int image = (in.rank == 2 || in.rank == 3) && in.dim[0] > 3 && in.dim[1] > 3;
    eg_graph *graph = image ? eg_graph_new() : NULL;
    eg_value *variables[4];
    int n = graph ? eg_model_variables(model, graph, 0, variables, 4) : 0;
    *out = (bank){ 0 };
    for (int i = 0; i < n && i < 4 && !out->weights; i++) {
        eg_shape s = eg_value_shape(variables[i]);
        int dense = s.rank == 2 && s.dim[0] == eg_shape_size(in);
        if (!is_kernel(variables[i]) || !(dense || s.rank == 4)) continue;
        int64_t channels = in.rank == 3 ? in.dim[2] : 1;
        *out = dense ? (bank){ .height = in.dim[0], .width = in.dim[1], .channels = channels, .n = s.dim[1] }
                     : (bank){ .height = s.dim[0], .width = s.dim[1], .channels = s.dim[2], .n = s.dim[3] };
        out->weights = values_of(model, eg_value_name(variables[i]), eg_value_dtype(variables[i]), eg_shape_size(s));
    }
    eg_graph_free(graph);
    return out->weights != NULL;
}

/* Three standard deviations, so that single weights do not pale all others. */
static double full_colour(const bank *b) {
    int64_t n = b->height * b->width * b->channels * b->n;
    double squares = 0;
    for (int64_t i = 0; i < n; i++) squares += b->weights[i] * b->weights[i];
    return squares > 0 ? 3 * sqrt(squares / (double)n) : 1;
}

static unsigned char byte_of(double share) { return (unsigned char)lround(255 * fmin(fmax(share, 0), 1)); }

/* Blue below zero, white at zero, orange above; three channels as the colours that they are. */
static void colour_weight(const bank *b, int64_t pixel, int64_t filter, unsigned char *rgb) {
    const double *w = b->weights + pixel * b->channels * b->n + filter;
    double v = fmin(fmax(w[0] / b->scale, -1), 1);
    if (b->channels == 3) {
        for (int k = 0; k < 3; k++) rgb[k] = byte_of(.5 + w[k * b->n] / b->scale / 2);
        return;
    }
    static const double blue[3] = { 0, .447, .698 }, orange[3] = { .835, .369, 0 };
    for (int k = 0; k < 3; k++) rgb[k] = byte_of(1 + fabs(v) * ((v < 0 ? blue : orange)[k] - 1));
}

static void draw_filter(picture *p, const bank *b, int64_t filter, double x, double y, double size) {
    int64_t pixels = b->height * b->width;
    unsigned char *rgb = malloc((size_t)pixels * 3);
    if (!rgb) {
        p->no_memory = 1;
        return;
    }
    for (int64_t i = 0; i < pixels; i++) colour_weight(b, i, filter, rgb + 3 * i);
    picture_image(p, x, y, size, size, rgb, (int)b->width, (int)b->height, 0);
    picture_rect(p, x, y, size, size, 0, PEN(.stroke = PICTURE_PALE));
    free(rgb);
}

int plot_filters(const char *path, eg_model *model, int *drawn) {
    enum { MOST = 64, ACROSS = 10, SIZE = 72, STEP = 78, TOP = 50 };
    bank b;
    *drawn = find_bank(model, &b);
    if (!*drawn) return CLI_GO_ON;
    int shown = b.n < MOST ? (int)b.n : MOST, across = shown < ACROSS ? shown : ACROSS;
    picture p;
    b.scale = full_colour(&b);
    picture_open(&p, fmax(across * STEP, 500) + 2 * MARGIN, TOP + (shown + across - 1) / across * STEP + MARGIN,
                 "weights of the first layer");
    picture_text(&p, MARGIN, 20, FONT(.size = 13, .bold = 1),
                 shown < b.n ? "weights into the first %d of %lld units of the first layer"
                             : "weights into the %d units of the first layer",
                 shown, (long long)b.n);
    picture_text(&p, MARGIN, 38, FONT(.size = 11),
                 b.channels == 3 ? "grey: 0" : "blue: below 0, white: 0, orange: above; full colour at %.2g",
                 b.scale);
    for (int i = 0; i < shown; i++) draw_filter(&p, &b, i, MARGIN + i % across * STEP, TOP + i / across * STEP, SIZE);
    free(b.weights);
    return picture_save(&p, path);
}

/* ---- what a model does on some samples ------------------------------------------------------------------- */

typedef struct spread {
    double *values;
    int64_t n;
} spread;

typedef struct inside {
    int layers;
    char name[MOST_LAYERS][64]; /* of the layer as text: "dense 64 relu" */
    spread activation[MOST_LAYERS];
    int kernels;
    char kernel[MOST_LAYERS][64]; /* of the variable */
    spread weight[MOST_LAYERS], slope[MOST_LAYERS];
} inside;

static void free_inside(inside *in) {
    for (int i = 0; i < MOST_LAYERS; i++) {
        free(in->activation[i].values);
        free(in->weight[i].values);
        free(in->slope[i].values);
    }
}

/* At most SAMPLES rows, spread over the data; of a stateful model its first batch. */
static eg_data *some_rows(const eg_model *model, const eg_data *data) {
    int64_t rows[SAMPLES], all = eg_data_rows(data), n = all < SAMPLES ? all : SAMPLES;
    if (eg_model_stateful_rows(model)) return eg_data_range(data, 0, eg_model_stateful_rows(model));
    for (int64_t i = 0; i < n; i++) rows[i] = i * all / n;
    return eg_data_take(data, rows, n);
}

/* (x - shift) M of the model's own state; NULL without memory. */
static eg_tensor *turn(const eg_state *state, const eg_tensor *x, int64_t rows) {
    eg_shape of = eg_state_shape(state, eg_state_find(state, "preprocess/matrix"));
    int64_t d = of.dim[0], k = of.dim[1];
    float *m = malloc((size_t)(d * k + d) * sizeof *m), *shift = m + d * k;
    eg_tensor *in = eg_tensor_copy(x, EG_F32), *y = m && in ? eg_tensor_new(EG_F32, EG_SHAPE(rows, k)) : NULL;
    if (y && (eg_state_read(state, "preprocess/matrix", m, (size_t)(d * k) * sizeof *m) != EG_OK ||
              eg_state_read(state, "preprocess/shift", shift, (size_t)d * sizeof *m) != EG_OK))
        eg_tensor_free(y), y = NULL;
    for (int64_t i = 0; y && i < rows * k; i++) {
        const float *row = (const float *)eg_tensor_data(in) + i / k * d;
        double sum = 0;
        for (int64_t j = 0; j < d; j++) sum += ((double)row[j] - (double)shift[j]) * (double)m[j * k + i % k];
        ((float *)eg_tensor_data(y))[i] = (float)sum;
    }
    eg_tensor_free(in);
    free(m);
    return y;
}

/* Preprocessed as the model does it; NULL where it cannot be done again (a table with gaps, which the model fills).
 */
static eg_tensor *preprocess(eg_model *model, const eg_data *train, const eg_data *some) {
    const eg_state *state = eg_model_state(model);
    if (eg_state_find(state, "preprocess/fill") >= 0) return NULL;
    if (eg_state_find(state, "preprocess/matrix") >= 0) return turn(state, eg_data_x(some), eg_data_rows(some));
    eg_preprocess *fitted = eg_preprocess_fit(eg_model_scaling(model), train);
    eg_tensor *x = fitted ? eg_preprocess_apply(fitted, eg_data_x(some)) : NULL;
    eg_preprocess_free(fitted);
    if (x && eg_tensor_size(x) == eg_data_rows(some) * eg_shape_size(eg_model_input_shape(model))) return x;
    eg_tensor_free(x);
    return NULL;
}

/* The model of the text's first `length` bytes, whose variables have the same names. */
static eg_value *build_prefix(const eg_model *model, const char *text, size_t length, eg_value *x) {
    char *prefix = strndup(text, length);
    eg_model *part = prefix ? eg_model_parse(eg_model_input_shape(model), prefix) : NULL;
    eg_value *y = NULL;
    if (part && (eg_model_status(part) != EG_OK || eg_model_build(part, x, NULL, &y, NULL, NULL) != EG_OK)) y = NULL;
    eg_model_free(part);
    free(prefix);
    return y;
}

/* The loss that the last layer and the targets ask for, unless one was said. */
static eg_value *loss_of(eg_value *y, eg_value *out, eg_value *logits, eg_value *mask, const char *said, int classes) {
    eg_loss_kind kind = EG_LOSS_MEAN_SQUARED_ERROR;
    eg_shape shape = eg_value_shape(out);
    if (classes && shape.dim[shape.rank - 1] > 1) kind = EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY;
    if (classes && shape.dim[shape.rank - 1] == 1) kind = EG_LOSS_BINARY_CROSS_ENTROPY;
    if (said && training_loss_named(said, &kind) != EG_OK) return NULL;
    int crossed = kind == EG_LOSS_SPARSE_CATEGORICAL_CROSS_ENTROPY || kind == EG_LOSS_BINARY_CROSS_ENTROPY ||
                  kind == EG_LOSS_CATEGORICAL_CROSS_ENTROPY;
    return eg_loss(kind, y, crossed && logits ? logits : out, .from_logits = crossed && logits != NULL, .mask = mask);
}

/* The graph of everything that is looked at: roots are the layers' outputs, then the gradients. */
typedef struct probe {
    eg_graph *graph;
    eg_value *roots[2 * MOST_LAYERS], *kernels[MOST_LAYERS];
    int layers, n_kernels;
} probe;

static int add_layers(probe *p, inside *in, eg_model *model, eg_value *x) {
    char *text = eg_model_text(model);
    size_t at = 0;
    while (text && text[at] && p->layers < MOST_LAYERS) {
        size_t length = strcspn(text + at, ";");
        eg_value *y = build_prefix(model, text, at + length, x);
        if (!y) break;
        while (text[at] == ' ') at++, length--;
        snprintf(in->name[p->layers], sizeof in->name[0], "%.*s", (int)(length < 60 ? length : 60), text + at);
        p->roots[p->layers++] = y;
        at += length + (text[at + length] == ';');
    }
    eg_string_free(text);
    return p->layers;
}

static eg_status add_gradients(probe *p, inside *in, eg_model *model, eg_value *x, eg_value *y, const char *said,
                               int classes) {
    eg_value *variables[4 * MOST_LAYERS], *out, *logits;
    int n = eg_model_variables(model, p->graph, 1, variables, 4 * MOST_LAYERS);
    eg_status status = eg_model_build(model, x, NULL, &out, &logits, NULL);
    if (status != EG_OK) return status;
    for (int i = 0; i < n && i < 4 * MOST_LAYERS && p->n_kernels < MOST_LAYERS; i++)
        if (is_kernel(variables[i])) {
            snprintf(in->kernel[p->n_kernels], sizeof in->kernel[0], "%s", eg_value_name(variables[i]));
            p->kernels[p->n_kernels++] = variables[i];
        }
    eg_value *loss = loss_of(y, out, logits, eg_model_mask(model), said, classes);
    return loss ? eg_grad(loss, p->kernels, p->n_kernels, p->roots + p->layers) : eg_error_status();
}

static eg_status fetch(eg_program *program, int root, const eg_value *value, spread *out) {
    out->n = eg_shape_size(eg_value_shape(value));
    out->values = malloc(sizeof *out->values * (size_t)out->n);
    return out->values ? eg_fetch(program, root, out->values, out->n) : EG_E_MEMORY;
}

static eg_status run_probe(probe *p, inside *in, eg_model *model, const eg_tensor *x, const eg_data *some) {
    const eg_tensor *y = eg_data_y(some);
    eg_program *program = eg_program_new(eg_model_state(model), p->roots, p->layers + p->n_kernels);
    eg_status status = program ? EG_OK : eg_error_status();
    if (status == EG_OK) status = eg_set(program, "x", eg_tensor_data(x), sizeof(float) * (size_t)eg_tensor_size(x));
    if (status == EG_OK)
        status =
            eg_set(program, "y", eg_tensor_data(y), eg_dtype_size(eg_tensor_dtype(y)) * (size_t)eg_tensor_size(y));
    if (status == EG_OK) status = eg_run(program);
    for (int i = 0; status == EG_OK && i < p->layers; i++)
        status = fetch(program, i, p->roots[i], &in->activation[i]);
    for (int i = 0; status == EG_OK && i < p->n_kernels; i++)
        status = fetch(program, p->layers + i, p->roots[p->layers + i], &in->slope[i]);
    eg_program_free(program);
    return status;
}

static eg_shape batch_of(const eg_model *model, int64_t rows) {
    eg_shape sample = eg_model_input_shape(model), shape = { .rank = sample.rank + 1, .dim = { rows } };
    memcpy(shape.dim + 1, sample.dim, sizeof *shape.dim * (size_t)sample.rank);
    return shape;
}

static eg_status look_inside(inside *in, eg_model *model, const eg_data *train, const eg_data *some,
                             const eg_tensor *x, const char *said) {
    probe p = { .graph = eg_graph_new() };
    if (!p.graph) return EG_E_MEMORY;
    eg_value *input = eg_input(p.graph, "x", EG_F32, batch_of(model, eg_data_rows(some)));
    eg_value *y = eg_input(p.graph, "y", eg_tensor_dtype(eg_data_y(some)), eg_tensor_shape(eg_data_y(some)));
    eg_status status = EG_OK;
    if (add_layers(&p, in, model, input) > 0)
        status = add_gradients(&p, in, model, input, y, said, eg_data_classes(train));
    if (status == EG_OK && p.layers > 0) status = run_probe(&p, in, model, x, some);
    in->layers = p.layers;
    in->kernels = p.n_kernels;
    for (int i = 0; status == EG_OK && i < p.n_kernels; i++) {
        in->weight[i].n = in->slope[i].n;
        in->weight[i].values = values_of(model, in->kernel[i], eg_value_dtype(p.kernels[i]), in->weight[i].n);
        if (!in->weight[i].values) status = EG_E_MEMORY;
    }
    eg_graph_free(p.graph);
    return status;
}

/* ---- histograms ------------------------------------------------------------------------------------------ */

enum { WIDE = 270, HIGH = 150, BINS = 40, HEAD = 34 };

static void draw_spread(picture *p, const spread *s, const char *title, double left, double top, const char *colour) {
    double edges[BINS + 1], counts[BINS] = { 0 }, most = 0, zeros = 0;
    plot_range r = PLOT_NOTHING;
    plot_include(&r, s->values, s->n, 1);
    if (!(r.high > r.low)) r = plot_padded(r);
    for (int i = 0; i <= BINS; i++) edges[i] = r.low + (r.high - r.low) * i / BINS;
    for (int64_t i = 0; i < s->n; i++) {
        zeros += s->values[i] == 0;
        int bin = (int)((s->values[i] - r.low) / (r.high - r.low) * BINS);
        if (isfinite(s->values[i])) counts[bin < BINS ? bin : BINS - 1]++;
    }
    for (int i = 0; i < BINS; i++) most = fmax(most, counts[i] = 100 * counts[i] / (double)s->n);
    char text[120];
    snprintf(text, sizeof text, zeros > .005 * (double)s->n ? "%s: %.0f %% are 0" : "%s", title,
             100 * zeros / (double)s->n);
    plot c = plot_begin(p, (plot_opt){ .left = left,
                                       .top = top,
                                       .width = WIDE - 10,
                                       .height = HIGH,
                                       .x = r,
                                       .y = { 0, most * 1.08, 0 },
                                       .title = text,
                                       .y_label = "%" });
    plot_bars(&c, edges, counts, BINS, 0, PEN(.fill = colour));
}

static int draw_inside(const char *path, const inside *in) {
    static const char *const heads[] = { "activations", "weights", "gradients of the loss by them" };
    int rows = in->layers > in->kernels ? in->layers : in->kernels;
    picture p;
    picture_open(&p, 3 * WIDE + 2 * MARGIN, rows * HIGH + HEAD + MARGIN, "how the numbers of each layer are spread");
    for (int i = 0; i < 3; i++)
        picture_text(&p, MARGIN + (i + .5) * WIDE, 22, FONT(.size = 14, .bold = 1, .anchor = PICTURE_MIDDLE), "%s",
                     heads[i]);
    for (int i = 0; i < in->layers; i++)
        draw_spread(&p, &in->activation[i], in->name[i], MARGIN, HEAD + i * HIGH, PICTURE_BLUE);
    for (int i = 0; i < in->kernels; i++) {
        draw_spread(&p, &in->weight[i], in->kernel[i], MARGIN + WIDE, HEAD + i * HIGH, PICTURE_GREEN);
        draw_spread(&p, &in->slope[i], in->kernel[i], MARGIN + 2 * WIDE, HEAD + i * HIGH, PICTURE_RED);
    }
    return picture_save(&p, path);
}

int plot_histograms(const char *path, eg_model *model, const eg_data *train, const char *loss, int *drawn) {
    inside in = { 0 };
    eg_data *some = some_rows(model, train);
    eg_tensor *x = some && eg_data_status(some) == EG_OK ? preprocess(model, train, some) : NULL;
    eg_status status = x ? look_inside(&in, model, train, some, x, loss) : EG_OK;
    *drawn = status == EG_OK && in.layers > 0;
    int code = status != EG_OK ? cli_fail(status) : *drawn ? draw_inside(path, &in) : CLI_GO_ON;
    free_inside(&in);
    eg_tensor_free(x);
    eg_data_free(some);
    return code;
}
