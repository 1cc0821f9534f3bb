/* SPDX-License-Identifier: MIT
 *
 * write_file.h: a file of these bytes, written as the library writes its own.
 */
#ifndef EG_TESTS_WRITE_FILE_H
#define EG_TESTS_WRITE_FILE_H

#include "base/file.h"
#include "base/status.h"

static inline eg_status write_file(const char *path, const void *bytes, size_t size) {
    eg_file_writer *writer = eg_file_begin(path);
    if (!writer) return eg_error_status();
    eg_status status = eg_file_put(writer, bytes, size);
    if (status == EG_OK) return eg_file_commit(writer);
    eg_file_abort(writer);
    return status;
}

#endif
