/* SPDX-License-Identifier: MIT
 *
 * picture.c: shapes as SVG elements, with a decimal or two, so that the same picture is the same bytes everywhere.
 * Images go in as PNG with stored (uncompressed) blocks.
 */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "picture.h"

const char *picture_colour(int i) {
    static const char *const colours[PICTURE_COLOURS] = {
        PICTURE_BLUE,   PICTURE_RED, PICTURE_GREEN,  PICTURE_PURPLE,
        PICTURE_ORANGE, PICTURE_SKY, PICTURE_YELLOW, PICTURE_BLACK
    };
    return colours[i % PICTURE_COLOURS];
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static void put_escaped(FILE *stream, const char *text) {
    for (; *text; text++) {
        const char *entity = *text == '&'                  ? "&amp;"
                             : *text == '<'                ? "&lt;"
                             : *text == '>'                ? "&gt;"
                             : *text == '"'                ? "&quot;"
                             : (unsigned char)*text < 0x20 ? " "
                                                           : NULL;
        if (entity)
            fputs(entity, stream);
        else
            fputc(*text, stream);
    }
}

void picture_open(picture *p, double width, double height, const char *title) {
    *p = (picture){ .width = width, .height = height };
    p->stream = open_memstream(&p->text, &p->size);
    if (!p->stream) return;
    fprintf(p->stream,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "font-family=\"DejaVu Sans, Verdana, Helvetica, sans-serif\" stroke-linejoin=\"round\">\n<title>",
            width, height, width, height);
    put_escaped(p->stream, title);
    fputs("</title>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n", p->stream);
}

void picture_drop(picture *p) {
    if (p->stream) fclose(p->stream);
    free(p->text);
    *p = (picture){ 0 };
}

int picture_save(picture *p, const char *path) {
    int good = p->stream && !p->no_memory && fputs("</svg>\n", p->stream) >= 0 && fflush(p->stream) == 0 &&
               !ferror(p->stream);
    int code = good ? cli_write_text(path, p->text, p->size) : cli_no_memory();
    picture_drop(p);
    return code;
}

/* ---- shapes -------------------------------------------------------------------------------------------- */

/* Every element ends here. */
static void put_pen(FILE *stream, pen pen) {
    fprintf(stream, " fill=\"%s\"", pen.fill ? pen.fill : "none");
    if (pen.stroke) fprintf(stream, " stroke=\"%s\"", pen.stroke);
    if (pen.stroke && pen.width > 0) fprintf(stream, " stroke-width=\"%g\"", pen.width);
    if (pen.dash) fprintf(stream, " stroke-dasharray=\"%s\"", pen.dash);
    if (pen.opacity > 0) fprintf(stream, " opacity=\"%g\"", pen.opacity);
    fputs("/>\n", stream);
}

void picture_line(picture *p, double x1, double y1, double x2, double y2, pen pen) {
    picture_path(p, (double[]){ x1, y1, x2, y2 }, 2, 0, pen);
}

void picture_path(picture *p, const double *xy, int n, int closed, pen pen) {
    if (!p->stream || n < 1) return;
    fputs("<path d=\"", p->stream);
    for (int i = 0, down = 0; i < n; i++) {
        int here = isfinite(xy[2 * i]) && isfinite(xy[2 * i + 1]);
        if (here) fprintf(p->stream, "%c%.1f %.1f", down ? 'L' : 'M', xy[2 * i], xy[2 * i + 1]);
        down = here;
    }
    fputs(closed ? "Z\"" : "\"", p->stream);
    put_pen(p->stream, pen);
}

void picture_rect(picture *p, double x, double y, double width, double height, double round, pen pen) {
    if (!p->stream) return;
    fprintf(p->stream, "<rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"", x, y, width, height);
    if (round > 0) fprintf(p->stream, " rx=\"%.2f\"", round);
    put_pen(p->stream, pen);
}

void picture_circle(picture *p, double x, double y, double radius, pen pen) {
    if (!p->stream) return;
    fprintf(p->stream, "<circle cx=\"%.2f\" cy=\"%.2f\" r=\"%.2f\"", x, y, radius);
    put_pen(p->stream, pen);
}

void picture_arrow(picture *p, double x1, double y1, double x2, double y2, pen pen) {
    double dx = x2 - x1, dy = y2 - y1, length = hypot(dx, dy), thick = pen.width > 0 ? pen.width : 1;
    if (!(length > 0)) return;
    dx /= length, dy /= length;
    double head = 5 + 2 * thick, half = .4 * head, x = x2 - dx * head, y = y2 - dy * head;
    const double tip[] = { x2, y2, x - dy * half, y + dx * half, x + dy * half, y - dx * half };
    picture_line(p, x1, y1, x, y, pen);
    picture_path(p, tip, 3, 1, PEN(.fill = pen.stroke, .opacity = pen.opacity));
}

void picture_wire(picture *p, double x1, double y1, double x2, double y2, pen pen) {
    double middle = (x1 + x2) / 2;
    if (!p->stream) return;
    fprintf(p->stream, "<path d=\"M%.2f %.2fC%.2f %.2f %.2f %.2f %.2f %.2f\"", x1, y1, middle, y1, middle, y2, x2,
            y2);
    put_pen(p->stream, pen);
}

void picture_clip(picture *p, double x, double y, double width, double height) {
    if (!p->stream) return;
    long place = ftell(p->stream); /* a name that no other clip of this picture has */
    fprintf(p->stream,
            "<clipPath id=\"c%ld\"><rect x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"/></clipPath>"
            "<g clip-path=\"url(#c%ld)\">\n",
            place, x, y, width, height, place);
}

void picture_unclip(picture *p) {
    if (p->stream) fputs("</g>\n", p->stream);
}

/* ---- words --------------------------------------------------------------------------------------------- */

/* Advance of each character from ' ' to '~' in hundredths of the size, DejaVu Sans. */
static const unsigned char advances[95] = { 32,  40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34,
                                            64,  64, 64, 64, 64, 64, 64, 64, 64, 64, 34, 34, 84, 84, 84, 53,
                                            100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75, 79,
                                            60,  79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50,
                                            50,  61, 63, 55, 63, 62, 35, 63, 63, 28, 28, 58, 28, 97, 63, 61,
                                            63,  63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84 };

double picture_text_width(const char *text, double size) {
    double sum = 0;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c >= ' ' && c <= '~')
            sum += advances[c - ' '];
        else if ((c & 0xc0) != 0x80) /* other characters once, at their first byte */
            sum += 70;
    }
    return sum * size / 100;
}

void picture_text(picture *p, double x, double y, font font, const char *format, ...) {
    static const char *const anchors[] = { "start", "middle", "end" };
    char text[400];
    va_list arguments;
    if (!p->stream) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(p->stream, "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%g\" text-anchor=\"%s\" fill=\"%s\"", x, y,
            font.size > 0 ? font.size : 12, anchors[font.anchor], font.colour ? font.colour : PICTURE_INK);
    if (font.bold) fputs(" font-weight=\"bold\"", p->stream);
    if (font.upward) fprintf(p->stream, " transform=\"rotate(-90 %.2f %.2f)\"", x, y);
    fputc('>', p->stream);
    put_escaped(p->stream, text);
    fputs("</text>\n", p->stream);
}

/* ---- images -------------------------------------------------------------------------------------------- */

/* Bytes on their way into base64, with the two checksums that PNG and zlib want. */
typedef struct encoder {
    FILE *stream;
    uint32_t pending, crc, a, b;
    int have;
} encoder;

static void put_base64(encoder *e) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 4; i++) fputc(i <= e->have ? digits[e->pending >> (18 - 6 * i) & 63] : '=', e->stream);
    e->pending = 0;
    e->have = 0;
}

static void put_byte(encoder *e, unsigned byte) {
    e->crc ^= byte;
    for (int i = 0; i < 8; i++) e->crc = e->crc >> 1 ^ (e->crc & 1 ? 0xedb88320u : 0);
    e->pending |= (uint32_t)byte << (16 - 8 * e->have);
    if (++e->have == 3) put_base64(e);
}

static void put_word(encoder *e, uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) put_byte(e, word >> shift & 255);
}

static void begin_chunk(encoder *e, const char *type, size_t size) {
    put_word(e, (uint32_t)size);
    e->crc = ~0u;
    for (int i = 0; i < 4; i++) put_byte(e, (unsigned char)type[i]);
}

static void end_chunk(encoder *e) { put_word(e, ~e->crc); }

static void put_data(encoder *e, unsigned byte) {
    e->a = (e->a + byte) % 65521;
    e->b = (e->b + e->a) % 65521;
    put_byte(e, byte);
}

/* One stored block for each row: a filter byte 0 and the row; at most 65,535 bytes, 21,844 columns. Each pixel
 * becomes `times` x `times`. */
static void put_rows(encoder *e, const unsigned char *rgb, int columns, int rows, int times) {
    unsigned length = 1 + 3 * (unsigned)(columns * times);
    begin_chunk(e, "IDAT", 2 + (size_t)(rows * times) * (5 + length) + 4);
    put_byte(e, 0x78), put_byte(e, 0x01);
    for (int r = 0; r < rows * times; r++) {
        const unsigned char *row = rgb + (size_t)(r / times) * 3 * (size_t)columns;
        put_byte(e, r == rows * times - 1);
        put_byte(e, length & 255), put_byte(e, length >> 8);
        put_byte(e, ~length & 255), put_byte(e, ~length >> 8 & 255);
        put_data(e, 0);
        for (int i = 0; i < columns * times; i++)
            for (int k = 0; k < 3; k++) put_data(e, row[3 * (i / times) + k]);
    }
    put_word(e, e->b << 16 | e->a);
    end_chunk(e);
}

void picture_image(picture *p, double x, double y, double width, double height, const unsigned char *rgb, int columns,
                   int rows, int smooth) {
    encoder e = { .stream = p->stream, .a = 1 };
    int times = !smooth && columns * rows <= 256 ? 8 : 1; /* some programs blur images whatever they are told */
    if (!p->stream) return;
    fprintf(p->stream,
            "<image x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" preserveAspectRatio=\"none\" "
            "%shref=\"data:image/png;base64,",
            x, y, width, height, smooth ? "" : "style=\"image-rendering:pixelated\" ");
    for (int i = 0; i < 8; i++) put_byte(&e, (unsigned char)"\x89PNG\r\n\x1a\n"[i]);
    begin_chunk(&e, "IHDR", 13);
    put_word(&e, (uint32_t)(columns * times)), put_word(&e, (uint32_t)(rows * times));
    for (int i = 0; i < 5; i++) put_byte(&e, (unsigned char)"\x08\x02\0\0\0"[i]); /* 8 bits, RGB */
    end_chunk(&e);
    put_rows(&e, rgb, columns, rows, times);
    begin_chunk(&e, "IEND", 0);
    end_chunk(&e);
    if (e.have) put_base64(&e);
    fputs("\"/>\n", p->stream);
}
