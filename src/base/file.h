/* SPDX-License-Identifier: MIT
 *
 * file.h: checked file input and output. Reading gives the whole file or an error that names the path; writing is
 * atomic: a temporary in the same folder, write, fsync, rename, fsync the folder. A reader of the path sees the old
 * content or the new, never a half.
 */
#ifndef EG_BASE_FILE_H
#define EG_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <elegans/base.h>

typedef struct eg_bytes {
    unsigned char *data; /* one extra 0 byte follows, so that text may be parsed as a C string */
    size_t size;
} eg_bytes;

/* The whole file ("-" is standard input); refuses more than `limit` bytes (0: no limit) with LIMIT. */
eg_status eg_file_read(const char *path, size_t limit, eg_bytes *out);
void eg_bytes_free(eg_bytes *bytes);
/* A piece of a file: bytes [at, at + size), fewer where it ends; *got says how many. *total: the size of the file, 0 for what
 * is no regular file. */
eg_status eg_file_piece(const char *path, size_t at, void *bytes, size_t size, size_t *got, size_t *total);

/* Atomic writing in pieces. After a failed write, or without commit, the old file is untouched and the temporary is
 * gone. */
typedef struct eg_file_writer eg_file_writer;
eg_file_writer *eg_file_begin(const char *path); /* NULL with the error set: "-" is not accepted here */
eg_status eg_file_put(eg_file_writer *writer, const void *bytes, size_t size);
eg_status eg_file_commit(eg_file_writer *writer); /* frees the writer whatever happens */
void eg_file_abort(eg_file_writer *writer);       /* NULL is fine */

int eg_file_exists(const char *path);
int eg_is_folder(const char *path);
/* dir + "/" + name, allocated with eg_alloc. */
char *eg_path_join(const char *dir, const char *name);
/* Creates the folder and its parents; existing ones are fine. */
eg_status eg_make_folder(const char *path);

#endif
