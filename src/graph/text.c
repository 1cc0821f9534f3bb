/* SPDX-License-Identifier: MIT
 *
 * text.c: prints a graph, one line for each value that the roots need, numbered in the order of printing:
 *
 *     %0 = input "x" : f32[32,784]
 *     %1 = var "W" {panels} : f32[784,10]{panels}
 *     %2 = matmul %0, %1 : f32[32,10]
 *     %3 = const {0.5} : f32[]
 *     %4 = fused %2, %3 {
 *       %0 = param {0} : f32[32,10]
 *       %1 = param {1} : f32[]
 *       %2 = mul %0, %1 : f32[32,10]
 *       return %2
 *     } : f32[32,10]
 *     return %4
 *
 * A scan has attributes before its body:  %5 = scan %1, %0 {steps=32, carries=1, stacked=1} { ... } : f32[784,10]
 * Behind the colon stands the result: dtype, shape, and the layout if it is not rows. Attributes that the result
 * shows anyway (the shape of a reshape, the dtype of a cast) are not repeated. parse.c reads it back; numbers come
 * back exactly.
 */
#include "graph/node.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "base/text.h"
#include "graph/attr.h"
#include "graph/text.h"
#include "ops/op.h"

typedef struct printer {
    eg_text text;
    int depth; /* of nested bodies */
} printer;

static void indent(printer *p) {
    for (int i = 0; i < p->depth; i++) eg_text_add(&p->text, "  ");
}

void eg_text_quoted(eg_text *text, const char *name) {
    eg_text_add(text, "\"");
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        if (c < 0x20 || c == 0x7f)
            eg_text_format(text, "\\x%02x", (unsigned)c);
        else
            eg_text_format(text, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    eg_text_add(text, "\"");
}

void eg_text_type(eg_text *text, const eg_value *value) {
    eg_text_format(text, "%s%s", eg_type_words(value->dtype, &value->shape),
                   value->layout == EG_PANELS ? "{panels}" : "");
}

static void print_references(printer *p, eg_value *const *values, int n, const int *number) {
    for (int i = 0; i < n; i++) eg_text_format(&p->text, "%s%%%d", i ? ", " : " ", number[values[i]->id]);
}

static void print_graph(printer *p, const eg_graph *graph, eg_value *const *roots, int nroots,
                        eg_value *const *params, int nparams);

static void print_body(printer *p, const eg_body *body) {
    eg_text_add(&p->text, " {\n");
    p->depth++;
    print_graph(p, body->graph, body->out, body->nout, body->param, body->nin);
    p->depth--;
    indent(p);
    eg_text_add(&p->text, "}");
}

static void print_value(printer *p, const eg_value *value, const int *number) {
    indent(p);
    eg_text_format(&p->text, "%%%d = %s", number[value->id], value->def->name);
    if (value->name[0]) {
        eg_text_add(&p->text, " ");
        eg_text_quoted(&p->text, value->name);
    }
    print_references(p, value->in, value->nin, number);
    eg_attr_print(&p->text, value);
    if (value->def->attr == EG_ATTR_BODY) print_body(p, value->attr.body.body);
    eg_text_add(&p->text, " : ");
    eg_text_type(&p->text, value);
    eg_text_add(&p->text, "\n");
}

/* The parameters of a body are printed even where nothing reads them: they are its signature. */
static void print_graph(printer *p, const eg_graph *graph, eg_value *const *roots, int nroots,
                        eg_value *const *params, int nparams) {
    unsigned char *needed = eg_alloc((size_t)graph->n + 1);
    int *number = eg_alloc(sizeof(int) * ((size_t)graph->n + 1));
    int count = 0;
    if (!needed || !number) p->text.failed = 1;
    if (!p->text.failed) {
        eg_mark_needed(roots, nroots, needed);
        for (int i = 0; i < nparams; i++) needed[params[i]->id] = 1;
        for (int id = 0; id < graph->n && !p->text.failed; id++) {
            if (!needed[id]) continue;
            number[id] = count++;
            print_value(p, graph->values[id], number);
        }
        indent(p);
        eg_text_add(&p->text, "return");
        print_references(p, roots, nroots, number);
        eg_text_add(&p->text, "\n");
    }
    eg_free(needed);
    eg_free(number);
}

char *eg_graph_text(eg_value *const *roots, int n) {
    printer p = { 0 };
    if (eg_roots_check(roots, n) != EG_OK) return NULL;
    print_graph(&p, roots[0]->graph, roots, n, NULL, 0);
    if (!p.text.failed) return p.text.data;
    eg_text_free(&p.text);
    eg_fail(EG_E_MEMORY, "graph text: no memory");
    return NULL;
}
