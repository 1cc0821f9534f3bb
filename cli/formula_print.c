/* SPDX-License-Identifier: MIT
 *
 * formula_print.c: nodes to text that the parser reads again, with no bracket that is not needed. Two ways: a gate as
 * it is, with labels for its inputs; and a simplified formula, where a product with negative powers is a fraction and
 * a sum with negative terms has minus signs.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "formula_inside.h"

/* How tightly a text holds together; less than what is wanted around it means brackets. */
enum { ANY = 0, COMPARE = 1, SUM = 2, PRODUCT = 3, MINUS = 4, POWER = 5, POSTFIX = 6 };

typedef struct printer {
    FILE *to;
    formula_label label; /* NULL: fractions and minus signs */
    void *user;
    const formula_node *top; /* is no label itself */
} printer;

static void put(printer *p, const formula_node *node, int level);
static void put_leaf(printer *p, const formula_node *node);

static int is_plain_number(const formula_node *node) { return formula_is(node, "number") && !node->name; }

/* ---- numbers ----------------------------------------------------------------------------------------- */

void formula_put_number(FILE *to, double number) {
    char text[40];
    if (number == floor(number) && fabs(number) < 1e6) { /* 1000, not 1e+03 */
        fprintf(to, "%.0f", number);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number) break;
    }
    fputs(text, to);
}

/* c as p/q with a small q where it is that, else p = c, q = 1: 1/3, but 0.2. */
static void fraction(double c, double *p, double *q) {
    double hundredths = c * 100;
    *p = c;
    *q = 1;
    if (hundredths == floor(hundredths) && c * 2 != floor(c * 2)) return;
    for (double n = 1; n <= 1000; n++)
        if (fabs(c * n - round(c * n)) <= 1e-14 * fabs(c * n)) {
            *p = round(c * n);
            *q = n;
            return;
        }
}

/* ---- products ---------------------------------------------------------------------------------------- */

/* base^e with a negative number e */
static int is_below(const formula_node *node) {
    return formula_is(node, "pow") && is_plain_number(node->in[1]) && node->in[1]->number < 0;
}

static double coefficient(const formula_node *product) {
    return product->n && is_plain_number(product->in[0]) ? product->in[0]->number : 1;
}

static void put_power_of(printer *p, const formula_node *base, double exponent, int level) {
    if (exponent == 1) {
        put(p, base, level);
        return;
    }
    put(p, base, POSTFIX);
    fputc('^', p->to);
    formula_put_number(p->to, exponent);
}

/* A product of matrices needs no bracket behind factors that are scalars, when it comes last. */
static int goes_last(const formula_node *product) {
    int last = -1, arrays = 0;
    for (int i = 0; i < product->n; i++) {
        arrays += product->in[i]->shape.rank > 0;
        if (formula_is(product->in[i], "matmul") && (last < 0 || product->in[i]->shape.rank > 0)) last = i;
    }
    return last >= 0 && arrays == (product->in[last]->shape.rank > 0) ? last : -1;
}

/* What stands above (or below) the line: the number and the factors; 1 if nothing else does. */
static int put_factors(printer *p, const formula_node *product, double number, int below) {
    int n = 0, last = below ? -1 : goes_last(product);
    if (number != 1) formula_put_number(p->to, number), n++;
    for (int i = 0; i <= product->n; i++) {
        if (i == product->n && last < 0) break;
        const formula_node *node = i < product->n ? product->in[i] : product->in[last];
        if (i == last || is_below(node) != below) continue;
        if (i == 0 && is_plain_number(node)) continue;
        if (n++) fputc('*', p->to);
        if (below)
            put_power_of(p, node->in[0], -node->in[1]->number, MINUS);
        else
            put(p, node, i == product->n ? PRODUCT : MINUS);
    }
    if (n == 0) fputc('1', p->to);
    return n;
}

static int count_below(const formula_node *product, double q) {
    int n = q != 1;
    for (int i = 0; i < product->n; i++) n += is_below(product->in[i]);
    return n;
}

static void put_fraction(printer *p, const formula_node *product, double number) {
    double above, below;
    fraction(number, &above, &below);
    put_factors(p, product, above, 0);
    int n = count_below(product, below);
    if (n == 0) return;
    fputs(n > 1 ? "/(" : "/", p->to);
    put_factors(p, product, below, 1);
    if (n > 1) fputc(')', p->to);
}

/* A term of a sum, or a whole product: its sign apart. */
static int is_negative(const formula_node *node) {
    if (is_plain_number(node)) return node->number < 0;
    return formula_is(node, "mul") && coefficient(node) < 0;
}

static void put_absolute(printer *p, const formula_node *node, int level) {
    if (is_plain_number(node))
        put_leaf(p, &(formula_node){ .op = node->op, .number = fabs(node->number) });
    else if (formula_is(node, "mul"))
        put_fraction(p, node, fabs(coefficient(node)));
    else
        put(p, node, level);
}

static void put_product(printer *p, const formula_node *node) {
    if (is_negative(node)) fputc('-', p->to);
    put_absolute(p, node, PRODUCT);
}

/* A positive term first, where there is one: 1 - x, not -x + 1. */
static void put_sum(printer *p, const formula_node *node) {
    int first = 0;
    while (first < node->n && is_negative(node->in[first])) first++;
    if (first == node->n) first = 0;
    put(p, node->in[first], SUM);
    for (int i = 0; i < node->n; i++) {
        if (i == first) continue;
        fputs(is_negative(node->in[i]) ? " - " : " + ", p->to);
        put_absolute(p, node->in[i], PRODUCT);
    }
}

/* ---- the rest ---------------------------------------------------------------------------------------- */

static void put_elements(printer *p, const double *data, eg_shape shape) {
    int64_t each = shape.rank == 2 ? shape.dim[1] : 1;
    fputc('[', p->to);
    for (int64_t i = 0; i < shape.dim[0]; i++) {
        if (i) fputs(", ", p->to);
        if (shape.rank == 2)
            put_elements(p, data + i * each, EG_SHAPE(each));
        else
            formula_put_number(p->to, data[i]);
    }
    fputc(']', p->to);
}

static void put_list(printer *p, formula_node *const *in, int n, char open, char close) {
    fputc(open, p->to);
    for (int i = 0; i < n; i++) {
        if (i) fputs(", ", p->to);
        put(p, in[i], ANY);
    }
    fputc(close, p->to);
}

/* p/q where that is shorter, in simplified formulas */
static double denominator(const printer *p, const formula_node *number) {
    double above, below;
    fraction(number->number, &above, &below);
    return p->label ? 1 : below;
}

static void put_leaf(printer *p, const formula_node *node) {
    double below = denominator(p, node);
    if (node->name) {
        fputs(node->name, p->to);
    } else if (node->data) {
        put_elements(p, node->data, node->shape);
    } else {
        formula_put_number(p->to, below == 1 ? node->number : round(node->number * below));
        if (below != 1) fputc('/', p->to), formula_put_number(p->to, below);
    }
}

static void put_call(printer *p, const formula_node *node) {
    fputs(node->op->written && node->n == 1 ? node->op->written : node->op->name, p->to);
    put_list(p, node->in, node->n, '(', ')');
}

/* Two operands and the sign between them; + and - stand free, so do comparisons and @. */
static void put_operator(printer *p, const formula_node *node) {
    int level = node->op->precedence, tight = level == PRODUCT && !formula_is(node, "matmul");
    int from_right = level == POWER;
    put(p, node->in[0], level + from_right);
    for (int i = 1; i < node->n; i++) {
        fprintf(p->to, tight || from_right ? "%s" : " %s ", node->op->symbol);
        put(p, node->in[i], level + !from_right);
    }
}

static int level_of(const printer *p, const formula_node *node) {
    int number = is_plain_number(node);
    if (number && denominator(p, node) != 1) return node->number < 0 ? SUM : PRODUCT;
    if (node->n == 0) return number && node->number < 0 ? MINUS : POSTFIX;
    if (!p->label && is_below(node)) return PRODUCT;
    if (!p->label && formula_is(node, "mul") && is_negative(node)) return SUM;
    if (formula_is(node, "at")) return POSTFIX;
    return node->op->symbol ? node->op->precedence : POSTFIX;
}

static void put_open(printer *p, const formula_node *node) {
    if (node->n == 0)
        put_leaf(p, node);
    else if (formula_is(node, "stack"))
        put_list(p, node->in, node->n, '[', ']');
    else if (formula_is(node, "at"))
        put(p, node->in[0], POSTFIX), put_list(p, node->in + 1, node->n - 1, '[', ']');
    else if (formula_is(node, "neg"))
        fputc('-', p->to), put(p, node->in[0], POWER);
    else if (formula_is(node, "transpose"))
        put(p, node->in[0], POSTFIX), fputc('\'', p->to);
    else if (!p->label && formula_is(node, "mul"))
        put_product(p, node);
    else if (!p->label && formula_is(node, "add"))
        put_sum(p, node);
    else if (!p->label && is_below(node))
        fputs("1/", p->to), put_power_of(p, node->in[0], -node->in[1]->number, MINUS);
    else if (node->op->symbol)
        put_operator(p, node);
    else
        put_call(p, node);
}

static void put(printer *p, const formula_node *node, int level) {
    const char *label = p->label && node != p->top ? p->label(p->user, node) : NULL;
    if (label) {
        fputs(label, p->to);
        return;
    }
    int brackets = level_of(p, node) < level;
    if (brackets) fputc('(', p->to);
    put_open(p, node);
    if (brackets) fputc(')', p->to);
}

static char *printed(printer *p, const formula_node *node) {
    char *text = NULL;
    size_t size;
    p->to = open_memstream(&text, &size);
    if (!p->to) return NULL;
    put(p, node, ANY);
    int good = !ferror(p->to);
    if (fclose(p->to) == 0 && good) return text;
    free(text);
    return NULL;
}

char *formula_text(const formula_node *node) { return printed(&(printer){ 0 }, node); }

char *formula_text_gate(const formula_node *node, formula_label label, void *user) {
    return printed(&(printer){ .label = label, .user = user, .top = node }, node);
}
