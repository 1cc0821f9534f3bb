/* SPDX-License-Identifier: MIT
 *
 * table.h: from a CSV table to a data set.
 */
#ifndef EG_DATA_TABLE_H
#define EG_DATA_TABLE_H

#include "data/csv.h"
#include "data/set.h"

enum { EG_TABLE_MAX_VALUES = 64 }; /* different texts that a feature column may hold to be read as one-hot columns */

/* Fills data->x, y and info (but not its source) from the table. */
eg_status eg_table_read(const eg_csv *csv, const eg_data_opt *opt, eg_data *data);

#endif
