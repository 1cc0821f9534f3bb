/* SPDX-License-Identifier: MIT
 *
 * formula_sequence.c: layers over sequences as formulas. A sequence is a matrix with a row for each step. A recurrent
 * layer is written out step by step, as the course draws it: h1_1 of the first word, h1_2 of the second and h1_1,
 * ...; the weights of each gate have a name of their own. The state begins with zeros, so the first step has no term
 * for it.
 */
#include <stdlib.h>
#include <string.h>
#include "formula_net.h"

static const char *numbered(net *n, const char *letter, const char *gate) {
    static char name[4][32];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(name[turn], sizeof name[turn], "%s%s%d", letter, gate, n->number);
    return name[turn];
}

/* ---- words ------------------------------------------------------------------------------------------- */

/* The input is places in a table: no variable, for nothing flows back to it. `form` says what one of them is. */
static int put_words(net *n, const char *letter, int64_t size, const char *(*word)(net *n, int64_t number)) {
    formula_variable *x = formula_variable_named(n->f, "x");
    if (strcmp(n->last, "x") != 0 || x != formula_variable_at(n->f, formula_variables(n->f) - 1))
        return net_refuse(n, "--net: words stand at the beginning%s%s", "", "");
    const double *data = x->data;
    n->f->variables--;
    n->number++;
    fprintf(n->to, "%s = [", numbered(n, letter, ""));
    for (int64_t i = 0; i < x->size; i++) fprintf(n->to, "%s%s", i ? ", " : "", word(n, (int64_t)data[i]));
    fprintf(n->to, "]; ");
    net_flows(n, letter, EG_SHAPE(x->size, size));
    return 1;
}

static int are_words(net *n, int64_t words) {
    const formula_variable *x = formula_variable_named(n->f, "x");
    for (int64_t i = 0; x && i < x->size; i++)
        if (x->data[i] < 0 || x->data[i] >= (double)words || x->data[i] != (double)(int64_t)x->data[i]) {
            formula_wrong(n->f, EG_E_ARGUMENT, NULL, -1, 0, "--input: words are whole numbers from 0 to %lld, not %g",
                          (long long)words - 1, x->data[i]);
            return 0;
        }
    return 1;
}

static const char *embedded(net *n, int64_t number) {
    static char text[64];
    snprintf(text, sizeof text, "E%d[%lld]", n->number, (long long)number);
    return text;
}

int net_put_embedding(net *n, net_layer *layer) {
    int64_t words = net_number(layer, 1), size = net_number(layer, 1);
    net_flag(layer, "torch");
    if (!are_words(n, words) || !put_words(n, "e", size, embedded)) return 0;
    n->parameters++;
    return net_weight(n, numbered(n, "E", ""), -1, EG_SHAPE(words, size), 0, 0);
}

static const char *one_hot(net *n, int64_t number) {
    static char text[64];
    snprintf(text, sizeof text, "unit(%lld, %lld)", (long long)number, (long long)n->out.dim[n->out.rank - 1]);
    return text;
}

int net_put_one_hot(net *n, net_layer *layer) {
    int64_t words = net_number(layer, 1);
    return are_words(n, words) && put_words(n, "e", words, one_hot);
}

int net_put_position(net *n, net_layer *layer) {
    eg_shape rows = net_rows(n->out);
    if (net_flag(layer, "sinusoidal"))
        return net_refuse(n, "--net: %s positions are not part of the formula%s", "sinusoidal", "");
    n->number++;
    if (!net_weight(n, numbered(n, "P", ""), 0, rows, 0, 0)) return 0;
    n->parameters++;
    fprintf(n->to, "z%d = %s + P%d; ", n->number, net_as(n, rows), n->number);
    net_flows(n, "z", rows);
    return 1;
}

/* ---- recurrent layers -------------------------------------------------------------------------------- */

/* One step. $ the layer's number, # of this step, & of the step before, ~ its row of x, % the activation;
 * <behind the first step>, !at the first step!, {with biases} */
static const struct cell {
    const char *name, *gates, *step;
} cells[] = {
    { "simple_rnn", "", "h# = %(~ @ W$< + h& @ U$>{ + b$}); " },
    { "lstm", "ifgo",
      "x# = ~; i# = sigmoid(x# @ Wi$< + h& @ Ui$>{ + bi$}); <f# = sigmoid(x# @ Wf$ + h& @ Uf${ + bf$}); >"
      "g# = %(x# @ Wg$< + h& @ Ug$>{ + bg$}); o# = sigmoid(x# @ Wo$< + h& @ Uo$>{ + bo$}); "
      "c# = <f#*c& + >i#*g#; h# = o#*%(c#); " },
    { "gru", "zrn",
      "x# = ~; z# = sigmoid(x# @ Wz${ + bz$}< + h& @ Uz$>{ + cz$}); "
      "r# = sigmoid(x# @ Wr${ + br$}< + h& @ Ur$>{ + cr$}); n# = %(x# @ Wn${ + bn$}< + r#*(h& @ Un${ + cn$})>!{ + "
      "r#*cn$}!); h# = <z#*h& + >(1 - z#)*n#; " },
    { "gru reset_before", "zrn",
      "x# = ~; z# = sigmoid(x# @ Wz$< + h& @ Uz$>{ + bz$}); <r# = sigmoid(x# @ Wr$ + h& @ Ur${ + br$}); >"
      "n# = %(x# @ Wn$< + (r#*h&) @ Un$>{ + bn$}); h# = <z#*h& + >(1 - z#)*n#; " },
};

typedef struct recurrent {
    const struct cell *cell;
    const char *activation, *in; /* the sequence's name */
    int bias, second;            /* the second bias of a gru: cz, cr, cn */
    int64_t inputs, units, steps;
} recurrent;

static void put_letter(net *n, const recurrent *r, char letter, int64_t step) {
    switch (letter) {
    case '$':
        fprintf(n->to, "%d", n->number);
        break;
    case '#':
        fprintf(n->to, "%d_%lld", n->number, (long long)step + 1);
        break;
    case '&':
        fprintf(n->to, "%d_%lld", n->number, (long long)step);
        break;
    case '~':
        fprintf(n->to, "%s[%lld]", r->in, (long long)step);
        break;
    case '%':
        fprintf(n->to, "%s", r->activation);
        break;
    default:
        fputc(letter, n->to);
    }
}

static void put_step(net *n, const recurrent *r, int64_t step) {
    int later = 1, first = 1, bias = 1; /* is what stands here written? */
    for (const char *at = r->cell->step; *at; at++)
        if (*at == '<' || *at == '>')
            later = *at == '>' || step > 0;
        else if (*at == '!')
            first = !first || step == 0;
        else if (*at == '{' || *at == '}')
            bias = *at == '}' || r->bias;
        else if (later && first && bias)
            put_letter(n, r, *at, step);
}

/* W [in, gates units], U [units, gates units], b [gates units] of the library, gate by gate. */
static int put_gate_weights(net *n, const recurrent *r, const char *gate, int64_t at) {
    int64_t column = at * r->units;
    return net_weight(n, numbered(n, "W", gate), 0, EG_SHAPE(r->inputs, r->units), 0, column) &&
           net_weight(n, numbered(n, "U", gate), 1, EG_SHAPE(r->units, r->units), 0, column) &&
           (!r->bias || net_weight(n, numbered(n, "b", gate), 2, EG_SHAPE(r->units), 0, column)) &&
           (!r->bias || !r->second || net_weight(n, numbered(n, "c", gate), 2, EG_SHAPE(r->units), 1, column));
}

static int put_recurrent_weights(net *n, const recurrent *r) {
    const char *gates = r->cell->gates;
    int good = 1;
    if (!*gates) good = put_gate_weights(n, r, "", 0);
    for (int i = 0; gates[i] && good; i++) good = put_gate_weights(n, r, (const char[]){ gates[i], 0 }, i);
    n->parameters += 2 + r->bias;
    return good;
}

static const struct cell *cell_named(const char *name, int reset_before) {
    size_t i = 0;
    while (strcmp(cells[i].name, name) != 0) i++;
    return &cells[i + (size_t)reset_before];
}

/* All states, or the last one. */
static void put_states(net *n, const recurrent *r, int all) {
    if (!all) {
        snprintf(n->last, sizeof n->last, "h%d_%lld", n->number, (long long)r->steps);
        n->now = EG_SHAPE(r->units);
        return;
    }
    fprintf(n->to, "h%d = [", n->number);
    for (int64_t i = 0; i < r->steps; i++) fprintf(n->to, "%sh%d_%lld", i ? ", " : "", n->number, (long long)i + 1);
    fprintf(n->to, "]; ");
    net_flows(n, "h", EG_SHAPE(r->steps, r->units));
}

int net_put_recurrent(net *n, net_layer *layer) {
    eg_shape in = n->shape;
    int before = net_flag(layer, "reset_before"), all = net_flag(layer, "return_sequences");
    recurrent r = { .cell = cell_named(layer->word[0], before), .inputs = in.dim[1], .steps = in.dim[0] };
    r.units = net_number(layer, 1);
    r.bias = !net_flag(layer, "no_bias");
    r.second = strcmp(r.cell->name, "gru") == 0;
    r.activation = net_flag(layer, "linear") ? "" : net_activation_word(layer, "tanh");
    net_flag(layer, "no_forget_bias");
    n->number++;
    if (!put_recurrent_weights(n, &r)) return 0;
    const char *sequence = net_as(n, in);
    if (strcmp(sequence, n->last) != 0) fprintf(n->to, "s%d = %s; ", n->number, sequence), net_flows(n, "s", in);
    char name[sizeof n->last];
    memcpy(name, n->last, sizeof name);
    r.in = name;
    for (int64_t i = 0; i < r.steps; i++) put_step(n, &r, i);
    put_states(n, &r, all);
    snprintf(n->activation, sizeof n->activation, "tanh");
    return 1;
}

/* ---- attention --------------------------------------------------------------------------------------- */

/* The letter's projection of one head: "q1_2 = x @ Wq1_2 + bq1_2; " */
static int put_projection(net *n, const char *in, char letter, int index, int head, int64_t inputs, int64_t size,
                          int bias) {
    char weight[32], offset[32];
    snprintf(weight, sizeof weight, "W%c%d_%d", letter, n->number, head + 1);
    snprintf(offset, sizeof offset, "b%c%d_%d", letter, n->number, head + 1);
    if (!net_weight(n, weight, index, EG_SHAPE(inputs, size), 0, head * size)) return 0;
    if (bias && !net_weight(n, offset, index + 1, EG_SHAPE(size), 0, head * size)) return 0;
    fprintf(n->to, bias ? "%c%d_%d = %s @ %s + %s; " : "%c%d_%d = %s @ %s; ", letter, n->number, head + 1, in, weight,
            offset);
    return 1;
}

static int put_head(net *n, const char *in, int head, int64_t inputs, int64_t size, int bias) {
    char weight[32];
    int at = n->number, name = head + 1, each = 1 + bias;
    for (int i = 0; i < 3; i++)
        if (!put_projection(n, in, "qkv"[i], i * each, head, inputs, size, bias)) return 0;
    snprintf(weight, sizeof weight, "Wo%d_%d", at, name);
    if (!net_weight(n, weight, 3 * each, EG_SHAPE(size, inputs), head * size, 0)) return 0;
    fprintf(n->to, "a%d_%d = softmax(q%d_%d @ k%d_%d'/sqrt(%lld)); y%d_%d = a%d_%d @ v%d_%d @ %s; ", at, name, at,
            name, at, name, (long long)size, at, name, at, name, at, name, weight);
    return 1;
}

int net_put_attention(net *n, net_layer *layer) {
    eg_shape rows = net_rows(n->shape);
    int heads = (int)net_number(layer, 1), bias = !net_flag(layer, "no_bias");
    const char *said = net_value(layer, "size");
    int64_t inputs = rows.dim[1], size = said ? strtoll(said, NULL, 10) : inputs / heads;
    char in[sizeof n->view];
    memcpy(in, net_as(n, rows), sizeof in);
    n->number++;
    for (int i = 0; i < heads; i++)
        if (!put_head(n, in, i, inputs, size, bias)) return 0;
    fprintf(n->to, "z%d = ", n->number);
    for (int i = 0; i < heads; i++) fprintf(n->to, "%sy%d_%d", i ? " + " : "", n->number, i + 1);
    if (bias && !net_weight(n, numbered(n, "bo", ""), 7, EG_SHAPE(inputs), 0, 0)) return 0;
    if (bias) fprintf(n->to, " + bo%d", n->number);
    fprintf(n->to, "; ");
    n->parameters += 4 * (1 + bias);
    net_flows(n, "z", rows);
    return 1;
}
