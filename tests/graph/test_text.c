/* SPD *
 * Graph text: what is printed, that it comes back identically for every op, and that hostile text only gives errors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/rng.h"
#include "every_op.h"

/* Parses; the text of what was understood, or NULL with the error in eg_error(). */
static char *again(const char *text) {
    eg_value *root[EVERY_OP_ROOTS];
    int n;
    eg_graph *g = eg_graph_parse(text, root, EVERY_OP_ROOTS, &n);
    if (!g) return NULL;
    assert_int_equal(eg_graph_verify(g), EG_OK);
    char *out = eg_graph_text(root, n);
    eg_graph_free(g);
    return out;
}

static void assert_same(const char *text) {
    char *back = again(text);
    if (!back) fail_msg("%s", eg_error());
    assert_string_equal(back, text);
    eg_string_free(back);
}

static void assert_error(const char *text, const char *error) {
    char *back = again(text);
    assert_null(back);
    assert_string_equal(eg_error(), error);
}

static char *every_text(void) {
    eg_value *root[EVERY_OP_ROOTS];
    int n;
    eg_graph *g = every_op(root, &n);
    assert_int_equal(eg_graph_status(g), EG_OK);
    char *text = eg_graph_text(root, n);
    assert_non_null(text);
    eg_graph_free(g);
    return text;
}

static void text_is_as_documented(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *x = eg_input(g, "x", EG_F32, EG_SHAPE(4, 40)), *w = eg_weight(g, "W", EG_F32, EG_SHAPE(3, 40));
    eg_exp(x); /* not needed: not printed */
    eg_value *h = eg_node2(EG_OP_MATMUL, x, w, &(eg_attr){ .matmul = { .tb = 1 } });
    eg_value *y = every_fused(h, eg_mul(h, eg_const(g, .1)));
    eg_value *roots[] = { y, eg_sum(h, .axes = EG_AXES(0)) };
    char *text = eg_graph_text(roots, 2);
    assert_string_equal(text, "%0 = input \"x\" : f32[4,40]\n"
                              "%1 = var \"W\" {panels} : f32[3,40]{panels}\n"
                              "%2 = matmul %0, %1 {tb=1} : f32[4,3]\n"
                              "%3 = const {0.1, weak=1} : f32[]\n"
                              "%4 = mul %2, %3 : f32[4,3]\n"
                              "%5 = fused %2, %4 {\n"
                              "  %0 = param {0} : f32[4,3]\n"
                              "  %1 = param {1} : f32[4,3]\n"
                              "  %2 = add %0, %1 : f32[4,3]\n"
                              "  %3 = mul %0, %1 : f32[4,3]\n"
                              "  %4 = const {0.1, weak=1} : f32[]\n"
                              "  %5 = mul %3, %4 : f32[4,3]\n"
                              "  return %2, %5\n"
                              "} : f32[4,3]\n"
                              "%6 = sum %2 {axes=[0]} : f32[3]\n"
                              "return %5, %6\n");
    assert_same(text);
    eg_string_free(text);
    eg_graph_free(g);
}

static void every_op_comes_back(void **state) {
    (void)state;
    char name[40], *text = every_text();
    for (int op = 0; op < EG_OP_COUNT; op++) {
        if (op == EG_OP_POISON) continue;
        snprintf(name, sizeof name, "= %s ", eg_op_table[op]->name);
        if (!strstr(text, name)) fail_msg("every_op.h does not build %s", eg_op_table[op]->name);
    }
    assert_same(text);
    eg_string_free(text);
}

static void numbers_come_back_bit_for_bit(void **state) {
    (void)state;
    const uint32_t patterns[] = { 0x00000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x7f800000, 0xff800000,
                                  0x80000000, 0x3dcccccd, 0x4b7fffff, 0x01234567, 0x5f3759df };
    enum { RANDOM = 500, N = 11 + RANDOM };
    uint32_t bits[N];
    eg_rng_key key = { .seed = 5 };
    memcpy(bits, patterns, sizeof patterns);
    for (int i = 0; i < RANDOM; i++) {
        bits[11 + i] = (uint32_t)(eg_rng_uniform(key, (uint64_t)i) * 16777216.f) << 8 | (unsigned)i % 256;
        if ((bits[11 + i] & 0x7f800000) == 0x7f800000)
            bits[11 + i] ^= 0x08000000; /* no NaN: it has many bit patterns */
    }
    eg_graph *g = eg_graph_new();
    eg_value *data = eg_node(g, EG_OP_DATA, NULL, 0, &(eg_attr){ .data = { bits, EG_SHAPE(N), EG_F32 } });
    char *text = eg_graph_text(&data, 1);
    eg_value *root;
    int n;
    eg_graph *h = eg_graph_parse(text, &root, 1, &n);
    assert_non_null(h);
    assert_memory_equal(root->attr.data.bytes, bits, sizeof bits);
    eg_string_free(text);
    eg_graph_free(g);
    eg_graph_free(h);
}

static void hand_written_text_is_read(void **state) {
    (void)state;
    char *text = again("# numbers in any order, comments, blanks\n\n"
                       "%7=input \"x\":f32[2,3]%1 = neg %7 # here too\n"
                       "  : f32[ 2 , 3 ]\n  return %1,%7");
    assert_string_equal(text, "%0 = input \"x\" : f32[2,3]\n%1 = neg %0 : f32[2,3]\nreturn %1, %0\n");
    eg_string_free(text);
}

/* The example of docs/graph.md is what the printer would write, but for its comment. */
static void documented_example_is_true(void **state) {
    (void)state;
    static char page[16384];
    FILE *file = fopen("docs/graph.md", "r");
    assert_non_null(file);
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    fclose(file);
    char *begin = strstr(strstr(page, "```\n") + 4, "\n") + 1, *end = strstr(begin, "```");
    assert_non_null(end);
    *end = '\0';
    assert_same(begin);
}

static void errors_name_the_line(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
    } rows[] = {
        { "", "line 1: expected \"%\" before \"the end of the text\"" },
        { "%0 = input \"x\" : f32[2]\n%1 = ned %0 : f32[2]\nreturn %1",
          "line 2: there is no op \"ned\"; did you mean neg" },
        { "%0 = input \"x\" : f32[2]\n\n%1 = neg %2 : f32[2]\nreturn %1", "line 3: %2 is not defined yet" },
        { "%0 = input \"x\" : f32[2]\n%0 = neg %0 : f32[2]\nreturn %0", "line 2: %0 is defined twice" },
        { "%0 = input \"x\" : f32[2]\n%1 = neg %0 : f32[3]\nreturn %1", "line 2: neg gives f32[2], not f32[3]" },
        { "%0 = input \"x\" : f32[2]\n%1 = neg %0 : f64[2]\nreturn %1", "line 2: neg gives f32[2], not f64[2]" },
        { "%0 = input \"x\" : f32[2]\n%1 = add %0 : f32[2]\nreturn %1", "line 2: add: takes 2 operands, got 1" },
        { "%0 = input \"x\" : f32[2,3]\n%1 = matmul %0, %0 : f32[2,2]\nreturn %1",
          "line 2: matmul: [2,3] x [2,3]: inner dimensions 3 and 2 differ" },
        { "%0 = input \"x\" : f32[2]\n%1 = input \"x\" : f32[2]\nreturn %1",
          "line 2: input: there are two of the name \"x\"" },
        { "%0 = input \"x\" : f16[2]\nreturn %0", "line 1: expected a dtype (f32 f64 i32 u8) behind \":\"" },
        { "%0 = input \"x\" : f32[-2]\nreturn %0", "line 1: [-2]: axis 0 is negative" },
        { "%0 = input \"x\" : f32[2]\n%1 = sum %0 : f32[]\nreturn %1", "line 2: sum: the attribute axes is missing" },
        { "%0 = input \"x\" : f32[2]\n%1 = sum %0 {axis=[0]} : f32[]\nreturn %1",
          "line 2: unknown attribute \"axis\"" },
        { "%0 = input \"x\" : f32[2]\n%1 = sum %0 {axes=[3]} : f32[]\nreturn %1",
          "line 2: axis 3 is outside a shape of rank 1" },
        { "%0 = input \"x\" : f32[2,3]\n%1 = permute %0 {axes=[0]} : f32[2]\nreturn %1",
          "line 2: \"axes\" has 1 numbers for an operand of rank 2" },
        { "%0 = input \"x\" : f32[2]\n%1 = neg %30 : f32[2]\n# text enough for thirty values\nreturn %1",
          "line 2: %30 is not defined yet" },
        { "%0 = data {1, 2} : f32[3]\nreturn %0", "line 1: the literal has 2 elements, its shape 3" },
        { "%0 = param {0} : f32[3]\nreturn %0", "line 1: param: stands outside of a body" },
        { "%0 = poison : f32[]\nreturn %0", "line 1: poison: cannot be built" },
        { "%0 = const {1} : f32[]\nreturn %0\nreturn %0", "line 3: there is more behind the return" },
        { "%0 = const {1} : f32[]\n%1 = fused %0 {\n%0 = param {0} : f32[2]\nreturn %0\n} : f32[2]\nreturn %1",
          "line 5: fused: operand 0 is f32[], its parameter needs f32[2]" },
        { "%0 = const {1} : f32[]\n%1 = fused %0 {\n%0 = const {0} : f32[]\nreturn %0\n} : f32[]\nreturn %1",
          "line 4: body: a parameter was never made" },
        { "%0 = var \"w\" {panels} : f32[2,2]\nreturn %0",
          "line 1: var \"w\": {panels} must stand behind its name and behind its shape" },
        { "%99999999999 = const {1} : f32[]\nreturn %0", "line 1: the number 99999999999 is outside 0..42" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) assert_error(rows[i].text, rows[i].error);
}

static void too_many_roots_are_an_error(void **state) {
    (void)state;
    eg_value *root;
    int n;
    assert_null(eg_graph_parse("%0 = const {1} : f32[]\nreturn %0, %0", &root, 1, &n));
    assert_string_equal(eg_error(), "line 2: returns 2 values, there is room for 1");
}

static void deep_nesting_is_an_error(void **state) {
    (void)state;
    char text[4096] = "%0 = const {1} : f32[]\n";
    for (int i = 0; i < 20; i++) strcat(text, "%1 = fused %0 {\n%0 = param {0} : f32[]\n");
    assert_error(text, "line 18: bodies are nested deeper than 8");
}

/* Every text that is cut off, or has one bit flipped, is an error or a graph that verifies and prints. */
static void damaged_text_never_crashes(void **state) {
    (void)state;
    char *text = every_text();
    size_t length = strlen(text);
    char *copy = malloc(length + 1);
    int understood = 0, refused = 0;
    eg_rng_key key = { .seed = 11 };
    for (int i = 0; i < 1500; i++) {
        size_t at = (size_t)((double)eg_rng_uniform(key, (uint64_t)i) * (double)length);
        memcpy(copy, text, length + 1);
        if (i % 3 == 0)
            copy[at] = '\0';
        else
            copy[at] = (char)(copy[at] ^ 1 << i % 7);
        char *out = again(copy);
        if (out)
            understood++;
        else
            refused++;
        if (out && i % 8 == 0) assert_same(out);
        eg_string_free(out);
    }
    assert_true(understood > 20 && refused > 500);
    free(copy);
    eg_string_free(text);
}

static void drawing_is_graphviz(void **state) {
    (void)state;
    eg_value *root[EVERY_OP_ROOTS];
    int n, depth = 0;
    eg_graph *g = every_op(root, &n);
    char *dot = eg_graph_dot(root, n);
    assert_non_null(dot);
    assert_ptr_equal(strstr(dot, "digraph elegans {"), dot);
    assert_non_null(strstr(dot, "subgraph cluster_1 {\n    color=\"#b0b0b0\"; label=\"dense_1/\";\n"));
    assert_non_null(strstr(dot, "label=\"var dense_1/kernel\\nf32[4,2]\"]"));
    assert_non_null(strstr(dot, "x \\\"quoted\\\"\\\\ "));
    for (const char *p = dot; *p; p++) depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
    assert_int_equal(depth, 0);
    char edge[40];
    snprintf(edge, sizeof edge, "v%d -> v%d;", root[n - 1]->in[0]->id, root[n - 1]->id);
    assert_non_null(strstr(dot, edge));
    eg_string_free(dot);
    eg_graph_free(g);
}

static void text_of_poison_is_its_error(void **state) {
    (void)state;
    eg_graph *g = eg_graph_new();
    eg_value *two = eg_full(g, EG_F32, EG_SHAPE(2), 0), *three = eg_full(g, EG_F32, EG_SHAPE(3), 0);
    eg_here(NULL, 0);
    eg_value *bad = (eg_add)(two, three);
    assert_null(eg_graph_text(&bad, 1));
    assert_string_equal(eg_error(), "add: [2] and [3] do not broadcast");
    assert_null(eg_graph_dot(&bad, 1));
    assert_null(eg_graph_text(NULL, 0));
    eg_graph_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_as_documented),         cmocka_unit_test(every_op_comes_back),
        cmocka_unit_test(numbers_come_back_bit_for_bit), cmocka_unit_test(hand_written_text_is_read),
        cmocka_unit_test(documented_example_is_true),    cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(too_many_roots_are_an_error),   cmocka_unit_test(deep_nesting_is_an_error),
        cmocka_unit_test(damaged_text_never_crashes),    cmocka_unit_test(drawing_is_graphviz),
        cmocka_unit_test(text_of_poison_is_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
