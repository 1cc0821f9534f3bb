/* SPDX-License-Identifier: MIT
 *
 * explain_json.c: an explanation as one JSON object; arrays as nested lists.
 */
#include <stdlib.h>
#include "explain.h"

static void put_number(cli_json *json, const char *key, double number) {
    cli_json_real(json, key, number == 0 ? 0 : number);
}

static void put_array(cli_json *json, const char *key, const double *data, eg_shape shape) {
    int64_t each = shape.rank == 2 ? shape.dim[1] : 1;
    if (shape.rank == 0) {
        put_number(json, key, *data);
        return;
    }
    cli_json_list(json, key);
    for (int64_t i = 0; i < shape.dim[0]; i++)
        put_array(json, NULL, data + i * each, shape.rank == 2 ? EG_SHAPE(each) : EG_SCALAR);
    cli_json_list_end(json);
}

/* {"x": ..., "y": ...} of an array for each variable */
static void put_by_variable(cli_json *json, const char *key, explanation *e, const double *const *arrays) {
    cli_json_open(json, key);
    for (int i = 0; i < formula_variables(e->f); i++) {
        const formula_variable *v = formula_variable_at(e->f, i);
        put_array(json, v->name, arrays[i], v->shape);
    }
    cli_json_close(json);
}

static const char *op_name(const formula_node *node) {
    return node->op->written && node->n == 1 ? node->op->written : node->op->name;
}

/* A gate's input: its value is that of where the wire comes from. */
static void put_input(cli_json *json, const explanation *e, const formula_wire *wire) {
    const double *value = NULL;
    for (int i = 0; i < e->flow.n; i++)
        if (e->flow.gate[i].node == wire->from) value = e->flow.gate[i].value;
    if (!value) value = formula_variable_named(e->f, wire->from->name)->data;
    cli_json_open(json, NULL);
    cli_json_text(json, "name", e->flow.label[wire->from->id]);
    put_array(json, "value", value, wire->from->shape);
    if (wire->local)
        put_array(json, "local", wire->local, wire->local_shape);
    else
        cli_json_text(json, "local", NULL);
    cli_json_text(json, "rule", wire->rule);
    put_array(json, "gradient", wire->gradient, wire->from->shape);
    cli_json_close(json);
}

static void put_gate(cli_json *json, const explanation *e, const formula_gate *gate) {
    cli_json_open(json, NULL);
    cli_json_text(json, "op", op_name(gate->node));
    cli_json_text(json, "name", e->flow.label[gate->node->id]);
    cli_json_text(json, "text", gate->text);
    cli_json_list(json, "inputs");
    for (int i = 0; i < gate->node->n; i++)
        if (gate->wire[i].from) put_input(json, e, &gate->wire[i]);
    cli_json_list_end(json);
    put_array(json, "value", gate->value, gate->node->shape);
    put_array(json, "gradient", gate->gradient, gate->node->shape);
    cli_json_text(json, "role", gate->node->op->role);
    cli_json_close(json);
}

/* What is used more than once: the gradients of its wires, and their sum. */
static void put_copy(cli_json *json, const formula_flow *flow, const formula_node *node, const double *gradient) {
    cli_json_open(json, NULL);
    cli_json_text(json, "of", flow->label[node->id]);
    cli_json_list(json, "wires");
    for (int i = 0; i < flow->n; i++)
        for (int k = 0; k < flow->gate[i].node->n; k++)
            if (flow->gate[i].wire[k].from == node)
                put_array(json, NULL, flow->gate[i].wire[k].gradient, node->shape);
    cli_json_list_end(json);
    put_array(json, "gradient", gradient, node->shape);
    cli_json_text(json, "role", "adder");
    cli_json_close(json);
}

static void put_copies(cli_json *json, explanation *e) {
    cli_json_list(json, "copies");
    for (int i = 0; i < formula_variables(e->f); i++)
        if (e->flow.uses[i] > 1) put_copy(json, &e->flow, formula_variable_at(e->f, i)->node, e->flow.gradient[i]);
    for (int i = 0; i < e->flow.n; i++)
        if (e->flow.gate[i].uses > 1) put_copy(json, &e->flow, e->flow.gate[i].node, e->flow.gate[i].gradient);
    cli_json_list_end(json);
}

static void put_symbolic(cli_json *json, explanation *e) {
    cli_json_open(json, "symbolic");
    for (int i = 0; i < formula_variables(e->f); i++) {
        char *text = formula_text(e->symbolic[i]);
        cli_json_text(json, formula_variable_at(e->f, i)->name, text);
        free(text);
    }
    cli_json_close(json);
    put_by_variable(json, "symbolic_values", e, (const double *const *)e->symbolic_value);
}

static void put_jacobian(cli_json *json, explanation *e) {
    int64_t m = eg_shape_size(e->root->shape);
    int usual = e->o->layout == EXPLAIN_NUMERATOR;
    cli_json_open(json, "jacobian");
    cli_json_text(json, "layout", usual ? "numerator" : "denominator");
    for (int i = 0; i < formula_variables(e->f); i++) {
        const formula_variable *v = formula_variable_at(e->f, i);
        int64_t rows = usual ? m : v->size, columns = usual ? v->size : m;
        cli_json_list(json, v->name);
        for (int64_t a = 0; a < rows; a++) {
            cli_json_list(json, NULL);
            for (int64_t b = 0; b < columns; b++)
                put_number(json, NULL, e->jacobian[i][usual ? b * m + a : a * m + b]);
            cli_json_list_end(json);
        }
        cli_json_list_end(json);
    }
    cli_json_close(json);
}

static void put_hessian(cli_json *json, explanation *e) {
    int64_t n = formula_elements(e->f);
    char name[64];
    cli_json_open(json, "hessian");
    cli_json_list(json, "elements");
    for (int i = 0; i < formula_variables(e->f); i++)
        for (int64_t k = 0; k < formula_variable_at(e->f, i)->size; k++) {
            explain_element_name(formula_variable_at(e->f, i), k, name, sizeof name);
            cli_json_text(json, NULL, name);
        }
    cli_json_list_end(json);
    put_array(json, "rows", e->hessian, EG_SHAPE(n, n));
    cli_json_close(json);
}

static void put_nudges(cli_json *json, const explanation *e) {
    cli_json_list(json, "nudges");
    for (int i = 0; i < e->o->nudges.n; i++) {
        cli_json_open(json, NULL);
        cli_json_text(json, "nudge", e->nudge[i].text);
        put_number(json, "predicted", e->nudge[i].predicted);
        put_number(json, "true", e->nudge[i].happened);
        cli_json_close(json);
    }
    cli_json_list_end(json);
}

void explain_print_json(explanation *e) {
    cli_json json = { .stream = stdout };
    cli_json_open(&json, NULL);
    put_array(&json, "value", e->flow.value, e->root->shape);
    put_by_variable(&json, "gradients", e, e->flow.gradient);
    cli_json_list(&json, "gates");
    for (int i = 0; i < e->flow.n; i++) put_gate(&json, e, &e->flow.gate[i]);
    cli_json_list_end(&json);
    put_copies(&json, e);
    put_by_variable(&json, "numerical", e, (const double *const *)e->numeric);
    if (e->kink) cli_json_text(&json, "note", "this point is a kink: where both sides differ there is nothing to compare");
    cli_json_text(&json, "formula", e->text);
    if (e->symbolic) put_symbolic(&json, e);
    if (e->jacobian) put_jacobian(&json, e);
    if (e->hessian) put_hessian(&json, e);
    if (e->nudge) put_nudges(&json, e);
    cli_json_close(&json);
}
