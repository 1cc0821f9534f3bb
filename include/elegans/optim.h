/* SPDX-License-Identifier: MIT
 *
 * elegans/optim.h: optimizers and gradient clipping. An optimizer is a description; its update is built into the
 * graph (eg_optimizer_build), so that a training step is one program.
 *
 * Two dialects where frameworks disagree: EG_KERAS (the default, Keras 3) and EG_TORCH (PyTorch 2). EG_KERAS2 differs
 * from EG_KERAS in RMSprop only (epsilon outside the root). g = gradient, w = parameter, t = 1, 2, ...
 *
 *               keras                                              torch
 *   sgd         lr .01; v = mu v - lr g; w += v                    lr 1e-3; b = mu b + (1-d) g (first g); w -= lr b
 *     nesterov  w += mu v - lr g                                   w -= lr (g + mu b)
 *   momentum    the lectures' m = mu m + lr g; w -= m; mu .9 (equal to keras' momentum) in both
 *   adagrad     lr 1e-3, s0 .1, eps 1e-7; s += g^2;                lr .01, s0 0, eps 1e-10;
 *               w -= lr g/sqrt(s+eps)                              w -= lr/(1+(t-1)d) g/(sqrt s + eps)
 *   adadelta    lr 1e-3, rho .95, eps 1e-7                         lr 1, rho .9, eps 1e-6
 *               s = rho s + (1-rho) g^2; u = sqrt(d+eps)/sqrt(s+eps) g; d = rho d + (1-rho) u^2; w -= lr u
 *   rmsprop     lr 1e-3, rho .9, eps 1e-7 inside the root          lr .01, rho .99, eps 1e-8 outside
 *   adam        lr 1e-3, b1 .9, b2 .999, eps 1e-7                  eps 1e-8, added after the bias correction
 *   adamw       weight decay .004                                  .01
 *   nadam       lr 1e-3, eps 1e-7, u_t = b1 (1 - .5 .96^t)         lr 2e-3, eps 1e-8, exponent .004 t
 *   adamax      lr 1e-3, eps 1e-7; u = max(b2 u, |g|)              lr 2e-3, eps 1e-8; u = max(b2 u, |g| + eps)
 *   coordinate  no gradients: try w + lr and w - lr of one parameter after the other on the batch, keep the better:
 *               2 P forward passes a step where backpropagation needs one pass and its reverse; by eg_model_fit only
 *
 * weight_decay: keras: decoupled in every optimizer, w -= lr wd w, after clipping and before the step; torch: wd w is
 * added to g (adamw: w *= 1 - lr wd first). clip_norm: keras: g c / max(|g|, c); torch: g min(1, c / (|g| + 1e-6)).
 * Sources: Keras 3, PyTorch; the tests replay both in float64.
 */
#ifndef ELEGANS_OPTIM_H
#define ELEGANS_OPTIM_H

#include <elegans/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_optimizer eg_optimizer;

/* 0 means the method's default, EG_ZERO really zero. A field that a method does not have is an ARGUMENT error. */
typedef struct eg_optimizer_opt {
    size_t size_;
    double lr;
    double momentum;        /* mu: sgd, momentum (.9), rmsprop */
    double dampening;       /* torch's sgd */
    double rho;             /* rmsprop, adadelta */
    double beta1, beta2;    /* adam and its kin */
    double epsilon;
    double initial;         /* adagrad: the accumulator's start */
    double lr_decay;        /* torch's adagrad */
    double weight_decay;
    double clip_value;      /* each element of g to [-c, c] */
    double clip_norm;       /* each gradient tensor to norm <= c */
    double clip_global_norm; /* all gradients together to norm <= c */
    int nesterov, centered, amsgrad;
    eg_dialect dialect;
} eg_optimizer_opt;

/* By name, as in the table above (and aliases: "gd", "nag"). NULL and a NAME error with "did you mean" otherwise.
 * Freed by eg_optimizer_free, or by the model that is compiled with it. */
EG_API eg_optimizer *eg_optimizer_new(const char *name, eg_optimizer_opt opt);
EG_API void eg_optimizer_free(eg_optimizer *optimizer);
#define EG_OPTIMIZER_(name, ...) \
    eg_optimizer_new(name, (eg_optimizer_opt){ .size_ = sizeof(eg_optimizer_opt), __VA_ARGS__ })
#define eg_sgd(...) EG_OPTIMIZER_("sgd", __VA_ARGS__)           /* eg_sgd(.lr = .1, .momentum = .9) */
#define eg_momentum(...) EG_OPTIMIZER_("momentum", __VA_ARGS__)
#define eg_nesterov(...) EG_OPTIMIZER_("nesterov", __VA_ARGS__)
#define eg_adagrad(...) EG_OPTIMIZER_("adagrad", __VA_ARGS__)
#define eg_adadelta(...) EG_OPTIMIZER_("adadelta", __VA_ARGS__)
#define eg_rmsprop(...) EG_OPTIMIZER_("rmsprop", __VA_ARGS__)
#define eg_adam(...) EG_OPTIMIZER_("adam", __VA_ARGS__)
#define eg_adamw(...) EG_OPTIMIZER_("adamw", __VA_ARGS__)
#define eg_nadam(...) EG_OPTIMIZER_("nadam", __VA_ARGS__)
#define eg_adamax(...) EG_OPTIMIZER_("adamax", __VA_ARGS__)

EG_API const char *eg_optimizer_name(const eg_optimizer *optimizer);
EG_API double eg_optimizer_lr(const eg_optimizer *optimizer); /* the base learning rate */
/* The options with every default filled in (EG_ZERO for a zero that is no default): they make the same optimizer. */
EG_API eg_optimizer_opt eg_optimizer_options(const eg_optimizer *optimizer);
/* The names of all methods, NULL at the end. */
EG_API const char *const *eg_optimizer_names(void);

/* Builds one update of `n` parameters (variables) by their gradients: returns the assigns in out[0..*count), of
 * parameters and slots, at most n * (1 + EG_OPTIMIZER_SLOTS). Slots are variables "optimizer/<slot>/<parameter>" of
 * the same shape and layout; eg_optimizer_init_slots writes their first values into a state.
 * `step` is a scalar i32 that counts 0, 1, 2, ...; `lr` a scalar of the parameters' dtype. */
enum { EG_OPTIMIZER_SLOTS = 4 };
EG_API eg_status eg_optimizer_build(const eg_optimizer *optimizer, eg_value *step, eg_value *lr,
                                    eg_value *const *parameters, eg_value *const *gradients, int n, eg_value **out,
                                    int *count);
struct eg_state;
EG_API eg_status eg_optimizer_init_slots(const eg_optimizer *optimizer, struct eg_state *state);

#ifdef __cplusplus
}
#endif
#endif
