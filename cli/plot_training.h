/* SPDX-License-Identifier: MIT
 *
 * plot_training.h: the pictures of `elegans train --plot FOLDER`: curves.svg always; boundary.svg where an input is
 * one or two numbers; filters.svg where it is an image; histograms.svg where the layers can be looked into.
 */
#ifndef ELEGANS_CLI_PLOT_TRAINING_H
#define ELEGANS_CLI_PLOT_TRAINING_H

#include "plot.h"

/* Makes the folder where there is none; CLI_GO_ON or an exit code. */
int plot_folder(const char *folder);
/* After a fit; `loss` is its --loss or NULL. CLI_GO_ON or an exit code; `quiet`: tells nothing. */
int plot_training(const char *folder, eg_model *model, const eg_data *train, const eg_data *validation,
                  const char *loss, int quiet);

/* rates.svg: the loss of each learning rate on trial. */
int plot_rates(const char *folder, const eg_rate_search *found, int quiet);

/* Its parts, which other commands draw too: each gets its file, and says in *drawn whether there was anything. */
int plot_boundary(const char *path, eg_model *model, const eg_data *train, const eg_data *validation, int *drawn);
int plot_filters(const char *path, eg_model *model, int *drawn);
int plot_histograms(const char *path, eg_model *model, const eg_data *train, const char *loss, int *drawn);

/* The model as circles and links (`elegans inspect --svg`). */
int plot_model(const char *path, eg_model *model);

#endif
