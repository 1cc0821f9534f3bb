/* SPDX-License-Identifier: MIT
 *
 * parse.c: reads what text.c prints.
 *
 *     graph  = { value } "return" %n { "," %n }
 *     value  = %n "=" op [ "name" ] [ %n { "," %n } ] [ "{" attributes "}" ] [ "{" graph "}" ] ":" type
 *     type   = dtype "[" [ dim { "," dim } ] "]" [ "{panels}" ]
 *
 * Numbers may come in any order, each once and before it is used. Blanks, newlines and # comments mean nothing.
 * The text may be anybody's: values are built by eg_node, so that all rules of the ops hold; the type must be what
 * the op infers; and what comes out is verified as a whole. Errors name the line.
 */
#include "graph/node.h"

#include <string.h>

#include "base/alloc.h"
#include "base/status.h"
#include "graph/attr.h"
#include "ops/op.h"
#include "tensor/shape.h"

enum { DEEPEST = 8 }; /* bodies in bodies */

/* A growing list of values. */
typedef struct list {
    eg_value **at;
    int n, capacity;
} list;

/* One graph being read: the outer one, or a body. */
typedef struct reader {
    eg_lexer *lexer; /* shared with the bodies inside */
    eg_graph *graph;
    eg_body *body; /* NULL for the outer graph */
    int depth;
    list numbered; /* numbered.at[i]: what %i stands for, or NULL */
} reader;

/* One value being read. */
typedef struct statement {
    int64_t number;
    const eg_op_def *def;
    eg_op op;
    char *name;
    list in;
    eg_attr_reading attr;
    eg_dtype dtype;
    eg_shape shape;
    eg_layout layout;
} statement;

/* Puts the line before the message of a failed call. */
static eg_status at_line(const reader *r, eg_status status) {
    return status == EG_OK || status == EG_E_MEMORY ? status : eg_context("line %d", r->lexer->line);
}

/* Makes room so that at[n] exists; new places are NULL. */
static eg_status list_reserve(list *l, int64_t n) {
    if (n < l->capacity) return EG_OK;
    int64_t grown = n + 1 > 2 * (int64_t)l->capacity ? n + 8 : 2 * (int64_t)l->capacity;
    eg_value **at = eg_realloc(l->at, sizeof(eg_value *) * (size_t)grown);
    if (!at) return EG_E_MEMORY;
    memset(at + l->capacity, 0, sizeof(eg_value *) * (size_t)(grown - l->capacity));
    l->at = at;
    l->capacity = (int)grown;
    return EG_OK;
}

/* ---- pieces ---------------------------------------------------------------------------------------------------- */

/* %n. No text has more values than bytes, so a larger number is not even looked at. */
static eg_status read_number(reader *r, int64_t *number) {
    ptrdiff_t left = r->lexer->end - r->lexer->at;
    int64_t most = r->numbered.capacity + left;
    EG_TRY(eg_lex_need(r->lexer, "%"));
    return eg_lex_int(r->lexer, 0, most < INT32_MAX / 4 ? most : INT32_MAX / 4, number);
}

static eg_status read_references(reader *r, list *out) {
    do {
        int64_t number;
        EG_TRY(read_number(r, &number));
        if (number >= r->numbered.capacity || !r->numbered.at[number])
            return eg_lex_fail(r->lexer, "%%%lld is not defined yet", (long long)number);
        EG_TRY(list_reserve(out, out->n));
        out->at[out->n++] = r->numbered.at[number];
    } while (eg_lex_is(r->lexer, ","));
    return EG_OK;
}

static eg_status unknown_op(const reader *r, const char *word) {
    const char *names[EG_OP_COUNT];
    for (int op = 0; op < EG_OP_COUNT; op++) names[op] = eg_op_table[op]->name;
    const char *meant = eg_did_you_mean(word, names, EG_OP_COUNT);
    return eg_lex_fail(r->lexer, "there is no op \"%s\"%s%s", word, meant ? "; did you mean " : "",
                       meant ? meant : "");
}

static eg_status read_op(reader *r, statement *s) {
    char word[EG_LEX_WORD];
    if (!eg_lex_word(r->lexer, word)) return eg_lex_fail(r->lexer, "expected the name of an op");
    s->def = eg_op_named(word);
    if (!s->def) return unknown_op(r, word);
    while (eg_op_table[s->op] != s->def) s->op = (eg_op)(s->op + 1);
    return EG_OK;
}

static eg_status read_type(reader *r, statement *s) {
    char word[EG_LEX_WORD];
    EG_TRY(eg_lex_need(r->lexer, ":"));
    s->dtype = eg_lex_word(r->lexer, word) ? eg_dtype_from_name(word) : 0;
    if (!s->dtype) return eg_lex_fail(r->lexer, "expected a dtype (f32 f64 i32 u8) behind \":\"");
    EG_TRY(eg_lex_list(r->lexer, EG_MAX_RANK, s->shape.dim, &s->shape.rank));
    EG_TRY(at_line(r, eg_shape_check(&s->shape)));
    s->layout = eg_lex_is(r->lexer, "{") ? EG_PANELS : EG_ROWS;
    if (s->layout == EG_ROWS) return EG_OK;
    EG_TRY(eg_lex_need(r->lexer, "panels"));
    return eg_lex_need(r->lexer, "}");
}

/* ---- bodies ---------------------------------------------------------------------------------------------------- */

static eg_status read_graph(reader *r, list *roots);

static eg_status read_body(reader *r, statement *s) {
    list outs = { 0 };
    reader inner = { .lexer = r->lexer, .depth = r->depth + 1 };
    EG_TRY(eg_lex_need(r->lexer, "{"));
    if (inner.depth > DEEPEST) return eg_lex_fail(r->lexer, "bodies are nested deeper than %d", DEEPEST);
    inner.body = eg_body_new(r->graph, s->in.n);
    if (!inner.body) return EG_E_MEMORY;
    inner.graph = inner.body->graph;
    eg_status status = read_graph(&inner, &outs);
    if (status == EG_OK) status = at_line(r, eg_body_finish(inner.body, outs.at, outs.n));
    eg_free(outs.at);
    eg_free(inner.numbered.at);
    s->attr.attr.body.body = inner.body;
    return status == EG_OK ? eg_lex_need(r->lexer, "}") : status;
}

/* Is what stands in braces "key=", rather than a graph? */
static int sees_attributes(const reader *r) {
    eg_lexer ahead = *r->lexer;
    char word[EG_LEX_WORD];
    return eg_lex_is(&ahead, "{") && eg_lex_word(&ahead, word) && eg_lex_is(&ahead, "=");
}

/* ---- one value ------------------------------------------------------------------------------------------------- */

/* The elements of a literal in their dtype. */
static eg_status read_literal(const reader *r, const statement *s, void **bytes) {
    int64_t n = eg_count(&s->shape);
    if (s->attr.n != n)
        return eg_lex_fail(r->lexer, "the literal has %lld elements, its shape %lld", (long long)s->attr.n,
                           (long long)n);
    *bytes = eg_alloc((size_t)n * eg_dtype_size(s->dtype) + 1);
    if (!*bytes) return EG_E_MEMORY;
    eg_convert(s->dtype, *bytes, EG_F64, s->attr.numbers, n);
    return EG_OK;
}

static eg_value *build_param(reader *r, const statement *s) {
    if (!r->body) return eg_poison(r->graph, EG_E_DATA, "param", "stands outside of a body");
    int64_t index = s->attr.attr.index.index;
    if (index < 0 || index >= r->body->nin || r->body->param[index])
        return eg_poison(r->graph, EG_E_DATA, "param", "number %lld of %d, once each", (long long)index, r->body->nin);
    return eg_body_param(r->body, (int)index, s->dtype, &s->shape);
}

static eg_value *build_leaf(reader *r, const statement *s) {
    if (eg_graph_find(r->graph, s->op, s->name))
        return eg_poison(r->graph, EG_E_NAME, s->def->name, "there are two of the name \"%.200s\"", s->name);
    return eg_leaf(r->graph, s->op, s->name, s->dtype, &s->shape, (eg_layout)s->attr.attr.leaf.layout);
}

static eg_value *build(reader *r, statement *s) {
    if (s->def->attr == EG_ATTR_LEAF) return build_leaf(r, s);
    if (s->op == EG_OP_PARAM) return build_param(r, s);
    return eg_node(r->graph, s->op, s->in.at, s->in.n, &s->attr.attr);
}

/* The type that the text claims must be the one that the op infers. A layout may be claimed; eg_graph_verify judges
 * it. */
static eg_status check_type(const reader *r, const statement *s, eg_value *value) {
    if (value->dtype != s->dtype || !eg_same_shape(&value->shape, &s->shape))
        return eg_lex_fail(r->lexer, "%s gives %s, not %s", s->def->name, eg_type_words(value->dtype, &value->shape),
                           eg_type_words(s->dtype, &s->shape));
    if (s->op == EG_OP_VAR && value->layout != s->layout)
        return eg_lex_fail(r->lexer, "var \"%.200s\": {panels} must stand behind its name and behind its shape",
                           value->name);
    value->layout = s->layout;
    return EG_OK;
}

static eg_status build_statement(reader *r, statement *s) {
    void *bytes = NULL;
    if (s->def->attr == EG_ATTR_DATA) EG_TRY(read_literal(r, s, &bytes));
    eg_attr_complete(s->def->attr, &s->attr.attr, s->dtype, s->shape, bytes);
    eg_value *value = build(r, s);
    eg_free(bytes);
    EG_TRY(at_line(r, eg_graph_settle(r->graph)));
    r->numbered.at[s->number] = value;
    return check_type(r, s, value);
}

static eg_status read_parts(reader *r, statement *s) {
    EG_TRY(read_number(r, &s->number));
    EG_TRY(list_reserve(&r->numbered, s->number));
    if (r->numbered.at[s->number]) return eg_lex_fail(r->lexer, "%%%lld is defined twice", (long long)s->number);
    EG_TRY(eg_lex_need(r->lexer, "="));
    EG_TRY(read_op(r, s));
    if (s->def->attr == EG_ATTR_LEAF) EG_TRY(eg_lex_string(r->lexer, &s->name));
    if (eg_lex_sees(r->lexer, '%')) EG_TRY(read_references(r, &s->in));
    int rank = s->in.n > 0 ? s->in.at[0]->shape.rank : 0;
    if (s->def->attr != EG_ATTR_BODY || sees_attributes(r)) EG_TRY(eg_attr_parse(r->lexer, s->def, rank, &s->attr));
    if (s->def->attr == EG_ATTR_BODY) EG_TRY(read_body(r, s));
    EG_TRY(read_type(r, s));
    return build_statement(r, s);
}

static eg_status read_statement(reader *r) {
    statement s = { 0 };
    eg_status status = read_parts(r, &s);
    eg_free(s.name);
    eg_free(s.in.at);
    eg_free(s.attr.numbers);
    return status;
}

static eg_status read_graph(reader *r, list *roots) {
    while (!eg_lex_is(r->lexer, "return")) EG_TRY(read_statement(r));
    return read_references(r, roots);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static eg_status read_all(reader *r, eg_value **roots, int max_roots, int *n) {
    list found = { 0 };
    eg_status status = read_graph(r, &found);
    if (status == EG_OK && !eg_lex_end(r->lexer)) status = eg_lex_fail(r->lexer, "there is more behind the return");
    if (status == EG_OK) status = at_line(r, eg_roots_check(found.at, found.n));
    if (status == EG_OK && found.n > max_roots)
        status = eg_lex_fail(r->lexer, "returns %d values, there is room for %d", found.n, max_roots);
    if (status == EG_OK) {
        memcpy(roots, found.at, sizeof(eg_value *) * (size_t)found.n);
        *n = found.n;
        status = eg_graph_verify(r->graph);
    }
    eg_free(found.at);
    return status;
}

eg_graph *eg_graph_parse(const char *text, eg_value **roots, int max_roots, int *n) {
    eg_lexer lexer = { .at = text, .end = text + strlen(text), .line = 1 };
    eg_graph *graph = eg_graph_new();
    *n = 0;
    if (!graph) return NULL;
    reader r = { .lexer = &lexer, .graph = graph };
    eg_place was = eg_place_of(graph, NULL);
    eg_status status = read_all(&r, roots, max_roots, n);
    eg_place_restore(graph, was);
    eg_free(r.numbered.at);
    if (status == EG_OK) return graph;
    eg_graph_free(graph);
    return NULL;
}
