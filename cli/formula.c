/* SPDX-License-Identifier: MIT
 *
 * formula.c: nodes and where they live, variables and their values, numbers out of the graph.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "formula_inside.h"

/* ---- memory: blocks that are freed with the formula -------------------------------------------------- */

struct formula_block {
    formula_block *next;
    max_align_t data[];
};

formula_node *formula_no_memory(formula *f) {
    return formula_wrong(f, EG_E_MEMORY, NULL, -1, 0, "there is not enough memory");
}

void *formula_take(formula *f, size_t size) {
    formula_block *block = formula_ok(f) ? calloc(1, sizeof *block + size) : NULL;
    if (!block) {
        formula_no_memory(f);
        return NULL;
    }
    block->next = f->blocks;
    f->blocks = block;
    return block->data;
}

char *formula_copy_text(formula *f, const char *text, size_t length) {
    char *copy = formula_take(f, length + 1);
    if (copy) memcpy(copy, text, length);
    return copy;
}

formula *formula_new(void) {
    formula *f = calloc(1, sizeof *f);
    if (!f) return NULL;
    f->graph = eg_graph_new();
    f->mistake.at = -1;
    f->nothing = (formula_node){ .op = formula_op_named("number"), .id = -1 };
    if (!f->graph) {
        free(f);
        return NULL;
    }
    f->nothing.value = eg_const(f->graph, 0);
    return f;
}

void formula_free(formula *f) {
    if (!f) return;
    for (formula_block *block = f->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    eg_graph_free(f->graph);
    free(f->node);
    free(f->slot);
    free(f);
}

/* ---- mistakes ---------------------------------------------------------------------------------------- */

const formula_mistake *formula_status(const formula *f) { return &f->mistake; }
int formula_ok(const formula *f) { return f->mistake.code == EG_OK; }

formula_node *formula_wrong(formula *f, eg_status code, const char *source, int64_t at, int64_t length,
                            const char *format, ...) {
    if (!formula_ok(f)) return &f->nothing;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(f->mistake.text, sizeof f->mistake.text, format, arguments);
    va_end(arguments);
    f->mistake.code = code;
    f->mistake.source = source;
    f->mistake.at = source ? at : -1;
    f->mistake.length = length;
    return &f->nothing;
}

/* ---- nodes ------------------------------------------------------------------------------------------- */

int64_t formula_size(eg_shape shape) { return eg_shape_size(shape); }

eg_shape formula_joined(eg_shape a, eg_shape b) {
    eg_shape out;
    return eg_shape_broadcast(a, b, &out) == EG_OK ? out : (eg_shape){ .rank = -1 };
}

int formula_is(const formula_node *node, const char *op) { return strcmp(node->op->name, op) == 0; }
int formula_is_number(const formula_node *node, double number) {
    return formula_is(node, "number") && !node->name && node->number == number;
}

static int room_for_node(formula *f) {
    if (!formula_ok(f)) return 0;
    if (f->n == FORMULA_MAX_NODES)
        return formula_wrong(f, EG_E_LIMIT, NULL, -1, 0, "the formula needs more than %d gates", FORMULA_MAX_NODES),
               0;
    if (f->n < f->capacity) return 1;
    int capacity = f->capacity ? 2 * f->capacity : 64;
    formula_node **node = realloc(f->node, (size_t)capacity * sizeof *node);
    if (!node) return formula_no_memory(f), 0;
    f->node = node;
    f->capacity = capacity;
    return 1;
}

/* The message of the graph without the place in this source file. */
static formula_node *graph_mistake(formula *f, const eg_graph *graph) {
    return formula_wrong(f, eg_graph_status(graph), NULL, -1, 0, "%s", eg_graph_error(graph));
}

/* Copies a draft into the list, with its inputs and its value. */
static formula_node *add_node(formula *f, const formula_node *draft) {
    if (!room_for_node(f)) return &f->nothing;
    formula_node *node = formula_take(f, sizeof *node + (size_t)draft->n * sizeof *node->in);
    if (!node) return &f->nothing;
    eg_value **in = formula_take(f, ((size_t)draft->n + 1) * sizeof *in);
    if (!in) return &f->nothing;
    in[0] = f->nothing.value; /* a leaf finds its graph there */
    *node = *draft;
    node->weight = 1;
    node->in = (formula_node **)(node + 1);
    for (int i = 0; i < draft->n; i++) {
        node->in[i] = draft->in[i];
        node->varies |= draft->in[i]->varies;
        node->weight += draft->in[i]->weight;
        in[i] = draft->in[i]->value;
    }
    eg_here(NULL, 0);
    node->value = draft->value ? draft->value : draft->op->build(node, in);
    if (eg_value_is_poisoned(node->value)) return graph_mistake(f, f->graph);
    node->shape = eg_value_shape(node->value);
    node->id = f->n;
    return f->node[f->n++] = node;
}

formula_node *formula_make(formula *f, const formula_op *op, formula_node *const *in, int n) {
    return add_node(f, &(formula_node){ .op = op, .in = (formula_node **)in, .n = n });
}

formula_node *formula_own_variable(formula *f, formula_variable *variable) {
    if (variable->node) return variable->node;
    return variable->node =
               add_node(f, &(formula_node){ .op = formula_op_named("name"),
                                            .name = variable->name,
                                            .varies = 1,
                                            .shape = variable->shape,
                                            .value = eg_input(f->graph, variable->name, EG_F64, variable->shape) });
}

formula_node *formula_stand_in(formula *f, const char *name, const formula_node *node) {
    return add_node(
        f,
        &(formula_node){
            .op = formula_op_named("name"), .name = name, .varies = 1, .shape = node->shape, .value = node->value });
}

/* ---- nodes that exist once --------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t hash, uint64_t more) {
    hash = (hash ^ more) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 29;
}

static uint64_t hash_of(const formula_node *node) {
    uint64_t hash = mixed((uint64_t)(uintptr_t)node->op, (uint64_t)node->n), bits;
    memcpy(&bits, &node->number, sizeof bits);
    hash = mixed(hash, bits);
    for (const char *at = node->name; at && *at; at++) hash = mixed(hash, (unsigned char)*at);
    hash = mixed(hash, (uint64_t)(uintptr_t)node->data);
    for (int i = 0; i < node->n; i++) hash = mixed(hash, (uint64_t)node->in[i]->id);
    return hash;
}

static int same_name(const char *a, const char *b) { return a && b ? strcmp(a, b) == 0 : a == b; }

static int same_node(const formula_node *a, const formula_node *b) {
    if (a->op != b->op || a->n != b->n || a->number != b->number || a->data != b->data ||
        !same_name(a->name, b->name))
        return 0;
    for (int i = 0; i < a->n; i++)
        if (a->in[i] != b->in[i]) return 0;
    return 1;
}

static int grow_slots(formula *f) {
    int slots = f->slots ? 2 * f->slots : 256, *slot = calloc((size_t)slots, sizeof *slot);
    if (!slot) return formula_no_memory(f), 0;
    for (int i = 0; i < f->slots; i++) {
        if (!f->slot[i]) continue;
        uint64_t at = hash_of(f->node[f->slot[i] - 1]);
        while (slot[at % (uint64_t)slots]) at++;
        slot[at % (uint64_t)slots] = f->slot[i];
    }
    free(f->slot);
    f->slot = slot;
    f->slots = slots;
    return 1;
}

static formula_node *once(formula *f, const formula_node *draft) {
    if (!formula_ok(f)) return &f->nothing;
    if (2 * f->used >= f->slots && !grow_slots(f)) return &f->nothing;
    uint64_t at = hash_of(draft);
    for (int found; (found = f->slot[at % (uint64_t)f->slots]) != 0; at++)
        if (same_node(f->node[found - 1], draft)) return f->node[found - 1];
    formula_node *node = add_node(f, draft);
    if (node == &f->nothing) return node;
    f->slot[at % (uint64_t)f->slots] = node->id + 1;
    f->used++;
    return node;
}

formula_node *formula_intern(formula *f, const char *op, formula_node *const *in, int n) {
    return once(f, &(formula_node){ .op = formula_op_named(op), .in = (formula_node **)in, .n = n });
}

formula_node *formula_number(formula *f, double number) {
    return once(f, &(formula_node){ .op = formula_op_named("number"), .number = number == 0 ? 0 : number });
}

formula_node *formula_constant(formula *f, const char *name, double number) {
    return once(f, &(formula_node){ .op = formula_op_named("number"), .number = number, .name = name });
}

formula_node *formula_data(formula *f, eg_shape shape, const double *data) {
    double *copy = formula_take(f, (size_t)formula_size(shape) * sizeof *copy + 1);
    if (!copy) return &f->nothing;
    memcpy(copy, data, (size_t)formula_size(shape) * sizeof *copy);
    eg_tensor *tensor = eg_tensor_from(EG_F64, shape, data);
    if (!tensor) return formula_no_memory(f);
    eg_value *value = eg_constant(f->graph, tensor);
    eg_tensor_free(tensor);
    return add_node(f,
                    &(formula_node){ .op = formula_op_named("data"), .data = copy, .shape = shape, .value = value });
}

unsigned char *formula_needed(formula *f, const formula_node *root) {
    unsigned char *needed = formula_take(f, (size_t)f->n + 1);
    if (!needed || root->id < 0) return NULL;
    needed[root->id] = 1;
    for (int i = root->id; i >= 0; i--)
        for (int k = 0; needed[i] && k < f->node[i]->n; k++) needed[f->node[i]->in[k]->id] = 1;
    return needed;
}

/* ---- variables --------------------------------------------------------------------------------------- */

int formula_variables(const formula *f) { return f->variables; }
formula_variable *formula_variable_at(formula *f, int i) { return &f->variable[i]; }
void formula_allow_unknown(formula *f) { f->unknown_allowed = 1; }

formula_variable *formula_variable_named(formula *f, const char *name) {
    for (int i = 0; i < f->variables; i++)
        if (strcmp(f->variable[i].name, name) == 0) return &f->variable[i];
    return NULL;
}

int64_t formula_elements(const formula *f) {
    int64_t sum = 0;
    for (int i = 0; i < f->variables; i++) sum += f->variable[i].size;
    return sum;
}

static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static int is_name(const char *text) {
    if (!is_letter(*text)) return 0;
    for (text++; *text; text++)
        if (!is_letter(*text) && !(*text >= '0' && *text <= '9')) return 0;
    return 1;
}

static int may_be_set(formula *f, const char *name) {
    if (!formula_ok(f)) return 0;
    if (!is_name(name))
        formula_wrong(f, EG_E_NAME, NULL, -1, 0, "'%.60s' is no name: letters, digits and _ make one", name);
    else if (formula_variable_named(f, name))
        formula_wrong(f, EG_E_NAME, NULL, -1, 0, "%.60s is given twice", name);
    else if (f->variables == FORMULA_MAX_VARIABLES)
        formula_wrong(f, EG_E_LIMIT, NULL, -1, 0, "there are more than %d variables", FORMULA_MAX_VARIABLES);
    return formula_ok(f);
}

void formula_set_data(formula *f, const char *name, eg_shape shape, const double *data) {
    if (!may_be_set(f, name)) return;
    int64_t size = formula_size(shape);
    double *copy = formula_take(f, (size_t)size * sizeof *copy + 1);
    char *own = formula_copy_text(f, name, strlen(name));
    if (!copy || !own) return;
    memcpy(copy, data, (size_t)size * sizeof *copy);
    f->variable[f->variables++] = (formula_variable){ .name = own, .shape = shape, .data = copy, .size = size };
}

/* Takes the value of a formula that has no variables. */
static void set_to(formula *f, const char *name, const char *text, formula *of, formula_node *node) {
    int64_t size = formula_ok(of) ? formula_size(node->shape) : 0;
    double *data = formula_take(f, (size_t)size * sizeof *data + 1);
    if (!data || !formula_evaluate(of, &node, NULL, 1, data)) return;
    for (int64_t i = 0; i < size; i++)
        if (!isfinite(data[i])) {
            formula_wrong(f, EG_E_ARGUMENT, text, 0, (int64_t)strlen(text), "%s: a value that is not finite", name);
            return;
        }
    formula_set_data(f, name, node->shape, data);
}

void formula_set(formula *f, const char *name, const char *text) { formula_set_from(f, name, text, name); }

void formula_set_from(formula *f, const char *name, const char *text, const char *origin) {
    if (!may_be_set(f, name)) return;
    char *own = formula_copy_text(f, text, strlen(text));
    formula *of = own ? formula_new() : NULL;
    if (!of) {
        formula_no_memory(f);
        return;
    }
    of->is_value = 1;
    formula_node *node = formula_parse(of, own);
    set_to(f, name, own, of, node);
    const formula_mistake *inner = formula_status(of);
    if (inner->code != EG_OK)
        formula_wrong(f, inner->code, inner->at < 0 ? NULL : own, inner->at, inner->length, "%s: %s", origin,
                      inner->text);
    formula_free(of);
}

/* ---- numbers ----------------------------------------------------------------------------------------- */

struct formula_run {
    eg_state *state;
    eg_program *program;
    int n;
    int64_t *size;
};

void formula_run_free(formula_run *run) {
    if (!run) return;
    eg_program_free(run->program);
    eg_state_free(run->state);
    free(run->size);
    free(run);
}

static formula_run *run_failed(formula *f, formula_run *run) {
    formula_run_free(run);
    formula_wrong(f, eg_error_status() == EG_OK ? EG_E_MEMORY : eg_error_status(), NULL, -1, 0, "%s", eg_error());
    return NULL;
}

formula_run *formula_run_new(formula *f, eg_value *const *roots, int n) {
    if (!formula_ok(f)) return NULL;
    formula_run *run = calloc(1, sizeof *run);
    if (!run) return run_failed(f, run);
    run->n = n;
    run->size = calloc((size_t)n + 1, sizeof *run->size);
    run->state = eg_state_new(0);
    if (!run->size || !run->state) return run_failed(f, run);
    for (int i = 0; i < n; i++) run->size[i] = formula_size(eg_value_shape(roots[i]));
    run->program = eg_program_new(run->state, roots, n, .executor = EG_REF);
    return run->program ? run : run_failed(f, run);
}

static int run_stopped(formula *f) { return run_failed(f, NULL) != NULL; }

int formula_run_go(formula *f, formula_run *run, double *const *data, double *out) {
    if (!run || !formula_ok(f)) return 0;
    for (int i = 0; i < f->variables; i++) {
        const formula_variable *v = &f->variable[i];
        if (eg_set(run->program, v->name, data ? data[i] : v->data, (size_t)v->size * sizeof(double)) != EG_OK &&
            eg_error_status() != EG_E_NAME) /* a variable that these roots do not use */
            return run_stopped(f);
    }
    if (eg_run(run->program) != EG_OK) return run_stopped(f);
    for (int i = 0; i < run->n; out += run->size[i++])
        if (eg_fetch(run->program, i, out, run->size[i]) != EG_OK) return run_stopped(f);
    return 1;
}

double formula_run_margin(const formula_run *run) { return run ? eg_program_margin(run->program) : 0; }

int formula_evaluate(formula *f, formula_node *const *nodes, const eg_shape *shapes, int n, double *out) {
    eg_value **roots = formula_take(f, ((size_t)n + 1) * sizeof *roots);
    if (!roots) return 0;
    for (int i = 0; i < n; i++) {
        roots[i] = nodes[i]->value;
        if (shapes && !eg_shape_equal(nodes[i]->shape, shapes[i])) roots[i] = eg_expand(roots[i], shapes[i]);
        if (eg_value_is_poisoned(roots[i])) return graph_mistake(f, f->graph), 0;
    }
    formula_run *run = formula_run_new(f, roots, n);
    int good = formula_run_go(f, run, NULL, out);
    formula_run_free(run);
    return good;
}
