/* SPDX-License-Identifier: MIT
 *
 * compile.c: the list of passes and the loop that runs them. Reading eg_passes from top to bottom is reading the
 * compiler. The cheap passes stand twice: what simplify uncovers (constants, equal subexpressions) is worth a
 * second look, a third one found nothing in the models of the tests.
 */
#include <stdlib.h>
#include <string.h>
#include "compile/pass.h"
#include "base/alloc.h"
#include "base/status.h"

const eg_pass eg_passes[] = {
    { "dead", eg_pass_dead },
    { "fold", eg_pass_fold },
    { "common", eg_pass_common },
    { "simplify", eg_pass_simplify },
    { "prune", eg_pass_prune },
    { "hoist", eg_pass_hoist },
    { "sink", eg_pass_sink },
    { "prune", eg_pass_prune },
    { "fold", eg_pass_fold },
    { "common", eg_pass_common },
    { "simplify", eg_pass_simplify },
    { "common", eg_pass_common },
    { "flatten", eg_pass_flatten },
    { "transpose", eg_pass_transpose },
    { "contract", eg_pass_contract },
    { "lower", eg_pass_lower },
    { "common", eg_pass_common },
    { "dead", eg_pass_dead },
    { "layout", eg_pass_layout },
    { "invariant", eg_pass_invariant },
    { "common", eg_pass_common },
    { "dead", eg_pass_dead },
    { "fuse", eg_pass_fuse },
    { "schedule", eg_pass_schedule },
    { NULL, NULL },
};

/* ---- running ------------------------------------------------------------------------------------------------- */

static int wants_verifier(void) {
#ifdef NDEBUG
    const char *wish = getenv("EG_VERIFY");
    return wish && strcmp(wish, "1") == 0;
#else
    return 1;
#endif
}

static eg_status run(eg_unit *unit, const eg_pass *pass);

/* The body takes over what the pass made of its graph. */
static void take_back(eg_body *body, const eg_unit *inner) {
    body->graph = inner->graph;
    body->graph->body = body;
    memcpy(body->out, inner->root, sizeof *body->out * (size_t)body->nout);
    for (int id = 0; id < body->graph->n; id++) {
        eg_value *v = body->graph->values[id];
        if (v->op == EG_OP_PARAM) body->param[v->attr.index.index] = v;
    }
}

static eg_status run_on_body(const eg_unit *unit, eg_body *body, const eg_pass *pass) {
    eg_unit inner = *unit;
    inner.graph = body->graph;
    inner.nroots = body->nout;
    inner.root = eg_alloc(sizeof *inner.root * (size_t)body->nout);
    if (!inner.root) return EG_E_MEMORY;
    memcpy(inner.root, body->out, sizeof *inner.root * (size_t)body->nout);
    eg_status status = run(&inner, pass);
    take_back(body, &inner);
    eg_free(inner.root);
    return status;
}

static eg_status dump(const eg_unit *unit, const char *when, const char *pass) {
    if (!eg_dump_wanted(pass)) return EG_OK;
    char *text = eg_graph_text(unit->root, unit->nroots);
    if (!text) return EG_E_MEMORY;
    eg_dump(when, pass, text);
    eg_string_free(text);
    return EG_OK;
}

static eg_status run(eg_unit *unit, const eg_pass *pass) {
    for (int id = 0; id < unit->graph->n; id++) {
        const eg_value *v = unit->graph->values[id];
        if (v->op == EG_OP_SCAN) EG_TRY(run_on_body(unit, v->attr.body.body, pass));
    }
    EG_TRY(dump(unit, "before", pass->name));
    if (pass->run(unit) != EG_OK) return eg_context("%s", pass->name);
    if (wants_verifier() && eg_graph_verify(unit->graph) != EG_OK) return eg_context("after %s", pass->name);
    return dump(unit, "after", pass->name);
}

eg_status eg_pass_run(eg_unit *unit, const char *name) {
    for (const eg_pass *pass = eg_passes; pass->name; pass++)
        if (strcmp(pass->name, name) == 0) return run(unit, pass);
    return eg_fail(EG_E_NAME, "no pass is called \"%s\"", name);
}

eg_status eg_compile(eg_unit *unit, const char *last) {
    const eg_pass *end = NULL; /* the last pass to run: the last of that name */
    for (const eg_pass *pass = eg_passes; pass->name; pass++)
        if (!last || strcmp(pass->name, last) == 0) end = pass;
    if (!end) return eg_fail(EG_E_NAME, "no pass is called \"%s\"", last);
    eg_dump_check();
    for (const eg_pass *pass = eg_passes; pass <= end; pass++) EG_TRY(run(unit, pass));
    if (!last && wants_verifier()) EG_TRY(eg_compiled_verify(unit));
    return EG_OK;
}
