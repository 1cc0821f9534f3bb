/* SPDX-License-Identifier: MIT
 *
 * test_window.c: every table's windows against plain loops, bit for bit, over odd numbers of channels; nothing is
 * written behind the ends.
 */
#include "kernels/kernel_test.h"

enum { MOST = 70, POSITIONS = 5, PIXELS = 64, TAPS = 12 };

/* Rows of 16 pixels. Five positions see 3, 0, 1, 4 and 2 pixels in each of three rows, or two in two, or one each. */
static const int32_t row_pixel[] = { 0, 16, 48 }, row_tap[] = { 0, 4, 8 };
static const struct shape {
    int64_t rows, columns;
    int32_t first[POSITIONS + 1];
} shapes[] = { { 3, 0, { 0, 3, 3, 4, 8, 10 } }, { 2, 2, { 0, 2, 4, 6, 8, 10 } }, { 1, 1, { 0, 1, 2, 3, 4, 5 } } };
static const struct shape *shape;
static const int32_t pixel[] = { 0, 1, 2, 5, 4, 6, 8, 10, 14, 15 }, tap[] = { 1, 2, 3, 0, 0, 1, 2, 3, 0, 1 };

static float image[PIXELS * MOST + 16], kernel[TAPS * MOST + 16], dy[POSITIONS * MOST + 16], start[MOST + 16];
static float got[PIXELS * MOST + 16], want[PIXELS * MOST + 16];
static int32_t place[PIXELS * MOST + 16], want_place[PIXELS * MOST + 16];

static eg_windows windows(int64_t channels) {
    return (eg_windows){ .channels = channels,
                         .positions = POSITIONS,
                         .rows = shape->rows,
                         .columns = shape->columns,
                         .row_pixel = row_pixel,
                         .row_tap = row_tap,
                         .first = shape->first,
                         .pixel = pixel,
                         .tap = tap };
}

static void fill(float *x, size_t bytes) {
    for (size_t i = 0; i < bytes / sizeof *x; i++) x[i] = random_float();
}

static void draw(void) {
    fill(image, sizeof image), fill(kernel, sizeof kernel), fill(dy, sizeof dy), fill(start, sizeof start);
    for (int i = 0; i < 20; i++) image[random_below(PIXELS * MOST)] = image[random_below(PIXELS * MOST)]; /* ties */
    for (int i = 0; i < 20; i++) image[random_below(PIXELS * MOST)] = NAN;
    fill(got, sizeof got);
    memcpy(want, got, sizeof got);
    memset(place, 7, sizeof place);
    memcpy(want_place, place, sizeof place);
}

static void compare(const eg_kernels *k, const char *what, int64_t channels) {
    for (size_t i = 0; i < sizeof got / sizeof *got; i++)
        if (!same(got[i], want[i]))
            fail_msg("%s, %s, %d channels: element %d is %g, not %g", k->name, what, (int)channels, (int)i,
                     (double)got[i], (double)want[i]);
    assert_memory_equal(place, want_place, sizeof place);
}

#define EACH(c, p, x, t)                                                       \
    for (int64_t p = 0; p < POSITIONS; p++)                                    \
        for (int64_t c = 0; c < channels; c++)                                 \
            for (int r_ = 0; r_ < shape->rows; r_++)                           \
                for (int j_ = shape->first[p]; j_ < shape->first[p + 1]; j_++) \
                    for (int64_t x = row_pixel[r_] + pixel[j_], t = row_tap[r_] + tap[j_], o_ = 1; o_; o_ = 0)

static void plain_argmax(int64_t channels) {
    for (int64_t i = 0; i < POSITIONS * channels; i++) want[i] = 0, want_place[i] = -1;
    EACH(c, p, x, t) {
        float now = image[x * channels + c], *best = &want[p * channels + c];
        int32_t *at = &want_place[p * channels + c];
        (void)t;
        if (*at < 0 || now > *best || (now != now && *best == *best)) *best = now, *at = (int32_t)x;
    }
}

static void agree_with_plain_loops(void) {
    FOR_TABLES(k) for (int64_t channels = 1; channels <= MOST; channels++) {
        eg_windows w = windows(channels);
        draw();
        for (int64_t i = 0; i < POSITIONS * channels; i++) want[i] = 0;
        EACH(c, p, x, t)(void) t, want[p * channels + c] += image[x * channels + c];
        k->window_sum(&w, got, image);
        compare(k, "sum", channels);

        draw();
        plain_argmax(channels);
        k->window_argmax(&w, place, got, image);
        compare(k, "argmax", channels);
        memcpy(got, want, sizeof got);
        k->window_argmax(&w, place, NULL, image);
        compare(k, "argmax without values", channels);
        memset(place, 7, sizeof place), memset(want_place, 7, sizeof place), memset(got, 0, sizeof got);
        k->window_argmax(&w, NULL, got, image);
        for (size_t i = (size_t)(POSITIONS * channels); i < sizeof got / sizeof *got; i++) want[i] = 0;
        compare(k, "max without places", channels);
        for (int64_t i = 0; i < PIXELS * channels; i++) place[i] = (int32_t)random_below(3) + 100;
        memcpy(want_place, place, sizeof place);
        for (int64_t i = 0; i < POSITIONS * channels; i++) want[i] = 0;
        EACH(c, p, x, t)
        (void)t, want[p * channels + c] += place[x * channels + c] == p + 100 ? image[x * channels + c] : 0;
        k->window_put(&w, got, 100, place, image);
        compare(k, "put", channels);

        draw();
        for (int64_t i = 0; i < POSITIONS * channels; i++) want[i] = start[i % channels];
        EACH(c, p, x, t)
        want[p * channels + c] =
            multiply_add(k->fused, image[x * channels + c], kernel[t * channels + c], want[p * channels + c]);
        k->depthwise(&w, got, image, kernel, start);
        compare(k, "depthwise", channels);
        EACH(c, p, x, t)
        want[t * channels + c] =
            multiply_add(k->fused, image[x * channels + c], dy[p * channels + c], want[t * channels + c]);
        k->depthwise_kernel(&w, got, image, dy);
        compare(k, "depthwise kernel", channels);
        draw();
        for (int64_t i = 0; i < POSITIONS * channels; i++) want[i] = start[i % channels];
        for (int64_t i = 0; i < POSITIONS * channels; i++)
            for (int j = shape->first[i / channels]; j < shape->first[i / channels + 1]; j++)
                want[i] += image[pixel[j] + i % channels];
        k->window_collect(&w, got, image, start);
        compare(k, "collect", channels);
    }
}

static void windows_agree_with_plain_loops(void **state) {
    (void)state;
    for (shape = shapes; shape < shapes + sizeof shapes / sizeof *shapes; shape++) agree_with_plain_loops();
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(windows_agree_with_plain_loops) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
