/* SPDX-License-Identifier: MIT
 *
 * group.h: what fuse.c, group.c and body.c share: a partition of a graph's values into groups that grow by merging.
 *
 * A group has a space: the shape of its full values without the axes of length 1, and a split: the axes before it are
 * rows, the others columns (-1 while nothing has asked for one). So softmax over the last axis of [32,10,64] has
 * space [32,10,64] and split 2; rows of it are values of shape [32,10], [32,10,1] or [1,32,10].
 */
#ifndef EG_COMPILE_GROUP_H
#define EG_COMPILE_GROUP_H

#include "compile/pass.h"

/* How an operand is read by an elementwise value whose axes longer than 1 are numbered 0, 1, ... */
typedef enum eg_reach {
    EG_REACH_NONE,   /* in a way that groups cannot: a middle axis, say */
    EG_REACH_SCALAR, /* one element for all */
    EG_REACH_COLUMN, /* it has the axes from `split` on */
    EG_REACH_ROW,    /* it has the axes before `split` */
    EG_REACH_FULL    /* element by element */
} eg_reach;

typedef enum eg_kind { EG_KIND_ALONE, EG_KIND_STRIP, EG_KIND_PRODUCT } eg_kind;

typedef struct eg_group {
    eg_kind kind;
    eg_shape space;
    int split;
    eg_layout layout;
    int last;                /* its members are a chain by grouping.next, from the leader to this one */
    int members;
    unsigned char reduces;   /* has a reduction along the rows */
    unsigned char ramps;     /* needs to know the numbers of the columns */
    unsigned char update;    /* computes what assigns store */
} eg_group;

typedef struct eg_grouping {
    const eg_unit *unit;
    const eg_graph *graph;
    int n;                    /* values */
    eg_group *group;          /* [n], valid at leaders */
    int *leader;              /* [n]: the first member of the group that a value is in */
    int *next;                /* [n]: the next member, -1 at the end */
    unsigned char *is_row;    /* [n]: one element for each row of its group */
    unsigned char *is_sums;   /* [n]: column sums of its group's B */
    unsigned char *is_root;   /* [n] */
    int *user_first, *user;   /* the values that read value i: user[user_first[i] .. user_first[i + 1]) */
    int *stack, *seen, stamp; /* scratch of the search for cycles */
} eg_grouping;

eg_status eg_grouping_new(eg_grouping *g, const eg_unit *unit);
void eg_grouping_free(eg_grouping *g);

/* The shape without axes of length 1. */
eg_shape eg_squeezed(const eg_shape *shape);
/* How `v` (elementwise) reads an operand of shape `from`; *split is set for rows and columns. */
eg_reach eg_reach_of(const eg_shape *from, const eg_value *v, int *split);

/* Does v's body hold u itself instead of reading it: a constant as one number, the numbers of the columns, or a
 * negated scalar (what contract makes of w - rate * g), which is cheaper to repeat than to store? */
int eg_is_inline(const eg_value *u, const eg_value *v);

/* Makes one group of those of u and of v, where v reads u, if that may be; 1 if it did. */
int eg_group_merge(eg_grouping *g, const eg_value *u, const eg_value *v);
/* The same for groups of one space that need not read each other, given by their leaders. */
int eg_group_merge_siblings(eg_grouping *g, int a, int b);
/* Adds the sums over axis 0 of a product's B to the product's group. */
int eg_group_add_sums(eg_grouping *g, const eg_value *sums, const eg_value *product);

/* How v, a value of a group, reads its input i from outside: NONE is "as it is" (products). */
eg_reach eg_operand_reach(const eg_grouping *g, const eg_value *v, int i);

/* What groups read from outside, inline values aside (a value that is read in two ways counts twice), and how many of
 * their values are read outside. */
typedef struct eg_border {
    const eg_value *in[EG_GROUP_NODES];
    eg_reach reach[EG_GROUP_NODES];
    int nin, nout;
} eg_border;

/* Of groups a and b as one, given by their leaders, which may be the same; 0 if there are more. */
int eg_group_border(const eg_grouping *g, int a, int b, eg_border *border);
/* Is value `id` a root, or read by someone whose group is neither a nor b? */
int eg_is_read_outside(const eg_grouping *g, int id, int a, int b);

/* Builds the group as FUSED and PART nodes in r->to and enters its results in r->map. */
eg_status eg_group_build(eg_rewrite *r, const eg_grouping *g, int leader);

#endif
