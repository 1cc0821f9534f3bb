/* SPDX-License-Identifier: MIT
 *
 * events.h: TensorBoard's event files: a sequence of records, each a protocol-buffer `Event` behind its length and two
 * checksums:  u64 length | masked crc32c(length) | data | masked crc32c(data),  mask(c) = ((c >> 15) | (c << 17)) + 0xa282ead8.
 */
#ifndef EG_FORMATS_EVENTS_H
#define EG_FORMATS_EVENTS_H

#include <stddef.h>
#include <stdint.h>
#include <elegans/base.h>

typedef struct eg_events eg_events;

/* Creates <folder>/events.out.tfevents.<seconds>.elegans with its version record; NULL with the error set. */
eg_events *eg_events_create(const char *folder);
/* One scalar; flushed, so that a viewer sees it and a kill loses nothing. */
eg_status eg_events_scalar(eg_events *events, int64_t step, const char *tag, float value);
eg_status eg_events_close(eg_events *events); /* NULL is fine */

/* CRC-32C (Castagnoli) of bytes. */
uint32_t eg_crc32c(const void *bytes, size_t size);

#endif
