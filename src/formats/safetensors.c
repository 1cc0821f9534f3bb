/* SPDX-License-Identifier: MIT
 *
 * safetensors.c: the reader trusts nothing: the header's length, each entry's type, shape and place are checked
 * against each other and against the file before a tensor can be asked for; the tensors must tile the data exactly.
 * The writer is canonical. Sharded models (an index file beside several of these) are not read.
 */
#include "formats/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "base/status.h"
#include "base/text.h"
#include "tensor/shape.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "elements are written as they lie in memory");

enum { LENGTH_BYTES = 8, HEADER_ALIGN = 8 };
static const char metadata_name[] = "__metadata__";

/* Every element type of the format; those without a dtype can be listed, not read. */
typedef struct element {
    char name[8];
    unsigned char bits, dtype;
} element;

static const element elements[] = {
    { "F32", 32, EG_F32 }, { "F64", 64, EG_F64 }, { "I32", 32, EG_I32 }, { "U8", 8, EG_U8 },  { "BOOL", 8, 0 },
    { "I8", 8, 0 },        { "I16", 16, 0 },      { "U16", 16, 0 },      { "U32", 32, 0 },    { "I64", 64, 0 },
    { "U64", 64, 0 },      { "F16", 16, 0 },      { "BF16", 16, 0 },     { "F8_E5M2", 8, 0 }, { "F8_E4M3", 8, 0 },
    { "F8_E8M0", 8, 0 },   { "F6_E2M3", 6, 0 },   { "F6_E3M2", 6, 0 },   { "F4", 4, 0 },      { "C64", 64, 0 },
};
enum { ELEMENTS = sizeof elements / sizeof elements[0] };

struct eg_safetensors {
    eg_arena arena;
    eg_bytes owned; /* of a file that was read here */
    const unsigned char *data;
    size_t size;                   /* of data */
    eg_safetensors_entry *entries; /* [count] by place */
    int count;
    const eg_json **strings; /* [n_strings] */
    int n_strings;
};

/* ---- entries --------------------------------------------------------------------------------------------------- */

static const element *find_element(const char *name) {
    for (int i = 0; i < ELEMENTS; i++)
        if (strcmp(elements[i].name, name) == 0) return &elements[i];
    return NULL;
}

static eg_status read_shape(const eg_json *at, eg_safetensors_entry *entry) {
    const eg_json *shape = eg_json_get(at, "shape");
    if (!shape || shape->type != EG_JSON_ARRAY) return eg_fail(EG_E_DATA, "shape is not a list");
    if (shape->length > EG_MAX_RANK)
        return eg_fail(EG_E_DATA, "rank %zu, at most %d can be read", shape->length, EG_MAX_RANK);
    for (const eg_json *dim = shape->first; dim; dim = dim->next) {
        if (dim->type != EG_JSON_INT || dim->integer < 0)
            return eg_fail(EG_E_DATA, "shape holds something else than sizes");
        entry->shape.dim[entry->shape.rank++] = dim->integer;
    }
    return EG_OK;
}

static eg_status read_offsets(const eg_json *at, eg_safetensors_entry *entry) {
    const eg_json *pair = eg_json_get(at, "data_offsets");
    if (!pair || pair->type != EG_JSON_ARRAY || pair->length != 2)
        return eg_fail(EG_E_DATA, "data_offsets is not a pair");
    const eg_json *begin = pair->first, *end = begin->next;
    if (begin->type != EG_JSON_INT || end->type != EG_JSON_INT || begin->integer < 0 || end->integer < begin->integer)
        return eg_fail(EG_E_DATA, "data_offsets is not a range");
    if ((uint64_t)end->integer > SIZE_MAX) return eg_fail(EG_E_DATA, "data_offsets lie outside the file");
    entry->begin = (size_t)begin->integer;
    entry->end = (size_t)end->integer;
    return EG_OK;
}

/* The bytes that an entry's shape and type take, or an error. */
static eg_status check_size(const element *type, const eg_safetensors_entry *entry) {
    size_t bits = type->bits;
    int fits = eg_shape_check(&entry->shape) == EG_OK;
    for (int i = 0; i < entry->shape.rank; i++) fits = fits && eg_mul_size(bits, (size_t)entry->shape.dim[i], &bits);
    const char *shape = eg_shape_words(&entry->shape);
    if (!fits) return eg_fail(EG_E_DATA, "shape %s overflows", shape);
    if (bits % 8 == 0 && bits / 8 == entry->end - entry->begin) return EG_OK;
    return eg_fail(EG_E_DATA, "%s of %s are %zu bytes, but data_offsets span %zu", shape, type->name, bits / 8,
                   entry->end - entry->begin);
}

static eg_status read_entry(const eg_json *at, eg_safetensors_entry *entry) {
    const eg_json *dtype = eg_json_get(at, "dtype");
    if (at->type != EG_JSON_OBJECT || at->length != 3)
        return eg_fail(EG_E_DATA, "is not { dtype, shape, data_offsets }");
    if (!dtype || dtype->type != EG_JSON_STRING) return eg_fail(EG_E_DATA, "dtype is not a string");
    const element *type = find_element(dtype->string);
    if (!type) return eg_fail(EG_E_DATA, "unknown dtype \"%.40s\"", dtype->string);
    *entry = (eg_safetensors_entry){ .name = at->key, .type = type->name, .dtype = (eg_dtype)type->dtype };
    EG_TRY(read_shape(at, entry));
    EG_TRY(read_offsets(at, entry));
    return check_size(type, entry);
}

static eg_status read_metadata(eg_safetensors *file, const eg_json *object) {
    if (object->type != EG_JSON_OBJECT) return eg_fail(EG_E_DATA, "is not an object");
    file->strings = EG_ARENA_ARRAY(&file->arena, const eg_json *, object->length);
    if (!file->strings) return EG_E_MEMORY;
    for (const eg_json *item = object->first; item; item = item->next) {
        if (item->type != EG_JSON_STRING) return eg_fail(EG_E_DATA, "\"%.100s\" is not a string", item->key);
        if (strlen(item->string) != item->length)
            return eg_fail(EG_E_DATA, "\"%.100s\" holds a zero byte", item->key);
        file->strings[file->n_strings++] = item;
    }
    return EG_OK;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

/* Empty tensors may share a place with others. */
static int by_place(const void *a, const void *b) {
    const eg_safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* No hole, no overlap, nothing before, between or after. */
static eg_status check_tiling(const eg_safetensors *file) {
    size_t end = 0;
    for (int i = 0; i < file->count; i++) {
        const eg_safetensors_entry *entry = &file->entries[i];
        if (entry->begin != end)
            return eg_fail(EG_E_DATA, "header: \"%.100s\" starts at byte %zu of the data, %s of %zu bytes",
                           entry->name, entry->begin,
                           entry->begin > end ? "after a hole at the end" : "inside the first tensors", end);
        end = entry->end;
    }
    if (end == file->size) return EG_OK;
    return eg_fail(EG_E_DATA, "%s: the header describes %zu bytes of data, the file holds %zu",
                   end > file->size ? "is truncated" : "has bytes left over", end, file->size);
}

static eg_status read_header(eg_safetensors *file, const char *text, size_t length) {
    if (length == 0 || text[0] != '{')
        return eg_fail(EG_E_DATA, "is not a safetensors file: no header starts at byte 8");
    const eg_json *header = eg_json_parse(&file->arena, text, length);
    if (!header) return eg_context("header");
    file->entries = EG_ARENA_ARRAY(&file->arena, eg_safetensors_entry, header->length);
    if (!file->entries) return EG_E_MEMORY;
    for (const eg_json *item = header->first; item; item = item->next) {
        int is_metadata = strcmp(item->key, metadata_name) == 0;
        if ((is_metadata ? read_metadata(file, item) : read_entry(item, &file->entries[file->count])) != EG_OK)
            return eg_context("header: \"%.100s\"", item->key);
        file->count += !is_metadata;
    }
    qsort(file->entries, (size_t)file->count, sizeof *file->entries, by_place);
    return check_tiling(file);
}

static eg_status parse(eg_safetensors *file, const unsigned char *bytes, size_t size) {
    uint64_t length = 0;
    if (size < LENGTH_BYTES)
        return eg_fail(EG_E_DATA, "is truncated: %zu bytes, a safetensors file has at least %d", size, LENGTH_BYTES);
    for (int i = 0; i < LENGTH_BYTES; i++) length |= (uint64_t)bytes[i] << (8 * i);
    if (length > EG_SAFETENSORS_MAX_HEADER)
        return eg_fail(EG_E_DATA, "is not a safetensors file: it asks for a header of %llu bytes, the limit is %zu",
                       (unsigned long long)length, EG_SAFETENSORS_MAX_HEADER);
    if (length > size - LENGTH_BYTES)
        return eg_fail(EG_E_DATA, "is truncated: a header of %llu bytes in a file of %zu", (unsigned long long)length,
                       size);
    file->data = bytes + LENGTH_BYTES + length;
    file->size = size - LENGTH_BYTES - (size_t)length;
    return read_header(file, (const char *)bytes + LENGTH_BYTES, (size_t)length);
}

eg_status eg_safetensors_parse(const void *bytes, size_t size, eg_safetensors **out) {
    *out = NULL;
    eg_safetensors *file = eg_calloc(1, sizeof *file);
    if (!file) return EG_E_MEMORY;
    eg_status status = parse(file, bytes, size);
    if (status == EG_OK)
        *out = file;
    else
        eg_safetensors_free(file);
    return status;
}

eg_status eg_safetensors_read(const char *path, eg_safetensors **out) {
    *out = NULL;
    eg_bytes bytes;
    EG_TRY(eg_file_read(path, EG_SAFETENSORS_MAX_BYTES, &bytes));
    if (eg_safetensors_parse(bytes.data, bytes.size, out) == EG_OK) {
        (*out)->owned = bytes;
        return EG_OK;
    }
    eg_bytes_free(&bytes);
    return eg_context("%s", path);
}

void eg_safetensors_free(eg_safetensors *file) {
    if (!file) return;
    eg_arena_free(&file->arena);
    eg_bytes_free(&file->owned);
    eg_free(file);
}

/* ---- what is in it --------------------------------------------------------------------------------------------- */

int eg_safetensors_count(const eg_safetensors *file) { return file->count; }
const eg_safetensors_entry *eg_safetensors_at(const eg_safetensors *file, int index) { return &file->entries[index]; }

const eg_safetensors_entry *eg_safetensors_find(const eg_safetensors *file, const char *name) {
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->entries[i].name, name) == 0) return &file->entries[i];
    return NULL;
}

eg_status eg_safetensors_tensor(const eg_safetensors *file, const eg_safetensors_entry *entry, eg_tensor **out) {
    *out = NULL;
    if (!entry->dtype)
        return eg_fail(EG_E_UNSUPPORTED, "\"%.100s\" is %s: only F32, F64, I32 and U8 can be read", entry->name,
                       entry->type);
    eg_tensor *tensor = eg_tensor_shaped(entry->dtype, &entry->shape);
    if (!tensor) return eg_context("\"%.100s\"", entry->name);
    if (entry->end > entry->begin)
        memcpy(eg_tensor_data(tensor), file->data + entry->begin, entry->end - entry->begin);
    *out = tensor;
    return EG_OK;
}

const char *eg_safetensors_metadata(const eg_safetensors *file, const char *key) {
    for (int i = 0; i < file->n_strings; i++)
        if (strcmp(file->strings[i]->key, key) == 0) return file->strings[i]->string;
    return NULL;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static int by_size_and_name(const void *a, const void *b) {
    const eg_safetensors_item *x = a, *y = b;
    size_t size_x = eg_dtype_size(eg_tensor_dtype(x->tensor)), size_y = eg_dtype_size(eg_tensor_dtype(y->tensor));
    return size_x != size_y ? (size_x < size_y) - (size_x > size_y) : strcmp(x->name, y->name);
}

static const char *type_name(eg_dtype dtype) {
    int i = 0;
    while (elements[i].dtype != dtype) i++;
    return elements[i].name;
}

static size_t data_bytes(const eg_tensor *tensor) {
    return (size_t)eg_tensor_size(tensor) * eg_dtype_size(eg_tensor_dtype(tensor));
}

static void put_entry(eg_json_writer *w, const eg_safetensors_item *item, size_t *offset) {
    const eg_shape *shape = eg_shape_of(item->tensor);
    eg_json_begin(w, item->name, '{');
    eg_json_put_string(w, "dtype", type_name(eg_tensor_dtype(item->tensor)));
    eg_json_begin(w, "shape", '[');
    for (int i = 0; i < shape->rank; i++) eg_json_put_int(w, NULL, shape->dim[i]);
    eg_json_end(w, ']');
    eg_json_begin(w, "data_offsets", '[');
    eg_json_put_int(w, NULL, (int64_t)*offset);
    *offset += data_bytes(item->tensor);
    eg_json_put_int(w, NULL, (int64_t)*offset);
    eg_json_end(w, ']');
    eg_json_end(w, '}');
}

static void put_header(eg_text *text, const eg_safetensors_item *items, int n, const eg_safetensors_string *metadata,
                       int n_metadata) {
    eg_json_writer w = { .text = text };
    size_t offset = 0;
    eg_json_begin(&w, NULL, '{');
    if (n_metadata > 0) eg_json_begin(&w, metadata_name, '{');
    for (int i = 0; i < n_metadata; i++) eg_json_put_string(&w, metadata[i].key, metadata[i].value);
    if (n_metadata > 0) eg_json_end(&w, '}');
    for (int i = 0; i < n; i++) put_entry(&w, &items[i], &offset);
    eg_json_end(&w, '}');
    while (text->length % HEADER_ALIGN != 0 && !text->failed) eg_text_add(text, " ");
}

/* What would not be read again is not written: repeated names and keys, a header above the limit. */
static eg_status check_header(const eg_text *text) {
    if (text->failed) return eg_fail(EG_E_MEMORY, "no memory for the header");
    if (text->length > EG_SAFETENSORS_MAX_HEADER)
        return eg_fail(EG_E_LIMIT, "a header of %zu bytes, the limit is %zu", text->length,
                       EG_SAFETENSORS_MAX_HEADER);
    eg_arena arena = EG_ARENA_INIT;
    eg_status status = eg_json_parse(&arena, text->data, text->length) ? EG_OK : eg_error_status();
    eg_arena_free(&arena);
    return status;
}

static eg_status put_tensor(eg_file_writer *writer, const eg_tensor *tensor) {
    if (eg_tensor_is_contiguous(tensor)) return eg_file_put(writer, eg_tensor_data(tensor), data_bytes(tensor));
    eg_tensor *rows = eg_tensor_copy(tensor, eg_tensor_dtype(tensor));
    if (!rows) return eg_error_status();
    eg_status status = eg_file_put(writer, eg_tensor_data(rows), data_bytes(rows));
    eg_tensor_free(rows);
    return status;
}

static eg_status put_file(eg_file_writer *writer, const eg_text *header, const eg_safetensors_item *items, int n) {
    unsigned char length[LENGTH_BYTES];
    for (int i = 0; i < LENGTH_BYTES; i++) length[i] = (unsigned char)((uint64_t)header->length >> (8 * i));
    EG_TRY(eg_file_put(writer, length, sizeof length));
    EG_TRY(eg_file_put(writer, header->data, header->length));
    for (int i = 0; i < n; i++) EG_TRY(put_tensor(writer, items[i].tensor));
    return EG_OK;
}

static eg_status write_file(const char *path, const eg_text *header, const eg_safetensors_item *items, int n) {
    eg_file_writer *writer = eg_file_begin(path);
    if (!writer) return eg_error_status();
    eg_status status = put_file(writer, header, items, n);
    if (status == EG_OK) return eg_file_commit(writer);
    eg_file_abort(writer);
    return status;
}

eg_status eg_safetensors_write(const char *path, const eg_safetensors_item *items, int n,
                               const eg_safetensors_string *metadata, int n_metadata) {
    eg_text header = { 0 };
    eg_safetensors_item *sorted = eg_calloc(n > 0 ? (size_t)n : 1, sizeof *sorted);
    if (!sorted) return EG_E_MEMORY;
    if (n > 0) memcpy(sorted, items, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size_and_name);
    put_header(&header, sorted, n, metadata, n_metadata);
    eg_status status = check_header(&header);
    if (status == EG_OK)
        status = write_file(path, &header, sorted, n);
    else
        eg_context("%s", path);
    eg_text_free(&header);
    eg_free(sorted);
    return status;
}
