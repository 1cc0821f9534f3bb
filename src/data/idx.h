/* SPDX-License-Identifier: MIT
 *
 * idx.h: IDX, the format of MNIST: two zero bytes, a type, a rank, big-endian sizes, big-endian elements. Plain or
 * gzip'ed.
 */
#ifndef EG_DATA_IDX_H
#define EG_DATA_IDX_H

#include <stddef.h>
#include <elegans/tensor.h>

#define EG_IDX_MAX_BYTES ((size_t)2 << 30) /* of elements, unpacked */

/* 1 if the bytes start as IDX or as gzip does. */
int eg_idx_is(const unsigned char *bytes, size_t size);
/* Reads the whole of bytes[0..size) as one array: u8 as u8, i8, i16 and i32 as i32, f32, f64. gzip'ed bytes are
 * unpacked first (UNAVAILABLE in a build without zlib). DATA errors for anything else, also for bytes that follow the
 * array. */
eg_status eg_idx_parse(const unsigned char *bytes, size_t size, eg_tensor **out);
/* The same from a file; messages start with its path. */
eg_status eg_idx_read(const char *path, eg_tensor **out);

#endif
