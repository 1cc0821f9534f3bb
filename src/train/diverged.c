/* SPDX-License-Identifier: MIT
 *
 * diverged.c: where did the first number that is not finite come from? The training step is built once more with
 * every value of its graph as a root. From the loss, or where that is finite from the updates, one walks back through
 * values that are not finite to one that is made of finite numbers alone: there it happened. Constants that are infinite
 * on purpose (masks) are no culprits, nor is what is made of them. Inside a scan one sees the whole scan.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "graph/node.h"
#include "train/trainer.h"

/* ---- the program ----------------------------------------------------------------------------------------- */

static int is_real(const eg_value *value) { return value->dtype == EG_F32 || value->dtype == EG_F64; }

static eg_status choose_values(eg_autopsy *autopsy) {
    const eg_step_graph *step = &autopsy->step;
    int n = step->graph->n;
    unsigned char *needed = eg_calloc((size_t)n, 1);
    autopsy->looked = eg_calloc((size_t)n, sizeof *autopsy->looked);
    if (needed && autopsy->looked) eg_mark_needed(step->root, step->roots, needed);
    for (int i = 0; needed && autopsy->looked && i < n; i++) {
        eg_value *value = step->graph->values[i];
        if (needed[i] && value->op != EG_OP_ASSIGN && is_real(value)) autopsy->looked[autopsy->n++] = value;
    }
    eg_free(needed);
    return autopsy->n ? EG_OK : EG_E_MEMORY;
}

eg_status eg_autopsy_new(eg_model *model, int64_t batch, const eg_data *data, int weighted, eg_autopsy *out) {
    const eg_recipe *recipe = &eg_trainer_peek(model)->recipe;
    eg_step_program wanted = { .kind = EG_PROGRAM_TRAIN,
                               .batch = batch,
                               .x_dtype = eg_tensor_dtype(eg_data_x(data)),
                               .weighted = weighted };
    *out = (eg_autopsy){ 0 };
    EG_TRY(eg_step_graph_new(model, &wanted, data, &out->step));
    EG_TRY(choose_values(out));
    out->program = eg_program_new(eg_model_state(model), out->looked, out->n, .executor = recipe->executor,
                                  .threads = recipe->threads, .no_fuse = 1);
    return out->program ? EG_OK : eg_error_status();
}

void eg_autopsy_free(eg_autopsy *autopsy) {
    eg_program_free(autopsy->program);
    eg_free(autopsy->looked);
    eg_step_graph_free(&autopsy->step);
}

/* ---- what the values are --------------------------------------------------------------------------------- */

typedef struct finding {
    int64_t bad, size; /* values that are not finite, of how many */
    double first;      /* of those */
    double low, high;  /* of the others */
} finding;

static finding examine(const eg_autopsy *autopsy, int root) {
    finding f = { .size = eg_shape_size(autopsy->looked[root]->shape), .low = INFINITY, .high = -INFINITY };
    const void *data = eg_get_data(autopsy->program, root);
    int wide = autopsy->looked[root]->dtype == EG_F64;
    for (int64_t i = 0; i < f.size; i++) {
        double value = wide ? ((const double *)data)[i] : (double)((const float *)data)[i];
        if (isfinite(value)) {
            f.low = fmin(f.low, value);
            f.high = fmax(f.high, value);
        } else if (f.bad++ == 0) {
            f.first = isnan(value) ? fabs(value) : value; /* never "-nan" */
        }
    }
    return f;
}

/* ---- the walk back --------------------------------------------------------------------------------------- */

/* By the values' ids. */
typedef struct marks {
    unsigned char *bad, *reached;
} marks;

static int reach_bad_inputs(const eg_value *value, marks *m) {
    int any = 0;
    for (int i = 0; i < value->nin; i++)
        if (m->bad[value->in[i]->id]) any = m->reached[value->in[i]->id] = 1;
    return any;
}

/* The loss, else the first parameter whose update is bad; *start is that assign, or NULL. */
static void mark_starts(const eg_step_graph *step, marks *m, const eg_value **start) {
    *start = NULL;
    m->reached[step->root[0]->id] = m->bad[step->root[0]->id];
    for (int i = 1; i < step->roots && !m->bad[step->root[0]->id] && !*start; i++)
        if (step->root[i]->op == EG_OP_ASSIGN && reach_bad_inputs(step->root[i], m)) *start = step->root[i];
}

static const eg_value *walk_back(const eg_autopsy *autopsy, marks *m) {
    const eg_value *culprit = NULL;
    for (int i = autopsy->n; i-- > 0;) { /* from users to what they use: ids are a topological order */
        const eg_value *value = autopsy->looked[i];
        if (!m->reached[value->id] || reach_bad_inputs(value, m)) continue;
        if (value->nin > 0 || value->op == EG_OP_VAR || value->op == EG_OP_INPUT) culprit = value;
    }
    return culprit;
}

/* ---- words ----------------------------------------------------------------------------------------------- */

static int root_of(const eg_autopsy *autopsy, const eg_value *value) {
    for (int i = 0; i < autopsy->n; i++)
        if (autopsy->looked[i] == value) return i;
    return -1;
}

/* The range of an op's real inputs; low > high without one. */
static finding examine_inputs(const eg_autopsy *autopsy, const eg_value *value) {
    finding all = { .low = INFINITY, .high = -INFINITY };
    for (int i = 0; i < value->nin; i++) {
        int root = root_of(autopsy, value->in[i]);
        if (root < 0) continue;
        finding f = examine(autopsy, root);
        all.low = fmin(all.low, f.low);
        all.high = fmax(all.high, f.high);
    }
    return all;
}

static void name_place(const eg_step_graph *step, const eg_value *value, const eg_value *start, char *text,
                       size_t size) {
    const char *scope = value->scope, *backwards = value->id < step->forward ? "" : "gradient of ";
    int length = (int)strlen(scope) - 1; /* without its last '/' */
    if (value->id >= step->backward && start)
        snprintf(text, size, "update of %s", start->in[0]->name);
    else if (length > 0)
        snprintf(text, size, "%slayer %.*s", backwards, length, scope);
    else
        snprintf(text, size, "%s", value->id < step->prepared ? "preprocessing" : *backwards ? "gradient of the loss" : "loss");
}

static void describe(const eg_autopsy *autopsy, const eg_value *value, const eg_value *start, char *text, size_t size) {
    char place[200];
    finding f = examine(autopsy, root_of(autopsy, value)), in = examine_inputs(autopsy, value);
    if (value->nin == 0) {
        snprintf(text, size, "%s '%s' held %g in %lld of %lld places before the step",
                 value->op == EG_OP_VAR ? "parameter" : "input", value->name, f.first, (long long)f.bad,
                 (long long)f.size);
        return;
    }
    name_place(&autopsy->step, value, start, place, sizeof place);
    int used = snprintf(text, size, "%s, op %s gave %g in %lld of %lld places", place, eg_value_op(value), f.first,
                        (long long)f.bad, (long long)f.size);
    if (in.low <= in.high && used > 0 && (size_t)used < size)
        snprintf(text + used, size - (size_t)used, " (of numbers from %.3g to %.3g)", in.low, in.high);
}

eg_status eg_autopsy_find(const eg_autopsy *autopsy, char *text, size_t size) {
    int n = autopsy->step.graph->n;
    marks m = { eg_calloc((size_t)n, 1), eg_calloc((size_t)n, 1) };
    eg_status status = m.bad && m.reached ? EG_OK : EG_E_MEMORY;
    const eg_value *start, *culprit;
    *text = 0;
    for (int i = 0; status == EG_OK && i < autopsy->n; i++)
        m.bad[autopsy->looked[i]->id] = examine(autopsy, i).bad > 0;
    if (status == EG_OK) {
        mark_starts(&autopsy->step, &m, &start);
        culprit = walk_back(autopsy, &m);
        if (culprit) describe(autopsy, culprit, start, text, size);
    }
    eg_free(m.bad);
    eg_free(m.reached);
    return status;
}
