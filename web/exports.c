/* SPDX-License-Identifier: MIT
 *
 * exports.c: the library as a page sees it. JavaScript has numbers and one block of memory, so every function here takes and
 * gives 32-bit numbers, floats, and addresses in that block; texts end in a zero byte. What fails gives 0 (or a negative status)
 * and leaves one line in error().
 *
 * Not a second API: each is a few lines over <elegans.h>, and what no caller needs yet is not here.
 */
#include <elegans.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT(name) __attribute__((export_name(#name)))

/* ---- memory for what goes in --------------------------------------------------------------------------------- */

EXPORT(allocate) void *web_allocate(size_t size) { return malloc(size); }
EXPORT(release) void web_release(void *block) { free(block); }

EXPORT(version) const char *web_version(void) { return eg_version(); }
EXPORT(error) const char *web_error(void) { return eg_error(); }

/* ---- data: any source of eg_data_open that needs no file, "gen:spiral?classes=2" ------------------------------- */

EXPORT(data_open) eg_data *web_data_open(const char *source, const char *part, uint32_t seed) {
    eg_data *data = eg_data_open(source, part, .seed = seed);
    if (eg_data_status(data) == EG_OK) return data;
    eg_data_free(data);
    return NULL;
}
EXPORT(data_free) void web_data_free(eg_data *data) { eg_data_free(data); }
EXPORT(data_rows) int32_t web_data_rows(const eg_data *data) { return (int32_t)eg_data_rows(data); }
/* f32 or u8 [rows, ...], class numbers i32 [rows] or f32 [rows, outputs]: borrowed */
EXPORT(data_x) const void *web_data_x(const eg_data *data) { return eg_tensor_data(eg_data_x(data)); }
EXPORT(data_y) const void *web_data_y(const eg_data *data) { return eg_tensor_data(eg_data_y(data)); }

/* ---- a model for that data: the words of `elegans train` --------------------------------------------------------- */

EXPORT(model_new)
eg_model *web_model_new(const eg_data *data, const char *net, const char *optimizer, double lr, uint32_t seed) {
    eg_optimizer_opt options = { .size_ = sizeof options, .lr = lr };
    eg_model *model = eg_model_parse(eg_data_sample_shape(data), net);
    eg_optimizer *method = eg_optimizer_new(optimizer, options);
    if (method && eg_model_compile(model, .optimizer = method, .seed = seed) == EG_OK) return model;
    eg_model_free(model);
    return NULL;
}
EXPORT(model_free) void web_model_free(eg_model *model) { eg_model_free(model); }
EXPORT(model_parameters) int32_t web_model_parameters(const eg_model *model) {
    return (int32_t)eg_model_parameters(model);
}

EXPORT(model_fit) int web_model_fit(eg_model *model, const eg_data *data, int epochs, int batch) {
    return eg_model_fit(model, data, .epochs = epochs, .batch = batch);
}

/* scores: { loss, accuracy (NaN without classes) } */
EXPORT(model_evaluate) int web_model_evaluate(eg_model *model, const eg_data *data, double scores[2]) {
    eg_scores s = eg_model_evaluate(model, data);
    scores[0] = s.loss, scores[1] = s.accuracy;
    return eg_model_status(model);
}

/* Samples x [rows, ...] raw, of the data's shape; out [rows, outputs...] */
EXPORT(model_predict)
int web_model_predict(eg_model *model, const eg_data *like, const float *x, int rows, float *out) {
    eg_shape shape = eg_data_sample_shape(like);
    for (int i = shape.rank; i > 0; i--) shape.dim[i] = shape.dim[i - 1];
    shape.rank++;
    shape.dim[0] = rows;
    eg_tensor *samples = eg_tensor_from(EG_F32, shape, x), *y = samples ? eg_model_predict(model, samples) : NULL;
    if (y) memcpy(out, eg_tensor_data(y), (size_t)eg_tensor_size(y) * sizeof *out);
    eg_tensor_free(samples), eg_tensor_free(y);
    return y ? EG_OK : eg_error_status();
}

/* SHA-256 of all parameters, as `elegans train --json` prints it; valid until the next call. */
EXPORT(model_hash) const char *web_model_hash(const eg_model *model) {
    static char hash[65];
    return eg_model_sha256(model, hash) == EG_OK ? hash : NULL;
}
