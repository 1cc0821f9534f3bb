/* SPDX-License-Identifier: MIT
 *
 * wasi.h: what the library asks of POSIX and wasi-libc does not declare; included before every source of the build for
 * WebAssembly. A file keeps the name it was given, and has no permissions to copy.
 */
#ifndef EG_PORT_WASI_H
#define EG_PORT_WASI_H

#include <stddef.h>
#include <sys/types.h>

static inline char *realpath(const char *path, char *resolved) { return (void)path, (void)resolved, NULL; }
static inline int fchmod(int file, mode_t mode) { return (void)file, (void)mode, 0; }

/* No terminal has a width: ioctl gives an error. */
struct winsize {
    unsigned short ws_row, ws_col;
};
enum { TIOCGWINSZ = 0x5413 };

#endif
