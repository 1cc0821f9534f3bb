/* SPDX-License-Identifier: MIT
 *
 * attr.h: everything that is done with attributes, whatever their kind. What a kind consists of is said once, in the
 * table of attr.c.
 */
#ifndef EG_GRAPH_ATTR_H
#define EG_GRAPH_ATTR_H

#include "base/text.h"
#include "graph/lex.h"
#include "graph/node.h"

/* The normal form: fields of the op's kind only, all else zero, so that equal attributes are equal bytes (but for
 * what DATA and BODY point to). `rank` is that of the first operand, which says how long lists are. Checks what can
 * be checked without knowing the op: dtypes, shapes, that arrays and bodies are there. *out is zero before; `in`
 * NULL: all zero. */
eg_status eg_attr_normal(eg_attr *out, const struct eg_op_def *def, const eg_attr *in, int rank);

int eg_attr_equal(eg_attr_kind kind, const eg_attr *a, const eg_attr *b);
uint64_t eg_attr_hash(eg_attr_kind kind, const eg_attr *attr);

/* " {axis=1}"; nothing where there is nothing to say. Shapes and dtypes are not printed: the value's own shape and
 * dtype say the same. A body is printed by text.c. */
void eg_attr_print(eg_text *text, const eg_value *value);

/* Attributes being read, with what cannot be filled in before the dtype and shape are known. */
typedef struct eg_attr_reading {
    eg_attr attr;
    double *numbers; /* [n], of a literal; the reader frees it */
    int64_t n, capacity;
} eg_attr_reading;

/* Reads the items between "{" and "}" (both taken), or takes nothing where none are needed. */
eg_status eg_attr_parse(eg_lexer *lexer, const struct eg_op_def *def, int rank, eg_attr_reading *out);
/* Fills in the fields that repeat the result's dtype and shape. `bytes` (of the literal's size) holds its elements.
 */
void eg_attr_complete(eg_attr_kind kind, eg_attr *attr, eg_dtype dtype, eg_shape shape, const void *bytes);

#endif
