/* SPDX-License-Identifier: MIT
 *
 * file.c: whole files in, atomic files out, on POSIX calls. Symbolic links are followed: the file they point to is
 * the one replaced. Devices and pipes cannot be replaced by a rename and are written straight into, which is also
 * what a user of /dev/null or /dev/stdout expects.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"

enum { FIRST_READ = 1 << 16, WRITE_BUFFER = 1 << 16 };

/* ---- reading --------------------------------------------------------------------------------------------------- */

static ssize_t read_some(int fd, void *bytes, size_t size) {
    ssize_t n;
    do n = read(fd, bytes, size > SSIZE_MAX ? SSIZE_MAX : size);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Reads to the end, growing; `expected` bytes are what the file's size promises (0: unknown). One more is asked for:
 * most often the file ends there, and the block need not grow. */
static eg_status read_all(int fd, const char *path, size_t expected, size_t limit, eg_bytes *out) {
    for (size_t capacity = expected > 0 ? expected : FIRST_READ; capacity < SIZE_MAX / 2; capacity *= 2) {
        unsigned char *data = eg_realloc(out->data, capacity + 1);
        if (!data) return eg_context("%s", path);
        out->data = data;
        while (out->size <= capacity) {
            ssize_t n = read_some(fd, data + out->size, capacity + 1 - out->size);
            if (n < 0) return eg_fail_errno("%s: cannot read", path);
            if (n == 0) return EG_OK;
            out->size += (size_t)n;
            if (limit > 0 && out->size > limit)
                return eg_fail(EG_E_LIMIT, "%s: larger than the limit of %zu bytes", path, limit);
        }
    }
    return eg_fail(EG_E_LIMIT, "%s: too large", path);
}

/* A device may never end: it is read as far as anything sensible reaches, and /dev/zero does not fill the memory. */
static eg_status read_open(int fd, const char *path, size_t limit, eg_bytes *out) {
    const size_t device_limit = (size_t)1 << 24;
    struct stat st;
    if (fstat(fd, &st) != 0) return eg_fail_errno("%s: cannot read", path);
    if (S_ISDIR(st.st_mode)) return eg_fail(EG_E_MISSING, "%s: is a folder, not a file", path);
    size_t expected = S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : 0;
    int is_device = S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode);
    if (is_device && (limit == 0 || limit > device_limit)) limit = device_limit;
    if (limit > 0 && expected > limit)
        return eg_fail(EG_E_LIMIT, "%s: %zu bytes, larger than the limit of %zu", path, expected, limit);
    return read_all(fd, path, expected, limit, out);
}

eg_status eg_file_read(const char *path, size_t limit, eg_bytes *out) {
    *out = (eg_bytes){ 0 };
    int is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return eg_fail_errno("%s: cannot open", path);
    eg_status status = read_open(fd, is_stdin ? "standard input" : path, limit, out);
    if (!is_stdin) close(fd);
    if (status == EG_OK)
        out->data[out->size] = '\0';
    else
        eg_bytes_free(out);
    return status;
}

static eg_status read_piece(int fd, const char *path, size_t at, char *bytes, size_t size, size_t *got) {
    for (ssize_t n = 1; n != 0 && *got < size;) {
        n = pread(fd, bytes + *got, size - *got, (off_t)(at + *got));
        if (n < 0 && errno != EINTR) return eg_fail_errno("%s: cannot read", path);
        if (n > 0) *got += (size_t)n;
    }
    return EG_OK;
}

eg_status eg_file_piece(const char *path, size_t at, void *bytes, size_t size, size_t *got, size_t *total) {
    struct stat info;
    *got = *total = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return eg_fail_errno("%s: cannot open", path);
    int regular = fstat(fd, &info) == 0 && S_ISREG(info.st_mode);
    eg_status status = regular ? read_piece(fd, path, at, bytes, size, got) : EG_OK;
    if (regular) *total = (size_t)info.st_size;
    close(fd);
    return status;
}

void eg_bytes_free(eg_bytes *bytes) {
    eg_free(bytes->data);
    *bytes = (eg_bytes){ 0 };
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

struct eg_file_writer {
    char *path;       /* as the user gave it, for messages */
    char *target;     /* the file to replace, links resolved */
    char *temporary;  /* NULL when the target is written straight into */
    int fd;           /* -1 after a failure */
    size_t held;      /* bytes in buffer */
    eg_status status; /* the first failure, and its message below */
    char *message;
    unsigned char buffer[WRITE_BUFFER];
};

static void discard(eg_file_writer *writer) {
    if (writer->fd >= 0) close(writer->fd);
    writer->fd = -1;
    if (writer->temporary) unlink(writer->temporary);
}

void eg_file_abort(eg_file_writer *writer) {
    if (!writer) return;
    discard(writer);
    eg_free(writer->path);
    eg_free(writer->target);
    eg_free(writer->temporary);
    eg_free(writer->message);
    eg_free(writer);
}

/* Gives up the temporary and remembers why, so that later calls say the same. */
static eg_status give_up(eg_file_writer *writer, eg_status status) {
    discard(writer);
    writer->status = status;
    writer->message = eg_strdup(eg_error());
    return status;
}

/* A temporary beside the target, with the target's permissions if it exists. */
static eg_status open_temporary(eg_file_writer *writer, const struct stat *old) {
    static atomic_uint serial;
    size_t size = strlen(writer->target) + 64;
    writer->temporary = eg_alloc(size);
    if (!writer->temporary) return EG_E_MEMORY;
    do {
        unsigned n = atomic_fetch_add(&serial, 1);
        snprintf(writer->temporary, size, "%s.tmp-%ld-%u", writer->target, (long)getpid(), n);
        writer->fd = open(writer->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (writer->fd < 0 && errno == EEXIST);
    if (writer->fd < 0) {
        eg_free(writer->temporary);
        writer->temporary = NULL;
        int no_folder = errno == ENOENT || errno == ENOTDIR;
        if (no_folder) return eg_fail(EG_E_WRITE, "%s: cannot create: its folder does not exist", writer->path);
        return eg_fail_errno("%s: cannot create", writer->path);
    }
    if (old && fchmod(writer->fd, old->st_mode & 07777) != 0) return eg_fail_errno("%s: cannot create", writer->path);
    return EG_OK;
}

static eg_status open_target(eg_file_writer *writer) {
    struct stat st;
    int exists = stat(writer->target, &st) == 0;
    if (exists && S_ISDIR(st.st_mode)) return eg_fail(EG_E_WRITE, "%s: is a folder", writer->path);
    if (!exists || S_ISREG(st.st_mode)) return open_temporary(writer, exists ? &st : NULL);
    writer->fd = open(writer->target, O_WRONLY | O_CLOEXEC);
    return writer->fd < 0 ? eg_fail_errno("%s: cannot open for writing", writer->path) : EG_OK;
}

eg_file_writer *eg_file_begin(const char *path) {
    if (path[0] == '\0' || strcmp(path, "-") == 0) {
        eg_fail(EG_E_ARGUMENT, "\"%s\" is not a file name to write to", path);
        return NULL;
    }
    char resolved[PATH_MAX];
    eg_file_writer *writer = eg_calloc(1, sizeof *writer);
    if (!writer) return NULL;
    writer->fd = -1;
    writer->path = eg_strdup(path);
    writer->target = eg_strdup(realpath(path, resolved) ? resolved : path);
    if (!writer->path || !writer->target || open_target(writer) != EG_OK) {
        eg_file_abort(writer);
        return NULL;
    }
    return writer;
}

static eg_status write_out(eg_file_writer *writer, const unsigned char *bytes, size_t size) {
    while (size > 0) {
        ssize_t n = write(writer->fd, bytes, size > SSIZE_MAX ? SSIZE_MAX : size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return give_up(writer, eg_fail_errno("%s: cannot write", writer->path));
        bytes += n;
        size -= (size_t)n;
    }
    return EG_OK;
}

static eg_status flush(eg_file_writer *writer) {
    size_t held = writer->held;
    writer->held = 0;
    return write_out(writer, writer->buffer, held);
}

static eg_status failed_before(const eg_file_writer *writer) {
    if (writer->status == EG_OK) return EG_OK;
    return eg_fail(writer->status, "%s", writer->message ? writer->message : writer->path);
}

eg_status eg_file_put(eg_file_writer *writer, const void *bytes, size_t size) {
    EG_TRY(failed_before(writer));
    if (size > WRITE_BUFFER - writer->held) EG_TRY(flush(writer));
    if (size >= WRITE_BUFFER) return write_out(writer, bytes, size);
    if (size > 0) memcpy(writer->buffer + writer->held, bytes, size);
    writer->held += size;
    return EG_OK;
}

/* Makes the rename itself survive a power cut. Best effort: some file systems refuse to sync a folder. */
static void sync_folder(const char *path) {
    char folder[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    if (length >= sizeof folder) return;
    memcpy(folder, path, length);
    folder[length] = '\0';
    int fd = open(length > 0 ? folder : slash ? "/" : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

static eg_status put_in_place(eg_file_writer *writer) {
    int synced = fsync(writer->fd) == 0 || errno == EINVAL || errno == ENOTSUP || errno == EROFS; /* pipes, devices */
    if (!synced) return eg_fail_errno("%s: cannot write", writer->path);
    int closed = close(writer->fd);
    writer->fd = -1;
    if (closed != 0) return eg_fail_errno("%s: cannot write", writer->path);
    if (!writer->temporary) return EG_OK;
    if (rename(writer->temporary, writer->target) != 0) return eg_fail_errno("%s: cannot replace", writer->path);
    eg_free(writer->temporary);
    writer->temporary = NULL;
    sync_folder(writer->target);
    return EG_OK;
}

eg_status eg_file_commit(eg_file_writer *writer) {
    eg_status status = failed_before(writer);
    if (status == EG_OK) status = flush(writer);
    if (status == EG_OK) status = put_in_place(writer);
    eg_file_abort(writer);
    return status;
}

/* ---- paths ----------------------------------------------------------------------------------------------------- */

int eg_file_exists(const char *path) {
    struct stat st;
    return stat(path, &st) == 0;
}

int eg_is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *eg_path_join(const char *dir, const char *name) {
    size_t length = strlen(dir);
    eg_text path = { 0 };
    eg_text_format(&path, length == 0 || dir[length - 1] == '/' ? "%s%s" : "%s/%s", dir, name);
    if (path.failed) eg_text_free(&path);
    return path.data;
}

static eg_status make_one(const char *path) {
    if (mkdir(path, 0777) == 0) return EG_OK;
    int code = errno;
    if (eg_is_folder(path)) return EG_OK;
    errno = code;
    if (code == EEXIST) return eg_fail(EG_E_WRITE, "%s: is a file, not a folder", path);
    return eg_fail_errno("%s: cannot create the folder", path);
}

eg_status eg_make_folder(const char *path) {
    char *copy = eg_strdup(path);
    if (!copy) return EG_E_MEMORY;
    eg_status status = EG_OK;
    for (char *slash = strchr(copy + (copy[0] == '/'), '/'); slash && status == EG_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        status = make_one(copy);
        *slash = '/';
    }
    if (status == EG_OK) status = make_one(copy);
    eg_free(copy);
    return status;
}
