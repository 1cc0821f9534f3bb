/* SPDX-License-Identifier: MIT
 *
 * Random graphs mean the same before and after each pass, and end in normal form, whatever is switched on.
 */
#include "pass_test.h"
#include "evaluate.h"
#include "random_formula.h"

enum { GRAPHS = 600 };

/* Constants are rounded to floats on the way, so a graph that stands near a kink may decide otherwise: left out. */
static int compare_root(const numbers *was, const eg_value *a, const numbers *is, const eg_value *b) {
    const double *x = was->value[a->id], *y = is->value[b->id];
    int64_t n = eg_shape_size(a->shape);
    if (a->dtype != b->dtype || !eg_shape_equal(a->shape, b->shape)) return 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i]) && isnan(y[i])) continue;
        if (x[i] == y[i]) continue;
        if (!(fabs(x[i] - y[i]) <= 1e-4 * (1 + fabs(x[i])))) return 0;
    }
    return 1;
}

static void show(const formula *f, const eg_unit *unit, const char *pass, uint64_t seed, int root) {
    char *before = eg_graph_text(f->root, f->nroots), *after = eg_graph_text(unit->root, unit->nroots);
    fprintf(stderr, "%s\n", before);
    fprintf(stderr, "%s\n", after);
    fail_msg("seed %llu: root %d is another after %s", (unsigned long long)seed, root, pass);
}

static void compare(const formula *f, const numbers *was, const eg_unit *unit, const char *pass, uint64_t seed) {
    numbers is = numbers_of_roots(unit->root, unit->nroots);
    for (int i = 0; i < f->nroots && was->margin > 1e-3; i++)
        if (!compare_root(was, f->root[i], &is, unit->root[i])) show(f, unit, pass, seed, i);
    numbers_free(unit->graph, &is);
}

static void fail_at(uint64_t seed, const char *why) {
    fail_msg("seed %llu: %s", (unsigned long long)seed, why);
}

static void check(const formula *f, uint64_t seed, int fuse, int layout) {
    eg_unit unit;
    if (eg_unit_new(&unit, f->root, f->nroots) != EG_OK) fail_at(seed, eg_error());
    unit.fuse = fuse;
    unit.layout = layout;
    numbers was = numbers_of_roots(f->root, f->nroots);
    for (const eg_pass *pass = eg_passes; pass->name; pass++) {
        eg_status status = pass->run(&unit);
        if (status == EG_OK) status = eg_graph_verify(unit.graph);
        if (status != EG_OK) fail_msg("seed %llu: %s: %s", (unsigned long long)seed, pass->name, eg_error());
        compare(f, &was, &unit, pass->name, seed);
    }
    if (eg_compiled_verify(&unit) != EG_OK) {
        char *text = eg_graph_text(unit.root, unit.nroots);
        fprintf(stderr, "%s\n", text);
        fail_msg("seed %llu: %s", (unsigned long long)seed, eg_error());
    }
    numbers_free(f->graph, &was);
    eg_unit_free(&unit);
}

static void every_pass_keeps_the_meaning(void **state) {
    (void)state;
    int usable = 0;
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        formula f = formula_new(seed);
        if (eg_graph_status(f.graph) != EG_OK) fail_at(seed, eg_graph_error(f.graph));
        check(&f, seed, seed % 4 != 0, seed % 3 != 0);
        numbers n = numbers_of_roots(f.root, f.nroots);
        usable += n.margin > 1e-3;
        numbers_free(f.graph, &n);
        eg_graph_free(f.graph);
    }
    assert_true(usable > GRAPHS / 2);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_pass_keeps_the_meaning) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
