/* SPDX-License-Identifier: MIT
 *
 * cmd_explain.c: `elegans explain`: a formula, and what flows through every gate of it forward and backward: the way
 * the course draws backpropagation. Every number is checked by differences. Reads the command line, finds everything
 * out and leaves the showing to explain_*.c; the formulas themselves are formula.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "explain.h"

#define FIELD(name) offsetof(explain_options, name)

static const char *const layouts[] = { "denominator", "numerator", NULL };

static const cli_option options[] = {
    { "symbolic", 0, CLI_FLAG, FIELD(symbolic), NULL,
      .help = "the derivative as a simplified formula; names need no value then" },
    { "jacobian", 0, CLI_FLAG, FIELD(jacobian), NULL, .help = "all derivatives of a vector by each variable" },
    { "layout", 0, CLI_WORD, FIELD(layout), "NAME", .words = layouts,
      .help = "of the Jacobian: denominator (a row for each input, as in the course; default) or numerator" },
    { "hessian", 0, CLI_FLAG, FIELD(hessian), NULL, .help = "all second derivatives of a number" },
    { "nudge", 0, CLI_MANY, FIELD(nudges), "NAME=STEP",
      .help = "move a variable, or an element as w[2]: predicted beside true change; may be repeated" },
    { "json", 0, CLI_FLAG, FIELD(json), NULL, .help = "one JSON object" },
    { "svg", 0, CLI_TEXT, FIELD(svg), "FILE", .help = "draw the graph: values above, gradients below each wire",
      .group = "Pictures" },
    { "png", 0, CLI_TEXT, FIELD(png), "FILE", .help = "the same as PNG (needs rsvg-convert)" },
    { "all-steps", 0, CLI_FLAG, FIELD(all_steps), NULL,
      .help = "draw all steps of a recurrent layer (heads, groups), not the first two and the last only" },
    { "net", 'n', CLI_TEXT, FIELD(net), "LAYERS",
      .help = "a network in place of a formula: 'dense 2 tanh; dense 1 sigmoid'", .group = "Networks" },
    { "input", 'i', CLI_TEXT, FIELD(input), "LIST", .help = "its input, e.g. 1,2" },
    { "shape", 0, CLI_TEXT, FIELD(shape), "SHAPE",
      .help = "shape of the input, where it is not the list's: 4x4x2 for an image with channels" },
    { "target", 't', CLI_TEXT, FIELD(target), "VALUE",
      .help = "its target: numbers, or a class number after softmax" },
    { "loss", 0, CLI_TEXT, FIELD(loss), "NAME",
      .help = "loss (default: cross-entropy after softmax or sigmoid, else mse)" },
    { "seed", 's', CLI_SEED, FIELD(seed), "N", .help = "other weights; or give them: W1=[[1, 2], [3, 4]] b1=[0, 0]" },
    { 0 }
};

/* ---- mistakes, with a caret under their place -------------------------------------------------------- */

static int is_continuation(char c) { return ((unsigned char)c & 0xc0) == 0x80; }

/* The line, cut to the terminal around the place, and ^~~~ under it. */
static void print_caret(const formula_mistake *m) {
    enum { BEFORE = 40 };
    int width = cli_columns(stderr) - 8;
    int64_t size = (int64_t)strlen(m->source), start = m->at > width - 20 ? m->at - BEFORE : 0;
    while (start > 0 && is_continuation(m->source[start])) start--;
    int64_t end = size - start > width ? start + width : size;
    while (end < size && is_continuation(m->source[end])) end++;
    fprintf(stderr, "    %s", start ? "..." : "");
    for (int64_t i = start; i < end; i++) fputc((unsigned char)m->source[i] < 0x20 ? ' ' : m->source[i], stderr);
    fprintf(stderr, "%s\n    %s", end < size ? "..." : "", start ? "   " : "");
    for (int64_t i = start; i < m->at; i++)
        if (!is_continuation(m->source[i])) fputc(' ', stderr);
    fputs(cli_style(stderr, "1;31"), stderr);
    fputc('^', stderr);
    for (int64_t i = m->at + 1; i < m->at + m->length && i < end; i++)
        if (!is_continuation(m->source[i])) fputc('~', stderr);
    fprintf(stderr, "%s\n", cli_style(stderr, "0"));
}

static int mistake(const formula *f) {
    const formula_mistake *m = formula_status(f);
    if (m->code == EG_OK) return CLI_GO_ON;
    int ours = m->code == EG_E_MEMORY || m->code == EG_E_INTERNAL; /* all others are the user's words */
    int code = cli_error(ours ? CLI_INTERNAL : CLI_USAGE, "%s", m->text);
    if (m->at >= 0) print_caret(m);
    return code;
}

/* ---- the command line -------------------------------------------------------------------------------- */

/* x=[1, 2] */
static int set_value(formula *f, const char *word) {
    const char *equals = strchr(word, '=');
    if (!equals || equals == word || equals[1] == '=')
        return cli_error(CLI_USAGE, "explain: '%s' is no value; write NAME=VALUE, and the formula in quotes", word);
    char *name = strndup(word, (size_t)(equals - word));
    if (!name) return cli_no_memory();
    formula_set(f, name, equals + 1);
    free(name);
    return mistake(f);
}

static int set_values(explanation *e, const char *const *word, int n) {
    int code = CLI_GO_ON;
    for (int i = 0; i < n && code < 0; i++) code = set_value(e->f, word[i]);
    return code;
}

static int check_options(const explain_options *o, int words) {
    if (o->net && (!o->input || !o->target))
        return cli_error(CLI_USAGE, "explain: --net needs --input and --target; see: elegans explain --help");
    if (!o->net && words == 0)
        return cli_error(CLI_USAGE, "explain: a formula in quotes is needed; see: elegans explain --help");
    if (!o->net && (o->input || o->target || o->loss || o->shape))
        return cli_error(CLI_USAGE, "explain: --input, --shape, --target and --loss belong to --net");
    return CLI_GO_ON;
}

/* ---- finding out ------------------------------------------------------------------------------------- */

double explain_difference(double a, double b) { return fabs(a - b) / fmax(1, fmax(fabs(a), fabs(b))); }

double explain_worst(const double *a, const double *b, int64_t n) {
    double worst = 0;
    for (int64_t i = 0; i < n; i++)
        if (!isnan(b[i])) worst = fmax(worst, explain_difference(a[i], b[i]));
    return worst;
}

/* An array for each variable, of `per` numbers for each of its elements. */
static double **take_arrays(const formula *f, formula *owner, int64_t per) {
    int n = formula_variables(f);
    double **out = calloc((size_t)n + 1, sizeof *out);
    double *all = out ? calloc((size_t)(formula_elements(f) * per) + 1, sizeof *all) : NULL;
    if (!all) {
        free(out);
        return NULL;
    }
    out[n] = all; /* what explain frees */
    for (int i = 0; i < n; i++) {
        out[i] = all;
        all += formula_variable_at(owner, i)->size * per;
    }
    return out;
}

static void free_arrays(const formula *f, double **arrays) {
    if (arrays) free(arrays[formula_variables(f)]);
    free(arrays);
}

static int find_symbolic(explanation *e) {
    int n = formula_variables(e->f);
    double *at = NULL;
    e->symbolic = calloc((size_t)n + 1, sizeof *e->symbolic);
    eg_shape *shapes = calloc((size_t)n + 1, sizeof *shapes);
    e->symbolic_value = take_arrays(e->f, e->f, 1);
    int good = e->symbolic && shapes && e->symbolic_value;
    if (good) {
        at = e->symbolic_value[n];
        formula_derive(e->f, e->root, e->symbolic);
        for (int i = 0; i < n; i++) shapes[i] = formula_variable_at(e->f, i)->shape;
        if (formula_ok(e->f)) formula_evaluate(e->f, e->symbolic, shapes, n, at);
    }
    free(shapes);
    return good ? mistake(e->f) : cli_no_memory();
}

static int find_jacobian(explanation *e) {
    int64_t m = eg_shape_size(e->root->shape);
    e->jacobian = take_arrays(e->f, e->f, m);
    e->jacobian_numeric = take_arrays(e->f, e->f, m);
    if (!e->jacobian || !e->jacobian_numeric) return cli_no_memory();
    for (int i = 0; i < formula_variables(e->f); i++)
        formula_jacobian(e->f, e->root, i, e->jacobian[i], e->jacobian_numeric[i]);
    return mistake(e->f);
}

static int find_hessian(explanation *e) {
    if (e->root->shape.rank > 0)
        return cli_error(CLI_USAGE, "explain: --hessian is about a formula whose value is one number");
    size_t n = (size_t)formula_elements(e->f);
    e->hessian = calloc(n * n + 1, sizeof *e->hessian);
    e->hessian_numeric = calloc(n * n + 1, sizeof *e->hessian_numeric);
    if (!e->hessian || !e->hessian_numeric) return cli_no_memory();
    formula_hessian(e->f, e->root, e->hessian, e->hessian_numeric);
    return mistake(e->f);
}

/* ---- nudges: w=.01, w[2]=.01, w=[.01, 0] ------------------------------------------------------------- */

/* The element that "[1, 2]" names; -1 for none. */
static int64_t element_of(const formula_variable *v, const char *text) {
    int64_t at = 0;
    for (int i = 0; i < v->shape.rank; i++) {
        char *end;
        long long index = strtoll(text + 1, &end, 10);
        if ((*text != '[' && *text != ',') || end == text + 1 || index < 0 || index >= v->shape.dim[i]) return -1;
        at = at * v->shape.dim[i] + index;
        text = end;
    }
    return strcmp(text, "]=") == 0 || strncmp(text, "]=", 2) == 0 ? at : -1;
}

static int64_t offset_of(explanation *e, const formula_variable *v) {
    int64_t offset = 0;
    for (int i = 0; formula_variable_at(e->f, i) != v; i++) offset += formula_variable_at(e->f, i)->size;
    return offset;
}

static int take_step(explanation *e, explain_nudge *nudge, const formula_variable *v, const char *rest, formula *of) {
    formula_set_from(of, "step", strchr(nudge->text, '=') + 1, "--nudge");
    int code = mistake(of);
    if (code >= 0) return code;
    const formula_variable *step = formula_variable_at(of, 0);
    int64_t element = *rest == '[' ? element_of(v, rest) : -1;
    if ((*rest == '[' && (element < 0 || step->size != 1)) ||
        (step->size != 1 && !eg_shape_equal(step->shape, v->shape)))
        return cli_error(CLI_USAGE, "explain: --nudge %s: does not fit %s", nudge->text, v->name);
    double *at = nudge->step + offset_of(e, v);
    for (int64_t i = 0; i < v->size; i++)
        if (element < 0 || i == element) at[i] = step->data[step->size == 1 ? 0 : i];
    return CLI_GO_ON;
}

static int read_nudge(explanation *e, explain_nudge *nudge) {
    size_t length = strcspn(nudge->text, "=[");
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)(length < 60 ? length : 60), nudge->text);
    const formula_variable *v = formula_variable_named(e->f, name);
    if (!strchr(nudge->text, '='))
        return cli_error(CLI_USAGE, "explain: --nudge takes NAME=STEP, not '%s'", nudge->text);
    if (!v) return cli_error(CLI_USAGE, "explain: --nudge %s: there is no variable '%s'", nudge->text, name);
    nudge->step = calloc((size_t)formula_elements(e->f) + 1, sizeof *nudge->step);
    formula *of = formula_new();
    int code = nudge->step && of ? take_step(e, nudge, v, nudge->text + length, of) : cli_no_memory();
    formula_free(of);
    return code;
}

static int find_nudges(explanation *e) {
    int n = e->o->nudges.n;
    e->nudge = calloc((size_t)n + 1, sizeof *e->nudge);
    double *still = calloc((size_t)formula_elements(e->f) + 1, sizeof *still);
    int code = e->nudge && still ? CLI_GO_ON : cli_no_memory();
    double before = code < 0 ? formula_moved(e->f, e->root, still) : 0;
    for (int i = 0; i < n && code < 0; i++) {
        explain_nudge *nudge = &e->nudge[i];
        nudge->text = e->o->nudges.item[i];
        code = read_nudge(e, nudge);
        if (code >= 0) break;
        nudge->happened = formula_moved(e->f, e->root, nudge->step) - before;
        const double *step = nudge->step;
        for (int v = 0; v < formula_variables(e->f); v++)
            for (int64_t k = 0; k < formula_variable_at(e->f, v)->size; k++)
                nudge->predicted += *step++ * e->flow.gradient[v][k];
        code = mistake(e->f);
    }
    free(still);
    return code;
}

/* ---- all of it --------------------------------------------------------------------------------------- */

static int all_settled(const explanation *e) {
    for (int i = 0; i < formula_variables(e->f); i++)
        for (int64_t k = 0; k < formula_variable_at(e->f, i)->size; k++)
            if (isnan(e->numeric[i][k])) return 0;
    return 1;
}

static int find_out(explanation *e) {
    formula_flow_run(e->f, e->root, &e->flow);
    int code = mistake(e->f);
    if (code >= 0) return code;
    e->numeric = take_arrays(e->f, e->f, 1);
    if (!e->numeric) return cli_no_memory();
    formula_differences(e->f, e->root, e->numeric);
    e->kink = e->flow.margin < 1e-9 && !all_settled(e);
    code = mistake(e->f);
    if (code < 0 && e->o->symbolic) code = find_symbolic(e);
    if (code < 0 && e->o->jacobian) code = find_jacobian(e);
    if (code < 0 && e->o->hessian) code = find_hessian(e);
    return code < 0 && e->o->nudges.n ? find_nudges(e) : code;
}

/* The library's gradient must be what differences say, where there is something to say. */
static int judge(const explanation *e) {
    for (int i = 0; i < formula_variables(e->f); i++) {
        const formula_variable *v = formula_variable_at(e->f, i);
        double worst = explain_worst(e->flow.gradient[i], e->numeric[i], v->size);
        if (worst > 1e-6)
            return cli_error(CLI_INTERNAL, "the gradient by %s and differences are %.1e apart", v->name, worst);
    }
    return CLI_OK;
}

static int show(explanation *e) {
    int code = CLI_GO_ON;
    if (e->o->svg) code = explain_draw(e, e->o->svg);
    if (code < 0 && e->o->png) code = explain_draw(e, e->o->png);
    if (code >= 0) return code;
    if (e->o->json)
        explain_print_json(e);
    else
        explain_print(e);
    return judge(e);
}

static void release(explanation *e) {
    free_arrays(e->f, e->numeric);
    free_arrays(e->f, e->symbolic_value);
    free_arrays(e->f, e->jacobian);
    free_arrays(e->f, e->jacobian_numeric);
    for (int i = 0; e->nudge && i < e->o->nudges.n; i++) free(e->nudge[i].step);
    free(e->nudge);
    free(e->symbolic);
    free(e->hessian);
    free(e->hessian_numeric);
    formula_free(e->f);
}

/* The network's formula, to be freed. */
static char *net_formula(explanation *e, eg_shape shape) {
    return formula_net(e->f, &(formula_net_words){ .net = e->o->net,
                                                   .input = e->o->input,
                                                   .target = e->o->target,
                                                   .loss = e->o->loss,
                                                   .shape = shape,
                                                   .seed = (uint64_t)cli_or(e->o->seed, 0) });
}

/* A value that a network does not use has a wrong name: w1 for W1. */
static int check_weights(const explanation *e) {
    for (int i = 0; i < formula_variables(e->f); i++) {
        const char *name = formula_variable_at(e->f, i)->name;
        if (!formula_variable_at(e->f, i)->node && strcmp(name, "x") != 0)
            return cli_error(CLI_USAGE, "explain: the network has no weights '%s': they are named as in %s", name,
                             e->text);
    }
    return CLI_GO_ON;
}

static int explain(explanation *e, const char *const *word, int n) {
    char *net = NULL;
    eg_shape shape = EG_SCALAR;
    int first = e->o->net == NULL;
    int code = set_values(e, word + first, n - first);
    if (code < 0 && e->o->shape) code = cli_shape("explain: --shape", e->o->shape, &shape);
    if (code >= 0) return code;
    if (e->o->symbolic) formula_allow_unknown(e->f);
    if (e->o->net) net = net_formula(e, shape);
    e->text = e->o->net ? net : word[0];
    e->root = formula_ok(e->f) ? formula_parse(e->f, e->text) : NULL;
    code = mistake(e->f);
    if (code < 0 && e->o->net) code = check_weights(e);
    if (code < 0) code = find_out(e);
    if (code < 0) code = show(e);
    free(net);
    return code;
}

/* -x^2 looks like an option, but no option has such signs. */
static int begins_with_minus(int argc, char **argv) {
    if (argc == 0 || argv[0][0] != '-' || argv[0][1] == '-' || argv[0][1] == 'n') return 0;
    return strpbrk(argv[0], "*/+^@(") != NULL;
}

static int run(int argc, char **argv) {
    enum { MAX_WORDS = 256 };
    const char *word[MAX_WORDS] = { NULL };
    explain_options o;
    cli_defaults(&cli_explain, &o);
    if (begins_with_minus(argc, argv))
        return cli_error(CLI_USAGE, "explain: a formula that begins with a minus sign comes behind --: -- '%s'",
                         argv[0]);
    int code = cli_parse(&cli_explain, argc, argv, &o, word, MAX_WORDS), n = 0;
    if (code >= 0) return code;
    while (n < MAX_WORDS && word[n]) n++;
    code = check_options(&o, n);
    if (code >= 0) return code;
    explanation e = { .o = &o, .f = formula_new() };
    if (!e.f) return cli_no_memory();
    code = explain(&e, word, n);
    release(&e);
    return code;
}

static const char *const notes[] = {
    "Formulas: numbers, vectors [1, 2, 3], matrices [[1, 2], [3, 4]], names; + - * / ^, matrix product @, transpose "
    "', "
    "x[2], |x|, comparisons (1 or 0); q = x + y; ... gives a part a name.",
    "Functions: exp log sqrt square abs sign step floor sin cos tan sinh cosh tanh sigmoid relu leaky_relu elu gelu "
    "silu "
    "softplus erf; max min (of several, or of all elements); sum mean norm logsumexp softmax log_softmax outer dot T "
    "where(c, a, b).",
    "A formula that begins with a minus sign comes behind --, or in brackets.",
    "Losses of a prediction p, target y, logits z, class number k: mse mae huber half_squared_error bce(p, y) "
    "cross_entropy(p, y) cross_entropy_logits(z, y) sparse_cross_entropy(p, k) hinge(p, y) categorical_hinge(p, k) "
    "multiclass_hinge(p, k).",
    "--net knows all layers of the models' language, as they are in prediction (dropout does nothing, batch_norm "
    "uses "
    "its running statistics). An image is [[1, 0], [0, 1]], a sequence a row for each step, words are their numbers: "
    "3,0,2.",
    NULL
};

const cli_command cli_explain = {
    .name = "explain",
    .summary = "the backward pass of a formula, gate by gate",
    .usage = "'FORMULA' NAME=VALUE ... [options]\n       elegans explain --net LAYERS --input LIST --target VALUE "
             "[options]",
    .options = options,
    .notes = notes,
    .run = run,
    .examples = "  elegans explain '(x + y)*max(y, z)' x=1 y=2 z=0\n"
                "  elegans explain 'sum((W @ x)^2)' W='[[1, 2], [3, 4]]' x=1,-1 --svg graph.svg\n"
                "  elegans explain 'x^2*sin(x)' --symbolic\n"
                "  elegans explain 'tanh(W @ x)' W='[[1, 2], [3, 4]]' x=.1,.2 --jacobian\n"
                "  elegans explain '(w*2 - 1)^2' w=3 --nudge w=0.01\n"
                "  elegans explain --net 'dense 2 tanh; dense 1 sigmoid' --input 1,2 --target 1\n"
                "  elegans explain --net 'simple_rnn 2; dense 1' --input '[[1, 0], [0, 1]]' -t 1\n"
                "  elegans explain --net 'conv 1 2 relu; max_pool; dense 1' --target 1 \\\n"
                "      --input '[[1, 0, 2], [0, 1, 3], [1, 0, 1]]'\n",
};
