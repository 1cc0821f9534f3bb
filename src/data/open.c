/* SPDX-License-Identifier: MIT
 *
 * open.c: from the words of a user ("iris.csv", "../data/mnist", "mnist", "gen:spiral?n=50") to a data set: which
 * reader, which files. The readers themselves are csv.c + table.c, idx.c, pictures.c and generate.c.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/status.h"
#include "data/csv.h"
#include "data/generate.h"
#include "data/idx.h"
#include "data/mnist.h"
#include "data/picture.h"
#include "data/set.h"
#include "data/table.h"
#include "data/text.h"
#include "tensor/shape.h"

enum {
    MAX_FREE_LABEL = 9
}; /* labels up to here need not all occur: ten classes are usual, and small sets are allowed */

static int is_test(const char *part) { return part && strcmp(part, "test") == 0; }

static eg_status check_part(const char *part) {
    if (!part || strcmp(part, "train") == 0 || is_test(part)) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "part \"%.40s\": there are \"train\" and \"test\"", part);
}

/* ---- IDX: names ------------------------------------------------------------------------------------------------ */

/* The file `folder`/`stem`-idx`rank`-ubyte[.gz], also with a dot for the first dash; *path is NULL if there is none.
 */
static eg_status find_idx(const char *folder, const char *stem, int rank, char **path) {
    static const char *const ends[] = { "", ".gz" };
    *path = NULL;
    for (int i = 0; i < 4; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%cidx%d-ubyte%s", stem, i < 2 ? '-' : '.', rank, ends[i % 2]);
        char *candidate = eg_path_join(folder, name);
        if (!candidate) return EG_E_MEMORY;
        if (eg_file_exists(candidate)) return *path = candidate, EG_OK;
        eg_free(candidate);
    }
    return EG_OK;
}

static int folder_has(const char *folder, const char *stem, int rank) {
    char *path = NULL;
    int found = find_idx(folder, stem, rank, &path) == EG_OK && path;
    eg_free(path);
    return found;
}

static eg_status need_idx(const char *folder, const char *stem, int rank, char **path) {
    EG_TRY(find_idx(folder, stem, rank, path));
    return *path ? EG_OK : eg_fail(EG_E_MISSING, "%s: holds no %s-idx%d-ubyte[.gz]", folder, stem, rank);
}

/* The labels beside a file of images: "images" and "idx3" become "labels" and "idx1"; packed or not may differ. */
static eg_status find_sibling(const char *images, char **path) {
    const char *slash = strrchr(images, '/'), *name = slash ? slash + 1 : images;
    const char *word = strstr(name, "images"), *rank = strstr(name, "idx3");
    *path = NULL;
    if (!word || !rank) return EG_OK;
    size_t size = strlen(images), at_word = (size_t)(word - images), at_rank = (size_t)(rank - images);
    char *candidate = eg_alloc(size + sizeof ".gz");
    if (!candidate) return EG_E_MEMORY;
    memcpy(candidate, images, size + 1);
    memcpy(candidate + at_word, "labels", 6);
    memcpy(candidate + at_rank, "idx1", 4);
    if (!eg_file_exists(candidate)) {
        int packed = size > 3 && strcmp(candidate + size - 3, ".gz") == 0;
        memcpy(candidate + (packed ? size - 3 : size), packed ? "" : ".gz", packed ? 1 : 4);
    }
    if (eg_file_exists(candidate))
        *path = candidate;
    else
        eg_free(candidate);
    return EG_OK;
}

/* ---- IDX: content ---------------------------------------------------------------------------------------------- */

/* Samples of another type than u8 and f32 become f32; single numbers become rows of one. */
static eg_status take_images(eg_data *data, eg_tensor *images) {
    eg_dtype dtype = eg_tensor_dtype(images) == EG_U8 ? EG_U8 : EG_F32;
    eg_shape shape = *eg_shape_of(images);
    if (shape.rank == 1) shape.dim[shape.rank++] = 1;
    eg_tensor *samples = eg_tensor_dtype(images) == dtype ? images : eg_tensor_copy(images, dtype);
    if (samples) data->x = eg_tensor_reshape(samples, shape);
    if (samples != images) eg_tensor_free(samples);
    eg_tensor_free(images);
    if (!data->x) return EG_E_MEMORY;
    return shape.dim[0] > 0 ? EG_OK : eg_fail(EG_E_DATA, "holds no samples");
}

/* Labels as i32; *out is NULL on failure. */
static eg_status read_labels(const char *path, eg_tensor **out) {
    eg_tensor *labels;
    *out = NULL;
    EG_TRY(eg_idx_read(path, &labels));
    eg_status status = EG_OK;
    int rank = eg_shape_of(labels)->rank;
    if (rank != 1 || (eg_tensor_dtype(labels) != EG_U8 && eg_tensor_dtype(labels) != EG_I32))
        status = eg_fail(EG_E_DATA, "%s: labels are one row of whole numbers, this is rank %d of %s", path, rank,
                         eg_dtype_name(eg_tensor_dtype(labels)));
    else if (!(*out = eg_tensor_copy(labels, EG_I32)))
        status = EG_E_MEMORY;
    eg_tensor_free(labels);
    return status;
}

/* Labels 0 to the largest. One far from the others is damage, not a class: above 9 each number from 1 on must occur.
 */
static eg_status count_classes(const eg_tensor *labels, int *classes) {
    const int32_t *y = eg_tensor_data(labels);
    int64_t n = eg_tensor_size(labels), at = 0;
    unsigned char seen[EG_DATA_MAX_CLASSES] = { 0 };
    for (int64_t i = 0; i < n; i++) {
        if (y[i] < 0 || y[i] >= EG_DATA_MAX_CLASSES)
            return eg_fail(EG_E_DATA, "label %d of sample %lld is no class number", y[i], (long long)i + 1);
        seen[y[i]] = 1;
        if (y[i] > y[at]) at = i;
    }
    int largest = n > 0 ? y[at] : 0;
    for (int c = 1; c < largest && largest > MAX_FREE_LABEL; c++)
        if (!seen[c])
            return eg_fail(EG_E_DATA, "label %d of sample %lld is outside the classes: no sample has label %d",
                           largest, (long long)at + 1, c);
    *classes = largest + 1;
    return EG_OK;
}

/* `classes` 0: found in these labels. */
static eg_status take_labels(eg_data *data, const char *path, const eg_data_opt *opt, int classes) {
    EG_TRY(read_labels(path, &data->y));
    int64_t n = eg_tensor_size(data->y);
    if (n != eg_data_rows(data))
        return eg_fail(EG_E_DATA, "%s: %lld labels for %lld samples", path, (long long)n,
                       (long long)eg_data_rows(data));
    if (opt->n_classes > 0) classes = opt->n_classes;
    if (classes == 0 && count_classes(data->y, &classes) != EG_OK) return eg_context("%s", path);
    if (eg_data_check_labels(data->y, classes) != EG_OK) return eg_context("%s", path);
    data->info->task = EG_TASK_CLASSIFICATION;
    return eg_data_name_classes(data->info, opt->n_classes > 0 ? opt->classes : NULL, classes);
}

/* "mnist (IDX, 60000 samples of [28,28])" */
static eg_status describe_idx(eg_data *data, const char *source) {
    eg_data_info *info = data->info;
    eg_shape sample = eg_data_sample_shape(data);
    info->source = eg_arena_format(&info->arena, "%s (IDX, %lld samples of %s)", source,
                                   (long long)eg_data_rows(data), eg_shape_words(&sample));
    return info->source ? EG_OK : EG_E_MEMORY;
}

static int wants_labels(const eg_data_opt *opt) { return !opt->target || strcmp(opt->target, "-") != 0; }

/* The classes of the training part bind the test part, whose own labels may not cover them. 0 without training
 * labels. */
static eg_status classes_of_training(const char *folder, int *classes) {
    char *path;
    *classes = 0;
    EG_TRY(find_idx(folder, "train-labels", 1, &path));
    if (!path) return EG_OK;
    eg_tensor *labels;
    eg_status status = read_labels(path, &labels);
    if (status == EG_OK && (status = count_classes(labels, classes)) != EG_OK) eg_context("%s", path);
    eg_tensor_free(labels);
    eg_free(path);
    return status;
}

static eg_status read_pair(eg_data *data, const char *images, const char *labels, const eg_data_opt *opt,
                           int classes) {
    eg_tensor *pixels;
    EG_TRY(eg_idx_read(images, &pixels));
    if (take_images(data, pixels) != EG_OK) return eg_context("%s", images);
    return labels ? take_labels(data, labels, opt, classes) : EG_OK;
}

static eg_status open_idx_folder(eg_data *data, const char *folder, const char *source, const char *part,
                                 const eg_data_opt *opt) {
    char *images = NULL, *labels = NULL;
    int test = is_test(part), classes = 0;
    eg_status status = need_idx(folder, test ? "t10k-images" : "train-images", 3, &images);
    if (status == EG_OK && wants_labels(opt))
        status = need_idx(folder, test ? "t10k-labels" : "train-labels", 1, &labels);
    if (status == EG_OK && test && labels && opt->n_classes == 0) status = classes_of_training(folder, &classes);
    if (status == EG_OK) status = read_pair(data, images, labels, opt, classes);
    if (status == EG_OK) status = describe_idx(data, source);
    eg_free(images);
    eg_free(labels);
    return status;
}

static eg_status open_idx_file(eg_data *data, const char *path, const eg_bytes *bytes, const eg_data_opt *opt) {
    eg_tensor *images;
    char *labels = NULL;
    if (eg_idx_parse(bytes->data, bytes->size, &images) != EG_OK || take_images(data, images) != EG_OK)
        return eg_context("%s", path);
    if (wants_labels(opt)) EG_TRY(find_sibling(path, &labels));
    eg_status status = labels ? take_labels(data, labels, opt, 0) : EG_OK;
    eg_free(labels);
    return status == EG_OK ? describe_idx(data, path) : status;
}

/* ---- CSV ------------------------------------------------------------------------------------------------------- */

static eg_status open_table(eg_data *data, const char *name, const eg_bytes *bytes, const eg_data_opt *opt) {
    eg_csv csv;
    if (eg_csv_parse((char *)bytes->data, bytes->size, opt->delimiter, opt->no_header, &csv) != EG_OK)
        return eg_context("%s", name);
    eg_status status = eg_table_read(&csv, opt, data);
    eg_data_info *info = data->info;
    if (status != EG_OK)
        eg_context("%s", name);
    else if (!(info->source = eg_arena_format(&info->arena, "%s (CSV, %lld rows)", name, (long long)csv.rows)))
        status = EG_E_MEMORY;
    eg_csv_free(&csv);
    return status;
}

/* ---- all sources ----------------------------------------------------------------------------------------------- */

static eg_status open_file(eg_data *data, const char *path, const char *part, const eg_data_opt *opt) {
    if (is_test(part)) return eg_fail(EG_E_MISSING, "%s: has no part \"test\"", path);
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    eg_bytes bytes;
    EG_TRY(eg_file_read(path, EG_CSV_MAX_BYTES, &bytes));
    eg_status status = eg_idx_is(bytes.data, bytes.size)       ? open_idx_file(data, path, &bytes, opt)
                       : eg_picture_is(bytes.data, bytes.size) ? eg_picture_open(data, path, bytes.data, bytes.size, opt)
                                                               : open_table(data, name, &bytes, opt);
    eg_bytes_free(&bytes);
    return status;
}

/* Of IDX files, or of images. */
static eg_status open_folder(eg_data *data, const char *folder, const char *part, const eg_data_opt *opt) {
    char *train, *test = NULL;
    EG_TRY(find_idx(folder, "train-images", 3, &train));
    eg_status status = train ? EG_OK : find_idx(folder, "t10k-images", 3, &test);
    if (status == EG_OK)
        status = train || test ? open_idx_folder(data, folder, folder, part, opt)
                               : eg_pictures_open(data, folder, part, opt);
    eg_free(train);
    eg_free(test);
    return status;
}

static eg_status open_mnist(eg_data *data, const char *part, const eg_data_opt *opt) {
    char *folder;
    EG_TRY(eg_mnist_find(opt->allow_download, &folder));
    char *source = eg_arena_format(&data->info->arena, "mnist: %s", folder);
    eg_status status = source ? open_idx_folder(data, folder, source, part, opt) : EG_E_MEMORY;
    eg_free(folder);
    return status;
}

char *eg_next_setting(char **query, char **value) {
    char *key = *query;
    if (!key || *key == '\0') return NULL;
    if ((*query = strpbrk(key, ",&"))) *(*query)++ = '\0';
    if ((*value = strchr(key, '='))) *(*value)++ = '\0';
    return key;
}

/* The text after "gen:", or NULL. */
static const char *generated(const char *source) { return strncmp(source, "gen:", 4) == 0 ? source + 4 : NULL; }

static int is_text(const char *source) { return strncmp(source, "text:", 5) == 0; }

static eg_status open_source(eg_data *data, const char *source, const char *part, const eg_data_opt *opt) {
    if (!source || *source == '\0') return eg_fail(EG_E_ARGUMENT, "no data source is given");
    EG_TRY(check_part(part));
    if (generated(source)) return eg_generate(generated(source), is_test(part), opt->seed, data);
    if (strcmp(source, "mnist") == 0) return open_mnist(data, part, opt);
    if (is_text(source)) return eg_text_open(data, source + 5, part, &opt->text);
    return (eg_is_folder(source) ? open_folder : open_file)(data, source, part, opt);
}

eg_data *eg_data_open_(const char *source, const char *part, eg_data_opt opt) {
    eg_data *data = eg_data_new();
    return data ? eg_data_finish(data, open_source(data, source, part, &opt)) : NULL;
}

int eg_data_has_part(const char *source, const char *part) {
    if (!source || check_part(part) != EG_OK) return 0;
    if (generated(source)) return eg_generate_check(generated(source)) == EG_OK;
    if (is_text(source)) return eg_text_found(source + 5);
    const char *stem = is_test(part) ? "t10k-images" : "train-images";
    if (strcmp(source, "mnist") != 0 && !eg_is_folder(source)) return !is_test(part) && eg_file_exists(source);
    if (strcmp(source, "mnist") != 0)
        return folder_has(source, stem, 3) ||
               (!folder_has(source, "train-images", 3) && !folder_has(source, "t10k-images", 3) &&
                eg_pictures_has_part(source, is_test(part)));
    char *folder;
    if (eg_mnist_find(0, &folder) != EG_OK) return 0;
    int found = folder_has(folder, stem, 3);
    eg_free(folder);
    return found;
}
