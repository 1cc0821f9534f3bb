/* SPDX-License-Identifier: MIT
 *
 * elegans/base.h: what every other header stands on: status codes, the last error's message, the memory hook,
 * the log sink and the version.
 *
 * Errors. A function that can fail returns an eg_status: 0 is success, a failure is negative. Beside the code, the
 * calling thread keeps one message that says what went wrong, where, and what to do about it:
 *
 *     if (eg_model_save(m, "out.safetensors") != EG_OK) fprintf(stderr, "%s\n", eg_error());
 *
 * Graphs, models and data sets remember their first error themselves ("poisoned"), so that a program may check once
 * at its end. The library never prints, exits or aborts on its user's mistakes.
 */
#ifndef ELEGANS_BASE_H
#define ELEGANS_BASE_H

#include <float.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define EG_API __attribute__((visibility("default")))
#define EG_PRINTF(format_at, first) __attribute__((format(printf, format_at, first)))
#else
#define EG_API
#define EG_PRINTF(format_at, first)
#endif

#define EG_VERSION_MAJOR 0
#define EG_VERSION_MINOR 1
#define EG_VERSION_PATCH 0

/* "0.1.0": the version of the library that is linked (the macros above: of the header that was compiled). */
EG_API const char *eg_version(void);

/* ---- status ---------------------------------------------------------------------------------------------- */

/* Every status: name, pinned value, what it means. The values never change; new ones are appended. */
#define EG_STATUS_LIST(X)                                                             \
    X(OK, 0, "success")                                                               \
    X(INTERNAL, -1, "a defect of the library itself")                                 \
    X(ARGUMENT, -2, "an argument is outside what the function accepts")               \
    X(MEMORY, -3, "the allocator returned no memory")                                 \
    X(SHAPE, -4, "shapes do not fit together")                                        \
    X(DTYPE, -5, "element types do not fit together")                                 \
    X(NAME, -6, "an unknown or repeated name")                                        \
    X(DATA, -7, "a file, data set or model holds something that is not valid")        \
    X(MISSING, -8, "a file or input that is needed is not there")                     \
    X(IO, -9, "reading or writing failed half-way")                                   \
    X(WRITE, -10, "a file cannot be created or written")                              \
    X(PERMISSION, -11, "the system denies access")                                    \
    X(DIVERGED, -12, "training produced values that are not finite")                  \
    X(STOPPED, -13, "stopped on request: a signal or a callback")                     \
    X(UNAVAILABLE, -14, "this build was made without the component that is asked for") \
    X(UNSUPPORTED, -15, "valid, but nothing here implements it")                      \
    X(LIMIT, -16, "a documented size limit is exceeded")

typedef enum eg_status {
#define EG_STATUS_ENUM_(name, value, text) EG_E_##name = value,
    EG_STATUS_LIST(EG_STATUS_ENUM_)
#undef EG_STATUS_ENUM_
    EG_OK = 0
} eg_status;

/* "EG_E_SHAPE"; "EG_E_?" for a value that is no status. */
EG_API const char *eg_status_name(eg_status status);
/* One clause in plain words, e.g. "shapes do not fit together". */
EG_API const char *eg_status_text(eg_status status);

/* The calling thread's last error message, one line without a newline; "" if there was none.
 * Borrowed: valid until this thread's next failing call. */
EG_API const char *eg_error(void);
/* The status that belongs to eg_error(). */
EG_API eg_status eg_error_status(void);

/* The candidate closest to `word` by edit distance if it is close enough to be meant, else NULL. */
EG_API const char *eg_did_you_mean(const char *word, const char *const *candidates, int n);

/* ---- memory ---------------------------------------------------------------------------------------------- */

/* One function allocates, grows and frees, as in Lua: new_size 0 frees `block` and returns NULL; block NULL
 * allocates; otherwise the block is resized and keeps its first min(old_size, new_size) bytes. Returning NULL for a
 * new_size > 0 means "no memory" and leaves `block` untouched. Memory must be aligned as malloc's is; elegans aligns
 * further itself. */
typedef struct eg_allocator {
    void *(*resize)(void *user, void *block, size_t old_size, size_t new_size);
    void *user;
} eg_allocator;

/* Installs a process-wide allocator; NULL restores the C library's. Only while no elegans object is alive. */
EG_API void eg_set_allocator(const eg_allocator *allocator);

/* Bytes that elegans holds now, the most it ever held, and how many allocations it has made since the start. */
typedef struct eg_memory_use {
    size_t bytes, peak_bytes;
    uint64_t allocations;
} eg_memory_use;
EG_API eg_memory_use eg_memory(void);

/* ---- log ------------------------------------------------------------------------------------------------- */

typedef enum eg_log_level { EG_LOG_DEBUG = 1, EG_LOG_INFO, EG_LOG_WARNING } eg_log_level;
typedef void (*eg_log_sink)(void *user, eg_log_level level, const char *line);

/* Where remarks go (one line each, no newline); NULL, the default, drops them. */
EG_API void eg_set_log(eg_log_sink sink, void *user);

/* ---- options --------------------------------------------------------------------------------------------- */

/* Options are structs with designated initialisers in which 0 means "the default". EG_ZERO says "really zero" where
 * the default is another number: eg_rmsprop(.momentum = .9, .epsilon = EG_ZERO). */
#define EG_ZERO DBL_TRUE_MIN

/* Whose formulas and defaults an option struct means where frameworks disagree; 0, the default, is Keras 3. EG_KERAS2
 * differs in a few optimizers only. */
typedef enum eg_dialect { EG_KERAS, EG_TORCH, EG_KERAS2 } eg_dialect;

#ifdef __cplusplus
}
#endif
#endif
