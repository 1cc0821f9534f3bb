/* SPDX-License-Identifier: MIT
 *
 * idx.c: the header is checked against what the file can hold before anything of the promised size is allocated; for
 * gzip that bound is deflate's best ratio. Elements are unpacked straight into the tensor and turned to this
 * machine's byte order there. Writing IDX is not offered.
 */
#include "data/idx.h"

#include <string.h>
#ifdef EG_HAVE_ZLIB
#include <zlib.h>
#endif

#include "base/alloc.h"
#include "base/file.h"
#include "base/status.h"
#include "tensor/shape.h"

enum { HEADER_BYTES = 4, SIZE_BYTES = 4, MOST_HEADER = HEADER_BYTES + SIZE_BYTES * EG_MAX_RANK };
enum { DEFLATE_BEST_RATIO = 1032 }; /* zlib's technical notes: 258 bytes in 2 bits */

typedef struct element {
    unsigned char code;
    unsigned char bytes;
    eg_dtype dtype; /* what it is read as */
} element;

static const element elements[] = {
    { 0x08, 1, EG_U8 },  { 0x09, 1, EG_I32 }, { 0x0B, 2, EG_I32 },
    { 0x0C, 4, EG_I32 }, { 0x0D, 4, EG_F32 }, { 0x0E, 8, EG_F64 },
};

typedef struct layout {
    const element *element;
    eg_shape shape;
    size_t header, body; /* bytes */
} layout;

static uint32_t big_endian(const unsigned char *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int is_gzip(const unsigned char *bytes, size_t size) {
    return size >= 2 && bytes[0] == 0x1F && bytes[1] == 0x8B;
}

int eg_idx_is(const unsigned char *bytes, size_t size) {
    return is_gzip(bytes, size) || (size >= HEADER_BYTES && bytes[0] == 0 && bytes[1] == 0);
}

/* ---- bytes, plain or packed -------------------------------------------------------------------------------------- */

/* Where bytes come from: memory, plain or packed, of which `next` is unread. */
typedef struct source {
    const unsigned char *next;
    size_t left, total;
    const char *path; /* where what follows the header lies in a file, of `total` bytes */
    int packed;
#ifdef EG_HAVE_ZLIB
    z_stream z;
    int ended;
#endif
} source;

#ifdef EG_HAVE_ZLIB

static void *z_alloc(void *user, unsigned count, unsigned size) {
    (void)user;
    return eg_calloc(count, size);
}

static void z_free(void *user, void *block) {
    (void)user;
    eg_free(block);
}

static eg_status z_fail(const z_stream *z, int code) {
    if (code == Z_MEM_ERROR) return eg_fail(EG_E_MEMORY, "no memory to unpack gzip");
    if (code == Z_BUF_ERROR || code == Z_OK)
        return eg_fail(EG_E_DATA, "is truncated: the gzip stream ends too early");
    return eg_fail(EG_E_DATA, "is damaged: gzip: %s", z->msg ? z->msg : "not a valid stream");
}

/* Feeds and drains in pieces that fit zlib's unsigned counters. */
static eg_status unpack(source *in, unsigned char *bytes, size_t size, size_t *got) {
    const size_t piece = 1u << 30;
    *got = 0;
    while (!in->ended && *got < size) {
        size_t room = size - *got < piece ? size - *got : piece;
        if (in->z.avail_in == 0 && in->left > 0) {
            size_t n = in->left < piece ? in->left : piece;
            in->z.next_in = (unsigned char *)(uintptr_t)in->next;
            in->z.avail_in = (unsigned)n;
            in->next += n;
            in->left -= n;
        }
        in->z.next_out = bytes + *got;
        in->z.avail_out = (unsigned)room;
        int code = inflate(&in->z, Z_NO_FLUSH);
        *got += room - in->z.avail_out;
        in->ended = code == Z_STREAM_END;
        if (code != Z_OK && code != Z_STREAM_END) return z_fail(&in->z, code);
    }
    return EG_OK;
}

static eg_status start_unpacking(source *in) {
    enum { GZIP_ONLY = 16 };
    in->z.zalloc = z_alloc;
    in->z.zfree = z_free;
    int code = inflateInit2(&in->z, GZIP_ONLY + MAX_WBITS);
    return code == Z_OK ? EG_OK : z_fail(&in->z, code);
}

static void stop_unpacking(source *in) { inflateEnd(&in->z); }
static size_t unread(const source *in) { return in->left + in->z.avail_in; }

#else

static eg_status unpack(source *in, unsigned char *bytes, size_t size, size_t *got) {
    (void)in, (void)bytes, (void)size, (void)got;
    return EG_E_UNAVAILABLE;
}

static eg_status start_unpacking(source *in) {
    (void)in;
    return eg_fail(EG_E_UNAVAILABLE,
                   "is packed with gzip, but this elegans was built without zlib: unpack it with gunzip");
}

static void stop_unpacking(source *in) { (void)in; }
static size_t unread(const source *in) { return in->left; }

#endif

/* Up to `size` bytes; *got says how many. */
static eg_status next_bytes(source *in, unsigned char *bytes, size_t size, size_t *got) {
    if (in->packed) return unpack(in, bytes, size, got);
    *got = size < in->left ? size : in->left;
    if (*got > 0) memcpy(bytes, in->next, *got);
    in->next += *got;
    in->left -= *got;
    return EG_OK;
}

/* ---- header ---------------------------------------------------------------------------------------------------- */

static eg_status read_magic(const unsigned char *bytes, size_t size, layout *out) {
    if (size < HEADER_BYTES)
        return eg_fail(EG_E_DATA, "is truncated: %zu bytes, an IDX header has at least %d", size, HEADER_BYTES);
    if (bytes[0] != 0 || bytes[1] != 0)
        return eg_fail(EG_E_DATA, "is not an IDX file: it starts with %02x %02x, not 00 00", bytes[0], bytes[1]);
    out->element = NULL;
    for (size_t i = 0; i < sizeof elements / sizeof elements[0]; i++)
        if (elements[i].code == bytes[2]) out->element = &elements[i];
    if (!out->element) return eg_fail(EG_E_DATA, "byte 2: 0x%02x is no IDX element type", bytes[2]);
    if (bytes[3] == 0 || bytes[3] > EG_MAX_RANK)
        return eg_fail(EG_E_DATA, "byte 3: rank %d, from 1 to %d can be read", bytes[3], EG_MAX_RANK);
    out->shape = (eg_shape){ .rank = bytes[3] };
    out->header = HEADER_BYTES + SIZE_BYTES * (size_t)out->shape.rank;
    return EG_OK;
}

/* `size` is what is there of the header's bytes; sizes follow the magic. An empty array must have a sound shape too.
 */
static eg_status read_sizes(const unsigned char *bytes, size_t size, layout *out) {
    if (size < out->header)
        return eg_fail(EG_E_DATA, "is truncated: %zu bytes, its header alone has %zu", size, out->header);
    int fits = 1;
    out->body = out->element->bytes;
    for (int i = 0; i < out->shape.rank; i++) {
        out->shape.dim[i] = big_endian(bytes + HEADER_BYTES + SIZE_BYTES * i);
        fits = fits && eg_mul_size(out->body, (size_t)out->shape.dim[i], &out->body);
    }
    if (fits && out->body <= EG_IDX_MAX_BYTES && eg_shape_check(&out->shape) == EG_OK) return EG_OK;
    return eg_fail(EG_E_DATA, "byte %d: an array of %s elements, above the limit of %zu bytes", HEADER_BYTES,
                   eg_shape_words(&out->shape), EG_IDX_MAX_BYTES);
}

static eg_status size_mismatch(const layout *in, size_t there) {
    const char *what = there < in->header + in->body ? "is truncated" : "has bytes left over";
    return eg_fail(EG_E_DATA, "%s: %zu bytes, but %s elements of %d byte%s after a header of %zu are %zu", what,
                   there, eg_shape_words(&in->shape), in->element->bytes, in->element->bytes == 1 ? "" : "s",
                   in->header, in->header + in->body);
}

/* ---- elements -------------------------------------------------------------------------------------------------- */

static void swap_bytes(unsigned char *data, size_t count, size_t width) {
    for (unsigned char *p = data; count > 0; count--, p += width)
        for (size_t i = 0; i < width / 2; i++) {
            unsigned char kept = p[i];
            p[i] = p[width - 1 - i];
            p[width - 1 - i] = kept;
        }
}

/* The packed elements lie at the start of the tensor's buffer and are widened from the last to the first. */
static void to_native(unsigned char *data, size_t count, const element *from) {
    size_t width = eg_dtype_size(from->dtype);
    if (from->bytes == width) {
        if (width > 1) swap_bytes(data, count, width);
        return;
    }
    for (size_t i = count; i-- > 0;) {
        const unsigned char *p = data + i * from->bytes;
        int32_t value = from->bytes == 1 ? (int8_t)p[0] : (int16_t)(uint16_t)(p[0] << 8 | p[1]);
        memcpy(data + i * width, &value, sizeof value);
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

/* A packed stream must end exactly here: one more byte is asked for, which also makes zlib check its sum. */
static eg_status expect_end(source *in, const layout *layout) {
    unsigned char extra;
    size_t got;
    EG_TRY(unpack(in, &extra, 1, &got));
    if (got > 0) return size_mismatch(layout, layout->header + layout->body + 1);
    return unread(in) == 0 ? EG_OK : eg_fail(EG_E_DATA, "has %zu bytes left over after the gzip stream", unread(in));
}

static eg_status read_header(source *in, layout *out) {
    unsigned char header[MOST_HEADER];
    size_t got, more;
    EG_TRY(next_bytes(in, header, HEADER_BYTES, &got));
    EG_TRY(read_magic(header, got, out));
    EG_TRY(next_bytes(in, header + HEADER_BYTES, out->header - HEADER_BYTES, &more));
    EG_TRY(read_sizes(header, got + more, out));
    int fits = in->packed ? out->body / DEFLATE_BEST_RATIO <= in->total : out->header + out->body == in->total;
    return fits ? EG_OK : size_mismatch(out, in->total);
}

/* Says in which file it went wrong, where there is one; what reads pieces of files does so itself. */
static eg_status named(const source *in, eg_status status) {
    return status == EG_OK || !in->path ? status : eg_context("%s", in->path);
}

/* Elements go from the file to their place; one that became shorter meanwhile is truncated. */
static eg_status read_body(source *in, const layout *layout, unsigned char *data) {
    size_t got, total;
    EG_TRY(in->path ? eg_file_piece(in->path, layout->header, data, layout->body, &got, &total)
                    : next_bytes(in, data, layout->body, &got));
    if (got < layout->body) return named(in, size_mismatch(layout, layout->header + got));
    if (in->packed) EG_TRY(expect_end(in, layout));
    to_native(data, layout->body / layout->element->bytes, layout->element);
    return EG_OK;
}

static eg_status read_array(source *in, eg_tensor **out) {
    layout layout;
    EG_TRY(named(in, read_header(in, &layout)));
    eg_tensor *tensor = eg_tensor_unset(layout.element->dtype, &layout.shape);
    if (!tensor) return named(in, eg_error_status());
    eg_status status = read_body(in, &layout, eg_tensor_data(tensor));
    if (status == EG_OK)
        *out = tensor;
    else
        eg_tensor_free(tensor);
    return status;
}

eg_status eg_idx_parse(const unsigned char *bytes, size_t size, eg_tensor **out) {
    source in = { .next = bytes, .left = size, .total = size, .packed = is_gzip(bytes, size) };
    *out = NULL;
    if (!in.packed) return read_array(&in, out);
    EG_TRY(start_unpacking(&in));
    eg_status status = read_array(&in, out);
    stop_unpacking(&in);
    return status;
}

static eg_status read_packed(const char *path, eg_tensor **out) {
    eg_bytes bytes;
    EG_TRY(eg_file_read(path, EG_IDX_MAX_BYTES, &bytes));
    eg_status status = eg_idx_parse(bytes.data, bytes.size, out);
    eg_bytes_free(&bytes);
    return status == EG_OK ? EG_OK : eg_context("%s", path);
}

eg_status eg_idx_read(const char *path, eg_tensor **out) {
    unsigned char header[MOST_HEADER];
    source in = { .next = header, .path = path };
    *out = NULL;
    EG_TRY(eg_file_piece(path, 0, header, sizeof header, &in.left, &in.total));
    if (in.total == 0 || is_gzip(header, in.left)) return read_packed(path, out);
    return read_array(&in, out);
}
