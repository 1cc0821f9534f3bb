/* SPDX-License-Identifier: MIT
 *
 * formula_simplify.c: the same formula, shorter. Everything becomes sums of products of powers with the numbers in
 * front; like terms and like factors are put together, scalars come out of what is linear, and of a fully
 * multiplied-out form and the plain one the shorter text wins. Nodes are interned, so equal parts are the same
 * pointer.
 *
 * The result is equal wherever the formula is defined: x/x is 1, and an element that cancels loses its place in the
 * shape (callers broadcast). Non-goals: identities of sin and cos, factoring of polynomials.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "formula_inside.h"

enum { MAX_TERMS = 128 };

static formula_node *simplify(formula *f, formula_node *node);

/* ---- sums: numbers times nodes ----------------------------------------------------------------------- */

typedef struct sum {
    int n;
    struct {
        double times;
        formula_node *node; /* the rest of the term; NULL for a plain number */
    } term[MAX_TERMS];
    int too_long;
} sum;

static void add_term(sum *s, double times, formula_node *node) {
    for (int i = 0; i < s->n; i++)
        if (s->term[i].node == node) {
            s->term[i].times += times;
            return;
        }
    if (s->n == MAX_TERMS) {
        s->too_long = 1;
        return;
    }
    s->term[s->n].times = times;
    s->term[s->n++].node = node;
}

static int is_plain_number(const formula_node *node) { return formula_is(node, "number") && !node->name; }

/* A product without its number. */
static formula_node *without_number(formula *f, formula_node *product) {
    int n = product->n - 1;
    return n == 1 ? product->in[1] : formula_intern(f, "mul", product->in + 1, n);
}

static void add_simple(formula *f, sum *s, double times, formula_node *node);

/* A sum opens where there is no number to multiply each of its terms by: 2 (x + y) stays. */
static void add_rest(formula *f, sum *s, double times, formula_node *node) {
    if (formula_is(node, "add") && fabs(times) == 1)
        add_simple(f, s, times, node);
    else
        add_term(s, times, node);
}

/* Adds times * node, where node is simplified. */
static void add_simple(formula *f, sum *s, double times, formula_node *node) {
    if (is_plain_number(node))
        add_term(s, times * node->number, NULL);
    else if (formula_is(node, "add") && fabs(times) == 1)
        for (int i = 0; i < node->n; i++) add_simple(f, s, times, node->in[i]);
    else if (formula_is(node, "mul") && is_plain_number(node->in[0]))
        add_rest(f, s, times * node->in[0]->number, without_number(f, node));
    else
        add_term(s, times, node);
}

static int by_age(const void *a, const void *b) {
    const formula_node *const *x = a, *const *y = b;
    return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static formula_node *times_number(formula *f, double number, formula_node *node) {
    if (number == 1) return node;
    formula_node *in[MAX_TERMS + 1] = { formula_number(f, number) };
    if (!formula_is(node, "mul")) {
        in[1] = node;
        return formula_intern(f, "mul", in, 2);
    }
    memcpy(in + 1, node->in, (size_t)node->n * sizeof *in);
    return formula_intern(f, "mul", in, node->n + 1);
}

/* Terms in order of age, the number last. */
static formula_node *sum_node(formula *f, const sum *s) {
    formula_node *in[MAX_TERMS];
    double number = 0;
    int n = 0;
    for (int i = 0; i < s->n; i++) {
        if (!s->term[i].node)
            number += s->term[i].times;
        else if (s->term[i].times != 0)
            in[n++] = times_number(f, s->term[i].times, s->term[i].node);
    }
    if (!formula_ok(f)) return &f->nothing;
    qsort(in, (size_t)n, sizeof *in, by_age);
    if ((number != 0 && n < MAX_TERMS) || n == 0) in[n++] = formula_number(f, number);
    return n == 1 ? in[0] : formula_intern(f, "add", in, n);
}

static formula_node *simple_sum(formula *f, const formula_node *node) {
    sum s = { 0 };
    int minus = formula_is(node, "neg") ? 0 : formula_is(node, "sub") ? 1 : -1; /* which input has a minus sign */
    for (int i = 0; i < node->n; i++) add_simple(f, &s, i == minus ? -1 : 1, simplify(f, node->in[i]));
    return s.too_long ? NULL : sum_node(f, &s);
}

/* ---- products: powers, and a number in front --------------------------------------------------------- */

typedef struct product {
    double number;
    int n;
    struct {
        formula_node *base, *exponent;
    } factor[MAX_TERMS];
    int too_long;
} product;

static formula_node *add_two(formula *f, formula_node *a, formula_node *b) {
    sum s = { 0 };
    add_simple(f, &s, 1, a);
    add_simple(f, &s, 1, b);
    return sum_node(f, &s);
}

static void add_factor(formula *f, product *p, formula_node *base, formula_node *exponent) {
    for (int i = 0; i < p->n; i++)
        if (p->factor[i].base == base) {
            p->factor[i].exponent = add_two(f, p->factor[i].exponent, exponent);
            return;
        }
    if (p->n == MAX_TERMS) {
        p->too_long = 1;
        return;
    }
    p->factor[p->n].base = base;
    p->factor[p->n++].exponent = exponent;
}

static int is_whole(const formula_node *node) {
    return is_plain_number(node) && node->number == floor(node->number) && fabs(node->number) < 1e6;
}

static formula_node *multiplied(formula *f, formula_node *a, formula_node *b);

/* Multiplies by node^exponent, where both are simplified. (a b)^n and (a^m)^n open for whole n only: (x^2)^.5 is |x|.
 */
static void add_power(formula *f, product *p, formula_node *node, formula_node *exponent) {
    int whole = is_whole(exponent);
    if (is_plain_number(node) && is_plain_number(exponent) && (whole || node->number > 0) &&
        isfinite(pow(node->number, exponent->number)) &&
        (whole || pow(node->number, exponent->number) == floor(pow(node->number, exponent->number))))
        p->number *= pow(node->number, exponent->number);
    else if (formula_is(node, "mul") && whole)
        for (int i = 0; i < node->n; i++) add_power(f, p, node->in[i], exponent);
    else if (formula_is(node, "pow") && whole)
        add_power(f, p, node->in[0], multiplied(f, node->in[1], exponent));
    else if (formula_is(node, "sqrt") && whole && fmod(exponent->number, 2) == 0)
        add_power(f, p, node->in[0], formula_number(f, exponent->number / 2));
    else if (formula_is(node, "exp") && whole && exponent->number != 1)
        add_factor(f, p, formula_intern(f, "exp", (formula_node *[]){ multiplied(f, node->in[0], exponent) }, 1),
                   formula_number(f, 1));
    else
        add_factor(f, p, node, exponent);
}

/* exp(a) exp(b) is exp(a + b). */
static void join_exponentials(formula *f, product *p) {
    int first = -1;
    for (int i = 0; i < p->n && formula_ok(f); i++) {
        if (!formula_is(p->factor[i].base, "exp") || !formula_is_number(p->factor[i].exponent, 1)) continue;
        if (first < 0) {
            first = i;
            continue;
        }
        formula_node *both = add_two(f, p->factor[first].base->in[0], p->factor[i].base->in[0]);
        int vanished = formula_is_number(both, 0);
        p->factor[first].base = vanished ? formula_number(f, 1) : formula_intern(f, "exp", &both, 1);
        p->factor[i] = p->factor[--p->n];
        i--;
    }
}

static formula_node *power_node(formula *f, formula_node *base, formula_node *exponent) {
    if (formula_is_number(exponent, 1)) return base;
    return formula_intern(f, "pow", (formula_node *[]){ base, exponent }, 2);
}

/* Is everything there without factor i that is there with it? Then ones(n) among the factors says nothing. */
static int is_idle(const product *p, int skipped) {
    eg_shape shape = EG_SCALAR;
    if (!formula_is(p->factor[skipped].base, "ones")) return 0;
    for (int i = 0; i < p->n; i++)
        if (i != skipped) shape = formula_joined(shape, p->factor[i].base->shape);
    eg_shape with = formula_joined(shape, p->factor[skipped].base->shape);
    return shape.rank >= 0 && eg_shape_equal(shape, with);
}

/* unit(k, n) v is unit(k, n) v[k]: numbers, which may cancel. */
static void pick(formula *f, product *p) {
    const formula_node *unit = NULL;
    product picked = { .number = p->number };
    for (int i = 0; i < p->n; i++)
        if (formula_is(p->factor[i].base, "unit") && formula_is_number(p->factor[i].exponent, 1))
            unit = p->factor[i].base;
    for (int i = 0; i < p->n && unit; i++) {
        formula_node *base = p->factor[i].base, *exponent = p->factor[i].exponent;
        int is_vector = base->shape.rank == 1 && exponent->shape.rank == 0 && !formula_is(base, "unit") &&
                        eg_shape_equal(base->shape, unit->shape);
        if (is_vector) base = formula_intern(f, "at", (formula_node *[]){ base, unit->in[0] }, 2);
        add_power(f, &picked, base, exponent);
    }
    if (unit && !picked.too_long) *p = picked;
}

static formula_node *product_node(formula *f, product *p) {
    formula_node *in[MAX_TERMS + 1];
    int n = 0;
    join_exponentials(f, p);
    pick(f, p);
    if (p->number == 0 || !formula_ok(f)) return formula_number(f, 0);
    for (int i = 0; i < p->n; i++)
        if (is_idle(p, i)) p->factor[i--] = p->factor[--p->n];
    for (int i = 0; i < p->n; i++) {
        if (formula_is_number(p->factor[i].exponent, 0) || formula_is_number(p->factor[i].base, 1)) continue;
        in[n++] = power_node(f, p->factor[i].base, p->factor[i].exponent);
    }
    if (!formula_ok(f)) return &f->nothing;
    qsort(in, (size_t)n, sizeof *in, by_age);
    if (n == 0) return formula_number(f, p->number);
    return times_number(f, p->number, n == 1 ? in[0] : formula_intern(f, "mul", in, n));
}

static formula_node *multiplied(formula *f, formula_node *a, formula_node *b) {
    product p = { .number = 1 };
    add_power(f, &p, a, formula_number(f, 1));
    add_power(f, &p, b, formula_number(f, 1));
    return p.too_long ? formula_intern(f, "mul", (formula_node *[]){ a, b }, 2) : product_node(f, &p);
}

static formula_node *simple_product(formula *f, const formula_node *node) {
    product p = { .number = 1 };
    int over = formula_is(node, "div");
    for (int i = 0; i < node->n; i++)
        add_power(f, &p, simplify(f, node->in[i]), formula_number(f, i == 1 && over ? -1 : 1));
    return p.too_long ? NULL : product_node(f, &p);
}

static formula_node *simple_power(formula *f, const formula_node *node) {
    product p = { .number = 1 };
    formula_node *exponent = formula_is(node, "square") ? formula_number(f, 2) : simplify(f, node->in[1]);
    add_power(f, &p, simplify(f, node->in[0]), exponent);
    return p.too_long ? NULL : product_node(f, &p);
}

/* ---- what is linear gives its scalars away ----------------------------------------------------------- */

/* Splits a simplified product into its scalar factors (into p) and the rest. */
static formula_node *without_scalars(formula *f, product *p, formula_node *node) {
    formula_node *in[MAX_TERMS + 1];
    int n = 0;
    if (!formula_is(node, "mul")) return node;
    for (int i = 0; i < node->n; i++) {
        if (node->in[i]->shape.rank > 0)
            in[n++] = node->in[i];
        else
            add_power(f, p, node->in[i], formula_number(f, 1));
    }
    return n == 1 ? in[0] : formula_intern(f, "mul", in, n);
}

/* What cancels may leave less than the shape that was: ones put it back, for ops that look at it. */
formula_node *formula_spelled_out(formula *f, formula_node *node, eg_shape shape) {
    formula_node *size[2] = { NULL };
    if (!formula_ok(f) || eg_shape_equal(node->shape, shape)) return node;
    for (int i = 0; i < shape.rank; i++) size[i] = formula_number(f, (double)shape.dim[i]);
    return formula_intern(f, "mul", (formula_node *[]){ node, formula_intern(f, "ones", size, shape.rank) }, 2);
}

/* Vectors whose sum is a whole number: unit(k, n) and lists such as [0, 1, 0]. */
static int adds_up(const formula_node *vector, double *times) {
    double sum = formula_is(vector, "unit");
    for (int64_t i = 0; vector->data && i < vector->shape.dim[0]; i++) sum += vector->data[i];
    if ((!vector->data && sum == 0) || vector->shape.rank != 1 || sum != floor(sum)) return 0;
    *times *= sum;
    return 1;
}

static formula_node *simple_linear(formula *f, const formula_node *node) {
    formula_node *in[8]; /* as many as any linear op has */
    product p = { .number = 1 };
    int flowing = node->op->flags & FORMULA_INDICES ? 1 : node->n;
    for (int i = 0; i < node->n; i++) {
        in[i] = simplify(f, node->in[i]);
        if (i < flowing && formula_is_number(in[i], 0)) return in[i];
        in[i] = formula_spelled_out(f, in[i], node->in[i]->shape);
        if (i < flowing && in[i]->shape.rank > 0) in[i] = without_scalars(f, &p, in[i]);
    }
    if (!formula_ok(f)) return &f->nothing;
    if (formula_is(node, "sum") && adds_up(in[0], &p.number)) return product_node(f, &p);
    if (formula_is(node, "transpose") && formula_is(in[0], "transpose"))
        add_power(f, &p, in[0]->in[0], formula_number(f, 1));
    else
        add_power(f, &p, formula_intern(f, node->op->name, in, node->n), formula_number(f, 1));
    return p.too_long ? NULL : product_node(f, &p);
}

/* ---- functions --------------------------------------------------------------------------------------- */

static const struct known {
    const char *op;
    double of, is;
} known[] = { { "exp", 0, 1 },  { "log", 1, 0 },  { "sin", 0, 0 },  { "cos", 0, 1 },     { "tanh", 0, 0 },
              { "erf", 0, 0 },  { "sqrt", 0, 0 }, { "sqrt", 1, 1 }, { "sqrt", 4, 2 },    { "abs", 0, 0 },
              { "relu", 0, 0 }, { "sqrt", 9, 3 }, { "sign", 0, 0 }, { "sigmoid", 0, .5 } };

/* f(g(x)) that is something simpler. */
static const struct undone { const char *outer, *inner; } undone[] = { { "log", "exp" }, { "exp", "log" } };

static const struct opposite {
    const char *op, *negated;
} opposites[] = { { "less", "greater_equal" }, { "greater", "less_equal" }, { "equal", "not_equal" },
                  { "less_equal", "greater" }, { "greater_equal", "less" }, { "not_equal", "equal" } };

/* (a > b) != 0 is a > b, (a > b) == 0 is a <= b. */
static formula_node *truth(formula *f, const formula_node *node, formula_node *const *in) {
    int is = formula_is(node, "not_equal"), is_not = formula_is(node, "equal");
    if ((!is && !is_not) || node->n != 2 || !formula_is_number(in[1], 0)) return NULL;
    for (size_t i = 0; i < sizeof opposites / sizeof *opposites; i++)
        if (formula_is(in[0], opposites[i].op))
            return is ? in[0] : formula_intern(f, opposites[i].negated, in[0]->in, 2);
    return NULL;
}

static formula_node *special(formula *f, const formula_node *node, formula_node *const *in) {
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (formula_is(node, known[i].op) && formula_is_number(in[0], known[i].of))
            return formula_number(f, known[i].is);
    for (size_t i = 0; i < sizeof undone / sizeof *undone; i++)
        if (formula_is(node, undone[i].outer) && formula_is(in[0], undone[i].inner)) return in[0]->in[0];
    return truth(f, node, in);
}

static formula_node *simple_function(formula *f, const formula_node *node) {
    formula_node **in = formula_take(f, ((size_t)node->n + 1) * sizeof *in);
    if (!in) return &f->nothing;
    for (int i = 0; i < node->n; i++) {
        in[i] = simplify(f, node->in[i]);
        if (!(node->op->flags & FORMULA_ELEMENTWISE)) in[i] = formula_spelled_out(f, in[i], node->in[i]->shape);
    }
    if (!formula_ok(f)) return &f->nothing;
    formula_node *other = special(f, node, in);
    return other ? other : formula_intern(f, node->op->name, in, node->n);
}

/* ---- multiplied out: sometimes shorter, because things cancel ---------------------------------------- */

enum { MAX_STEPS = 400 };

static int has_fraction(const formula_node *total) {
    for (int i = 0; i < total->n; i++) {
        const formula_node *term = total->in[i];
        for (int k = 0; k < (formula_is(term, "mul") ? term->n : 0); k++)
            if (formula_is(term->in[k], "pow") && is_plain_number(term->in[k]->in[1]) &&
                term->in[k]->in[1]->number < 0)
                return 1;
    }
    return 0;
}

/* The sum among a product's factors to multiply out first: one whose terms may cancel; -1 if there is none. */
static int sum_among(const formula_node *node) {
    int found = -1;
    for (int i = 0; i < node->n; i++) {
        if (!formula_is(node->in[i], "add")) continue;
        if (has_fraction(node->in[i])) return i;
        if (found < 0) found = i;
    }
    return found;
}

static void expand(formula *f, sum *s, double times, formula_node *node, int *steps);

static void expand_product(formula *f, sum *s, double times, const formula_node *node, int which, int *steps) {
    product rest = { .number = 1 };
    for (int i = 0; i < node->n; i++)
        if (i != which) add_power(f, &rest, node->in[i], formula_number(f, 1));
    formula_node *others = product_node(f, &rest);
    for (int i = 0; i < node->in[which]->n && formula_ok(f); i++)
        expand(f, s, times, multiplied(f, others, node->in[which]->in[i]), steps);
}

static void expand(formula *f, sum *s, double times, formula_node *node, int *steps) {
    int which = formula_is(node, "mul") ? sum_among(node) : -1;
    if (++*steps > MAX_STEPS || !formula_ok(f))
        s->too_long = 1;
    else if (formula_is(node, "add"))
        for (int i = 0; i < node->n; i++) expand(f, s, times, node->in[i], steps);
    else if (formula_is(node, "pow") && formula_is(node->in[0], "add") && formula_is_number(node->in[1], 2))
        expand_product(f, s, times, &(formula_node){ .in = (formula_node *[]){ node->in[0], node->in[0] }, .n = 2 },
                       0, steps);
    else if (which >= 0)
        expand_product(f, s, times, node, which, steps);
    else
        add_simple(f, s, times, node);
}

static formula_node *shorter(formula *f, formula_node *node) {
    sum s = { 0 };
    int steps = 0;
    if (!formula_is(node, "add") && !formula_is(node, "mul")) return node;
    expand(f, &s, 1, node, &steps);
    if (s.too_long) return node;
    formula_node *other = sum_node(f, &s);
    return other->weight < node->weight ? other : node;
}

/* ---- the table, and memory of what is done ----------------------------------------------------------- */

static const struct way {
    const char *op;
    formula_node *(*simplify)(formula *f, const formula_node *node);
} ways[] = { { "add", simple_sum },     { "sub", simple_sum },   { "neg", simple_sum },     { "mul", simple_product },
             { "div", simple_product }, { "pow", simple_power }, { "square", simple_power } };

static formula_node *simplified(formula *f, formula_node *node) {
    formula_node *result = NULL;
    if (formula_is(node, "number"))
        return node->name ? formula_constant(f, node->name, node->number) : formula_number(f, node->number);
    if (node->n == 0) return node;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (formula_is(node, ways[i].op)) result = ways[i].simplify(f, node);
    if (!result && node->op->flags & FORMULA_LINEAR) result = simple_linear(f, node);
    return result ? result : simple_function(f, node);
}

static formula_node *simplify(formula *f, formula_node *node) {
    if (!formula_ok(f)) return &f->nothing;
    if (!node->simple) {
        formula_node *simple = shorter(f, simplified(f, node));
        if (!formula_ok(f)) return &f->nothing;
        simple->simple = simple;
        node->simple = simple;
    }
    return node->simple;
}

formula_node *formula_simplify(formula *f, formula_node *node) { return simplify(f, node); }
