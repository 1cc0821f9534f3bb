/* SPDX-License-Identifier: MIT
 *
 * picture.h: the one writer of SVG. A picture is lines, shapes and words on white, in pixels from the top left;
 * charts with axes are plot.h's. Texts are measured (in DejaVu Sans, wider than most), so that a caller can keep them
 * apart. A failed allocation is remembered and told by picture_save.
 *
 *     picture p;
 *     picture_open(&p, 400, 300, "a title for readers who cannot see it");
 *     picture_line(&p, 10, 10, 90, 10, PEN(.stroke = PICTURE_BLUE));
 *     int code = picture_save(&p, "line.svg");
 *
 * Non-goals: transformations, styles by class, animation.
 */
#ifndef ELEGANS_CLI_PICTURE_H
#define ELEGANS_CLI_PICTURE_H

#include <elegans.h>
#include <stdio.h>

/* Colours that people with any colour vision tell apart (Okabe and Ito 2008), and greys. */
#define PICTURE_BLUE "#0072b2"
#define PICTURE_ORANGE "#e69f00"
#define PICTURE_GREEN "#009e73"
#define PICTURE_RED "#d55e00"
#define PICTURE_PURPLE "#cc79a7"
#define PICTURE_SKY "#56b4e9"
#define PICTURE_YELLOW "#d9c400" /* darker than theirs: it must be seen on white */
#define PICTURE_BLACK "#000000"
#define PICTURE_INK "#222222"  /* words */
#define PICTURE_GREY "#767676" /* axes, wires */
#define PICTURE_PALE "#e4e4e4" /* grids, fills */
enum { PICTURE_COLOURS = 8 };
/* Colour i of the eight, again from the first after the last. */
const char *picture_colour(int i);

typedef struct picture {
    FILE *stream; /* NULL: there was no memory */
    char *text;
    size_t size;
    double width, height;
    int no_memory; /* something could not be drawn */
} picture;

/* How a shape is drawn: "none" where absent. */
typedef struct pen {
    const char *fill, *stroke, *dash; /* dash: lengths of line and gap, "6 4" */
    double width, opacity;            /* 0: 1 */
} pen;
#define PEN(...) ((struct pen){ __VA_ARGS__ })

typedef enum picture_anchor { PICTURE_START, PICTURE_MIDDLE, PICTURE_END } picture_anchor;

typedef struct font {
    double size; /* 0: 12 */
    const char *colour;
    picture_anchor anchor;
    int bold, upward; /* upward: read from below */
} font;
#define FONT(...) ((struct font){ __VA_ARGS__ })

void picture_open(picture *p, double width, double height, const char *title);
/* Ends the picture and writes it whole or not at all ("-": to stdout); CLI_GO_ON, or an exit code after a message.
 * Releases the picture in any case. */
int picture_save(picture *p, const char *path);
/* The same; a name that ends in .png makes a PNG of twice the size, where rsvg-convert is installed. */
int picture_save_as(picture *p, const char *path);
void picture_drop(picture *p); /* releases it unsaved */

void picture_line(picture *p, double x1, double y1, double x2, double y2, pen pen);
/* n points as x, y pairs. Breaks where a coordinate is not finite. */
void picture_path(picture *p, const double *xy, int n, int closed, pen pen);
void picture_rect(picture *p, double x, double y, double width, double height, double round, pen pen);
void picture_circle(picture *p, double x, double y, double radius, pen pen);
/* A line with a filled head at its end. */
void picture_arrow(picture *p, double x1, double y1, double x2, double y2, pen pen);
/* A wire from left to right that begins and ends level. */
void picture_wire(picture *p, double x1, double y1, double x2, double y2, pen pen);
/* y is the line that the letters stand on. */
void picture_text(picture *p, double x, double y, font font, const char *format, ...) EG_PRINTF(5, 6);
double picture_text_width(const char *text, double size);
/* rgb[rows][columns][3], stretched: with sharp borders, or `smooth`. */
void picture_image(picture *p, double x, double y, double width, double height, const unsigned char *rgb, int columns,
                   int rows, int smooth);
/* What lies outside the rectangle is not drawn until picture_unclip. */
void picture_clip(picture *p, double x, double y, double width, double height);
void picture_unclip(picture *p);

#endif
