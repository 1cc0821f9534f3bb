/* SPDX-License-Identifier: MIT
 *
 * events.c: see events.h. The three message types that a scalar needs are written by hand, field by field; a
 * protocol-buffer library would be larger than this file.
 *
 *     Event   { 1: double wall_time, 2: int64 step, 3: string file_version, 5: Summary summary }
 *     Summary { 1: repeated Value { 1: string tag, 2: float simple_value } }
 */
#include "formats/events.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/status.h"
#include "base/text.h"

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 }; /* wire types */

struct eg_events {
    FILE *file;
    char path[512];
};

uint32_t eg_crc32c(const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < size; i++) {
        crc ^= at[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1)));
    }
    return ~crc;
}

/* ---- protocol buffers --------------------------------------------------------------------------------------- */

static void put_little_endian(eg_text *out, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; i++) {
        char byte = (char)(value >> 8 * i & 0xff);
        eg_text_add_bytes(out, &byte, 1);
    }
}

static void put_varint(eg_text *out, uint64_t value) {
    do {
        char byte = (char)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        eg_text_add_bytes(out, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_key(eg_text *out, int field, int wire) { put_varint(out, (uint64_t)(field << 3 | wire)); }

/* Of a field that holds so many bytes; and how many it takes with them. */
static void put_head(eg_text *out, int field, size_t size) {
    put_key(out, field, BYTES);
    put_varint(out, size);
}

static size_t with_head(size_t size) {
    size_t all = size + 2;
    for (size_t rest = size >> 7; rest; rest >>= 7) all++;
    return all;
}

static void put_bytes(eg_text *out, int field, const char *bytes, size_t size) {
    put_head(out, field, size);
    eg_text_add_bytes(out, bytes, size);
}

static void begin_event(eg_text *out, int64_t step) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    uint64_t bits;
    memcpy(&bits, &seconds, sizeof bits);
    put_key(out, 1, FIXED64);
    put_little_endian(out, bits, 8);
    put_key(out, 2, VARINT);
    put_varint(out, (uint64_t)step);
}

/* ---- records --------------------------------------------------------------------------------------------------- */

static uint32_t masked_crc(const void *bytes, size_t size) {
    uint32_t crc = eg_crc32c(bytes, size);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static eg_status write_record(eg_events *events, const eg_text *event) {
    eg_text record = { 0 };
    put_little_endian(&record, event->length, 8);
    put_little_endian(&record, record.data ? masked_crc(record.data, 8) : 0, 4);
    eg_text_add_bytes(&record, event->data, event->length);
    put_little_endian(&record, masked_crc(event->data, event->length), 4);
    eg_status status = record.failed || event->failed ? EG_E_MEMORY : EG_OK;
    if (status == EG_OK &&
        (fwrite(record.data, 1, record.length, events->file) != record.length || fflush(events->file) != 0))
        status = eg_fail_errno("%s", events->path);
    eg_text_free(&record);
    return status;
}

eg_events *eg_events_create(const char *folder) {
    if (eg_make_folder(folder) != EG_OK) return NULL;
    eg_events *events = eg_calloc(1, sizeof *events);
    if (!events) return NULL;
    snprintf(events->path, sizeof events->path, "%s/events.out.tfevents.%lld.elegans", folder, (long long)time(NULL));
    events->file = fopen(events->path, "wb");
    eg_text event = { 0 };
    begin_event(&event, 0);
    put_bytes(&event, 3, "brain.Event:2", 13);
    eg_status status = events->file ? write_record(events, &event) : eg_fail_errno("%s", events->path);
    eg_text_free(&event);
    if (status == EG_OK) return events;
    if (events->file) fclose(events->file);
    eg_free(events);
    return NULL;
}

eg_status eg_events_scalar(eg_events *events, int64_t step, const char *tag, float value) {
    eg_text event = { 0 };
    size_t size = strlen(tag), entry = with_head(size) + 1 + sizeof value;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    begin_event(&event, step);
    put_head(&event, 5, with_head(entry));
    put_head(&event, 1, entry);
    put_bytes(&event, 1, tag, size);
    put_key(&event, 2, FIXED32);
    put_little_endian(&event, bits, 4);
    eg_status status = write_record(events, &event);
    eg_text_free(&event);
    return status;
}

eg_status eg_events_close(eg_events *events) {
    if (!events) return EG_OK;
    eg_status status = fclose(events->file) == 0 ? EG_OK : eg_fail_errno("%s", events->path);
    eg_free(events);
    return status;
}
