/* SPDX-License-Identifier: MIT
 *
 * spark.h: the course of the loss as a line of blocks under the progress bar of a terminal:
 *     loss ▇▅▃▂▁ 0.0362
 */
#ifndef ELEGANS_CLI_SPARK_H
#define ELEGANS_CLI_SPARK_H

#include "cli.h"

enum { SPARK_MOST = 256 };
typedef struct spark {
    FILE *stream;
    double train[SPARK_MOST], validation[SPARK_MOST]; /* NaN where there is none */
    int n, every, skipped, validated;                 /* `every` so many-th number is kept */
    double drawn;
} spark;

/* A callback that draws to a terminal; spark_end draws the whole course when the fit has ended. */
eg_callback spark_callback(spark *s, FILE *stream);
void spark_end(spark *s);

#endif
