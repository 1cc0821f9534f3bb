/* SPDX-License-Identifier: MIT
 *
 * elegans/check.h: is a gradient right? Compares automatic differentiation with central differences, both in float64.
 */
#ifndef ELEGANS_CHECK_H
#define ELEGANS_CHECK_H

#include <elegans/program.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_check_opt {
    size_t size_;
    double step;        /* relative above |x| = 1; 0: 1e-5, 1e-4 and 1e-6 in turn, until one agrees */
    double rtol, atol;  /* 0: 1e-6, 1e-8 */
    int64_t samples;    /* elements checked per variable or input; 0: all up to 64, then 64 drawn at random */
} eg_check_opt;

typedef struct eg_check_result {
    int passed;
    int64_t checked;      /* elements compared */
    int64_t nonzero;      /* of which had a gradient other than 0: a check of zeros proves nothing */
    double worst_error;   /* max |analytic - numeric| / max(|analytic|, |numeric|, atol/rtol) */
    char worst[160];      /* "dense_1/kernel[3,7]: analytic 0.1234, numeric 0.1235" */
} eg_check_result;

/* d loss / d each of `wrt` (variables of `state` or inputs of the graph; inputs are given in `inputs`, in the order in which
 * they were made, as row-major doubles converted to their dtype). */
EG_API eg_status eg_check_gradient_(eg_value *loss, eg_value *const *wrt, int n, eg_state *state,
                                    const double *const *inputs, eg_check_opt opt, eg_check_result *out);
#define eg_check_gradient(...) EG_CHECK_GRADIENT_(__VA_ARGS__, .size_ = sizeof(eg_check_opt))
#define EG_CHECK_GRADIENT_(loss, wrt, n, state, inputs, out, ...) \
    eg_check_gradient_(loss, wrt, n, state, inputs, (eg_check_opt){ __VA_ARGS__ }, out)

#ifdef __cplusplus
}
#endif
#endif
