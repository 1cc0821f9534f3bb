/* SPDX-License-Identifier: MIT
 *
 * text.h: pieces of graph text that the drawing uses too.
 */
#ifndef EG_GRAPH_TEXT_H
#define EG_GRAPH_TEXT_H

#include "base/text.h"
#include "graph/node.h"

/* "name" in quotes, with \" \\ and \x1f. */
void eg_text_quoted(eg_text *text, const char *name);
/* f32[128,512]{panels} */
void eg_text_type(eg_text *text, const eg_value *value);

#endif
