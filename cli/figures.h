/* SPDX-License-Identifier: MIT
 *
 * figures.h: the figures of `elegans picture`, each an idea of the course computed by the library.
 */
#ifndef ELEGANS_CLI_FIGURES_H
#define ELEGANS_CLI_FIGURES_H

#include "plot.h"

/* Each opens the picture and draws it; the caller saves it, or drops it where the status is not EG_OK. */
eg_status figure_activations(picture *p);
eg_status figure_descent(picture *p);
eg_status figure_preprocessing(picture *p);
eg_status figure_losses(picture *p);
eg_status figure_zigzag(picture *p);

/* ---- what they share ------------------------------------------------------------------------------------- */

/* n normally distributed numbers that depend on the name alone. */
eg_status figure_noise(const char *name, double *out, int64_t n);

/* Linear regression on two features without bias, y = w1 x1 + w2 x2: a fit and the mean squared error over a plane.
 */
typedef struct figure_line {
    int n;
    const double *x, *y; /* [n][2], [n] */
} figure_line;
/* The weights from `start` on after each step of plain gradient descent, path[][2]; *steps in: room, out: how many.
 */
eg_status figure_walk(const figure_line *data, const double start[2], int64_t batch, double lr, int epochs,
                      double *path, int *steps);
/* Its contours and that way down. */
eg_status figure_draw_walk(const plot *c, const figure_line *data, const double *path, int points,
                           const char *colour);

#endif
