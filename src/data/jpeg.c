/* SPDX-License-Identifier: MIT
 *
 * jpeg.c: libjpeg behind eg_jpeg_read. What libjpeg only warns of and fills with grey (a file that ends early, broken
 * codes) is an error here. The orientation that a camera notes is not applied. The exact integer transform is asked for,
 * so that pixels do not depend on the processor. Its memory is its own.
 */
#include "data/picture.h"

#include <stdio.h>
#ifdef EG_HAVE_JPEG
#include <jpeglib.h>
#include <jerror.h>
#include <setjmp.h>
#endif

#include "base/status.h"

#ifdef EG_HAVE_JPEG

/* What a file must have: the barest picture needs one bit for the 64 pixels of a block, and some say less in later
 * scans; so many scans refine a picture at most. */
enum { PIXELS_PER_BYTE = 1024, MAX_SCANS = 100 };

typedef struct reading {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf jump;
    eg_status status;
    size_t size;
    eg_tensor *out;
} reading;

static void on_error(j_common_ptr jpeg) {
    reading *in = jpeg->client_data;
    char message[JMSG_LENGTH_MAX];
    in->errors.format_message(jpeg, message);
    in->status = in->errors.msg_code == JERR_OUT_OF_MEMORY ? EG_E_MEMORY : EG_E_DATA;
    eg_fail(in->status, "is a damaged JPEG: %s", message);
    longjmp(in->jump, 1);
}

/* Warnings (level -1) that tell of lost pixels end the reading; harmless ones and traces do not count. */
static void on_message(j_common_ptr jpeg, int level) {
    static const int losses[] = { JWRN_JPEG_EOF, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE, JWRN_ARITH_BAD_CODE,
                                  JWRN_MUST_RESYNC };
    const reading *in = jpeg->client_data;
    for (size_t i = 0; level < 0 && i < sizeof losses / sizeof *losses; i++)
        if (in->errors.msg_code == losses[i]) on_error(jpeg);
}

static void on_progress(j_common_ptr jpeg) {
    reading *in = jpeg->client_data;
    if (in->jpeg.input_scan_number <= MAX_SCANS) return;
    in->status = eg_fail(EG_E_LIMIT, "is a JPEG of more than %d scans", MAX_SCANS);
    longjmp(in->jump, 1);
}

static eg_status read_pixels(reading *in) {
    struct jpeg_decompress_struct *jpeg = &in->jpeg;
    jpeg_read_header(jpeg, TRUE);
    int channels = jpeg->num_components == 1 ? 1 : 3;
    if (jpeg->num_components > 3 || jpeg->num_components == 2)
        return eg_fail(EG_E_UNSUPPORTED, "is a JPEG of %d components (CMYK): grey and colour can be read",
                       jpeg->num_components);
    size_t height = jpeg->image_height, width = jpeg->image_width, stride = width * (size_t)channels;
    EG_TRY(eg_picture_new((int64_t)height, (int64_t)width, channels, height * width / PIXELS_PER_BYTE, in->size,
                          &in->out));
    jpeg->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < height) {
        JSAMPROW row = (JSAMPROW)eg_tensor_data(in->out) + jpeg->output_scanline * stride;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
    return EG_OK;
}

static eg_status guarded(reading *in, const unsigned char *bytes) {
    if (setjmp(in->jump)) return in->status;
    jpeg_create_decompress(&in->jpeg);
    in->jpeg.progress = &in->progress;
    jpeg_mem_src(&in->jpeg, bytes, (unsigned long)in->size);
    return read_pixels(in);
}

eg_status eg_jpeg_read(const unsigned char *bytes, size_t size, eg_tensor **out) {
    reading in = { .size = size, .progress.progress_monitor = on_progress };
    in.jpeg.err = jpeg_std_error(&in.errors);
    in.jpeg.client_data = &in;
    in.errors.error_exit = on_error;
    in.errors.emit_message = on_message;
    eg_status status = guarded(&in, bytes);
    jpeg_destroy_decompress(&in.jpeg);
    if (status == EG_OK)
        *out = in.out;
    else
        eg_tensor_free(in.out);
    return status;
}

#else

eg_status eg_jpeg_read(const unsigned char *bytes, size_t size, eg_tensor **out) {
    (void)bytes, (void)size, (void)out;
    return eg_fail(EG_E_UNAVAILABLE, "is JPEG, but this elegans was built without libjpeg");
}

#endif
