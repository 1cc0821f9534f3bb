/* SPDX-License-Identifier: MIT
 *
 * string.h: what the kernels need of it, to compile for WebAssembly where no libc is installed (tools/ports.sh).
 */
#ifndef EG_WASM_STRING_H
#define EG_WASM_STRING_H
#include <stddef.h>
void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int strcmp(const char *a, const char *b);
#endif
