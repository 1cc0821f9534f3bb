/* SPDX-License-Identifier: MIT
 *
 * formula_sequence.c: layers over sequences as formulas. A sequence is a matrix with a row for each step. A recurrent
 * layer is written out step by step, as the course draws it: h1_1 of the first word, h1_2 of the second and h1_1,
 * ...; the weights of each gate have a name of their own. The state begins with zeros, so the first step has no term
 * for it. The second direction has names with an r: W1r, h1r_3.
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

static void net_zeros(net *n, const unsigned char *zero) {
    n->zero = zero;
    snprintf(n->zero_of, sizeof n->zero_of, "%s", n->last);
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

/* Word 0 is no word: a row of zeros. */
static const char *embedded_or_masked(net *n, int64_t number) {
    static char text[64];
    snprintf(text, sizeof text, number ? "%s" : "0*%s", embedded(n, number));
    return text;
}

int net_drop_padding(net *n, int64_t columns) {
    int64_t steps = n->shape.dim[0], there = 0;
    char from[sizeof n->last];
    const char *matrix = net_as(n, EG_SHAPE(steps, columns));
    if (strcmp(matrix, n->last) != 0)
        fprintf(n->to, "s%d = %s; ", n->number, matrix), net_flows(n, "s", EG_SHAPE(steps, columns));
    memcpy(from, n->last, sizeof from);
    fprintf(n->to, "t%d = [", n->number);
    for (int64_t i = 0; i < steps; i++)
        if (!n->padding[i]) fprintf(n->to, "%s%s[%lld]", there++ ? ", " : "", from, (long long)i);
    fprintf(n->to, "]; ");
    net_flows(n, "t", EG_SHAPE(there, columns));
    return there > 0 || net_refuse(n, "--input: all steps are padding%s%s", "", "");
}

int net_put_embedding(net *n, net_layer *layer) {
    int64_t words = net_number(layer, 1), size = net_number(layer, 1);
    int masked = net_flag(layer, "mask_zero");
    const formula_variable *x = formula_variable_named(n->f, "x");
    net_flag(layer, "torch");
    if (!are_words(n, words) || !put_words(n, "e", size, masked ? embedded_or_masked : embedded)) return 0;
    unsigned char *zero = formula_take(n->f, (size_t)x->size + 1);
    if (!zero) return 0;
    for (int64_t i = 0; i < x->size; i++) zero[i] = masked && x->data[i] == 0;
    net_zeros(n, zero);
    if (masked) n->padding = zero;
    n->parameters++;
    return net_weight(n, numbered(n, "E", ""), -1, EG_SHAPE(words, size), 0, 0);
}

static const char *one_hot(net *n, int64_t number) {
    static char text[64];
    snprintf(text, sizeof text, "unit(%lld, %lld)", (long long)number, (long long)n->out.dim[n->out.rank - 1]);
    return text;
}

int net_put_one_hot(net *n, net_layer *layer) {
    int64_t words = net_number(layer, 1), size = formula_size(n->shape);
    if (!are_words(n, words) || !put_words(n, "e", words, one_hot)) return 0;
    net_zeros(n, formula_take(n->f, (size_t)size + 1)); /* no row is */
    return 1;
}

int net_put_position(net *n, net_layer *layer) {
    eg_shape rows = net_rows(n->out);
    int waves = net_flag(layer, "sinusoidal");
    n->number++;
    fprintf(n->to, "z%d = %s + ", n->number, net_as(n, rows));
    net_flows(n, "z", rows);
    if (waves) return fprintf(n->to, "waves(%lld, %lld); ", (long long)rows.dim[0], (long long)rows.dim[1]), 1;
    fprintf(n->to, "P%d; ", n->number);
    n->parameters++;
    return net_weight(n, numbered(n, "P", ""), -1, rows, 0, 0);
}

/* ---- recurrent layers -------------------------------------------------------------------------------- */

/* One step. $ the layer's number, # of this step, & of the step before, ~ its row of x, % the activation, ^ that of
 * gates; <behind the first step>, !at the first step!, {with biases}, [with second biases] */
static const struct cell {
    const char *name, *gates, *step;
} cells[] = {
    { "simple_rnn", "", "h# = %(~ @ W$< + h& @ U$>{ + b$}[ + c$]); " },
    { "lstm", "ifgo",
      "x# = ~; i# = ^(x# @ Wi$< + h& @ Ui$>{ + bi$}[ + ci$]); "
      "<f# = ^(x# @ Wf$ + h& @ Uf${ + bf$}[ + cf$]); >"
      "g# = %(x# @ Wg$< + h& @ Ug$>{ + bg$}[ + cg$]); o# = ^(x# @ Wo$< + h& @ Uo$>{ + bo$}[ + co$]); "
      "c# = <f#*c& + >i#*g#; h# = o#*%(c#); " },
    { "gru", "zrn",
      "x# = ~; z# = ^(x# @ Wz${ + bz$}< + h& @ Uz$>[ + cz$]); "
      "r# = ^(x# @ Wr${ + br$}< + h& @ Ur$>[ + cr$]); n# = %(x# @ Wn${ + bn$}< + r#*(h& @ Un$[ + cn$])>![ + "
      "r#*cn$]!); h# = <z#*h& + >(1 - z#)*n#; " },
    { "gru reset_before", "zrn",
      "x# = ~; z# = ^(x# @ Wz$< + h& @ Uz$>{ + bz$}); <r# = ^(x# @ Wr$ + h& @ Ur${ + br$}); >"
      "n# = %(x# @ Wn$< + (r#*h&) @ Un$>{ + bn$}); h# = <z#*h& + >(1 - z#)*n#; " },
};

/* Second biases: none, the second row of the first (gru in Keras' order), a parameter of their own. */
enum { NO_SECOND, SECOND_ROW, SECOND_PARAMETER };

typedef struct recurrent {
    const struct cell *cell;
    const char *gates; /* as they lie in the parameters */
    const char *activation, *gate_activation;
    char in[48];  /* the sequence's name */
    char tag[16]; /* of this direction's names: "1", or "1r" */
    int bias, second, all, both, backwards;
    const unsigned char *zero; /* steps that do not count; NULL: all do */
    int64_t inputs, units, steps;
    int64_t *state; /* by step: the step whose state is this one's; -1: still zeros */
} recurrent;

static void put_letter(net *n, const recurrent *r, char letter, int64_t step, int64_t before) {
    switch (letter) {
    case '$':
        fprintf(n->to, "%s", r->tag);
        break;
    case '#':
        fprintf(n->to, "%s_%lld", r->tag, (long long)step + 1);
        break;
    case '&':
        fprintf(n->to, "%s_%lld", r->tag, (long long)before + 1);
        break;
    case '~':
        fprintf(n->to, "%s[%lld]", r->in, (long long)step);
        break;
    case '%':
        fprintf(n->to, "%s", r->activation);
        break;
    case '^':
        fprintf(n->to, "%s", r->gate_activation);
        break;
    default:
        fputc(letter, n->to);
    }
}

/* `before`: the step that leaves its state; -1 for the first. */
static void put_step(net *n, const recurrent *r, int64_t step, int64_t before) {
    int later = 1, first = 1, bias = 1, second = 1; /* is what stands here written? */
    for (const char *at = r->cell->step; *at; at++)
        if (*at == '<' || *at == '>')
            later = *at == '>' || before >= 0;
        else if (*at == '!')
            first = !first || before < 0;
        else if (*at == '{' || *at == '}')
            bias = *at == '}' || r->bias;
        else if (*at == '[' || *at == ']')
            second = *at == ']' || r->second != NO_SECOND;
        else if (later && first && bias && second)
            put_letter(n, r, *at, step, before);
}

static void put_walk(net *n, recurrent *r, int backwards) {
    int64_t before = -1;
    for (int64_t i = 0; i < r->steps; i++) {
        int64_t step = backwards ? r->steps - 1 - i : i;
        if (!r->zero || !r->zero[step]) {
            put_step(n, r, step, before);
            before = step;
        }
        r->state[step] = before;
    }
}

/* ---- their weights ----------------------------------------------------------------------------------- */

/* "Wi1", of a cell without gates "W1" */
static const char *tagged(const recurrent *r, const char *letter, const char *gate) {
    static char name[32];
    snprintf(name, sizeof name, "%s%s%s", letter, gate, r->tag);
    return name;
}

/* W [in, gates units], U [units, gates units], b [gates units] of the library, gate by gate. */
static int put_gate_weights(net *n, const recurrent *r, const char *gate, int64_t at) {
    int64_t column = at * r->units;
    int own = r->second == SECOND_PARAMETER;
    eg_shape bias = EG_SHAPE(r->units);
    return net_kernel(n, tagged(r, "W", gate), 0, EG_SHAPE(r->inputs, r->units), column) &&
           net_kernel(n, tagged(r, "U", gate), 1, EG_SHAPE(r->units, r->units), column) &&
           (!r->bias || net_weight(n, tagged(r, "b", gate), 2, bias, 0, column)) &&
           (r->second == NO_SECOND || net_weight(n, tagged(r, "c", gate), 2 + own, bias, !own, column));
}

static int put_recurrent_weights(net *n, const recurrent *r) {
    int good = 1;
    if (!*r->gates) good = put_gate_weights(n, r, "", 0);
    for (int i = 0; r->gates[i] && good; i++) good = put_gate_weights(n, r, (const char[]){ r->gates[i], 0 }, i);
    n->parameters += 2 + r->bias + (r->second == SECOND_PARAMETER);
    return good;
}

/* ---- their states ------------------------------------------------------------------------------------ */

static void put_state(net *n, const recurrent *r, const char *tag, int64_t step) {
    if (step < 0)
        fprintf(n->to, "0*ones(%lld)", (long long)r->units);
    else
        fprintf(n->to, "h%s_%lld", tag, (long long)step + 1);
}

/* All states as rows, both directions side by side. */
static void put_states(net *n, const recurrent *r, const recurrent *back) {
    unsigned char *zero = formula_take(n->f, (size_t)r->steps + 1);
    fprintf(n->to, r->both ? "h%d = reshape([" : "h%d = [", n->number);
    for (int64_t i = 0; i < r->steps && zero; i++) {
        if (i) fprintf(n->to, ", ");
        put_state(n, r, r->tag, r->state[i]);
        if (r->both) fprintf(n->to, ", "), put_state(n, back, back->tag, back->state[i]);
        zero[i] = r->state[i] < 0 && (!r->both || back->state[i] < 0);
    }
    fprintf(n->to, "]");
    if (r->both) fprintf(n->to, ", %lld, %lld)", (long long)r->steps, 2 * (long long)r->units);
    fprintf(n->to, "; ");
    net_flows(n, "h", EG_SHAPE(r->steps, (1 + r->both) * r->units));
    net_zeros(n, zero);
}

/* Of a walk the state it ends with. */
static int64_t last_state(const recurrent *r, int backwards) { return r->state[backwards ? 0 : r->steps - 1]; }

static void put_last_state(net *n, const recurrent *r, const recurrent *back) {
    int64_t last = last_state(r, r->backwards);
    if (!r->both && last >= 0) {
        snprintf(n->last, sizeof n->last, "h%s_%lld", r->tag, (long long)last + 1);
        n->now = EG_SHAPE(r->units);
        return;
    }
    fprintf(n->to, r->both ? "h%d = reshape([" : "h%d = ", n->number);
    put_state(n, r, r->tag, last);
    if (r->both) fprintf(n->to, ", "), put_state(n, back, back->tag, last_state(back, !r->backwards));
    if (r->both) fprintf(n->to, "], %lld)", 2 * (long long)r->units);
    fprintf(n->to, "; ");
    net_flows(n, "h", EG_SHAPE((1 + r->both) * r->units));
}

/* ---- the layer --------------------------------------------------------------------------------------- */

static const struct cell *cell_named(const char *name, int reset_before) {
    size_t i = 0;
    while (strcmp(cells[i].name, name) != 0) i++;
    return &cells[i + (size_t)reset_before];
}

static const char *gate_activation(net_layer *layer) {
    eg_activation_kind kind;
    const char *word = net_value(layer, "recurrent_activation");
    return word && eg_activation_named(word, &kind) == EG_OK ? eg_activation_name(kind) : "sigmoid";
}

static recurrent read_recurrent(net *n, net_layer *layer) {
    int before = net_flag(layer, "reset_before"), torch = net_flag(layer, "torch");
    int is_gru = strcmp(layer->word[0], "gru") == 0;
    recurrent r = { .cell = cell_named(layer->word[0], before),
                    .inputs = n->shape.dim[1],
                    .steps = n->shape.dim[0],
                    .gate_activation = gate_activation(layer) };
    r.units = net_number(layer, 1);
    r.all = net_flag(layer, "return_sequences");
    r.both = net_flag(layer, "bidirectional");
    r.backwards = net_flag(layer, "backwards");
    r.bias = !net_flag(layer, "no_bias");
    r.second = !r.bias || before ? NO_SECOND : torch ? SECOND_PARAMETER : is_gru ? SECOND_ROW : NO_SECOND;
    r.gates = is_gru && torch ? "rzn" : r.cell->gates;
    r.activation = net_flag(layer, "linear") ? "" : net_activation_word(layer, "tanh");
    return r;
}

/* Which rows of what flows have nothing but this value, where that is known: of the input; zeros also behind an
 * embedding, of states. */
static const unsigned char *known_rows(net *n, double value) {
    int64_t steps = n->shape.dim[0], inputs = n->shape.dim[1];
    if (!eg_shape_equal(n->now, n->shape)) return NULL;
    if (value == 0 && n->zero && strcmp(n->zero_of, n->last) == 0) return n->zero;
    if (strcmp(n->last, "x") != 0) return NULL;
    const double *x = formula_variable_named(n->f, "x")->data;
    unsigned char *found = formula_take(n->f, (size_t)steps + 1);
    for (int64_t i = 0; i < steps && found; i++) {
        found[i] = 1;
        for (int64_t k = 0; k < inputs; k++) found[i] &= x[i * inputs + k] == value;
    }
    return found;
}

static int not_known(net *n, const char *what) {
    return net_refuse(n, "--net: %s is explained right behind the input, an embedding or a recurrent layer%s", what, "");
}

int net_put_masking(net *n, net_layer *layer) {
    const char *value = net_number_word(layer);
    char from[sizeof n->last];
    if (!(n->padding = known_rows(n, value ? strtod(value, NULL) : 0))) return not_known(n, "masking");
    memcpy(from, n->last, sizeof from);
    n->number++;
    fprintf(n->to, "m%d = [", n->number);
    for (int64_t i = 0; i < n->shape.dim[0]; i++)
        fprintf(n->to, "%s%s%s[%lld]", i ? ", " : "", n->padding[i] ? "0*" : "", from, (long long)i);
    fprintf(n->to, "]; ");
    net_flows(n, "m", n->shape);
    net_zeros(n, n->padding);
    return 1;
}

static int put_direction(net *n, recurrent *r, const char *letter, int backwards) {
    snprintf(r->tag, sizeof r->tag, "%d%s", n->number, letter);
    r->state = formula_take(n->f, (size_t)r->steps * sizeof *r->state + 1);
    if (!r->state || !put_recurrent_weights(n, r)) return 0;
    put_walk(n, r, backwards);
    return 1;
}

int net_put_recurrent(net *n, net_layer *layer) {
    eg_shape in = n->shape;
    recurrent r = read_recurrent(n, layer), back = r;
    n->number++;
    if (net_flag(layer, "skip_zeros") && !n->padding && !(n->padding = known_rows(n, 0)))
        return not_known(n, "skip_zeros");
    r.zero = back.zero = n->padding;
    const char *sequence = net_as(n, in);
    if (strcmp(sequence, n->last) != 0) fprintf(n->to, "s%d = %s; ", n->number, sequence), net_flows(n, "s", in);
    memcpy(r.in, n->last, sizeof r.in);
    memcpy(back.in, n->last, sizeof back.in);
    if (!put_direction(n, &r, "", r.backwards)) return 0;
    if (r.both && !put_direction(n, &back, "r", !r.backwards)) return 0;
    if (net_value(layer, "stateful")) n->parameters += strcmp(layer->word[0], "lstm") == 0 ? 2 : 1; /* begin at 0 */
    (r.all ? put_states : put_last_state)(n, &r, &back);
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

/* "where([0, 1, 1], -1e30, ": the scores of padding, and of later steps. */
static void put_hidden(net *n, int causal) {
    int64_t steps = n->shape.dim[0];
    fprintf(n->to, causal ? "where(max(later(%lld), [" : "where([", (long long)steps);
    for (int64_t i = 0; i < steps; i++) fprintf(n->to, i ? ", %d" : "%d", n->padding[i]);
    fprintf(n->to, causal ? "]), -1e30, " : "], -1e30, ");
}

static int put_head(net *n, const char *in, int head, int64_t inputs, int64_t size, int bias, int causal) {
    char weight[32];
    int at = n->number, name = head + 1, each = 1 + bias;
    for (int i = 0; i < 3; i++)
        if (!put_projection(n, in, "qkv"[i], i * each, head, inputs, size, bias)) return 0;
    snprintf(weight, sizeof weight, "Wo%d_%d", at, name);
    if (!net_weight(n, weight, 3 * each, EG_SHAPE(size, inputs), head * size, 0)) return 0;
    fprintf(n->to, "a%d_%d = softmax(", at, name);
    if (n->padding) put_hidden(n, causal);
    fprintf(n->to, "q%d_%d @ k%d_%d'/sqrt(%lld)", at, name, at, name, (long long)size);
    if (causal && !n->padding) fprintf(n->to, " - 1e9*later(%lld)", (long long)n->shape.dim[0]);
    fprintf(n->to, n->padding ? "))" : ")");
    fprintf(n->to, "; y%d_%d = a%d_%d @ v%d_%d @ %s; ", at, name, at, name, at, name, weight);
    return 1;
}

int net_put_attention(net *n, net_layer *layer) {
    eg_shape rows = net_rows(n->shape);
    int heads = (int)net_number(layer, 1), bias = !net_flag(layer, "no_bias"), causal = net_flag(layer, "causal");
    const char *said = net_value(layer, "size");
    int64_t inputs = rows.dim[1], size = said ? strtoll(said, NULL, 10) : inputs / heads;
    char in[sizeof n->view];
    memcpy(in, net_as(n, rows), sizeof in);
    n->number++;
    for (int i = 0; i < heads; i++)
        if (!put_head(n, in, i, inputs, size, bias, causal)) return 0;
    fprintf(n->to, "z%d = ", n->number);
    for (int i = 0; i < heads; i++) fprintf(n->to, "%sy%d_%d", i ? " + " : "", n->number, i + 1);
    if (bias && !net_weight(n, numbered(n, "bo", ""), 7, EG_SHAPE(inputs), 0, 0)) return 0;
    if (bias) fprintf(n->to, " + bo%d", n->number);
    fprintf(n->to, "; ");
    n->parameters += 4 * (1 + bias);
    net_flows(n, "z", rows);
    return 1;
}
