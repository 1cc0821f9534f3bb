/* SPDX-License-Identifier: MIT
 *
 * fuzz_csv.c: any text is refused with a message or becomes a data set of finite numbers, with and without a target,
 * and again when it is read with its own column and class names as a model would.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "base/status.h"
#include "data/csv.h"
#include "data/table.h"

/* NULL if the text is refused. */
static eg_data *read_table(const uint8_t *bytes, size_t size, const eg_data_opt *opt) {
    char *text = malloc(size + 1);
    eg_csv csv;
    if (size > 0) memcpy(text, bytes, size);
    eg_error_clear();
    eg_data *data = eg_data_new();
    eg_status status = eg_csv_parse(text, size, 0, 0, &csv);
    if (status == EG_OK) status = eg_table_read(&csv, opt, data);
    FUZZ_EXPECT(status == EG_OK || status == EG_E_DATA || status == EG_E_LIMIT || status == EG_E_NAME);
    FUZZ_EXPECT((status == EG_OK) == (eg_error()[0] == '\0'));
    eg_data_finish(data, status);
    eg_csv_free(&csv);
    free(text);
    if (status == EG_OK) return data;
    eg_data_free(data);
    return NULL;
}

static void check(const eg_data *data) {
    FUZZ_EXPECT(eg_data_rows(data) > 0 && eg_data_columns(data) > 0);
    FUZZ_EXPECT(eg_data_first_bad_row(data) < 0);
    const int32_t *labels = eg_data_classes(data) > 0 ? eg_tensor_data(eg_data_y(data)) : NULL;
    for (int64_t i = 0; labels && i < eg_data_rows(data); i++)
        FUZZ_EXPECT(labels[i] >= 0 && labels[i] < eg_data_classes(data));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const eg_data_opt no_target = { .target = "-" };
    eg_data *data = read_table(bytes, size, &no_target);
    if (data) check(data);
    eg_data_free(data);
    data = read_table(bytes, size, &(eg_data_opt){ 0 });
    if (!data) return 0;
    check(data);
    eg_data_opt model = { .target = eg_data_target_name(data),
                          .columns = data->info->column_names,
                          .n_columns = data->info->columns,
                          .classes = data->info->class_names,
                          .n_classes = data->info->classes,
                          .task = data->info->task };
    eg_data *again = read_table(bytes, size, &model);
    FUZZ_EXPECT(!again || eg_data_rows(again) == eg_data_rows(data));
    eg_data_free(again);
    eg_data_free(data);
    return 0;
}
