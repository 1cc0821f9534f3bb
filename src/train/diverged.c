/* SPDX-License-Identifier: MIT
 *
 * diverged.c: where did the first number that is not finite come from? The training step is built once more with
 * every value of its graph as a root. From the loss, or where that is finite from the updates, one walks back through
 * values that are not finite to one that is made of finite numbers alone: there it happened. Constants that are
 * infinite on purpose (masks) are no culprits, nor is what is made of them. Inside a scan one sees the whole scan.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "graph/node.h"
#include "runtime/state.h"
#include "train/fitting.h"

/* A training step as a program of which every value can be looked at; it changes no variable. */
typedef struct autopsy {
    eg_step_graph step;
    eg_value **looked; /* [n]: the program's roots */
    int n;
    eg_program *program;
} autopsy;

/* ---- the program ----------------------------------------------------------------------------------------- */

static int is_real(const eg_value *value) { return value->dtype == EG_F32 || value->dtype == EG_F64; }

static eg_status choose_values(autopsy *a) {
    const eg_step_graph *step = &a->step;
    int n = step->graph->n;
    unsigned char *needed = eg_calloc((size_t)n, 1);
    a->looked = eg_calloc((size_t)n, sizeof *a->looked);
    if (needed && a->looked) eg_mark_needed(step->root, step->roots, needed);
    for (int i = 0; needed && a->looked && i < n; i++) {
        eg_value *value = step->graph->values[i];
        if (needed[i] && value->op != EG_OP_ASSIGN && is_real(value)) a->looked[a->n++] = value;
    }
    eg_free(needed);
    return a->n ? EG_OK : EG_E_MEMORY;
}

static eg_status autopsy_new(eg_model *model, int64_t batch, const eg_data *data, int weighted, autopsy *out) {
    const eg_recipe *recipe = &eg_trainer_peek(model)->recipe;
    eg_step_program wanted = {
        .kind = EG_PROGRAM_TRAIN, .batch = batch, .x_dtype = eg_tensor_dtype(eg_data_x(data)), .weighted = weighted
    };
    *out = (autopsy){ 0 };
    EG_TRY(eg_step_graph_new(model, &wanted, data, &out->step));
    EG_TRY(choose_values(out));
    out->program = eg_program_new(eg_model_state(model), out->looked, out->n, .executor = recipe->executor,
                                  .threads = recipe->threads, .no_fuse = 1);
    return out->program ? EG_OK : eg_error_status();
}

static void autopsy_free(autopsy *a) {
    eg_program_free(a->program);
    eg_free(a->looked);
    eg_step_graph_free(&a->step);
}

/* ---- what the values are --------------------------------------------------------------------------------- */

typedef struct finding {
    int64_t bad, size; /* values that are not finite, of how many */
    double first;      /* of those */
    double low, high;  /* of the others */
} finding;

static finding examine(const autopsy *a, int root) {
    finding f = { .size = eg_count(&a->looked[root]->shape), .low = INFINITY, .high = -INFINITY };
    const void *data = eg_get_data(a->program, root);
    int wide = a->looked[root]->dtype == EG_F64;
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

static const eg_value *walk_back(const autopsy *a, marks *m) {
    const eg_value *culprit = NULL;
    for (int i = a->n; i-- > 0;) { /* from users to what they use: ids are a topological order */
        const eg_value *value = a->looked[i];
        if (!m->reached[value->id] || reach_bad_inputs(value, m)) continue;
        if (value->nin > 0 || value->op == EG_OP_VAR || value->op == EG_OP_INPUT) culprit = value;
    }
    return culprit;
}

/* ---- words ----------------------------------------------------------------------------------------------- */

static int root_of(const autopsy *a, const eg_value *value) {
    for (int i = 0; i < a->n; i++)
        if (a->looked[i] == value) return i;
    return -1;
}

/* The range of an op's real inputs; low > high without one. */
static finding examine_inputs(const autopsy *a, const eg_value *value) {
    finding all = { .low = INFINITY, .high = -INFINITY };
    for (int i = 0; i < value->nin; i++) {
        int root = root_of(a, value->in[i]);
        if (root < 0) continue;
        finding f = examine(a, root);
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
        snprintf(text, size, "%s",
                 value->id < step->prepared ? "preprocessing"
                 : *backwards               ? "gradient of the loss"
                                            : "loss");
}

static void describe(const autopsy *a, const eg_value *value, const eg_value *start, char *text, size_t size) {
    char place[200];
    finding f = examine(a, root_of(a, value)), in = examine_inputs(a, value);
    if (value->nin == 0) {
        snprintf(text, size, "%s '%s' held %g in %lld of %lld places before the step",
                 value->op == EG_OP_VAR ? "parameter" : "input", value->name, f.first, (long long)f.bad,
                 (long long)f.size);
        return;
    }
    name_place(&a->step, value, start, place, sizeof place);
    int used = snprintf(text, size, "%s, op %s gave %g in %lld of %lld places", place, eg_value_op(value), f.first,
                        (long long)f.bad, (long long)f.size);
    if (in.low <= in.high && used > 0 && (size_t)used < size)
        snprintf(text + used, size - (size_t)used, " (of numbers from %.3g to %.3g)", in.low, in.high);
}

static eg_status autopsy_find(const autopsy *a, char *text, size_t size) {
    int n = a->step.graph->n;
    marks m = { eg_calloc((size_t)n, 1), eg_calloc((size_t)n, 1) };
    eg_status status = m.bad && m.reached ? EG_OK : EG_E_MEMORY;
    const eg_value *start, *culprit;
    *text = 0;
    for (int i = 0; status == EG_OK && i < a->n; i++) m.bad[a->looked[i]->id] = examine(a, i).bad > 0;
    if (status == EG_OK) {
        mark_starts(&a->step, &m, &start);
        culprit = walk_back(a, &m);
        if (culprit) describe(a, culprit, start, text, size);
    }
    eg_free(m.bad);
    eg_free(m.reached);
    return status;
}

/* ---- the steps before ------------------------------------------------------------------------------------ */

eg_status eg_fitting_keep(eg_fitting *f) {
    eg_kept *k = &f->kept;
    const eg_state *state = eg_model_state(f->model);
    int64_t made = f->trainer->position.step - k->at.step;
    if (!k->state || made >= EG_KEEP_EVERY) {
        size_t bytes = 0;
        for (int i = 0; i < state->n; i++) bytes += state->variable[i].bytes;
        if (bytes > EG_KEEP_MOST) return EG_OK;
        if (k->state && k->state->n == state->n)
            for (int i = 0; i < state->n; i++)
                memcpy(k->state->variable[i].data, state->variable[i].data, state->variable[i].bytes);
        else {
            eg_state_free(k->state);
            if (!(k->state = eg_state_clone(state))) return EG_E_MEMORY;
        }
        k->at = f->trainer->position;
        made = 0;
    }
    k->lr[made] = f->trainer->lr;
    return EG_OK;
}

/* ---- a step that went wrong ------------------------------------------------------------------------------ */

static int is_finite(const eg_variable *variable) {
    size_t size = eg_dtype_size(variable->dtype);
    for (size_t i = 0; i < variable->bytes / size; i++) {
        double value = variable->dtype == EG_F64 ? ((const double *)variable->data)[i]
                                                 : (double)((const float *)variable->data)[i];
        if (!isfinite(value)) return 0;
    }
    return 1;
}

/* The first variable with a number that is not finite, or NULL. */
static const char *bad_variable(const eg_state *state) {
    for (int i = 0; i < state->n; i++)
        if ((state->variable[i].dtype == EG_F32 || state->variable[i].dtype == EG_F64) &&
            !is_finite(&state->variable[i]))
            return state->variable[i].name;
    return NULL;
}

/* From the kept state again, to before step `last` or before the first step that leaves a bad variable; *step is the
 * one that it stands before. */
static eg_status replay(eg_fitting *f, int64_t last, int64_t *step) {
    eg_trainer *trainer = f->trainer;
    eg_position *at = &trainer->position;
    eg_program *program;
    EG_TRY(eg_state_copy(eg_model_state(f->model), f->kept.state));
    *at = f->kept.at;
    eg_fitting_order(f);
    for (*step = at->step; *step < last && !bad_variable(eg_model_state(f->model)); *step = at->step) {
        int64_t n = eg_fitting_fill(f);
        trainer->lr = f->kept.lr[at->step - f->kept.at.step];
        EG_TRY(eg_step_program_get(f->model, EG_PROGRAM_TRAIN, n, f->train, f->weighted, &program));
        EG_TRY(eg_fitting_run(f, program, n));
        eg_fitting_advance(f);
    }
    return EG_OK;
}

/* What the first bad number was and where, into `text`; "" if it did not come again. */
static eg_status find_origin(eg_fitting *f, char *text, size_t size) {
    int64_t failed = f->trainer->position.step - 1, step;
    autopsy a = { 0 };
    EG_TRY(replay(f, failed, &step));
    if (bad_variable(eg_model_state(f->model))) EG_TRY(replay(f, step - 1, &step));
    f->trainer->lr = f->kept.lr[step - f->kept.at.step];
    int64_t n = eg_fitting_fill(f);
    eg_status status = autopsy_new(f->model, n, f->train, f->weighted, &a);
    if (status == EG_OK) status = eg_fitting_run(f, a.program, n);
    if (status == EG_OK) status = autopsy_find(&a, text, size);
    autopsy_free(&a);
    return status;
}

/* The model is left as it was before the step that went wrong, if that is known. */
eg_status eg_fitting_diverged(eg_fitting *f, double loss) {
    char text[400] = "", advice[120];
    const eg_position *at = &f->trainer->position;
    int64_t step = at->step;
    if (f->kept.state && find_origin(f, text, sizeof text) == EG_OK && *text) step = at->step + 1;
    const char *bad = bad_variable(eg_model_state(f->model));
    if (!*text && bad) snprintf(text, sizeof text, "'%s' is not finite", bad);
    snprintf(advice, sizeof advice, "try a smaller learning rate than %g, or clip the gradients", f->trainer->lr);
    return eg_fail(EG_E_DIVERGED, "training diverged in epoch %d, step %lld: %s%sloss %g; %s",
                   at->epoch - at->first_epoch + 1, (long long)step, text, *text ? "; " : "",
                   isnan(loss) ? fabs(loss) : loss,
                   step <= 1 ? "it is the first step: look at the data and the initial values" : advice);
}
