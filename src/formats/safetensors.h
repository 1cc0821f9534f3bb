/* SPDX-License-Identifier: MIT
 *
 * safetensors.h: named tensors and strings in one file, the native form of our models (and a common form of
 * everyone's): u64 little-endian N, N bytes of JSON, the tensors' bytes. https://github.com/huggingface/safetensors
 */
#ifndef EG_FORMATS_SAFETENSORS_H
#define EG_FORMATS_SAFETENSORS_H

#include <stddef.h>
#include <elegans/tensor.h>

#define EG_SAFETENSORS_MAX_HEADER ((size_t)100000000) /* the format's own limit */
#define EG_SAFETENSORS_MAX_BYTES (SIZE_MAX / 4)       /* of a file: what could be in memory */

/* ---- reading --------------------------------------------------------------------------------------------------- */

typedef struct eg_safetensors eg_safetensors;

typedef struct eg_safetensors_entry {
    const char *name;
    const char *type; /* the file's word: "F32" */
    eg_dtype dtype;   /* 0: a type that is listed but cannot be read here ("F16", "I64", ...) */
    eg_shape shape;
    size_t begin, end; /* bytes from the start of the data */
} eg_safetensors_entry;

/* Reads a file, or checks bytes[0..size) in memory (borrowed: they must outlive *out). Every rule of the format is
 * checked here: DATA errors say what is wrong and where. *out is NULL on failure. */
eg_status eg_safetensors_read(const char *path, eg_safetensors **out);
eg_status eg_safetensors_parse(const void *bytes, size_t size, eg_safetensors **out);
void eg_safetensors_free(eg_safetensors *file); /* NULL is fine */

int eg_safetensors_count(const eg_safetensors *file);
const eg_safetensors_entry *eg_safetensors_at(const eg_safetensors *file,
                                              int index); /* in the order of their bytes */
const eg_safetensors_entry *eg_safetensors_find(const eg_safetensors *file, const char *name); /* NULL if absent */
/* A copy of the entry's elements; UNSUPPORTED where dtype is 0. */
eg_status eg_safetensors_tensor(const eg_safetensors *file, const eg_safetensors_entry *entry, eg_tensor **out);
/* The string under `key` of __metadata__, NULL if absent. */
const char *eg_safetensors_metadata(const eg_safetensors *file, const char *key);

/* ---- writing --------------------------------------------------------------------------------------------------- */

typedef struct eg_safetensors_item {
    const char *name;
    const eg_tensor *tensor;
} eg_safetensors_item;

typedef struct eg_safetensors_string {
    const char *key, *value;
} eg_safetensors_string;

/* Writes atomically (base/file.h). The same items and strings give the same bytes in whatever order the items come:
 * tensors are sorted by falling size of element, then by name, so that each starts at a multiple of its element. */
eg_status eg_safetensors_write(const char *path, const eg_safetensors_item *items, int n,
                               const eg_safetensors_string *metadata, int n_metadata);

#endif
