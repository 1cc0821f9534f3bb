/* SPDX-License-Identifier: MIT
 *
 * text.c: texts as samples of whole numbers, by a vocabulary that the data set keeps. A text to go on with is cut into
 * `rows` parts that are read side by side, each in pieces of `steps` tokens; the target of a token is the next one:
 *
 *     part 0   "to be or n"  "ot to be, "  ...        row 0, row 2, ...   (rows = 2, steps = 10)
 *     part 1   "tis nobler"  " in the mi"  ...        row 1, row 3, ...
 *
 * so batches of `rows` rows continue each other, as stateful layers want it. Not a stream: a text lies in memory.
 */
#include "data/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/text.h"
#include "tensor/shape.h"

enum { STEPS = 64, ROWS = 32, TENTH = 10, MAX_STEPS = 1 << 20 };
#define MAX_BYTES ((size_t)1 << 30)

/* ---- what both kinds share ------------------------------------------------------------------------------------- */

static eg_status check_options(const eg_text_opt *opt) {
    if (opt->steps >= 0 && opt->steps <= MAX_STEPS && opt->rows >= 0 && opt->rows <= MAX_STEPS && opt->every >= 0 &&
        opt->every != 1 && opt->most >= 0 && opt->most <= INT32_MAX)
        return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "text: steps and rows are 1 to %d, every is 2 or more, most is not negative",
                   MAX_STEPS);
}

/* The model's vocabulary, or one of this text, kept with the data. */
static eg_status take_vocabulary(eg_data *data, const char *text, size_t size, const eg_text_opt *opt) {
    EG_TRY(check_options(opt));
    eg_vocabulary *v = opt->vocabulary ? eg_vocabulary_share(opt->vocabulary)
                                       : eg_vocabulary_fit(text, size, .unit = opt->unit, .most = (int)opt->most,
                                                           .unknown = opt->unknown);
    if (!v) return eg_error_status();
    data->info->text = *opt;
    data->info->text.unit = eg_vocabulary_unit(v);
    data->info->text.vocabulary = v;
    return EG_OK;
}

static eg_status name_tokens(eg_data_info *info) {
    const eg_vocabulary *v = info->text.vocabulary;
    int n = eg_vocabulary_size(v);
    if (n > EG_DATA_MAX_CLASSES)
        return eg_fail(EG_E_LIMIT, "text: %d different tokens: at most %d can be learnt, keep the most frequent (most=)", n,
                       EG_DATA_MAX_CLASSES);
    info->class_names = EG_ARENA_ARRAY(&info->arena, const char *, n);
    if (!info->class_names) return EG_E_MEMORY;
    for (int i = 0; i < n; i++) info->class_names[i] = eg_vocabulary_token(v, i);
    info->classes = n;
    info->task = EG_TASK_CLASSIFICATION;
    return EG_OK;
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

static const char *line_end(const char *at, const char *end) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    return newline ? newline + 1 : end;
}

/* Every so many-th line for the test, the others to train. Lines stand for themselves: in random order, always the same,
 * no line tells what the next one is like. */
static eg_status copy_lines(const char *text, size_t size, int64_t every, int test, eg_text *out) {
    const char *end = text + size, **line = NULL;
    int64_t n = 0, *order = NULL;
    eg_status status = EG_OK;
    for (; text < end && status == EG_OK; text = line_end(text, end))
        if ((status = EG_GROW(line, n + 1)) == EG_OK) line[n++] = text;
    if (status == EG_OK) status = EG_GROW(order, n);
    if (status == EG_OK) {
        eg_rng rng = eg_rng_new(0, eg_site("text/lines"));
        eg_rng_permutation(&rng, order, n);
    }
    for (int64_t i = 0; i < n && status == EG_OK; i++) {
        const char *from = line[order[i]], *to = line_end(from, end);
        if (((order[i] + 1) % every == 0) != test) continue;
        eg_text_add_bytes(out, from, (size_t)(to - from));
        if (to[-1] != '\n' && n > 1) eg_text_add(out, "\n");
    }
    eg_free(line);
    eg_free(order);
    return status;
}

static eg_status copy_part(const char *text, size_t size, const char *part, int64_t every, eg_text *out) {
    int test = part && strcmp(part, "test") == 0;
    size_t cut = size - size / TENTH;
    while (cut < size && ((unsigned char)text[cut] & 0xC0) == 0x80) cut++; /* not within a character */
    if (!part)
        eg_text_add_bytes(out, text, size);
    else if (every)
        EG_TRY(copy_lines(text, size, every, test, out));
    else
        eg_text_add_bytes(out, test ? text + cut : text, test ? size - cut : cut);
    return out->failed ? EG_E_MEMORY : EG_OK;
}

/* ---- the next token --------------------------------------------------------------------------------------------- */

/* tokens [n] -> x, y [pieces rows, steps] */
static eg_status cut_pieces(eg_data *data, const int32_t *tokens, int64_t n) {
    eg_text_opt *opt = &data->info->text;
    if (!opt->steps) opt->steps = STEPS;
    int64_t steps = opt->steps, fit = (n - 1) / steps;
    if (!opt->rows) opt->rows = fit < 1 ? 1 : fit < ROWS ? fit : ROWS;
    int64_t rows = opt->rows, pieces = fit / rows;
    if (pieces < 1)
        return eg_fail(EG_E_DATA, "text: %lld tokens are too few for %lld rows of %lld steps", (long long)n,
                       (long long)rows, (long long)steps);
    data->x = eg_new_matrix(EG_F32, pieces * rows, steps);
    data->y = eg_new_matrix(EG_I32, pieces * rows, steps);
    if (!data->x || !data->y) return EG_E_MEMORY;
    float *x = eg_tensor_data(data->x);
    int32_t *y = eg_tensor_data(data->y);
    for (int64_t k = 0; k < pieces; k++)
        for (int64_t j = 0; j < rows; j++)
            for (int64_t t = 0; t < steps; t++, x++, y++) {
                const int32_t *at = tokens + (j * pieces + k) * steps + t;
                *x = (float)at[0], *y = at[1];
            }
    return EG_OK;
}

static eg_status fill_part(eg_data *data, const char *text, size_t size, const char *part) {
    eg_text chosen = { 0 };
    eg_tensor *tokens = NULL;
    eg_status status = copy_part(text, size, part, data->info->text.every, &chosen);
    if (status == EG_OK) {
        tokens = eg_vocabulary_encode(data->info->text.vocabulary, chosen.data ? chosen.data : "", chosen.length);
        status = tokens ? cut_pieces(data, eg_tensor_data(tokens), eg_tensor_size(tokens)) : eg_error_status();
    }
    eg_tensor_free(tokens);
    eg_text_free(&chosen);
    return status;
}

eg_status eg_text_fill(eg_data *data, const char *text, size_t size, const char *part, const eg_text_opt *opt) {
    if (!text) return eg_fail(EG_E_ARGUMENT, "text: there is none");
    EG_TRY(take_vocabulary(data, text, size, opt));
    EG_TRY(name_tokens(data->info));
    return fill_part(data, text, size, part);
}

eg_data *eg_data_from_text_(const char *text, size_t size, const char *part, eg_text_opt opt) {
    eg_data *data = eg_data_new();
    if (data) data->info->source = "a text";
    return data ? eg_data_finish(data, eg_text_fill(data, text, size, part, &opt)) : NULL;
}

const eg_text_opt *eg_data_text(const eg_data *data) {
    return data && data->info->text.vocabulary ? &data->info->text : NULL;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

/* A setting behind "?". */
static eg_status set_key(const char *key, const char *value, eg_text_opt *opt) {
    static const char *const names[] = { "steps", "rows", "every", "most", "unit" };
    int64_t *const numbers[] = { &opt->steps, &opt->rows, &opt->every, &opt->most };
    for (int i = 0; value && i < 4; i++) {
        const char *end = value + strlen(value);
        if (strcmp(key, names[i]) != 0) continue;
        return eg_parse_int(value, end, numbers[i]) == end && *numbers[i] > 0
                   ? EG_OK
                   : eg_fail(EG_E_ARGUMENT, "text: %s=%.40s: a whole number from 1 on is needed", key, value);
    }
    if (!value || strcmp(key, "unit") != 0) return eg_fail_unknown("key of text:", key, names, 5);
    opt->unit = strcmp(value, "words") == 0 ? EG_TOKEN_WORD : EG_TOKEN_CHARACTER;
    if (opt->unit == EG_TOKEN_WORD || strcmp(value, "characters") == 0) return EG_OK;
    return eg_fail(EG_E_ARGUMENT, "text: unit=%.40s: there are characters and words", value);
}

static eg_status set_keys(char *query, eg_text_opt *opt) {
    for (char *key, *value; (key = eg_next_setting(&query, &value));) EG_TRY(set_key(key, value, opt));
    return EG_OK;
}

/* The file itself, or of that name among the data sets; NULL if there is none. */
static char *find_file(const char *name) {
    const char *variable = getenv("ELEGANS_DATA");
    const char *const folders[] = { ".", variable, variable, "../shared/data" };
    const char *const below[] = { "", "", "text/", "text/" };
    if (*name == '/') return eg_file_exists(name) ? eg_strdup(name) : NULL;
    for (int i = 0; i < 4; i++) {
        eg_text path = { 0 };
        if (!folders[i] || !*folders[i]) continue;
        eg_text_format(&path, "%s/%s%s", folders[i], below[i], name);
        if (path.failed || eg_file_exists(path.data)) return path.data;
        eg_text_free(&path);
    }
    return NULL;
}

/* *query: what stands behind the "?", or NULL. */
static char *split_source(const char *source, char **query) {
    char *name = eg_strdup(source);
    *query = name ? strchr(name, '?') : NULL;
    if (*query) *(*query)++ = '\0';
    return name;
}

int eg_text_found(const char *source) {
    char *query, *name = split_source(source, &query), *path = name ? find_file(name) : NULL;
    int found = path != NULL;
    eg_free(path);
    eg_free(name);
    return found;
}

static eg_status describe(eg_data *data, const char *name) {
    eg_data_info *info = data->info;
    info->source = eg_arena_format(&info->arena, "%s (text, %d %s)", name, eg_vocabulary_size(info->text.vocabulary),
                                   info->text.unit == EG_TOKEN_WORD ? "words" : "characters");
    return info->source ? EG_OK : EG_E_MEMORY;
}

static eg_status open_file(eg_data *data, const char *name, const char *part, const eg_text_opt *opt) {
    char *path = find_file(name);
    eg_bytes bytes;
    if (!path)
        return eg_fail(EG_E_MISSING, "%s: no such file, here, in $ELEGANS_DATA or in ../shared/data/text", name);
    eg_status status = eg_file_read(path, MAX_BYTES, &bytes);
    eg_free(path);
    EG_TRY(status);
    status = eg_text_fill(data, (const char *)bytes.data, bytes.size, part ? part : "train", opt);
    eg_bytes_free(&bytes);
    return status == EG_OK ? describe(data, name) : eg_context("%s", name);
}

eg_status eg_text_open(eg_data *data, const char *source, const char *part, const eg_text_opt *opt) {
    eg_text_opt settings = *opt;
    char *query, *name = split_source(source, &query);
    eg_status status = name ? set_keys(query, &settings) : EG_E_MEMORY;
    if (status == EG_OK) status = open_file(data, name, part, &settings);
    eg_free(name);
    return status;
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

/* A text's tokens into the last of `steps` places, the last of them if they are too many; *length: how many there are. */
static eg_status read_text(const eg_vocabulary *v, const char *text, size_t size, float *x, int64_t steps,
                           int64_t *length) {
    eg_tensor *tokens = eg_vocabulary_encode(v, text, size);
    if (!tokens) return eg_error_status();
    const int32_t *number = eg_tensor_data(tokens);
    int64_t n = *length = eg_tensor_size(tokens);
    for (int64_t t = 1; t <= steps && t <= n; t++) x[steps - t] = (float)(number[n - t] + 1);
    eg_tensor_free(tokens);
    return EG_OK;
}

static eg_status read_texts(eg_data *data, const char *all, const size_t *end, int64_t n, float *x, int64_t *longest) {
    const eg_text_opt *opt = &data->info->text;
    int64_t length = 0;
    for (int64_t i = 0; i < n; i++) {
        size_t from = i ? end[i - 1] + 1 : 0;
        EG_TRY(read_text(opt->vocabulary, all + from, end[i] - from, x + (x ? i * opt->steps : 0), x ? opt->steps : 0,
                         &length));
        if (length > *longest) *longest = length;
    }
    return EG_OK;
}

eg_status eg_text_column(eg_data *data, const char *all, const size_t *end, int64_t n, const eg_text_opt *opt) {
    eg_text_opt known = *opt;
    known.unknown = 1; /* new texts have new words */
    EG_TRY(take_vocabulary(data, all, n ? end[n - 1] : 0, &known));
    eg_text_opt *kept = &data->info->text;
    if (!kept->steps) EG_TRY(read_texts(data, all, end, n, NULL, &kept->steps));
    int64_t longest = 0;
    data->x = kept->steps > MAX_STEPS ? NULL : eg_new_matrix(EG_F32, n, kept->steps);
    if (!data->x) return kept->steps > MAX_STEPS ? check_options(kept) : EG_E_MEMORY;
    return read_texts(data, all, end, n, eg_tensor_data(data->x), &longest);
}
