/* SPDX-License-Identifier: MIT
 *
 * picture_files.h: small PNG and JPEG files for the tests that read them, made here: PNG with stored (not packed) rows, JPEG
 * of one colour.
 */
#ifndef EG_TESTS_PICTURE_FILES_H
#define EG_TESTS_PICTURE_FILES_H

#include <stdint.h>
#include <string.h>

typedef struct bytes {
    unsigned char data[4096];
    size_t size;
} bytes;

static inline void add(bytes *out, const void *data, size_t size) {
    memcpy(out->data + out->size, data, size);
    out->size += size;
}

static inline void add_big(bytes *out, uint32_t value, int width) {
    while (width-- > 0) out->data[out->size++] = (unsigned char)(value >> 8 * width);
}

/* ---- PNG ------------------------------------------------------------------------------------------------------- */

static inline uint32_t crc32_of(const unsigned char *data, size_t size) {
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static inline void add_chunk(bytes *out, const char *name, const void *data, size_t size) {
    add_big(out, (uint32_t)size, 4);
    size_t from = out->size;
    add(out, name, 4);
    add(out, data, size);
    add_big(out, crc32_of(out->data + from, out->size - from), 4);
}

/* Rows as zlib would hold them: one stored block and Adler's sum. */
static inline void add_rows(bytes *out, const unsigned char *rows, size_t size) {
    bytes packed = { .size = 0 };
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < size; i++) a = (a + rows[i]) % 65521, b = (b + a) % 65521;
    add(&packed, (unsigned char[]){ 0x78, 1, 1, (unsigned char)size, (unsigned char)(size >> 8),
                                    (unsigned char)~size, (unsigned char)(~size >> 8) }, 7);
    add(&packed, rows, size);
    add_big(&packed, b << 16 | a, 4);
    add_chunk(out, "IDAT", packed.data, packed.size);
}

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGBA = 6 };

/* `rows`: of each row its filter (0) and its bytes, or those of the passes if interlaced. */
static inline bytes make_png(uint32_t height, uint32_t width, int kind, int bits, int interlaced,
                             const unsigned char *rows, size_t size) {
    bytes out = { .size = 0 }, head = { .size = 0 };
    add(&out, "\x89PNG\r\n\x1a\n", 8);
    add_big(&head, width, 4);
    add_big(&head, height, 4);
    add(&head, (unsigned char[]){ (unsigned char)bits, (unsigned char)kind, 0, 0, (unsigned char)interlaced }, 5);
    add_chunk(&out, "IHDR", head.data, head.size);
    if (kind == PALETTE) add_chunk(&out, "PLTE", (unsigned char[]){ 1, 2, 3, 40, 50, 60 }, 6);
    add_rows(&out, rows, size);
    add_chunk(&out, "IEND", "", 0);
    return out;
}

/* One value everywhere, `channels` 1 or 3. */
static inline bytes make_flat_png(uint32_t height, uint32_t width, int channels, unsigned char value) {
    unsigned char rows[2048];
    size_t stride = 1 + width * (size_t)channels;
    memset(rows, value, height * stride);
    for (size_t r = 0; r < height; r++) rows[r * stride] = 0;
    return make_png(height, width, channels == 1 ? GREY : RGB, 8, 0, rows, height * stride);
}

/* ---- JPEG ------------------------------------------------------------------------------------------------------ */

typedef struct bits {
    bytes *out;
    uint32_t held;
    int count;
} bits;

static inline void put_bits(bits *to, uint32_t value, int count) {
    while (count-- > 0) {
        to->held = to->held << 1 | (value >> count & 1);
        if (++to->count < 8) continue;
        unsigned char byte = (unsigned char)to->held;
        add(to->out, (unsigned char[]){ byte, 0 }, byte == 0xFF ? 2 : 1);
        to->count = 0;
    }
}

/* The difference of a block's mean to the one before, in the codes of the tables below, and no more of the block. */
static inline void put_block(bits *to, int difference) {
    int category = 0, size = difference < 0 ? -difference : difference;
    while (size >> category) category++;
    put_bits(to, (uint32_t)category, 4);
    put_bits(to, (uint32_t)(difference < 0 ? difference + (1 << category) - 1 : difference), category);
    put_bits(to, 0, 1);
}

static inline void add_tables(bytes *out) {
    unsigned char quantities[67] = { 0, 67 }, means[28] = { 0, 28, 0, [6] = 9 }, rest[20] = { 0, 20, 0x10, 1 };
    memset(quantities + 3, 8, 64);
    for (unsigned char i = 0; i < 9; i++) means[19 + i] = i; /* nine codes of 4 bits; below, one of a bit: the end */
    add(out, "\xFF\xDB", 2), add(out, quantities, sizeof quantities);
    add(out, "\xFF\xC4", 2), add(out, means, sizeof means);
    add(out, "\xFF\xC4", 2), add(out, rest, sizeof rest);
}

/* One colour: `channels` values of 0..255 (grey, or Y, Cb, Cr; more are other things). */
static inline bytes make_jpeg(uint32_t height, uint32_t width, int channels, const unsigned char *colour) {
    bytes out = { .size = 0 };
    add(&out, "\xFF\xD8", 2);
    add_tables(&out);
    add(&out, "\xFF\xC0", 2);
    add_big(&out, (uint32_t)(8 + 3 * channels), 2), add_big(&out, 8, 1);
    add_big(&out, height, 2), add_big(&out, width, 2), add_big(&out, (uint32_t)channels, 1);
    for (int c = 0; c < channels; c++) add(&out, (unsigned char[]){ (unsigned char)(c + 1), 0x11, 0 }, 3);
    add(&out, "\xFF\xDA", 2), add_big(&out, (uint32_t)(6 + 2 * channels), 2), add_big(&out, (uint32_t)channels, 1);
    for (int c = 0; c < channels; c++) add(&out, (unsigned char[]){ (unsigned char)(c + 1), 0 }, 2);
    add(&out, "\0\x3F\0", 3);
    bits to = { .out = &out };
    for (uint32_t i = 0; i < (height + 7) / 8 * ((width + 7) / 8); i++)
        for (int c = 0; c < channels; c++) put_block(&to, i == 0 ? colour[c] - 128 : 0);
    put_bits(&to, 0x7F, 7);
    add(&out, "\xFF\xD9", 2);
    return out;
}

#endif
