/* SPDX-License-Identifier: MIT
 *
 * math.h: what the kernels need of it, to compile for WebAssembly where no libc is installed (tools/ports.sh).
 */
#ifndef EG_WASM_MATH_H
#define EG_WASM_MATH_H
#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#endif
