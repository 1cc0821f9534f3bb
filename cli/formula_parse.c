/* SPDX-License-Identifier: MIT
 *
 * formula_parse.c: text to nodes, by precedence climbing.
 *
 *     formula = { name "=" value ";" } value
 *     value   = operand { operator operand }       from loose to tight: < <= > >= == !=,  + -,  * / @,  ^ (from the
 * right) operand = [ "-" | "+" ] operand | primary { "'" | "[" index [ "," index ] "]" } primary = number | name |
 * name "(" value { "," value } ")" | "(" value ")" | "[" value { "," value } "]" | "|" value "|" the absolute value,
 * of a vector its length
 *
 * A minus sign binds tighter than * and looser than ^: -x^2 is -(x^2). Signs as slides print them ("·", "×", "−",
 * "≤") are understood. A mistake has a place: the bytes that a caret can stand under. Non-goal: products without a
 * sign.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "formula_inside.h"

typedef struct parser {
    formula *f;
    const char *text, *at;         /* what is read, and how far */
    const formula_binding *locals; /* names of a rule, or the parameters of a function made of others */
    int n_locals, depth;
    formula_binding own[512]; /* q = ...: a recurrent network has many */
    int n_own;
} parser;

static formula_node *value(parser *p, int level);

/* ---- places ------------------------------------------------------------------------------------------ */

static void skip_blanks(parser *p) {
    while (*p->at == ' ' || *p->at == '\t' || *p->at == '\n') p->at++;
}

static formula_node *wrong_from(parser *p, const char *start, const char *end, const char *format, ...)
    EG_PRINTF(4, 5);
static formula_node *wrong_from(parser *p, const char *start, const char *end, const char *format, ...) {
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return formula_wrong(p->f, EG_E_ARGUMENT, p->text, start - p->text, end > start ? end - start : 1, "%s", text);
}

/* A mistake of the library (shapes that do not fit) gets the place of the part that made it. */
static formula_node *placed(parser *p, formula_node *node, const char *start, const char *end, const char *mark,
                            int mark_length) {
    formula_mistake *m = &p->f->mistake;
    if (!formula_ok(p->f)) {
        if (m->at < 0 && m->code != EG_E_MEMORY && m->code != EG_E_LIMIT) {
            m->source = p->text;
            m->at = mark - p->text;
            m->length = mark_length;
        }
        return node;
    }
    if (node->end > node->start) return node;
    node->start = start - p->text;
    node->end = end - p->text;
    return node;
}

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
static int is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t name_length(const char *text) {
    size_t n = 0;
    while (is_letter(text[n]) || (n && is_digit(text[n]))) n++;
    return n;
}

/* Bytes of one character, for a caret under something strange. */
static int character_length(const char *text) {
    int n = 1;
    while (*text && ((unsigned char)text[n] & 0xc0) == 0x80) n++;
    return n;
}

/* ---- signs ------------------------------------------------------------------------------------------- */

static const struct sign {
    const char *text, *op;
    int level, from_right;
} signs[] = { { "<=", "less_equal", 1, 0 }, { ">=", "greater_equal", 1, 0 },
              { "==", "equal", 1, 0 },      { "!=", "not_equal", 1, 0 },
              { "≤", "less_equal", 1, 0 },  { "≥", "greater_equal", 1, 0 },
              { "≠", "not_equal", 1, 0 },   { "<", "less", 1, 0 },
              { ">", "greater", 1, 0 },     { "+", "add", 2, 0 },
              { "-", "sub", 2, 0 },         { "−", "sub", 2, 0 },
              { "**", "pow", 5, 1 },        { "*", "mul", 3, 0 },
              { "·", "mul", 3, 0 },         { "×", "mul", 3, 0 },
              { "/", "div", 3, 0 },         { "@", "matmul", 3, 0 },
              { "^", "pow", 5, 1 } };

static const struct sign *sign_at(const char *text) {
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strncmp(text, signs[i].text, strlen(signs[i].text)) == 0) return &signs[i];
    return NULL;
}

static int takes(parser *p, const char *text) {
    skip_blanks(p);
    if (strncmp(p->at, text, strlen(text)) != 0) return 0;
    p->at += strlen(text);
    return 1;
}

/* ---- inputs that are whole numbers ------------------------------------------------------------------- */

/* An index or a size: a number, or a variable with such a value. */
static formula_node *whole_number(parser *p, formula_node *node, const char *start, const char *end) {
    double number = node->number;
    formula_node *inner = formula_is(node, "neg") ? node->in[0] : node;
    int known = formula_is(inner, "number");
    if (known && inner != node) number = -inner->number;
    formula_variable *v = formula_is(node, "name") ? formula_variable_named(p->f, node->name) : NULL;
    if (v && v->size == 1) number = v->data[0], known = 1;
    if (!known || number != floor(number) || fabs(number) > 1e6)
        return wrong_from(p, start, end, "a whole number has to stand here");
    return formula_number(p->f, number);
}

static int64_t limit_of(const formula_op *op, formula_node *const *in, int i) {
    eg_shape shape = in[0]->shape;
    if (op->flags & FORMULA_REDUCE) return shape.rank;
    return i - 1 < shape.rank ? shape.dim[i - 1] : 0;
}

/* Axes and indices count from the end when they are negative; a vector as a size stands for its length. */
static void check_indices(parser *p, const formula_op *op, formula_node **in, int n, const char *start,
                          const char *end) {
    int sizes = op->flags & FORMULA_SIZES;
    for (int i = sizes ? 0 : 1; i < n && formula_ok(p->f); i++) {
        if (sizes && in[i]->shape.rank == 1) in[i] = formula_number(p->f, (double)in[i]->shape.dim[0]);
        in[i] = whole_number(p, in[i], start, end);
        if (op->flags & FORMULA_COUNTS) continue;
        double number = in[i]->number, limit = sizes ? 4096 : (double)limit_of(op, in, i);
        if (!sizes && number < 0) number += limit;
        char a[32], b[160];
        snprintf(a, sizeof a, "%g", in[i]->number);
        if (number < 0 || number >= limit)
            wrong_from(p, start, end, op->flags & FORMULA_REDUCE ? "there is no axis %s in %s" : "no place %s in %s",
                       a, eg_shape_text(sizes ? EG_SHAPE(4096) : in[0]->shape, b, sizeof b));
        in[i] = formula_number(p->f, number);
    }
}

/* ---- building ---------------------------------------------------------------------------------------- */

static formula_node *built(parser *p, const formula_op *op, formula_node **in, int n, const char *start,
                           const char *mark, int mark_length) {
    if (!formula_ok(p->f)) return &p->f->nothing;
    if (op->flags & FORMULA_REDUCE && op->flags & FORMULA_INDICES && in[0]->shape.rank == 0) return in[0];
    if (op->flags & (FORMULA_INDICES | FORMULA_SIZES)) check_indices(p, op, in, n, mark, mark + mark_length);
    if (!formula_ok(p->f)) return &p->f->nothing;
    const char *wrong = op->wrong ? op->wrong(in) : NULL;
    if (wrong) return wrong_from(p, mark, mark + mark_length, "%s", wrong);
    if (op->flags & FORMULA_REDUCE && in[0]->shape.rank == 1) n = 1; /* the only axis */
    if (strcmp(op->name, "matmul") == 0 && (in[0]->shape.rank == 0 || in[1]->shape.rank == 0))
        return wrong_from(p, mark, mark + mark_length,
                          "@ is the product of matrices and vectors; for numbers write *");
    if (strcmp(op->name, "transpose") == 0 && in[0]->shape.rank < 2) return in[0]; /* a row is a column here */
    return placed(p, formula_make(p->f, op, in, n), start, p->at, mark, mark_length);
}

/* -2 is a number, -x a gate. */
static formula_node *negative(parser *p, const char *start) {
    int length = (int)(p->at - start);
    formula_node *inner = value(p, 5);
    if (formula_is(inner, "number") && !inner->name) return formula_number(p->f, -inner->number);
    return built(p, formula_op_named("neg"), &inner, 1, start, start, length);
}

/* ---- functions --------------------------------------------------------------------------------------- */

enum { MAX_NAMES = 128, MAX_LIST = 4096 };

static int function_names(const char **names) {
    int n = 0;
    for (const formula_op *op = formula_ops; op->name && n < MAX_NAMES; op++)
        if (op->most > 0 && !op->symbol) names[n++] = op->name;
    for (const formula_macro *m = formula_macros; m->name && n < MAX_NAMES; m++) names[n++] = m->name;
    return n;
}

static const formula_macro *macro_named(const char *name) {
    for (const formula_macro *m = formula_macros; m->name; m++)
        if (strcmp(m->name, name) == 0) return m;
    return NULL;
}

/* max and min of one thing look for the largest element; of several, they are folded: max(max(a, b), c). */
static formula_node *extreme(parser *p, const char *name, formula_node **in, int n, const char *start, int length) {
    const char *reduce = strcmp(name, "max") == 0 ? "largest" : "smallest";
    if (n == 1) return built(p, formula_op_named(reduce), in, n, start, start, length);
    formula_node *pair[2] = { in[0] };
    for (int i = 1; i < n; i++) {
        pair[1] = in[i];
        pair[0] = built(p, formula_op_named(name), pair, 2, start, start, length);
    }
    return pair[0];
}

static int count_words(const char *text) {
    int n = *text != 0;
    for (; *text; text++) n += *text == ' ';
    return n;
}

static formula_node *expanded(parser *p, const formula_macro *macro, formula_node **in, const char *start,
                              int length) {
    formula_binding local[4];
    char names[4][8];
    const char *at = macro->parameters;
    int n = count_words(at);
    for (int i = 0; i < n; i++) {
        size_t size = strcspn(at, " ");
        snprintf(names[i], sizeof names[i], "%.*s", (int)size, at);
        local[i] = (formula_binding){ names[i], in[i] };
        at += size + (at[size] == ' ');
    }
    formula_node *node = formula_rule(p->f, macro->body, local, n);
    formula_mistake *m = &p->f->mistake;
    if (!formula_ok(p->f) && m->source == macro->body) {
        char text[sizeof m->text];
        snprintf(text, sizeof text, "%.40s: %.300s", macro->name, m->text);
        memcpy(m->text, text, sizeof text);
        m->source = NULL;
        m->at = -1;
    }
    return placed(p, node, start, p->at, start, length);
}

/* Values between brackets; `close` ends them. */
static int arguments(parser *p, char close, formula_node **in, int max) {
    int n = 0;
    skip_blanks(p);
    for (;; p->at++) {
        if (n == max) return wrong_from(p, p->at, p->at, "that is too much in one bracket"), n;
        in[n++] = value(p, 1);
        skip_blanks(p);
        if (!formula_ok(p->f) || *p->at != ',') break;
    }
    if (!formula_ok(p->f)) return n;
    if (*p->at == close)
        p->at++;
    else
        wrong_from(p, p->at, p->at + character_length(p->at), "'%c' or ',' is missing here", close);
    return n;
}

static formula_node *wrong_count(parser *p, const char *start, int length, const char *name, int least, int most,
                                 int n) {
    char text[120];
    if (least == most)
        snprintf(text, sizeof text, "takes %d input%s, not %d", least, least == 1 ? "" : "s", n);
    else
        snprintf(text, sizeof text, "takes %d to %d inputs, not %d", least, most, n);
    return wrong_from(p, start, start + length, "%s %s", name, text);
}

static formula_node *unknown_function(parser *p, const char *name, const char *start, int length) {
    const char *names[MAX_NAMES];
    int n = function_names(names);
    const char *meant = eg_did_you_mean(name, names, n);
    if (formula_variable_named(p->f, name))
        return wrong_from(p, start, start + length, "%s is a variable, not a function; for a product write %s*(...)",
                          name, name);
    return meant ? wrong_from(p, start, start + length, "there is no function '%s'; did you mean '%s'?", name, meant)
                 : wrong_from(p, start, start + length, "there is no function '%s'", name);
}

static formula_node *call(parser *p, const char *name, const char *start) {
    int length = (int)strlen(name);
    const formula_op *op = formula_op_named(name);
    const formula_macro *macro = macro_named(name);
    if (op && op->most == 0) op = NULL;
    if (!op && !macro) return unknown_function(p, name, start, length);
    formula_node **in = formula_take(p->f, FORMULA_MAX_STACK * sizeof *in);
    if (!in) return &p->f->nothing;
    int n = arguments(p, ')', in, FORMULA_MAX_STACK);
    if (!formula_ok(p->f)) return &p->f->nothing;
    int extremes = strcmp(name, "max") == 0 || strcmp(name, "min") == 0;
    int least = macro ? count_words(macro->parameters) : op->least, most = macro ? least : op->most;
    if (extremes) return extreme(p, name, in, n, start, length);
    if (n < least || n > most) return wrong_count(p, start, length, name, least, most, n);
    return macro ? expanded(p, macro, in, start, length) : built(p, op, in, n, start, start, length);
}

/* ---- names ------------------------------------------------------------------------------------------- */

static formula_node *local_named(const parser *p, const char *name) {
    for (int i = p->n_own - 1; i >= 0; i--)
        if (strcmp(p->own[i].name, name) == 0) return p->own[i].node;
    for (int i = 0; i < p->n_locals; i++)
        if (strcmp(p->locals[i].name, name) == 0) return p->locals[i].node;
    return NULL;
}

/* Numbers that are nothing special, so that a check at them means something. */
static formula_variable *guess(parser *p, const char *name) {
    double number = .6 + .37 * (double)p->f->variables;
    formula_set_data(p->f, name, EG_SCALAR, &number);
    formula_variable *v = formula_variable_named(p->f, name);
    if (v) v->guessed = 1;
    return v;
}

static formula_node *unknown_name(parser *p, const char *name, const char *start, int length) {
    const char *names[FORMULA_MAX_VARIABLES];
    int n = 0;
    for (; n < p->f->variables; n++) names[n] = p->f->variable[n].name;
    const char *meant = eg_did_you_mean(name, names, n);
    if (p->f->is_value) return wrong_from(p, start, start + length, "'%s' is no number", name);
    if (meant) return wrong_from(p, start, start + length, "%s has no value; did you mean '%s'?", name, meant);
    n = function_names(names);
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return wrong_from(p, start, start + length, "%s is a function: write %s(...)", name, name);
    if (strcmp(name, "e") == 0)
        return wrong_from(p, start, start + length, "e has no value; a power of Euler's number is exp(...)");
    return wrong_from(p, start, start + length, "%s has no value; give it one behind the formula: %s=1", name, name);
}

static formula_node *name_value(parser *p, const char *name, const char *start, int length) {
    formula_node *local = local_named(p, name);
    if (local) return local;
    formula_variable *v = p->locals ? NULL : formula_variable_named(p->f, name);
    if (v) return placed(p, formula_own_variable(p->f, v), start, start + length, start, length);
    if (strcmp(name, "pi") == 0) return formula_constant(p->f, "pi", acos(-1));
    if (p->f->unknown_allowed && !p->locals && (v = guess(p, name)) != NULL) return formula_own_variable(p->f, v);
    return unknown_name(p, name, start, length);
}

static formula_node *name_or_call(parser *p) {
    const char *start = p->at;
    size_t length = name_length(start);
    char *name = formula_copy_text(p->f, start, length);
    if (!name) return &p->f->nothing;
    p->at += length;
    if (*p->at == '(') {
        p->at++;
        return call(p, name, start);
    }
    return name_value(p, name, start, (int)length);
}

/* ---- brackets ---------------------------------------------------------------------------------------- */

/* [1, 2, 3] and [[1, 2], [3, 4]] made of numbers are one constant. */
static formula_node *folded_literal(parser *p, formula_node **in, int n, const char *start) {
    eg_shape inner = in[0]->shape, shape = { .rank = inner.rank + 1, .dim = { n } };
    for (int i = 0; i < n; i++)
        if (!eg_shape_equal(in[i]->shape, inner)) return wrong_from(p, start, p->at, "rows of different lengths");
    if (shape.rank > 2) return wrong_from(p, start, p->at, "at most two brackets: a matrix");
    int64_t each = formula_size(inner);
    double *data = formula_take(p->f, (size_t)(each * n) * sizeof *data);
    if (!data) return &p->f->nothing;
    memcpy(shape.dim + 1, inner.dim, (size_t)inner.rank * sizeof *inner.dim);
    for (int i = 0; i < n; i++)
        memcpy(data + i * each, in[i]->data ? in[i]->data : &in[i]->number, (size_t)each * sizeof *data);
    return placed(p, formula_data(p->f, shape, data), start, p->at, start, 1);
}

static formula_node *bracket(parser *p) {
    const char *start = p->at++;
    formula_node **in = formula_take(p->f, MAX_LIST * sizeof *in);
    if (!in) return &p->f->nothing;
    int n = arguments(p, ']', in, MAX_LIST), numbers = 1, rank = 0;
    if (!formula_ok(p->f)) return &p->f->nothing;
    for (int i = 0; i < n; i++) {
        numbers &= formula_is(in[i], "number") || formula_is(in[i], "data");
        if (in[i]->shape.rank > rank) rank = in[i]->shape.rank;
    }
    if (numbers) return folded_literal(p, in, n, start);
    if (rank > 1) return wrong_from(p, start, p->at, "at most two brackets: a matrix");
    if (n > FORMULA_MAX_STACK) return wrong_from(p, start, p->at, "that is too much in one bracket");
    return built(p, formula_op_named("stack"), in, n, start, start, (int)(p->at - start));
}

static formula_node *bars(parser *p) {
    const char *start = p->at++;
    formula_node *inner = value(p, 1);
    if (!formula_ok(p->f)) return inner;
    if (!takes(p, "|")) return wrong_from(p, p->at, p->at, "'|' is missing here");
    if (formula_is(inner, "norm")) return inner; /* ||x|| is |x| */
    return built(p, formula_op_named(inner->shape.rank == 0 ? "abs" : "norm"), &inner, 1, start, start, 1);
}

static formula_node *number(parser *p) {
    const char *start = p->at;
    char *end;
    double found = strtod(start, &end);
    p->at = end;
    if (is_letter(*end))
        return wrong_from(p, end, end + name_length(end), "a sign is missing here; a product is written with *");
    return formula_number(p->f, found);
}

static formula_node *primary(parser *p) {
    skip_blanks(p);
    const char *start = p->at;
    if (is_digit(*start) || (*start == '.' && is_digit(start[1]))) return number(p);
    if (is_letter(*start)) return name_or_call(p);
    if (*start == '[') return bracket(p);
    if (*start == '|') return bars(p);
    if (*start == 0) return wrong_from(p, start, start, "something is missing at the end");
    if (*start != '(') return wrong_from(p, start, start + character_length(start), "a value has to stand here");
    p->at++;
    formula_node *inner = value(p, 1);
    if (formula_ok(p->f) && !takes(p, ")")) return wrong_from(p, p->at, p->at, "')' is missing here");
    return inner;
}

/* x' and x[1, 2] */
/* x², x³ */
static double power_at(const char *text) {
    return strncmp(text, "²", 2) == 0 ? 2 : strncmp(text, "³", 2) == 0 ? 3 : 0;
}

/* W', or as in NumPy W.T */
static int transposed_at(const char *text) {
    return *text == '\'' ? 1 : text[0] == '.' && name_length(text + 1) == 1 && text[1] == 'T' ? 2 : 0;
}

static formula_node *postfix(parser *p) {
    skip_blanks(p);
    const char *start = p->at;
    formula_node *in[3] = { primary(p) };
    while (formula_ok(p->f)) {
        const char *mark = p->at;
        int length = transposed_at(mark);
        if (length) {
            p->at += length;
            in[0] = built(p, formula_op_named("transpose"), in, 1, start, mark, length);
        } else if (power_at(mark) > 0) {
            p->at += 2;
            in[1] = formula_number(p->f, power_at(mark));
            in[0] = built(p, formula_op_named("pow"), in, 2, start, mark, 2);
        } else if (*mark == '[') {
            p->at++;
            int n = 1 + arguments(p, ']', in + 1, 2);
            if (!formula_ok(p->f)) break;
            if (n - 1 > in[0]->shape.rank)
                return wrong_from(p, mark, p->at, "%d ind%s of a value of rank %d", n - 1, n == 2 ? "ex" : "ices",
                                  in[0]->shape.rank);
            in[0] = built(p, formula_op_named("at"), in, n, start, mark, (int)(p->at - mark));
        } else {
            break;
        }
    }
    return in[0];
}

static formula_node *operand(parser *p) {
    skip_blanks(p);
    const char *start = p->at;
    const struct sign *sign = sign_at(start);
    int minus = sign && strcmp(sign->op, "sub") == 0, plus = sign && strcmp(sign->op, "add") == 0;
    if (minus || plus) p->at += strlen(sign->text);
    return minus ? negative(p, start) : plus ? value(p, 5) : postfix(p);
}

/* Everything from here on whose signs bind at least as tightly as `level`. */
static formula_node *value(parser *p, int level) {
    skip_blanks(p);
    const char *start = p->at;
    if (++p->depth > FORMULA_MAX_DEPTH) return wrong_from(p, start, start, "too many brackets in brackets");
    formula_node *pair[2] = { operand(p) };
    while (formula_ok(p->f)) {
        skip_blanks(p);
        const struct sign *sign = sign_at(p->at);
        if (!sign || sign->level < level) break;
        const char *mark = p->at;
        int length = (int)strlen(sign->text);
        p->at += length;
        pair[1] = value(p, sign->level + !sign->from_right);
        pair[0] = built(p, formula_op_named(sign->op), pair, 2, start, mark, length);
    }
    p->depth--;
    return pair[0];
}

/* ---- the whole --------------------------------------------------------------------------------------- */

/* "q = ...;": gives the name to the value, and to the gate for the tables. */
static void define(parser *p) {
    const char *start = p->at;
    size_t length = name_length(start);
    char *name = formula_copy_text(p->f, start, length);
    if (!name) return;
    p->at += length;
    takes(p, "=");
    formula_node *node = value(p, 1);
    if (!formula_ok(p->f)) return;
    if (formula_variable_named(p->f, name) || local_named(p, name)) {
        wrong_from(p, start, start + length, "%s has a value already", name);
        return;
    }
    if (p->n_own == (int)(sizeof p->own / sizeof *p->own)) {
        wrong_from(p, start, start + length, "there are too many names");
        return;
    }
    p->own[p->n_own++] = (formula_binding){ name, node };
    if (node->n && !node->name && !p->locals) node->name = name;
}

static int is_definition(parser *p) {
    skip_blanks(p);
    const char *at = p->at + name_length(p->at);
    if (at == p->at) return 0;
    while (*at == ' ') at++;
    return *at == '=' && at[1] != '=';
}

static formula_node *last_mistake(parser *p) {
    const char *at = p->at;
    if (is_letter(*at) || is_digit(*at) || *at == '(' || *at == '[')
        return wrong_from(p, at, at + 1, "a sign is missing here; a product is written with *");
    if (*at == ')' || *at == ']') return wrong_from(p, at, at + 1, "there is no bracket that this one closes");
    return wrong_from(p, at, at + character_length(at), "this cannot be read");
}

/* "1, 2, 3" is a vector where nothing else is asked for. */
static formula_node *list(parser *p) {
    formula_node **in = formula_take(p->f, MAX_LIST * sizeof *in);
    const char *start = p->at;
    int n = 0;
    for (;;) {
        if (!in) return &p->f->nothing;
        if (n == MAX_LIST) return wrong_from(p, start, p->at, "that is too much in one list");
        in[n++] = value(p, 1);
        if (!formula_ok(p->f) || !takes(p, ",")) break;
    }
    if (n == 1 || !formula_ok(p->f)) return in[0];
    for (int i = 0; i < n; i++)
        if (!formula_is(in[i], "number")) return wrong_from(p, start, p->at, "a list is made of numbers");
    return folded_literal(p, in, n, start);
}

static formula_node *read_all(parser *p) {
    formula_node *node = NULL;
    while (formula_ok(p->f) && is_definition(p)) {
        define(p);
        if (formula_ok(p->f) && !takes(p, ";") && *p->at) return last_mistake(p);
        skip_blanks(p);
        if (formula_ok(p->f) && *p->at == 0) return p->own[p->n_own - 1].node; /* "f = x*y": f is the result */
    }
    if (formula_ok(p->f)) node = list(p);
    skip_blanks(p);
    if (formula_ok(p->f) && *p->at) return last_mistake(p);
    return formula_ok(p->f) ? node : &p->f->nothing;
}

formula_node *formula_parse(formula *f, const char *text) {
    if (!formula_ok(f)) return &f->nothing;
    return read_all(&(parser){ .f = f, .text = text, .at = text });
}

formula_node *formula_rule(formula *f, const char *text, const formula_binding *locals, int n) {
    if (!formula_ok(f)) return &f->nothing;
    return read_all(&(parser){ .f = f, .text = text, .at = text, .locals = locals, .n_locals = n });
}
