/* SPDX-License-Identifier: MIT
 *
 * set.h: what a data set is made of. Names and facts sit in one counted `eg_data_info` that a source shares with its
 * views and copies; the numbers sit in tensors, whose buffers views share as well. A reader makes an empty set, fills
 * x, y and info, and hands it out; when it fails, the set keeps the error and nothing else.
 */
#ifndef EG_DATA_SET_H
#define EG_DATA_SET_H

#include <elegans/data.h>
#include "base/arena.h"

enum { EG_DATA_ERROR_BYTES = 1024, EG_DATA_MAX_CLASSES = 10000 };

typedef struct eg_data_info {
    int references; /* atomic */
    eg_arena arena; /* of the strings below */
    eg_task task;
    int classes;               /* 0 for regression */
    const char **class_names;  /* [classes] or NULL: their numbers */
    int columns;               /* 0 where features have no names */
    const char **column_names; /* [columns] */
    const char *target_name, *source;
    eg_missing missing; /* NaN in x are gaps if this is not ERROR */
    eg_text_opt text;   /* how texts were read; its vocabulary, NULL where there are none, is owned */
} eg_data_info;

struct eg_data {
    eg_status status;
    eg_data_info *info; /* never NULL */
    eg_tensor *x;       /* [rows, ...] f32 or u8, contiguous */
    eg_tensor *y;       /* i32 [rows] or [rows, steps], f32 [rows, outputs], or NULL */
    float *weights;     /* [rows] or NULL */
    const char **row_names; /* [rows] or NULL: files of pictures; the strings are the info's */
    char error[EG_DATA_ERROR_BYTES]; /* of the status */
};

int64_t eg_data_sample_size(const eg_data *data); /* numbers of one x */
eg_data *eg_data_new(void); /* an empty set; NULL without memory */
/* Poisons the set with the thread's error if `status` is a failure; returns the set. */
eg_data *eg_data_finish(eg_data *data, eg_status status);
/* eg_data_status, and the set's error as the thread's. */
eg_status eg_data_check(const eg_data *data);
/* The first row with an infinity, or a NaN that is no gap; -1 if there is none. */
int64_t eg_data_bad_row(const eg_data *data);
/* The first row with a NaN in x, -1 if there is none. */
int64_t eg_data_first_gap(const eg_data *data);
/* The same rows with the gaps filled, as a data set without targets. */
eg_data *eg_data_filled(const eg_data *data, const float *fill);
/* Class names: copies of these; "0", "1", ... where names is NULL. */
eg_status eg_data_name_classes(eg_data_info *info, const char *const *names, int n);
/* DATA error for the first label, of y i32 [n] or [n, steps], outside 0..classes-1. */
eg_status eg_data_check_labels(const eg_tensor *y, int classes);
/* Of settings "key=value", apart by commas or ampersands: cuts off the next one and returns its key, NULL after the
 * last. *value: NULL where there is no "=". */
char *eg_next_setting(char **query, char **value);
/* The class of each row, [rows]; NULL where there is none, or one for each step. */
const int32_t *eg_data_labels(const eg_data *data);

#endif
