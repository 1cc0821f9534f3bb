/* SPDX-License-Identifier: MIT
 *
 * mnist.c: the search path, and the download through the program's hook. A downloaded file counts only when the
 * SHA-256 of its unpacked content is the known one; it gets its final name after that.
 */
#include "data/mnist.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <elegans/data.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/status.h"
#include "data/idx.h"

typedef struct mnist_file {
    const char *name;
    const char *sha256; /* of the elements after the header */
} mnist_file;

static const mnist_file files[] = {
    { "train-images-idx3-ubyte.gz", "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757" },
    { "train-labels-idx1-ubyte.gz", "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13" },
    { "t10k-images-idx3-ubyte.gz", "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161" },
    { "t10k-labels-idx1-ubyte.gz", "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5" },
};
static const char *const mirrors[] = {
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
};
enum { FILES = sizeof files / sizeof files[0], MIRRORS = sizeof mirrors / sizeof mirrors[0] };

/* ---- search ---------------------------------------------------------------------------------------------------- */

static int has_file(const char *folder, const char *name) {
    char *path = eg_path_join(folder, name);
    int found = path && eg_file_exists(path);
    eg_free(path);
    return found;
}

static int holds_mnist(const char *folder) {
    return has_file(folder, "train-images-idx3-ubyte") || has_file(folder, "train-images-idx3-ubyte.gz");
}

static int is_set(const char *variable) { return variable && *variable != '\0'; }

/* *out: NULL if it is in none of the folders that are looked in first. */
static eg_status find_local(char **out) {
    const char *own = getenv("ELEGANS_DATA");
    const char *const places[][2] = { { own, "" }, { own, "mnist" }, { "../shared/data", "mnist" } };
    *out = NULL;
    for (int i = 0; i < 3; i++) {
        if (!is_set(places[i][0])) continue;
        char *folder = eg_path_join(places[i][0], places[i][1]);
        if (!folder) return EG_E_MEMORY;
        if (holds_mnist(folder)) return *out = folder, EG_OK;
        eg_free(folder);
    }
    return EG_OK;
}

static eg_status cache_folder(char **out) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (!is_set(cache) && !is_set(home)) return eg_fail(EG_E_MISSING, "neither XDG_CACHE_HOME nor HOME is set");
    *out = is_set(cache) ? eg_path_join(cache, "elegans/mnist") : eg_path_join(home, ".cache/elegans/mnist");
    return *out ? EG_OK : EG_E_MEMORY;
}

/* ---- download -------------------------------------------------------------------------------------------------- */

static eg_status (*fetch_hook)(void *user, const char *url, const char *path);
static void *fetch_user;

void eg_data_set_fetch(eg_status (*fetch)(void *user, const char *url, const char *path), void *user) {
    fetch_hook = fetch;
    fetch_user = user;
}

static eg_status check_content(const char *path, const mnist_file *file) {
    eg_tensor *content;
    EG_TRY(eg_idx_read(path, &content));
    eg_sha256 hash;
    char hex[65];
    eg_sha256_init(&hash);
    eg_sha256_add(&hash, eg_tensor_data(content),
                  (size_t)eg_tensor_size(content) * eg_dtype_size(eg_tensor_dtype(content)));
    eg_sha256_hex(&hash, hex);
    eg_tensor_free(content);
    return strcmp(hex, file->sha256) == 0 ? EG_OK
                                          : eg_fail(EG_E_DATA, "%s: is not the file that was expected", file->name);
}

static eg_status fetch_from(const char *mirror, const mnist_file *file, const char *temporary, const char *path) {
    char url[160];
    snprintf(url, sizeof url, "%s%s", mirror, file->name);
    eg_remark(EG_LOG_INFO, "fetching %s", url);
    eg_status status = fetch_hook(fetch_user, url, temporary);
    if (status != EG_OK) return eg_fail(status, "no answer from %s", url);
    EG_TRY(check_content(temporary, file));
    return rename(temporary, path) == 0 ? EG_OK : eg_fail_errno("%s: cannot create", path);
}

static eg_status fetch_file(const char *folder, const mnist_file *file) {
    if (has_file(folder, file->name)) return EG_OK;
    char part[64];
    snprintf(part, sizeof part, "%s.part", file->name);
    char *path = eg_path_join(folder, file->name), *temporary = eg_path_join(folder, part);
    eg_status status = path && temporary ? EG_E_MISSING : EG_E_MEMORY;
    for (int i = 0; i < MIRRORS && status != EG_OK && status != EG_E_MEMORY && status != EG_E_STOPPED; i++)
        status = fetch_from(mirrors[i], file, temporary, path);
    if (temporary && status != EG_OK) unlink(temporary);
    eg_free(path);
    eg_free(temporary);
    return status;
}

static eg_status fetch_all(const char *folder) {
    EG_TRY(eg_make_folder(folder));
    for (int i = 0; i < FILES; i++)
        if (fetch_file(folder, &files[i]) != EG_OK) return eg_context("mnist is not here and could not be downloaded");
    return EG_OK;
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

static eg_status fail_missing(const char *cache, int allow_download) {
    const char *variable = getenv("ELEGANS_DATA");
    return eg_fail(
        EG_E_MISSING, "mnist is not here: looked in $ELEGANS_DATA (%.80s), ../shared/data/mnist and %.200s%s",
        is_set(variable) ? variable : "not set", cache, allow_download ? "; this program cannot download" : "");
}

eg_status eg_mnist_find(int allow_download, char **folder) {
    EG_TRY(find_local(folder));
    if (*folder) return EG_OK;
    char *cache = NULL;
    EG_TRY(cache_folder(&cache));
    eg_status status = EG_OK;
    int fetches = allow_download && fetch_hook;
    if (fetches)
        status = fetch_all(cache);
    else if (!holds_mnist(cache))
        status = fail_missing(cache, allow_download);
    if (status == EG_OK)
        *folder = cache;
    else
        eg_free(cache);
    return status;
}
