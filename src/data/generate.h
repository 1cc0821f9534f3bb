/* SPDX-License-Identifier: MIT
 *
 * generate.h: data sets that are drawn, not read: "spiral?classes=3,n=100,noise=0.2".
 */
#ifndef EG_DATA_GENERATE_H
#define EG_DATA_GENERATE_H

#include "base/rng.h"
#include "data/set.h"

enum { EG_DIGIT_SIDE = 28 };

/* Fills data->x, y and info from the text after "gen:". `test` draws other samples of the same distribution; `seed`
 * is used where the text does not give one. Row i depends on seed, part and i only, so a longer set begins with a
 * shorter one. */
eg_status eg_generate(const char *text, int test, uint64_t seed, eg_data *data);
/* Checks the text without drawing. */
eg_status eg_generate_check(const char *text);

/* Draws one handwritten-looking digit into a 28x28 image; noise: standard deviation of the pixels' noise, 1 = full
 * ink. */
void eg_draw_digit(int digit, double noise, eg_rng *rng, unsigned char *image);

#endif
