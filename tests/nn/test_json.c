/* SPDX-License-Identifier: MIT
 *
 * test_json.c: descriptions of models as JSON: round trips of every layer kind, and input that is hostile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#include <elegans/nn.h>

/* json -> model -> json must be the same text; returns the model. */
static eg_model *again(const eg_model *m) {
    if (eg_model_status(m) != EG_OK) fail_msg("%s", eg_model_error(m));
    char *json = eg_model_json(m);
    if (!json) fail_msg("%s", eg_error());
    eg_model *copy = eg_model_from_json(json, strlen(json));
    if (eg_model_status(copy) != EG_OK) fail_msg("%s: %s", json, eg_model_error(copy));
    char *second = eg_model_json(copy);
    assert_string_equal(second, json);
    eg_string_free(second);
    eg_string_free(json);
    return copy;
}

static void a_chain_is_written_plainly(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(28, 28), eg_flatten(), eg_dense(10, .act = EG_SOFTMAX, .l2 = 1e-4));
    char *json = eg_model_json(m);
    assert_string_equal(
        json, "{\"format\":\"elegans model\",\"version\":1,\"input\":{\"name\":\"x\",\"shape\":[28,28]},"
              "\"layers\":[{\"kind\":\"flatten\",\"name\":\"flatten\"},{\"kind\":\"dense\",\"name\":\"dense\","
              "\"units\":10,\"activation\":\"softmax\",\"l2\":0.0001}]}");
    eg_string_free(json);
    eg_model_free(again(m));
    eg_model_free(m);
}

static void every_option_survives(void **state) {
    (void)state;
    eg_model *m = eg_model_parse(
        EG_SHAPE(8), "dense 4 tanh no_bias init=normal(.01,2) bias_init=constant(0) l1=.5 l2=2 frozen name=a;"
                     "dropout .25; leaky_relu 0; elu 3; reshape 2x-1; dense 3 last_axis; flatten");
    eg_model *copy = again(m);
    char *a = eg_model_text(m), *b = eg_model_text(copy);
    assert_string_equal(a, b);
    eg_string_free(a);
    eg_string_free(b);
    eg_model_free(copy);
    eg_model_free(m);
}

static void shared_and_nested_models_survive(void **state) {
    (void)state;
    eg_model *inner = eg_sequential(EG_SHAPE(3), eg_dense(3, .frozen = 1, .name = "deep"));
    assert_int_equal(eg_model_set_dtype(inner, EG_F64), EG_OK);
    eg_model *m = eg_model_new();
    eg_layer *shared = eg_dense(3, .act = EG_RELU), *whole = eg_model_layer(inner);
    eg_wire *x = eg_model_input(m, "features", EG_SHAPE(3)), *h = eg_apply(shared, eg_apply(shared, x));
    eg_wire *y = eg_apply(whole, eg_apply(eg_join(EG_JOIN_MAXIMUM), h, x));
    eg_apply(eg_dense(7), y); /* leads nowhere */
    eg_model_output(m, eg_apply(eg_join(EG_JOIN_CONCAT), y, h, x));
    eg_model *copy = again(m);
    assert_int_equal(eg_model_parameters(copy), 12 + 12 + 28);
    assert_int_equal(eg_model_trainable(copy), 12 + 28);
    assert_true(eg_shape_equal(eg_model_output_shape(copy), EG_SHAPE(9)));
    char *a = eg_model_summary(m), *b = eg_model_summary(copy);
    assert_string_equal(a, b);
    eg_string_free(a);
    eg_string_free(b);
    eg_model_free(copy);
    eg_model_free(m);
}

static eg_value *same(void *user, eg_value *x) { return (void)user, x; }

static void a_c_function_cannot_be_written(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_lambda(same, NULL));
    assert_null(eg_model_json(m));
    assert_int_equal(eg_error_status(), EG_E_UNSUPPORTED);
    assert_string_equal(eg_error(), "layer 'lambda' is a C function: it cannot be written");
    eg_model_free(m);
}

#define HEAD "{\"format\":\"elegans model\",\"version\":1,\"input\":{\"name\":\"x\",\"shape\":[2]},"
#define DENSE "{\"kind\":\"dense\",\"name\":\"d\",\"units\":2}"

static void hostile_texts_are_errors(void **state) {
    static const char *const rows[] = {
        "",
        "{",
        "null",
        "[]",
        "{}",
        "{\"format\":\"elegans model\"}",
        "{\"format\":\"other\",\"version\":1}",
        "{\"format\":\"elegans model\",\"version\":2}",
        "{\"format\":\"elegans model\",\"version\":1}",
        "{\"format\":\"elegans model\",\"version\":1,\"input\":{\"name\":\"x\",\"shape\":[-1]},\"layers\":[" DENSE
        "]}",
        "{\"format\":\"elegans "
        "model\",\"version\":1,\"input\":{\"name\":\"x\",\"shape\":[9223372036854775807,2]},\"layers\":[" DENSE "]}",
        "{\"format\":\"elegans "
        "model\",\"version\":1,\"input\":{\"name\":\"x\",\"shape\":[1,1,1,1,1,1,1,1,1]},\"layers\":[" DENSE "]}",
        "{\"format\":\"elegans model\",\"version\":1,\"input\":{\"name\":\"\",\"shape\":[2]},\"layers\":[" DENSE "]}",
        "{\"format\":\"elegans model\",\"version\":1,\"input\":{\"name\":\"x\",\"shape\":[2.5]},\"layers\":[" DENSE
        "]}",
        HEAD "\"layers\":{}}",
        HEAD "\"layers\":[3]}",
        HEAD "\"layers\":[{\"kind\":\"dense\"}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"\",\"units\":2}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"a\\u0000b\",\"units\":2}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"a/b\",\"units\":2}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"d\",\"unitz\":2}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"d\",\"units\":\"2\"}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"d\",\"units\":1e6}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"d\",\"units\":9223372036854775807}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"d\",\"units\":2,\"frozen\":1}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"d\",\"units\":2,\"init\":[]}]}",
        HEAD "\"layers\":[{\"kind\":\"dense\",\"name\":\"d\",\"units\":2,\"activation\":\"magic\"}]}",
        HEAD "\"layers\":[{\"kind\":\"lambda\",\"name\":\"l\"}]}",
        HEAD "\"layers\":[{\"kind\":\"gates\",\"name\":\"l\"}]}",
        HEAD "\"layers\":[{\"kind\":\"model\",\"name\":\"l\"}]}",
        HEAD "\"layers\":[{\"kind\":\"model\",\"name\":\"l\",\"model\":{}}]}",
        HEAD "\"layers\":[{\"kind\":\"reshape\",\"name\":\"r\",\"shape\":[0,0]}]}",
        HEAD "\"layers\":[{\"kind\":\"reshape\",\"name\":\"r\",\"shape\":[-1,-1]}]}",
        HEAD "\"layers\":[{\"kind\":\"reshape\",\"name\":\"r\",\"shape\":[-5]}]}",
        HEAD "\"layers\":[" DENSE "," DENSE "]}",
        HEAD "\"layers\":[" DENSE "],\"output\":2}",
        HEAD "\"layers\":[" DENSE "],\"output\":-1}",
        HEAD "\"layers\":[" DENSE "],\"calls\":{}}",
        HEAD "\"layers\":[" DENSE "],\"calls\":[]}",
        HEAD "\"layers\":[" DENSE "],\"calls\":[{\"layer\":1,\"inputs\":[0]}]}",
        HEAD "\"layers\":[" DENSE "],\"calls\":[{\"layer\":0,\"inputs\":[1]}]}",
        HEAD "\"layers\":[" DENSE "],\"calls\":[{\"layer\":0,\"inputs\":[]}]}",
        HEAD "\"layers\":[" DENSE "],\"calls\":[{\"layer\":0,\"inputs\":[0,0]}]}",
        HEAD "\"layers\":[" DENSE "],\"calls\":[{\"layer\":0,\"inputs\":[\"x\"]}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        eg_model *m = eg_model_from_json(rows[i], strlen(rows[i]));
        assert_non_null(m);
        if (eg_model_status(m) == EG_OK) fail_msg("understood: %s", rows[i]);
        assert_true(eg_model_error(m)[0] != '\0');
        eg_model_free(m);
    }
}

static void the_control_is_understood(void **state) {
    (void)state;
    static const char text[] =
        HEAD "\"layers\":[" DENSE "],\"calls\":[{\"layer\":0,\"inputs\":[0]},{\"layer\":0,\"inputs\":[1]}]}";
    eg_model *m = eg_model_from_json(text, strlen(text));
    if (eg_model_status(m) != EG_OK) fail_msg("%s", eg_model_error(m));
    assert_int_equal(eg_model_parameters(m), 6);
    eg_model_free(m);
}

/* Models within models within models ... stop at a limit, on the way in and on the way out. */
static void nesting_is_capped(void **state) {
    (void)state;
    eg_model *m = eg_sequential(EG_SHAPE(2), eg_dense(1));
    int depth = 0;
    for (; depth < 100 && eg_model_status(m) == EG_OK; depth++) m = eg_sequential(EG_SHAPE(2), eg_model_layer(m));
    assert_int_equal(eg_model_status(m), EG_E_LIMIT);
    assert_true(depth > 8 && depth < 20);
    eg_model_free(m);
    char text[8192];
    size_t used = 0;
    for (int i = 0; i < 15; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 HEAD "\"layers\":[{\"kind\":\"model\",\"name\":\"m\",\"model\":");
    used += (size_t)snprintf(text + used, sizeof text - used, HEAD "\"layers\":[" DENSE "]}");
    for (int i = 0; i < 15; i++) used += (size_t)snprintf(text + used, sizeof text - used, "}]}");
    m = eg_model_from_json(text, used);
    assert_int_equal(eg_model_status(m), EG_E_LIMIT);
    eg_model_free(m);
}

static eg_status there_and_back(void *context) {
    eg_model *m = eg_model_from_json(context, strlen(context));
    eg_status status = eg_model_status(m);
    char *json = status == EG_OK ? eg_model_json(m) : NULL;
    if (status == EG_OK && !json) status = EG_E_MEMORY;
    eg_string_free(json);
    eg_model_free(m);
    return status;
}

static void every_failed_allocation_is_an_error(void **state) {
    (void)state;
    assert_true(fault_loop(there_and_back,
                           HEAD "\"layers\":[" DENSE ",{\"kind\":\"model\",\"name\":\"m\",\"model\":" HEAD
                                "\"layers\":[" DENSE "]}},{\"kind\":\"join\",\"name\":\"j\"}],"
                                "\"calls\":[{\"layer\":0,\"inputs\":[0]},{\"layer\":1,\"inputs\":[1]},"
                                "{\"layer\":2,\"inputs\":[0,1,2]}]}") > 15);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_written_plainly),
        cmocka_unit_test(every_option_survives),
        cmocka_unit_test(shared_and_nested_models_survive),
        cmocka_unit_test(a_c_function_cannot_be_written),
        cmocka_unit_test(hostile_texts_are_errors),
        cmocka_unit_test(the_control_is_understood),
        cmocka_unit_test(nesting_is_capped),
        cmocka_unit_test(every_failed_allocation_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
