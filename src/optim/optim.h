/* SPDX-License-Identifier: MIT
 *
 * optim.h: how the update rules are tabled. A method is its name, the options that it has with their defaults in both
 * dialects, and a function that writes one parameter's update as a formula. Slots (moments, accumulators) come into
 * being where a formula asks for them. All expressions are elementwise in the parameter but for scalars that
 * `prepare` made once for all of them, so the compiler makes one fused group of each parameter's update.
 */
#ifndef EG_OPTIM_OPTIM_H
#define EG_OPTIM_OPTIM_H

#include <elegans/optim.h>

enum { EG_UPDATE_SCALARS = 4 };

/* One parameter's update under construction. Values are of the parameters' dtype; scalars have shape []. */
typedef struct eg_update {
    const eg_optimizer_opt *opt;              /* defaults filled in, zeros are zeros */
    int torch;                                /* the dialect */
    eg_graph *graph;
    eg_value *lr, *t;                         /* scalars; t = step + 1 */
    eg_value *scalar[EG_UPDATE_SCALARS];      /* what the method's `prepare` computed */
    eg_value *w, *g;                          /* the parameter (decayed where decay is decoupled) and its gradient */
    const char *parameter;                    /* its name */
    eg_value *like;                           /* the variable itself: shape, dtype and layout of its slots */
    eg_value **out;                           /* assigns made so far: [count] */
    int count;
} eg_update;

typedef struct eg_method {
    const char *name;
    /* Its options beside those of all methods (weight_decay, clip_*), with their defaults where these are not 0:
     * "lr=.01|.001 momentum": keras | torch, one number for both. */
    const char *options;
    void (*prepare)(eg_update *update);       /* NULL: nothing to share */
    eg_value *(*step)(
        eg_update *update); /* what the parameter is lowered by; NULL: the method has no gradient form */
    int decoupled_decay;                      /* adamw: in both dialects */
} eg_method;

extern const eg_method eg_methods[];          /* ends with a NULL name */

struct eg_optimizer {
    const eg_method *method;
    eg_optimizer_opt opt;
};

/* Replaces gradients[0..n) by clipped ones, as the options say. */
void eg_clip_gradients(const eg_optimizer_opt *opt, eg_value **gradients, int n);

#endif
