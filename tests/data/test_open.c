/* SPDX-License-Identifier: MIT
 *
 * open: IDX folders and files, the search for MNIST, downloads through a hook, and real data where it is at hand.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <elegans/data.h>
#include "base/file.h"
#include "base/status.h"
#include "fault.h"
#include "idx_files.h"
#include "skipped.h"
#include "write_file.h"

static void expect_error(eg_data *data, eg_status status, const char *end) {
    const char *error = eg_data_error(data);
    if (eg_data_status(data) != status || strlen(error) < strlen(end) ||
        strcmp(error + strlen(error) - strlen(end), end) != 0)
        fail_msg("%s: %s", eg_status_name(eg_data_status(data)), error);
    eg_data_free(data);
}

static int32_t label(const eg_data *data, int row) { return ((int32_t *)eg_tensor_data(eg_data_y(data)))[row]; }

static void put_set(void) {
    put_images("train-images-idx3-ubyte", 5);
    put_labels("train-labels-idx1-ubyte", (unsigned char[]){ 5, 0, 4, 1, 9 }, 5);
    put_images("t10k-images-idx3-ubyte", 2);
    put_labels("t10k-labels-idx1-ubyte", (unsigned char[]){ 7, 2 }, 2);
}

static void test_folder(void **state) {
    (void)state;
    put_set();
    eg_data *data = eg_data_open(folder, NULL);
    assert_string_equal(eg_data_error(data), "");
    assert_int_equal(eg_data_rows(data), 5);
    assert_true(eg_shape_equal(eg_data_sample_shape(data), EG_SHAPE(2, 3)));
    assert_int_equal(eg_tensor_dtype(eg_data_x(data)), EG_U8);
    assert_int_equal(eg_data_classes(data), 10);
    assert_int_equal(label(data, 4), 9);
    char source[200];
    snprintf(source, sizeof source, "%s (IDX, 5 samples of [2,3])", folder);
    assert_string_equal(eg_data_source(data), source);
    eg_data_free(data);
    data = eg_data_open(folder, "test");
    assert_int_equal(eg_data_rows(data), 2);
    assert_int_equal(eg_data_classes(data), 10); /* those of the training part */
    eg_data_free(data);
    assert_true(eg_data_has_part(folder, "test"));
    assert_false(eg_data_has_part(folder, "dev"));
    expect_error(eg_data_open(folder, "dev"), EG_E_ARGUMENT, "part \"dev\": there are \"train\" and \"test\"");
}

static void test_one_file(void **state) {
    (void)state;
    put_set();
    eg_data *data = eg_data_open(in_folder("t10k-images-idx3-ubyte"), NULL);
    assert_int_equal(eg_data_rows(data), 2);
    assert_int_equal(label(data, 0), 7);
    assert_int_equal(eg_data_classes(data), 8);
    eg_data_free(data);
    data = eg_data_open(in_folder("t10k-images-idx3-ubyte"), NULL, .target = "-");
    assert_null(eg_data_y(data));
    eg_data_free(data);
    data = eg_data_open(put_images("pictures", 3), NULL);
    assert_int_equal(eg_data_rows(data), 3);
    assert_null(eg_data_y(data));
    eg_data_free(data);
    expect_error(eg_data_open(in_folder("pictures"), "test"), EG_E_MISSING, "pictures: has no part \"test\"");
    assert_false(eg_data_has_part(in_folder("pictures"), "test"));
}

static void test_labels_outside(void **state) {
    (void)state;
    static const char *const names[] = { "a", "b", "c" };
    put_set();
    put_labels("t10k-labels-idx1-ubyte", (unsigned char[]){ 7, 12 }, 2);
    expect_error(eg_data_open(folder, "test"), EG_E_DATA,
                 "t10k-labels-idx1-ubyte: label 12 of sample 2 is outside the 10 classes 0 to 9");
    put_labels("train-labels-idx1-ubyte", (unsigned char[]){ 5, 0, 132, 1, 9 }, 5);
    expect_error(eg_data_open(folder, NULL), EG_E_DATA,
                 "label 132 of sample 3 is outside the classes: no sample has label 2");
    put_labels("train-labels-idx1-ubyte", (unsigned char[]){ 0, 1, 2, 1, 3 }, 5);
    expect_error(eg_data_open(folder, NULL, .classes = names, .n_classes = 3), EG_E_DATA,
                 "label 3 of sample 5 is outside the 3 classes 0 to 2");
    put_labels("train-labels-idx1-ubyte", (unsigned char[]){ 0, 1, 2, 1 }, 4);
    expect_error(eg_data_open(folder, NULL), EG_E_DATA, "train-labels-idx1-ubyte: 4 labels for 5 samples");
    put_labels("train-labels-idx1-ubyte", (unsigned char[]){ 0, 1, 2, 1, 0 }, 5);
    eg_data *data = eg_data_open(folder, NULL, .classes = names, .n_classes = 3);
    assert_string_equal(eg_data_class_name(data, 2), "c");
    eg_data_free(data);
}

static void test_damaged(void **state) {
    (void)state;
    put_set();
    put_file("train-images-idx3-ubyte", "\0\0\x08\x03\0\0\0\x05\0\0\0\x02", 12);
    expect_error(eg_data_open(folder, NULL), EG_E_DATA,
                 "train-images-idx3-ubyte: is truncated: 12 bytes, its header alone has 16");
    put_set();
    remove(in_folder("train-labels-idx1-ubyte"));
    expect_error(eg_data_open(folder, NULL), EG_E_MISSING, ": holds no train-labels-idx1-ubyte[.gz]");
    remove(in_folder("train-images-idx3-ubyte"));
    expect_error(eg_data_open(folder, NULL), EG_E_MISSING, ": holds no train-images-idx3-ubyte[.gz]");
    assert_false(eg_data_has_part(folder, "train"));
    expect_error(eg_data_open(in_folder("nothing.csv"), NULL), EG_E_MISSING,
                 "nothing.csv: cannot open: No such file or directory");
    expect_error(eg_data_open("", NULL), EG_E_ARGUMENT, "no data source is given");
}

/* ---- mnist: found, fetched, missing ---------------------------------------------------------------------------- */

static char *home;

/* From a place where no shared data is. */
static int leave(void **state) {
    (void)state;
    home = getcwd(NULL, 0);
    return chdir(folder);
}

static int come_back(void **state) {
    (void)state;
    int result = chdir(home);
    free(home);
    return result;
}

static void test_search(void **state) {
    (void)state;
    setenv("ELEGANS_DATA", folder, 1);
    setenv("XDG_CACHE_HOME", in_folder("no-cache"), 1);
    put_set();
    eg_data *data = eg_data_open("mnist", "test");
    assert_int_equal(eg_data_rows(data), 2);
    char source[200];
    snprintf(source, sizeof source, "mnist: %s/ (IDX, 2 samples of [2,3])", folder);
    assert_string_equal(eg_data_source(data), source);
    eg_data_free(data);
    setenv("ELEGANS_DATA", "/nowhere", 1);
    expect_error(eg_data_open("mnist", NULL), EG_E_MISSING, "/no-cache/elegans/mnist");
    unsetenv("ELEGANS_DATA");
}

static int fetches;

static eg_status fetch_wrong(void *user, const char *url, const char *path) {
    assert_ptr_equal(user, &fetches);
    assert_int_equal(strncmp(url, "https://", 8), 0);
    fetches++;
    return write_file(path, "\0\0\x08\x01\0\0\0\x01x", 9);
}

static eg_status fetch_nothing(void *user, const char *url, const char *path) {
    (void)user, (void)url, (void)path;
    return EG_E_MISSING;
}

/* What arrives is checked before it counts: nothing stays behind. */
static void test_fetch_is_checked(void **state) {
    (void)state;
    unsetenv("ELEGANS_DATA");
    setenv("XDG_CACHE_HOME", folder, 1);
    eg_data_set_fetch(fetch_wrong, &fetches);
    fetches = 0;
    eg_data_free(eg_data_open("mnist", NULL));
    assert_int_equal(fetches, 0); /* only where it is allowed */
    expect_error(eg_data_open("mnist", NULL, .allow_download = 1), EG_E_DATA,
                 "mnist is not here and could not be downloaded: train-images-idx3-ubyte.gz: is not the file that "
                 "was expected");
    assert_true(fetches >= 2);
    eg_data_set_fetch(fetch_nothing, NULL);
    expect_error(eg_data_open("mnist", NULL, .allow_download = 1), EG_E_MISSING,
                 "no answer from https://storage.googleapis.com/cvdf-datasets/mnist/train-images-idx3-ubyte.gz");
    char path[500];
    snprintf(path, sizeof path, "%s/elegans/mnist", folder);
    assert_int_equal(rmdir(path), 0);
    snprintf(path, sizeof path, "%s/elegans", folder);
    assert_int_equal(rmdir(path), 0);
    eg_data_set_fetch(NULL, NULL);
    expect_error(eg_data_open("mnist", NULL, .allow_download = 1), EG_E_MISSING, "; this program cannot download");
}

/* ---- real data, where it is ------------------------------------------------------------------------------------ */

static char mnist_folder[400] = "../shared/data/mnist";
static const char *const tables = "../shared/data/tabular/";

static void test_real_mnist(void **state) {
    (void)state;
    if (!eg_data_has_part(mnist_folder, "test")) SKIP("MNIST is not at hand");
    eg_data *train = eg_data_open(mnist_folder, "train"), *test = eg_data_open(mnist_folder, "test");
    if (eg_data_status(train) == EG_E_UNAVAILABLE) {
        eg_data_free(train);
        eg_data_free(test);
        SKIP("built without zlib");
    }
    assert_int_equal(eg_data_rows(train), 60000);
    assert_int_equal(eg_data_rows(test), 10000);
    assert_int_equal(eg_data_classes(test), 10);
    assert_int_equal(label(train, 0), 5);
    assert_int_equal(label(test, 0), 7);
    int64_t sum = 0;
    const unsigned char *pixels = eg_tensor_data(eg_data_x(test));
    for (int i = 0; i < 784; i++) sum += pixels[i];
    assert_int_equal(sum, 18454);
    eg_data_free(train);
    eg_data_free(test);
}

static void test_real_tables(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int rows, columns, classes;
        const char *first_class;
    } cases[] = {
        { "iris.csv", 150, 4, 3, "setosa" },           { "wine.csv", 178, 13, 3, "0" },
        { "breast_cancer.csv", 569, 30, 2, "benign" }, { "digits8x8.csv", 1797, 64, 10, "0" },
        { "diabetes.csv", 442, 10, 0, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s%s", tables, cases[i].name);
        if (!eg_file_exists(path)) SKIP("the tables are not at hand");
        eg_data *data = eg_data_open(path, NULL);
        assert_string_equal(eg_data_error(data), "");
        assert_int_equal(eg_data_rows(data), cases[i].rows);
        assert_int_equal(eg_data_columns(data), cases[i].columns);
        assert_int_equal(eg_data_classes(data), cases[i].classes);
        if (cases[i].classes > 0) assert_string_equal(eg_data_class_name(data, 0), cases[i].first_class);
        eg_data_free(data);
    }
}

static eg_status open_folder(void *unused) {
    (void)unused;
    eg_data *data = eg_data_open(folder, "test");
    eg_status status = eg_data_status(data);
    eg_data_free(data);
    return status;
}

static void test_faults(void **state) {
    (void)state;
    put_set();
    assert_true(fault_loop(open_folder, NULL) > 10);
}

int main(void) {
    const char *root = getenv("ELEGANS_DATA");
    if (root && eg_data_has_part(root, "test")) snprintf(mnist_folder, sizeof mnist_folder, "%s", root);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_one_file),
        cmocka_unit_test(test_labels_outside),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_real_mnist),
        cmocka_unit_test(test_real_tables),
        cmocka_unit_test(test_faults),
        cmocka_unit_test_setup_teardown(test_search, leave, come_back),
        cmocka_unit_test_setup_teardown(test_fetch_is_checked, leave, come_back),
    };
    return with_skipped(cmocka_run_group_tests(tests, make_folder, remove_folder));
}
