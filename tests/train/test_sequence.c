/* SPDX-License-Identifier: MIT
 *
 * Models over sequences: states that go on from batch to batch (truncated backpropagation through time), classes for
 * each step, a network run one step at a time, and texts that a model writes.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <elegans.h>
#include "base/file.h"
#include "nn/model.h"
#include "fault.h"
#include "folder.h"
#include "write_file.h"

enum { ROWS = 3, STEPS = 4, PIECES = 5, TOKENS = 6 };

static void assert_ok(const eg_model *model) {
    assert_non_null(model);
    if (eg_model_status(model) != EG_OK) fail_msg("%s", eg_model_error(model));
}

/* A text of six letters in which much, but not all, follows from the letters before. */
static const char *letters(int n) {
    static char text[4001];
    uint32_t z = 7;
    for (int i = 0; i < n; i++) {
        z = z * 1103515245u + 12345u;
        int drawn = (int)(z >> 16);
        text[i] = (char)('a' + (i % 3 ? text[i - 1] - 'a' + 1 + drawn % 2 : drawn) % TOKENS);
    }
    text[n] = '\0';
    return text;
}

static eg_data *pieces(int64_t steps) {
    const char *text = letters(ROWS * STEPS * PIECES + 1);
    eg_data *data = eg_data_from_text(text, strlen(text), NULL, .steps = steps, .rows = ROWS);
    if (eg_data_status(data) != EG_OK) fail_msg("%s", eg_data_error(data));
    return data;
}

static eg_model *compiled(int64_t steps, const char *net, eg_dtype dtype) {
    eg_model *model = eg_model_parse(EG_SHAPE(steps), net);
    eg_model_compile(model, .optimizer = eg_sgd(.lr = .5), .seed = 3, .dtype = dtype);
    assert_ok(model);
    return model;
}

static void hash(const eg_model *model, char out[65]) { assert_int_equal(eg_model_sha256(model, out), EG_OK); }

/* ---- states ---------------------------------------------------------------------------------------------------- */

static const char *const stateful[] = {
    "embedding 6 4; simple_rnn 5 return_sequences stateful=3; dense 6 softmax last_axis",
    "embedding 6 4; gru 5 return_sequences stateful=3; dense 6 softmax last_axis",
    "one_hot 6; lstm 5 return_sequences stateful=3; lstm 4 return_sequences stateful=3; dense 6 softmax last_axis",
};
static const char *const whole[] = {
    "embedding 6 4; simple_rnn 5 return_sequences; dense 6 softmax last_axis",
    "embedding 6 4; gru 5 return_sequences; dense 6 softmax last_axis",
    "one_hot 6; lstm 5 return_sequences; lstm 4 return_sequences; dense 6 softmax last_axis",
};

/* Pieces in order with kept states are the long sequences: the same loss, the same outputs. */
static void pieces_with_states_are_the_whole(void **state) {
    (void)state;
    eg_data *cut = pieces(STEPS), *all = pieces(STEPS * PIECES);
    assert_int_equal(eg_data_rows(cut), ROWS * PIECES);
    assert_int_equal(eg_data_rows(all), ROWS);
    for (int k = 0; k < 3; k++) {
        eg_model *m = compiled(STEPS, stateful[k], EG_F32), *n = compiled(STEPS * PIECES, whole[k], EG_F32);
        for (int again = 0; again < 2; again++) { /* an evaluation leaves no states behind */
            eg_scores a = eg_model_evaluate(m, cut), b = eg_model_evaluate(n, all);
            assert_ok(m);
            assert_true(fabs(a.loss - b.loss) < 1e-6);
            assert_true(a.accuracy == b.accuracy && a.accuracy > 0 && a.accuracy < 1);
        }
        eg_tensor *p = eg_model_predict(m, eg_data_x(cut)), *q = eg_model_predict(n, eg_data_x(all));
        for (int64_t row = 0; row < ROWS * PIECES; row++)
            for (int64_t t = 0; t < STEPS; t++)
                for (int64_t c = 0; c < TOKENS; c++) {
                    double one = eg_tensor_get(p, (int64_t[]){ row, t, c });
                    double other = eg_tensor_get(q, (int64_t[]){ row % ROWS, row / ROWS * STEPS + t, c });
                    assert_true(fabs(one - other) < 1e-6);
                }
        eg_tensor_free(p);
        eg_tensor_free(q);
        eg_model_free(m);
        eg_model_free(n);
    }
    eg_data_free(cut);
    eg_data_free(all);
}

/* The mean loss over one batch, from the states that are there. */
static double loss_from_here(eg_model *m, const eg_data *batch) {
    eg_tensor *p = eg_model_predict(m, eg_data_x(batch));
    const int32_t *y = eg_tensor_data(eg_data_y(batch));
    double sum = 0;
    for (int64_t i = 0; i < ROWS * STEPS; i++) sum -= log((double)((float *)eg_tensor_data(p))[i * TOKENS + y[i]]);
    eg_tensor_free(p);
    return sum / (ROWS * STEPS);
}

/* Whether each number of the flat vector is a state. */
static char *state_mask(const eg_model *m) {
    char *mask = calloc((size_t)eg_model_parameters(m), 1);
    int64_t at = 0;
    for (int i = 0; i < m->nparameters; i++) {
        int64_t size = eg_shape_size(m->parameters[i].shape);
        memset(mask + at, m->parameters[i].is_state, (size_t)size);
        at += size;
    }
    return mask;
}

static double *flat(const eg_model *m) {
    int64_t n = eg_model_parameters(m);
    double *values = calloc((size_t)n, sizeof *values);
    assert_int_equal(eg_model_get_flat(m, values, n), EG_OK);
    return values;
}

/* Truncated backpropagation: the second step begins with the states that the first batch left, computed with the weights
 * before its update, and its gradient takes them as constants. Compared with differences. */
static void gradients_stay_within_a_batch(void **state) {
    (void)state;
    const double rate = .5, size = 1e-3;
    eg_data *cut = pieces(STEPS), *first = eg_data_range(cut, 0, ROWS), *second = eg_data_range(cut, ROWS, 2 * ROWS),
            *both = eg_data_range(cut, 0, 2 * ROWS);
    for (int k = 0; k < 3; k++) {
        eg_model *two = compiled(STEPS, stateful[k], EG_F64), *one = compiled(STEPS, stateful[k], EG_F64),
                 *probe = compiled(STEPS, stateful[k], EG_F64);
        eg_model_fit(two, both);
        eg_model_fit(one, first);
        assert_ok(two);
        loss_from_here(probe, first);
        double *after = flat(two), *start = flat(one), *untrained = flat(probe);
        char *is_state = state_mask(probe);
        int64_t n = eg_model_parameters(probe), checked = 0;
        for (int64_t i = 0; i < n; i++) {
            if (is_state[i]) assert_true(fabs(start[i] - untrained[i]) < 1e-12 && start[i] != 0);
            if (is_state[i]) continue;
            double kept = start[i], loss[2];
            for (int way = 0; way < 2; way++) {
                start[i] = kept + (way ? -size : size);
                assert_int_equal(eg_model_set_flat(probe, start, n), EG_OK);
                loss[way] = loss_from_here(probe, second);
            }
            start[i] = kept;
            assert_true(fabs(after[i] - (kept - rate * (loss[0] - loss[1]) / (2 * size))) < 1e-4);
            checked += fabs(after[i] - kept) > 1e-3; /* ten times what is let through */
        }
        assert_true(checked > 20);
        free(after), free(start), free(untrained), free(is_state);
        eg_model_free(two), eg_model_free(one), eg_model_free(probe);
    }
    eg_data_free(both), eg_data_free(first), eg_data_free(second), eg_data_free(cut);
}

static eg_status stop_at_seven(void *user, const eg_progress_info *info) {
    (void)user;
    return info->step == 7 ? EG_E_STOPPED : EG_OK;
}

/* A run that is stopped in the middle of an epoch goes on with the states that it had. */
static void a_stopped_run_keeps_its_states(void **state) {
    (void)state;
    eg_data *cut = pieces(STEPS);
    char straight[65], resumed[65], one_thread[65];
    const char *path = in_folder("run.safetensors");
    eg_model *m = compiled(STEPS, stateful[2], EG_F32);
    eg_model_fit(m, cut, .epochs = 3);
    assert_ok(m);
    hash(m, straight);
    eg_model_free(m);
    m = compiled(STEPS, stateful[2], EG_F32);
    eg_callback stop = { .batch_end = stop_at_seven };
    assert_int_equal(eg_model_fit(m, cut, .epochs = 3, .callbacks = &stop, .n_callbacks = 1), EG_E_STOPPED);
    assert_int_equal(eg_model_save_run(m, path), EG_OK);
    eg_model_free(m);
    m = eg_model_load(path);
    eg_model_fit(m, cut, .epochs = 3, .resume = 1);
    assert_ok(m);
    hash(m, resumed);
    assert_string_equal(straight, resumed);
    eg_model_free(m);
    m = eg_model_parse(EG_SHAPE(STEPS), stateful[2]);
    eg_model_compile(m, .optimizer = eg_sgd(.lr = .5), .seed = 3, .threads = 1);
    eg_model_fit(m, cut, .epochs = 3, .batch = ROWS, .shuffle = EG_SHUFFLE_WITH_REPLACEMENT); /* in order all the same */
    hash(m, one_thread);
    assert_string_equal(straight, one_thread);
    eg_model_free(m);
    eg_data_free(cut);
}

static void rows_that_do_not_fit_are_told(void **state) {
    (void)state;
    static const struct {
        int64_t rows, batch;
        const char *said;
    } cases[] = {
        { 6, 2, "keeps the states of 3 rows: a batch has as many, not 2" },
        { 7, 0, "keeps the states of 3 rows: 7 rows are not whole batches" },
        { 2, 0, "2 rows are not whole batches" },
    };
    eg_data *cut = pieces(STEPS);
    for (int i = 0; i < 3; i++) {
        eg_model *m = compiled(STEPS, stateful[0], EG_F32);
        eg_data *some = eg_data_range(cut, 0, cases[i].rows);
        assert_int_not_equal(eg_model_fit(m, some, .batch = cases[i].batch), EG_OK);
        assert_non_null(strstr(eg_model_error(m), cases[i].said));
        eg_model_free(m);
        m = compiled(STEPS, stateful[0], EG_F32);
        assert_int_equal(isnan(eg_model_evaluate(m, some).loss) != 0, cases[i].rows % 3 != 0);
        eg_model_free(m);
        m = compiled(STEPS, stateful[0], EG_F32);
        eg_tensor *p = eg_model_predict(m, eg_data_x(some));
        assert_int_equal(p == NULL, cases[i].rows % 3 != 0);
        eg_tensor_free(p);
        eg_model_free(m);
        eg_data_free(some);
    }
    eg_model *m = eg_model_parse(EG_SHAPE(STEPS), "one_hot 6; gru 5; dense 6 softmax");
    eg_model_compile(m);
    assert_int_not_equal(eg_model_fit(m, cut), EG_OK);
    assert_non_null(strstr(eg_model_error(m), "a class for each of 4 steps, the model gives [6]"));
    eg_model_free(m);
    eg_data_free(cut);
}

/* ---- one step at a time ---------------------------------------------------------------------------------------- */

static const char *const nets[] = {
    "embedding 6 4; simple_rnn 5 return_sequences; dense 6 softmax last_axis",
    "one_hot 6; lstm 5 return_sequences; dropout .5; gru 4 return_sequences reset_before; dense 6 softmax last_axis",
    "embedding 6 3; layer_norm; gru 5 return_sequences stateful=3 torch; dense 7 relu last_axis; dense 6 last_axis",
    "embedding 6 4; lstm 5; dense 6 softmax", /* the last step alone */
};

static void steps_are_the_whole(void **state) {
    (void)state;
    eg_data *cut = pieces(STEPS);
    eg_data *some = eg_data_range(cut, 0, ROWS);
    for (int k = 0; k < 4; k++) {
        eg_model *m = compiled(STEPS, nets[k], EG_F32), *n = eg_model_stepwise(m, ROWS);
        assert_ok(n);
        eg_tensor *all = eg_model_predict(m, eg_data_x(some));
        assert_ok(m);
        int last_only = eg_tensor_shape(all).rank == 2;
        for (int again = 0; again < 2; again++) {
            for (int64_t t = 0; t < STEPS; t++) {
                eg_tensor *x = eg_tensor_slice(eg_data_x(some), 1, t, t + 1, 1), *p = eg_model_predict(n, x);
                for (int64_t row = 0; row < ROWS && (t == STEPS - 1 || !last_only); row++)
                    for (int64_t c = 0; c < TOKENS; c++) {
                        double want = last_only ? eg_tensor_get(all, (int64_t[]){ row, c })
                                                : eg_tensor_get(all, (int64_t[]){ row, t, c });
                        assert_true(fabs((double)((float *)eg_tensor_data(p))[row * TOKENS + c] - want) < 1e-6);
                    }
                eg_tensor_free(x);
                eg_tensor_free(p);
            }
            assert_int_equal(eg_model_reset_states(n), EG_OK);
        }
        eg_tensor_free(all);
        eg_model_free(n);
        eg_model_free(m);
    }
    eg_data_free(some);
    eg_data_free(cut);
}

/* Also where the model itself keeps the states of as many rows, and has read something. */
static void a_copy_begins_with_no_states(void **state) {
    (void)state;
    eg_data *cut = pieces(STEPS);
    eg_model *m = compiled(STEPS, stateful[1], EG_F32);
    eg_tensor *x = eg_tensor_slice(eg_data_x(cut), 0, 0, ROWS, 1), *one = eg_tensor_slice(x, 1, 0, 1, 1), *p[2];
    for (int i = 0; i < 2; i++) {
        eg_model *n = eg_model_stepwise(m, ROWS);
        p[i] = eg_model_predict(n, one);
        assert_ok(n);
        eg_model_free(n);
        eg_tensor_free(eg_model_predict(m, x)); /* leaves states */
    }
    assert_memory_equal(eg_tensor_data(p[0]), eg_tensor_data(p[1]), sizeof(float) * ROWS * TOKENS);
    eg_tensor_free(p[0]), eg_tensor_free(p[1]), eg_tensor_free(one), eg_tensor_free(x);
    eg_model_free(m);
    eg_data_free(cut);
}

static void layers_that_look_around_have_no_steps(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        { "embedding 6 4; attention 2; dense 6 softmax last_axis", "'attention' looks at several steps" },
        { "embedding 6 4; position; gru 4", "'position' looks at several steps" },
        { "embedding 6 4; flatten; dense 6 softmax", "'flatten' looks at several steps" },
        { "embedding 6 4; lstm 4 backwards", "'lstm' looks at later steps" },
        { "embedding 6 4; layer_norm axes=2; gru 4", "'layer_norm' looks at later steps" },
        { "embedding 6 4; lstm 4 bidirectional", "'lstm' looks at later steps" },
    };
    for (int k = 0; k < 6; k++) {
        eg_model *m = compiled(STEPS, wrong[k][0], EG_F32), *n = eg_model_stepwise(m, 1);
        assert_int_not_equal(eg_model_status(n), EG_OK);
        if (!strstr(eg_model_error(n), wrong[k][1])) fail_msg("%s", eg_model_error(n));
        eg_model_free(n);
        eg_model_free(m);
    }
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

static eg_model *writer(const char *text, int epochs) {
    eg_data *data = eg_data_from_text(text, strlen(text), NULL, .steps = 16, .rows = 4);
    char net[120];
    snprintf(net, sizeof net, "one_hot %d; gru 16 return_sequences stateful=4; dense %d softmax last_axis",
             eg_data_classes(data), eg_data_classes(data));
    eg_model *m = eg_model_parse(EG_SHAPE(16), net);
    eg_model_compile(m, .optimizer = eg_adam(.lr = .02), .seed = 1);
    eg_model_fit(m, data, .epochs = epochs);
    assert_ok(m);
    eg_data_free(data);
    return m;
}

static char *round_text(void) {
    static char text[1201];
    for (int i = 0; i < 1200; i++) text[i] = "to be or not\n"[i % 13];
    return text;
}

static void a_text_is_learnt_and_written(void **state) {
    (void)state;
    eg_model *m = writer(round_text(), 30);
    char *text = eg_model_sample(m, .start = "to", .tokens = 24, .temperature = EG_ZERO);
    assert_string_equal(text, "to be or not\nto be or not\n");
    eg_string_free(text);
    text = eg_model_sample(m, .tokens = 13, .temperature = .1); /* begins behind a new line, which is not told */
    assert_string_equal(text, "to be or not\n");
    eg_string_free(text);
    eg_model_free(m);
}

static void a_seed_and_the_file_are_enough(void **state) {
    (void)state;
    const char *path = in_folder("writer.safetensors");
    eg_model *m = writer(letters(1000), 1);
    char *a = eg_model_sample(m, .seed = 5, .tokens = 60), *b = eg_model_sample(m, .seed = 6, .tokens = 60);
    assert_int_equal(strlen(a), 60);
    assert_string_not_equal(a, b);
    assert_int_equal(eg_model_save(m, path), EG_OK);
    eg_model_free(m);
    m = eg_model_load(path);
    assert_ok(m);
    assert_int_equal(eg_model_classes(m), 0); /* the vocabulary names them */
    char *c = eg_model_sample(m, .seed = 5, .tokens = 60), *d = eg_model_sample(m, .seed = 5, .tokens = 60);
    assert_string_equal(a, c);
    assert_string_equal(a, d);
    eg_string_free(a), eg_string_free(b), eg_string_free(c), eg_string_free(d);
    eg_model_free(m);
}

/* A transformer's block in one line, to write by reading the last tokens again. */
static eg_model *attentive(const char *net, const eg_data *data, int epochs) {
    eg_model *m = eg_model_parse(EG_SHAPE(8), net);
    eg_model_compile(m, .optimizer = eg_adam(.lr = .01), .seed = 1);
    eg_model_fit(m, data, .epochs = epochs);
    assert_ok(m);
    return m;
}

/* Each token is the likeliest by what predict says of the tokens before it, the last eight of them. */
static void attention_writes_by_its_window(void **state) {
    (void)state;
    eg_data *data = eg_data_from_text(letters(2001), 2001, NULL, .steps = 8);
    eg_model *m = attentive("embedding 6 8; position; attention 2 causal; gru 8 return_sequences stateful=32; dense 6 softmax "
                            "last_axis", data, 2);
    eg_model_free(m);
    m = attentive("embedding 6 8; position; attention 2 causal; gru 8 return_sequences; dense 6 last_axis", data, 4);
    char *text = eg_model_sample(m, .start = "abc", .tokens = 20, .temperature = EG_ZERO);
    if (!text) fail_msg("%s", eg_error());
    assert_int_equal(strlen(text), 23);
    int changes = 0;
    for (int at = 2; at + 1 < 23; at++) {
        float x[8] = { 0 };
        int first = at < 8 ? 0 : at - 7, best = 0;
        for (int i = first; i <= at; i++) x[i - first] = (float)(text[i] - 'a');
        eg_tensor *t = eg_tensor_from(EG_F32, EG_SHAPE(1, 8), x), *p = eg_model_predict(m, t);
        const float *q = (const float *)eg_tensor_data(p) + (at - first) * TOKENS;
        for (int k = 1; k < TOKENS; k++) best = q[k] > q[best] ? k : best;
        assert_int_equal(text[at + 1] - 'a', best);
        changes += text[at + 1] != text[at];
        eg_tensor_free(t), eg_tensor_free(p);
    }
    assert_true(changes > 5);
    char *again = eg_model_sample(m, .seed = 5, .tokens = 40), *same = eg_model_sample(m, .seed = 5, .tokens = 40);
    assert_string_equal(again, same);
    eg_string_free(text), eg_string_free(again), eg_string_free(same);
    eg_model_free(m);
    eg_data_free(data);
}

static void expect_no_text(const eg_model *m, eg_sample_opt opt, const char *said) {
    assert_null(eg_model_sample_(m, opt));
    if (!strstr(eg_error(), said)) fail_msg("%s", eg_error());
}

static void what_cannot_be_written_is_told(void **state) {
    (void)state;
    eg_model *m = writer(letters(1000), 1);
    expect_no_text(m, (eg_sample_opt){ .start = "xyz" }, "'x' is not in the vocabulary");
    expect_no_text(m, (eg_sample_opt){ .temperature = -1 }, "a temperature is 0 or more");
    expect_no_text(m, (eg_sample_opt){ .tokens = -1 }, "not negative");
    eg_model_set_vocabulary(m, eg_vocabulary_fit("abc", 3));
    expect_no_text(m, (eg_sample_opt){ 0 }, "the vocabulary has 3 tokens, the model gives 6");
    eg_data *data = eg_data_from_text(letters(200), 200, NULL, .steps = 16, .rows = 4);
    assert_true(isnan(eg_model_evaluate(m, data).loss)); /* of another vocabulary */
    assert_non_null(strstr(eg_model_error(m), "another vocabulary"));
    eg_data_free(data);
    eg_model_free(m);
    m = compiled(STEPS, nets[0], EG_F32);
    expect_no_text(m, (eg_sample_opt){ 0 }, "was not trained on a text");
    eg_model_free(m);
    static const char *const looking_on[][2] = {
        { "embedding 6 4; lstm 4 bidirectional return_sequences; dense 6 last_axis", "layer 'lstm' looks at later steps" },
        { "embedding 6 4; attention 2; dense 6 last_axis", "layer 'attention' looks at later steps" },
        { "embedding 6 4; position; gru 4 backwards return_sequences; dense 6 last_axis", "layer 'gru' looks at later" },
        { "embedding 6 4; attention 2 causal; gru 4; dense 6", "6 tokens, the model gives 6 numbers for 4 steps" },
    };
    for (int i = 0; i < 4; i++) {
        m = compiled(STEPS, looking_on[i][0], EG_F32);
        eg_model_set_vocabulary(m, eg_vocabulary_fit("abcdef", 6));
        expect_no_text(m, (eg_sample_opt){ 0 }, looking_on[i][1]);
        eg_model_free(m);
    }
}

/* The bytes of a model file with one text replaced by another of the same length. */
static void put_changed(const char *from, const char *to, const char *old, const char *new) {
    eg_bytes bytes;
    assert_int_equal(eg_file_read(from, 0, &bytes), EG_OK);
    assert_int_equal(strlen(old), strlen(new));
    size_t i = 0;
    while (i + strlen(old) < bytes.size && memcmp(bytes.data + i, old, strlen(old)) != 0) i++;
    assert_true(i + strlen(old) < bytes.size);
    memcpy(bytes.data + i, new, strlen(new));
    assert_int_equal(write_file(to, bytes.data, bytes.size), EG_OK);
    eg_bytes_free(&bytes);
}

static void broken_vocabularies_are_told(void **state) {
    (void)state;
    static const char *const changes[][3] = {
        { "\\\"b\\\",", "      ", "the vocabulary has 5 tokens, the model gives 6" },
        { "\\\"b\\\"", "\\\"a\\\"", "'a' is there twice" },
        { "\\\"b\\\"", "\\\"\\\" ", "is not one token" },
        { "\\\"b\\\"", "12345", "data" },
        { "tokens", "tokons", "no tokens" },
    };
    const char *good = in_folder("good.safetensors"), *bad = put_file("bad.safetensors", "", 0);
    eg_model *m = writer(letters(1000), 1);
    assert_int_equal(eg_model_save(m, good), EG_OK);
    eg_model_free(m);
    for (int i = 0; i < 5; i++) {
        put_changed(good, bad, changes[i][0], changes[i][1]);
        m = eg_model_load(bad);
        char *text = eg_model_sample(m);
        assert_null(text);
        const char *error = eg_model_status(m) == EG_OK ? eg_error() : eg_model_error(m);
        if (!strstr(error, changes[i][2])) fail_msg("%d: %s", i, error);
        assert_null(strchr(error, '\n'));
        eg_model_free(m);
    }
}

static eg_status write_some(void *context) {
    char *text = eg_model_sample(context, .start = "ab", .tokens = 3);
    eg_status status = text ? EG_OK : eg_error_status();
    eg_string_free(text);
    return status;
}

static void no_memory_is_an_error(void **state) {
    (void)state;
    eg_model *m = writer(letters(1000), 1);
    assert_true(fault_loop(write_some, m) > 50);
    eg_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_with_states_are_the_whole), cmocka_unit_test(gradients_stay_within_a_batch),
        cmocka_unit_test(a_stopped_run_keeps_its_states),   cmocka_unit_test(rows_that_do_not_fit_are_told),
        cmocka_unit_test(steps_are_the_whole),              cmocka_unit_test(layers_that_look_around_have_no_steps),
        cmocka_unit_test(a_copy_begins_with_no_states),
        cmocka_unit_test(a_text_is_learnt_and_written),     cmocka_unit_test(a_seed_and_the_file_are_enough),
        cmocka_unit_test(attention_writes_by_its_window),
        cmocka_unit_test(what_cannot_be_written_is_told),   cmocka_unit_test(broken_vocabularies_are_told),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
