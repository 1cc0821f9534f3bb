/* SPDX-License-Identifier: MIT
 *
 * test_parse.c: models as text: what is understood, what is written back, and what is told about mistakes.
 */
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

static const eg_shape image = { 2, { 28, 28 } };

/* The text that the model of `text` writes; NULL (with the model's error printed) if it is not understood. */
static char *understood(eg_shape input, const char *text) {
    eg_model *m = eg_model_parse(input, text);
    if (eg_model_status(m) != EG_OK) fail_msg("'%s': %s", text, eg_model_error(m));
    char *out = eg_model_text(m);
    if (!out) fail_msg("'%s': %s", text, eg_error());
    eg_model_free(m);
    return out;
}

static void good_texts(void **state) {
    static const char *const rows[][2] = {
        { "dense 3", "dense 3" },
        { "dense 512 relu; dense 10 softmax", "dense 512 relu; dense 10 softmax" },
        { "  dense\t512   relu ;\n\n dense 10 softmax;\n", "dense 512 relu; dense 10 softmax" },
        { "dense 4 # the first\ndense 2 # the last", "dense 4; dense 2" },
        { "dense units=4 activation=tanh", "dense 4 tanh" },
        { "dense relu 4 no_bias", "dense 4 relu no_bias" },
        { "dense 64 tanh no_bias init=he_normal l2=1e-4 name=hidden",
          "dense 64 tanh no_bias init=he_normal l2=0.0001 name=hidden" },
        { "dense 5 init=normal( .01 , 2 ) bias_init=constant(1)",
          "dense 5 init=normal(0.01,2) bias_init=constant(1)" },
        { "dense 5 frozen l1=.5", "dense 5 l1=0.5 frozen" },
        { "dense 5 frozen=1 no_bias=0", "dense 5 frozen" },
        { "dropout .25", "dropout 0.25" },
        { "dropout rate=0", "dropout" },
        { "relu; leaky_relu .1; leaky_relu 0; softmax",
          "activation relu; activation leaky_relu 0.1; activation leaky_relu 0; "
          "activation softmax" },
        { "activation logistic", "activation sigmoid" },
        { "activation elu alpha=2", "activation elu 2" },
        { "reshape 2x4; flatten; dense 1", "reshape 2x4; flatten; dense 1" },
        { "reshape 2,-1; dense 3 last_axis", "reshape 2x-1; dense 3 last_axis" },
        { "reshape 4x2; dense 3", "reshape 4x2; flatten; dense 3" },
        { "dense 2; dense 2 name=dense_1; dense 2 name=dense_7", "dense 2; dense 2; dense 2 name=dense_7" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *once = understood(EG_SHAPE(8), rows[i][0]), *again = understood(EG_SHAPE(8), once);
        assert_string_equal(once, rows[i][1]);
        assert_string_equal(again, once);
        eg_string_free(once);
        eg_string_free(again);
    }
}

static void images_are_flattened_for_dense(void **state) {
    (void)state;
    eg_model *m = eg_model_parse(image, "dense 512 relu; dense 10 softmax");
    assert_int_equal(eg_model_parameters(m), 407050);
    eg_model_free(m);
    m = eg_model_parse(image, "dense 5 last_axis");
    assert_true(eg_shape_equal(eg_model_output_shape(m), EG_SHAPE(28, 5)));
    eg_model_free(m);
}

/* text, status, where the caret points, message */
static void bad_texts(void **state) {
    static const struct {
        const char *text;
        eg_status status;
        int at;
        const char *message;
    } rows[] = {
        { "", EG_E_DATA, 0, "net: the text names no layer" },
        { " ; \n;", EG_E_DATA, 4, "net: the text names no layer" },
        { "dens 512", EG_E_NAME, 0, "net: column 1: unknown layer 'dens'; did you mean 'dense'?" },
        { "dense 512 rleu", EG_E_NAME, 10, "net: column 11: unknown word for dense 'rleu'; did you mean 'relu'?" },
        { "dense 512; dense 10 sotfmax", EG_E_NAME, 20,
          "net: column 21: unknown word for dense 'sotfmax'; did you mean 'softmax'?" },
        { "dense 512\ndense 10 actvation=relu", EG_E_NAME, 19,
          "net: line 2, column 10: unknown word for dense 'actvation'; did you mean 'activation'?" },
        { "dense", EG_E_ARGUMENT, 0, "net: column 1: dense: units must be at least 1, not 0" },
        { "dense 0", EG_E_ARGUMENT, 0, "net: column 1: dense: units must be at least 1, not 0" },
        { "dense 1.5", EG_E_DATA, 6, "net: column 7: units: a whole number is expected" },
        { "dense 1e300", EG_E_DATA, 6, "net: column 7: units: a whole number is expected" },
        { "dense 5x", EG_E_DATA, 6, "net: column 7: units: a whole number is expected" },
        { "dense 5 6", EG_E_DATA, 8, "net: column 9: 6: no number is expected here" },
        { "dense 5 units=6", EG_E_DATA, 8, "net: column 9: units is given twice" },
        { "dense 5 relu tanh", EG_E_DATA, 13, "net: column 14: activation is given twice" },
        { "dense 5 l2=x", EG_E_DATA, 8, "net: column 9: l2: a number is expected" },
        { "dense 5 l2=-1", EG_E_ARGUMENT, 0, "net: column 1: dense: l1 and l2 must not be negative" },
        { "dense 5 no_bias=maybe", EG_E_DATA, 8, "net: column 9: no_bias: 0 or 1 is expected" },
        { "dense 5 init=hee_normal", EG_E_NAME, 8,
          "net: column 9: unknown initialiser 'hee_normal'; did you mean 'he_normal'?" },
        { "dense 5 name=a/b", EG_E_NAME, 0,
          "net: column 1: layer name 'a/b' may hold letters, digits, '_', '-' and '.' only" },
        { "dense 5 name=a; dense 5 name=a", EG_E_NAME, 16, "net: column 17: two layers are named 'a'" },
        { "dropout 1", EG_E_ARGUMENT, 0, "net: column 1: dropout: rate must be >= 0 and < 1, not 1" },
        { "reshape 3x3", EG_E_SHAPE, 0, "net: column 1: reshape: [3,3] cannot be made of [8]" },
        { "reshape 2x", EG_E_DATA, 8, "net: column 9: shape: a shape as in 28x28 is expected" },
        { "reshape 1x1x1x1x1x1x1x1x8", EG_E_DATA, 8, "net: column 9: shape: a shape as in 28x28 is expected" },
        { "flatten 3", EG_E_DATA, 8, "net: column 9: 3: no number is expected here" },
        { "join", EG_E_NAME, 0, NULL },
        { "model", EG_E_NAME, 0, NULL },
        { "dense 99999999999999999", EG_E_DATA, 6, NULL },
        { "dense 9007199254740992", EG_E_LIMIT, 0, NULL },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_model *m = eg_model_parse(EG_SHAPE(8), rows[i].text);
        if (eg_model_status(m) != rows[i].status)
            fail_msg("'%s': %s: %s", rows[i].text, eg_status_name(eg_model_status(m)), eg_model_error(m));
        if (rows[i].message) assert_string_equal(eg_model_error(m), rows[i].message);
        assert_int_equal(eg_model_error_position(m), rows[i].at);
        assert_null(eg_model_text(m));
        eg_model_free(m);
    }
}

static void what_is_no_chain_has_no_text(void **state) {
    (void)state;
    eg_model *m = eg_model_new();
    eg_wire *x = eg_model_input(m, "x", EG_SHAPE(2));
    eg_model_output(m, eg_apply(eg_join(EG_JOIN_ADD), x, x));
    assert_null(eg_model_text(m));
    assert_int_equal(eg_error_status(), EG_E_UNSUPPORTED);
    eg_model_free(m);
    m = eg_sequential(EG_SHAPE(2), eg_model_layer(eg_sequential(EG_SHAPE(2), eg_dense(1))));
    assert_null(eg_model_text(m));
    assert_int_equal(eg_error_status(), EG_E_UNSUPPORTED);
    eg_model_free(m);
}

static eg_status there_and_back(void *context) {
    eg_model *m = eg_model_parse(EG_SHAPE(4, 4), context);
    eg_status status = eg_model_status(m);
    char *text = status == EG_OK ? eg_model_text(m) : NULL;
    if (status == EG_OK && !text) status = EG_E_MEMORY;
    eg_string_free(text);
    eg_model_free(m);
    return status;
}

static void every_failed_allocation_is_an_error(void **state) {
    (void)state;
    assert_true(fault_loop(there_and_back, "dense 5 relu init=normal(.1); dropout .1; relu; dense 2 name=out") > 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts),
        cmocka_unit_test(images_are_flattened_for_dense),
        cmocka_unit_test(bad_texts),
        cmocka_unit_test(what_is_no_chain_has_no_text),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
