/* SPDX-License-Identifier: MIT
 *
 * pictures.c: data sets out of picture files: a folder with one folder for each class, a folder without classes, or one
 * file. Names are sorted, hidden ones skipped, so that a folder always gives the same rows. Pictures keep their size and
 * channels unless the options say one for all; of another size or kind than the first they are errors, no guesses.
 */
#include "data/picture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/status.h"
#include "tensor/shape.h"

/* ---- one picture ----------------------------------------------------------------------------------------------- */

static const struct {
    const char *magic;
    size_t size;
    eg_status (*read)(const unsigned char *bytes, size_t size, eg_tensor **out);
} kinds[] = { { "\x89PNG\r\n\x1a\n", 8, eg_png_read }, { "\xFF\xD8\xFF", 3, eg_jpeg_read } };

enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind_of(const unsigned char *bytes, size_t size) {
    int i = 0;
    while (i < KINDS && (size < kinds[i].size || memcmp(bytes, kinds[i].magic, kinds[i].size) != 0)) i++;
    return i;
}

int eg_picture_is(const unsigned char *bytes, size_t size) { return kind_of(bytes, size) < KINDS; }

eg_status eg_picture_read(const unsigned char *bytes, size_t size, eg_tensor **out) {
    int kind = kind_of(bytes, size);
    *out = NULL;
    return kind < KINDS ? kinds[kind].read(bytes, size, out)
                        : eg_fail(EG_E_DATA, "is no image: PNG and JPEG can be read");
}

eg_status eg_picture_new(int64_t height, int64_t width, int channels, size_t least, size_t size, eg_tensor **out) {
    if (height > EG_PICTURE_MAX_SIDE || width > EG_PICTURE_MAX_SIDE || height * width > EG_PICTURE_MAX_PIXELS)
        return eg_fail(EG_E_LIMIT, "has %lld x %lld pixels: at most %d a side and %d in all can be read",
                       (long long)height, (long long)width, EG_PICTURE_MAX_SIDE, EG_PICTURE_MAX_PIXELS);
    if (least > size)
        return eg_fail(EG_E_DATA, "is damaged: %zu bytes cannot hold %lld x %lld pixels", size, (long long)height,
                       (long long)width);
    *out = eg_tensor_shaped(EG_U8, &EG_SHAPE(1, height, width, channels));
    return *out ? EG_OK : EG_E_MEMORY;
}

/* ---- to one size and kind -------------------------------------------------------------------------------------- */

/* [height,width] or [height,width,channels]; rank 0: as they are. */
static eg_status check_size(const eg_shape *size) {
    int fits = size->rank == 0 || size->rank == 2 || (size->rank == 3 && (size->dim[2] == 1 || size->dim[2] == 3));
    for (int i = 0; i < 2 && i < size->rank; i++) fits &= size->dim[i] > 0 && size->dim[i] <= EG_PICTURE_MAX_SIDE;
    return fits ? EG_OK
                : eg_fail(EG_E_ARGUMENT, "%s is no size of images: [height,width] up to %d, and 1 or 3 channels",
                          eg_shape_words(size), EG_PICTURE_MAX_SIDE);
}

/* Grey is the eye's mean of the colours (ITU-R BT.601), rounded; colour of grey is three times the same. */
static eg_tensor *change_channels(const eg_tensor *picture) {
    eg_shape shape = *eg_shape_of(picture);
    int64_t pixels = shape.dim[1] * shape.dim[2], grey = shape.dim[3] == 1;
    shape.dim[3] = grey ? 3 : 1;
    eg_tensor *changed = eg_tensor_unset(EG_U8, &shape);
    if (!changed) return NULL;
    const unsigned char *from = eg_tensor_data(picture);
    unsigned char *to = eg_tensor_data(changed);
    for (int64_t i = 0; i < pixels; i++) {
        const unsigned char *rgb = from + 3 * i;
        if (grey)
            memset(to + 3 * i, from[i], 3);
        else
            to[i] = (unsigned char)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + (1u << 15)) >> 16);
    }
    return changed;
}

/* Frees the picture it replaces; *picture is NULL on failure. */
static eg_status replace(eg_tensor **picture, eg_tensor *other) {
    eg_tensor_free(*picture);
    *picture = other;
    return other ? EG_OK : eg_error_status();
}

static eg_status read_as(const eg_shape *size, const unsigned char *bytes, size_t n, eg_tensor **out) {
    EG_TRY(eg_picture_read(bytes, n, out));
    const eg_shape *is = eg_shape_of(*out);
    if (size->rank == 3 && size->dim[2] != is->dim[3]) EG_TRY(replace(out, change_channels(*out)));
    is = eg_shape_of(*out);
    if (size->rank == 0 || (size->dim[0] == is->dim[1] && size->dim[1] == is->dim[2])) return EG_OK;
    return replace(out, eg_image_resize(*out, size->dim[0], size->dim[1]));
}

static eg_status describe(eg_data *data, const char *source) {
    eg_data_info *info = data->info;
    eg_shape sample = eg_data_sample_shape(data);
    long long n = (long long)eg_data_rows(data);
    info->source = eg_arena_format(&info->arena, "%s (%lld image%s, samples of %s)", source, n, n == 1 ? "" : "s",
                                   eg_shape_words(&sample));
    return info->source ? EG_OK : EG_E_MEMORY;
}

eg_status eg_picture_open(eg_data *data, const char *path, const unsigned char *bytes, size_t size,
                          const eg_data_opt *opt) {
    EG_TRY(check_size(&opt->image_size));
    if (read_as(&opt->image_size, bytes, size, &data->x) != EG_OK) return eg_context("%s", path);
    data->row_names = eg_alloc(sizeof *data->row_names);
    if (!data->row_names || !(data->row_names[0] = eg_arena_strdup(&data->info->arena, path))) return EG_E_MEMORY;
    return describe(data, path);
}

/* ---- folders --------------------------------------------------------------------------------------------------- */

typedef struct names {
    const char **item;
    int64_t n;
} names;

typedef struct gallery {
    eg_data *data;
    const eg_data_opt *opt;
    char *root;      /* the folder of the classes */
    eg_arena scratch; /* names in folders */
    names files;     /* from the root on: the names of the rows */
    int32_t *labels; /* [files] */
} gallery;

static eg_status add_name(names *list, const char *name) {
    if (!name) return EG_E_MEMORY;
    EG_TRY(EG_GROW(list->item, list->n + 1));
    list->item[list->n++] = name;
    return EG_OK;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static eg_status list_folder(gallery *g, const char *folder, names *out) {
    DIR *dir = opendir(folder);
    if (!dir) return eg_fail_errno("%s: cannot open", folder);
    eg_status status = EG_OK;
    for (struct dirent *e; status == EG_OK && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.') status = add_name(out, eg_arena_strdup(&g->scratch, e->d_name));
    closedir(dir);
    if (status == EG_OK && out->n > 0) qsort(out->item, (size_t)out->n, sizeof *out->item, by_bytes);
    return status;
}

static int is_folder_in(const char *folder, const char *name) {
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    return length < (int)sizeof path && eg_is_folder(path);
}

static int is_picture_name(const char *name) {
    const char *end = strrchr(name, '.');
    return end && (strcasecmp(end, ".png") == 0 || strcasecmp(end, ".jpg") == 0 || strcasecmp(end, ".jpeg") == 0);
}

/* The folders in `folder`. Pictures beside them have no class; other files (a licence, a list) do not matter. */
static eg_status list_classes(gallery *g, const char *folder, names *all, names *classes) {
    EG_TRY(list_folder(g, folder, all));
    const char *stray = NULL;
    for (int64_t i = 0; i < all->n; i++) {
        if (is_folder_in(folder, all->item[i]))
            EG_TRY(add_name(classes, all->item[i]));
        else if (is_picture_name(all->item[i]))
            stray = all->item[i];
    }
    if (classes->n > 0 && stray)
        return eg_fail(EG_E_DATA, "%s: the image '%s' lies beside the folders of classes, in none of them", folder, stray);
    if (classes->n <= EG_DATA_MAX_CLASSES) return EG_OK;
    return eg_fail(EG_E_LIMIT, "%s: more than %d classes", folder, EG_DATA_MAX_CLASSES);
}

static eg_status add_files(gallery *g, const char *class, const names *files, int32_t label) {
    eg_arena *arena = &g->data->info->arena;
    for (int64_t i = 0; i < files->n; i++) {
        const char *name = class ? eg_arena_format(arena, "%s/%s", class, files->item[i])
                                 : eg_arena_strdup(arena, files->item[i]);
        EG_TRY(add_name(&g->files, name));
    }
    EG_TRY(EG_GROW(g->labels, g->files.n));
    for (int64_t i = g->files.n - files->n; i < g->files.n; i++) g->labels[i] = label;
    return EG_OK;
}

/* The number of a class; -1 if no labels are wanted. */
static eg_status find_class(const gallery *g, const char *name, int32_t *label) {
    const eg_data_info *info = g->data->info;
    *label = -1;
    if (info->task == EG_TASK_NONE) return EG_OK;
    for (int c = 0; c < info->classes && *label < 0; c++)
        if (strcmp(info->class_names[c], name) == 0) *label = c;
    return *label >= 0 ? EG_OK
                       : eg_fail(EG_E_DATA, "%s: the folder '%s' is none of the %d classes (%s, ...)", g->root, name,
                                 info->classes, info->class_names[0]);
}

static eg_status add_class(gallery *g, const char *name) {
    int32_t label;
    EG_TRY(find_class(g, name, &label));
    char *folder = eg_path_join(g->root, name);
    names files = { 0 };
    eg_status status = folder ? list_folder(g, folder, &files) : EG_E_MEMORY;
    if (status == EG_OK && files.n == 0) status = eg_fail(EG_E_DATA, "%s: holds no images", folder);
    if (status == EG_OK) status = add_files(g, name, &files, label);
    eg_free(files.item);
    eg_free(folder);
    return status;
}

/* The model's, those of the training part, or what is here; none if no targets are wanted. */
static eg_status name_classes(gallery *g, const char *training, const names *here) {
    const eg_data_opt *opt = g->opt;
    eg_data_info *info = g->data->info;
    if (opt->target && strcmp(opt->target, "-") == 0) return EG_OK;
    info->task = EG_TASK_CLASSIFICATION;
    if (opt->n_classes > 0) return eg_data_name_classes(info, opt->classes, opt->n_classes);
    names all = { 0 }, trained = { 0 };
    eg_status status = training ? list_classes(g, training, &all, &trained) : EG_OK;
    if (status == EG_OK && !training) trained = *here;
    if (status == EG_OK && trained.n < 2)
        status = eg_fail(EG_E_DATA, "%s: holds the folder of one class, '%s': there is nothing to tell apart",
                         training ? training : g->root, trained.n ? trained.item[0] : "");
    if (status == EG_OK) status = eg_data_name_classes(info, trained.item, (int)trained.n);
    eg_free(all.item);
    if (training) eg_free(trained.item);
    return status;
}

static eg_status list_files(gallery *g, const char *training) {
    names all = { 0 }, classes = { 0 };
    eg_status status = list_classes(g, g->root, &all, &classes);
    if (status == EG_OK && classes.n == 0) status = add_files(g, NULL, &all, -1);
    if (status == EG_OK && classes.n > 0) status = name_classes(g, training, &classes);
    for (int64_t i = 0; i < classes.n && status == EG_OK; i++) status = add_class(g, classes.item[i]);
    eg_free(all.item);
    eg_free(classes.item);
    if (status != EG_OK || g->files.n > 0) return status;
    return eg_fail(EG_E_MISSING, "%s: holds neither IDX files (train-images-idx3-ubyte[.gz], ...) nor images", g->root);
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

static eg_status fail_other_size(const gallery *g, const int64_t *is, const int64_t *first) {
    return eg_fail(EG_E_DATA,
                   "is %lldx%lldx%lld (height, width, channels), but %s is %lldx%lldx%lld: "
                   "say one size for all (--size %lldx%lldx%lld)",
                   (long long)is[1], (long long)is[2], (long long)is[3], g->files.item[0], (long long)first[1],
                   (long long)first[2], (long long)first[3], (long long)first[1], (long long)first[2],
                   (long long)(is[3] > first[3] ? is : first)[3]);
}

/* The first one makes room for all. */
static eg_status put(gallery *g, int64_t row, const eg_tensor *picture) {
    eg_shape shape = *eg_shape_of(picture);
    size_t size = (size_t)eg_count(&shape), all;
    shape.dim[0] = g->files.n;
    if (row == 0) {
        if (!eg_mul_size((size_t)g->files.n, size, &all) || all > EG_PICTURES_MAX_BYTES)
            return eg_fail(EG_E_LIMIT, "and %lld more of its size are above the limit of %zu bytes",
                           (long long)g->files.n - 1, EG_PICTURES_MAX_BYTES);
        if (!(g->data->x = eg_tensor_unset(EG_U8, &shape))) return EG_E_MEMORY;
    }
    const eg_shape *first = eg_shape_of(g->data->x);
    if (!eg_same_shape(&shape, first)) return fail_other_size(g, shape.dim, first->dim);
    memcpy((unsigned char *)eg_tensor_data(g->data->x) + (size_t)row * size, eg_tensor_data(picture), size);
    return EG_OK;
}

static eg_status read_file(gallery *g, int64_t row, const char *path) {
    eg_bytes bytes;
    eg_tensor *picture;
    EG_TRY(eg_file_read(path, EG_PICTURE_MAX_FILE, &bytes));
    eg_status status = read_as(&g->opt->image_size, bytes.data, bytes.size, &picture);
    eg_bytes_free(&bytes);
    if (status == EG_OK) status = put(g, row, picture);
    eg_tensor_free(picture);
    return status == EG_OK ? EG_OK : eg_context("%s", path);
}

static eg_status read_all(gallery *g) {
    eg_status status = EG_OK;
    for (int64_t i = 0; i < g->files.n && status == EG_OK; i++) {
        char *path = eg_path_join(g->root, g->files.item[i]);
        status = path ? read_file(g, i, path) : EG_E_MEMORY;
        eg_free(path);
    }
    return status;
}

static eg_status take_labels(gallery *g) {
    if (g->data->info->task == EG_TASK_NONE) return EG_OK;
    g->data->y = eg_new_vector(EG_I32, g->files.n);
    if (!g->data->y) return EG_E_MEMORY;
    memcpy(eg_tensor_data(g->data->y), g->labels, (size_t)g->files.n * sizeof *g->labels);
    return EG_OK;
}

/* `training`: where the classes of a test part have their names; NULL for all else. */
static eg_status open_root(gallery *g, const char *training, const char *source) {
    EG_TRY(check_size(&g->opt->image_size));
    EG_TRY(list_files(g, training));
    EG_TRY(read_all(g));
    EG_TRY(take_labels(g));
    return describe(g->data, source);
}

eg_status eg_pictures_open(eg_data *data, const char *folder, const char *part, const eg_data_opt *opt) {
    int parts = is_folder_in(folder, "train"), test = part && strcmp(part, "test") == 0;
    if (test && !eg_pictures_has_part(folder, 1))
        return eg_fail(EG_E_MISSING, "%s: has no part \"test\" (folders train and test)", folder);
    gallery g = { .data = data, .opt = opt };
    char *training = eg_path_join(folder, "train");
    g.root = parts ? eg_path_join(folder, test ? "test" : "train") : eg_strdup(folder);
    eg_status status = training && g.root ? open_root(&g, test ? training : NULL, folder) : EG_E_MEMORY;
    data->row_names = g.files.item;
    eg_arena_free(&g.scratch);
    eg_free(g.labels);
    eg_free(g.root);
    eg_free(training);
    return status;
}

int eg_pictures_has_part(const char *folder, int test) {
    return test ? is_folder_in(folder, "train") && is_folder_in(folder, "test") : eg_is_folder(folder);
}
