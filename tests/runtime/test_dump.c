/* SPDX-License-Identifier: MIT
 *
 * test_dump.c: EG_DUMP shows a program's graph before and after a pass, and its memory plan, on stderr, whole.
 */
#include "fault.h"

#include <elegans/program.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What building a program prints to stderr. The program: `n` times
 * exp, its column sums, and a product. */
static void build_with(const char *wish, int n, char *out, size_t size) {
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    eg_graph *graph = eg_graph_new();
    eg_state *state = eg_state_new(1);
    eg_value *x = eg_input(graph, "x", EG_F32, EG_SHAPE(5, 40)), *y = x;
    for (int i = 0; i < n; i++) y = eg_mul(eg_sum(eg_exp(y), .axes = EG_AXES(0), .keep = 1), y);
    setenv("EG_DUMP", wish, 1);
    fflush(stderr);
    dup2(fileno(file), STDERR_FILENO);
    eg_program *program = eg_program_new(state, &y, 1, .executor = EG_CPU);
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    unsetenv("EG_DUMP");
    if (!program) fail_msg("%s", eg_error());
    rewind(file);
    out[fread(out, 1, size - 1, file)] = 0;
    fclose(file);
    close(kept);
    eg_program_free(program);
    eg_state_free(state);
    eg_graph_free(graph);
}

static int count(const char *text, const char *part) {
    int n = 0;
    for (; (text = strstr(text, part)) != NULL; text++) n++;
    return n;
}

static char text[1 << 16];

static void a_pass_is_shown_before_and_after_and_whole(void **state) {
    (void)state;
    build_with("fuse,schedule", 20, text, sizeof text);
    assert_int_equal(count(text, "---- before fuse\n"), 1);
    assert_int_equal(count(text, "---- after fuse\n"), 1);
    assert_int_equal(count(text, "---- before schedule\n"), 1);
    assert_int_equal(count(text, "\nreturn %"), 4);
    assert_true(strstr(text, "---- after") - text > 1200); /* forty values before fuse */
    assert_int_equal(count(text, "= sum "), 4 * 20);
}

static void all_shows_every_pass_and_the_plan(void **state) {
    (void)state;
    build_with("all", 1, text, sizeof text);
    assert_int_equal(count(text, "---- before dead\n"), 3);
    assert_int_equal(count(text, "---- after fuse\n"), 1);
    assert_int_equal(count(text, "---- the program's plan\n"), 1);
    assert_int_equal(count(text, "no pass"), 0);
}

/* x is the caller's; what a step has read for the last time gives its place to the next. */
static void the_plan_names_each_place_and_who_writes_it(void **state) {
    (void)state;
    build_with("plan", 2, text, sizeof text);
    assert_string_equal(text, "---- the program's plan\n"
                              "    offset      bytes   from     to  written by\n"
                              "         0        800      0      1  strips          %1 fused f32[5,40]\n"
                              "      1664        160      1      2  column reduce   %2 sum f32[1,40]\n"
                              "         0        800      2      4  strips by row   %4 fused f32[5,40]\n"
                              "       832        800      2      3  strips by row   %5 part f32[5,40]\n"
                              "      1664        160      3      4  column reduce   %6 sum f32[1,40]\n"
                              "         0        800      4   kept  strips by row   %8 fused f32[5,40]\n"
                              "1856 bytes; 3712 if nothing shared a place\n\n");
}

static void a_word_that_names_no_pass_is_one_line_with_all_names(void **state) {
    (void)state;
    build_with("fues", 1, text, sizeof text);
    assert_int_equal(count(text, "\n"), 1);
    assert_int_equal(count(text, "EG_DUMP: no pass is called 'fues'; there are dead, fold, common, simplify, "), 1);
    assert_int_equal(count(text, "fuse, schedule, plan, all\n"), 1);
    build_with("", 1, text, sizeof text);
    assert_string_equal(text, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_is_shown_before_and_after_and_whole),
        cmocka_unit_test(all_shows_every_pass_and_the_plan),
        cmocka_unit_test(the_plan_names_each_place_and_who_writes_it),
        cmocka_unit_test(a_word_that_names_no_pass_is_one_line_with_all_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
