/* SPDX-License-Identifier: MIT
 *
 * conv.c: convolution (as the field means it: the kernel is not turned round) of channels-last images,
 *
 *     y[n, p.., o] = start[o] + sum over k.., c of x[n, i.., c] w[k.., c, o],     i spread + low = p stride + k
 * dilation
 *
 * with x [batch, spatial..., channels], w [taps..., channels / groups, out] and the geometry of ops/window.h.
 * Output channel o belongs to group o / (out / groups) and reads the channels of that group only.
 *
 * The op is closed under differentiation. By x, y is a sum over windows of the adjoint, spread by the stride, with
 * the taps in backward order and the kernel's channels swapped. By w, the same product x w is summed over batch
 * and positions instead: that is the form `kernel` of this op, whose second operand is [batch, positions..., out]
 * and whose result is a kernel. Its derivatives are again the two others.
 *
 * In compiled groups the result is seen as a matrix with a row for each position: the flag `rows`.
 *
 * Constructors check what their user sees; the geometry of gradients is made here and fits by construction.
 */
#include "ops/family.h"
#include "ops/window.h"

/* ---- infer ----------------------------------------------------------------------------------- */

static eg_status infer_start(const eg_value *value, int64_t columns) {
    if (value->nin == 2) return EG_OK;
    if (value->nin == 3 && !value->attr.window.kernel && eg_same_shape(&value->in[2]->shape, &EG_SHAPE(columns)))
        return EG_OK;
    return eg_fail(EG_E_SHAPE, "start value %s of %lld output channels", eg_shape_words(&value->in[2]->shape),
                   (long long)columns);
}

static eg_status infer_conv(const eg_value *value, eg_inferred *out) {
    eg_window w;
    EG_TRY(eg_need_same_dtype(value, 0));
    EG_TRY(eg_need_float(value->in[0]));
    EG_TRY(eg_window_of(value, &w));
    int is_kernel = value->attr.window.kernel != 0, rank = value->in[0]->shape.rank;
    *out = (eg_inferred){ value->in[0]->dtype, { .rank = rank } };
    for (int a = 0; a < rank - 2; a++)
        out->shape.dim[is_kernel ? a : 1 + a] = (is_kernel ? w.taps : w.positions)[EG_SPATIAL - (rank - 2) + a];
    if (is_kernel)
        out->shape.dim[rank - 2] = w.channels / w.groups;
    else
        out->shape.dim[0] = w.batch;
    out->shape.dim[rank - 1] = w.out;
    if (value->attr.window.rows) out->shape = EG_SHAPE(w.batch * w.positions[0] * w.positions[1], w.out);
    return infer_start(value, w.out);
}

static double flops_conv(const eg_value *value) {
    eg_window w;
    if (eg_window_of(value, &w) != EG_OK) return 0;
    return 2. * (double)(w.batch * w.positions[0] * w.positions[1]) * (double)(w.taps[0] * w.taps[1]) *
           (double)(w.channels / w.groups) * (double)w.out;
}

/* ---- reference ------------------------------------------------------------------------------- */

/* One tap of one window: x[channels], y[out], w[channels / groups][out]; y or w is the result. */
static void one_tap(const eg_window *g, const double *x, double *w, double *y, int is_kernel) {
    int64_t inner = g->channels / g->groups, outer = g->out / g->groups;
    for (int64_t c = 0; c < inner; c++)
        for (int64_t o = 0; o < g->out; o++) {
            double value = x[o / outer * inner + c];
            if (is_kernel)
                w[c * g->out + o] += value * y[o];
            else
                y[o] += value * w[c * g->out + o];
        }
}

static void one_window(const eg_window *g, const double *image, double *w, double *y, const int64_t *p,
                       int is_kernel) {
    int64_t block = g->channels / g->groups * g->out;
    for (int64_t k0 = 0; k0 < g->taps[0]; k0++) {
        int64_t i0 = eg_window_at(g, 0, p[0], k0);
        for (int64_t k1 = 0; k1 < g->taps[1] && i0 >= 0; k1++) {
            int64_t i1 = eg_window_at(g, 1, p[1], k1);
            if (i1 < 0) continue;
            one_tap(g, image + (i0 * g->image[1] + i1) * g->channels, w + (k0 * g->taps[1] + k1) * block, y,
                    is_kernel);
        }
    }
}

static void ref_conv(const eg_ref_call *call) {
    const eg_value *v = call->value;
    int is_kernel = v->attr.window.kernel != 0;
    const double *other = call->in[1], *start = v->nin == 3 ? call->in[2] : NULL;
    eg_window g;
    if (eg_window_of(v, &g) != EG_OK) return;
    int64_t n = eg_count(&v->shape), pixels = g.positions[0] * g.positions[1];
    for (int64_t i = 0; i < n; i++) call->out[i] = start ? start[i % g.out] : 0;
    double *w = is_kernel ? call->out : (double *)(uintptr_t)other; /* the operand among the two is only read */
    double *y = is_kernel ? (double *)(uintptr_t)other : call->out;
    for (int64_t i = 0; i < g.batch * pixels && g.out; i++, y += g.out) {
        int64_t p[] = { i % pixels / g.positions[1], i % g.positions[1] };
        one_window(&g, call->in[0] + i / pixels * g.image[0] * g.image[1] * g.channels, w, y, p, is_kernel);
    }
}

/* ---- derivatives ----------------------------------------------------------------------------- */

/* w [taps..., C/g, O] -> [taps..., O/g, C], the taps backward. */
static eg_value *turned_kernel(eg_value *w, int64_t groups) {
    int rank = w->shape.rank;
    int64_t inner = w->shape.dim[rank - 2], outer = w->shape.dim[rank - 1] / groups;
    eg_axes taps = { .n = rank - 2 }, order = { .n = rank + 1 };
    eg_shape split = w->shape, joined = w->shape;
    for (int a = 0; a < rank - 2; a++) taps.axis[a] = order.axis[a] = a;
    split.rank = rank + 1;
    split.dim[rank - 1] = groups, split.dim[rank] = outer;
    joined.dim[rank - 2] = outer, joined.dim[rank - 1] = groups * inner;
    order.axis[rank - 2] = rank, order.axis[rank - 1] = rank - 1, order.axis[rank] = rank - 2;
    w = eg_flip(w, taps);
    if (groups > 1) return eg_reshaped(eg_permute(eg_reshaped(w, &split), order), &joined);
    return eg_transpose(w);
}

/* The adjoint of the image of a conv whose geometry is `g`, given that of its result: also what is called a
 * transposed convolution. */
static eg_value *by_image(eg_value *dy, eg_value *w, const eg_window *g) {
    eg_attr attr = { 0 };
    eg_window_back(g, dy->shape.rank - 2, &attr);
    attr.window.groups = g->groups;
    return eg_node2(EG_OP_CONV, dy, turned_kernel(w, g->groups), &attr);
}

/* The adjoint of the kernel: what a window that reaches beyond the last position does not see is cut off. */
static eg_value *by_kernel(eg_value *x, eg_value *dy, const eg_attr *from, const eg_window *g) {
    eg_attr attr = *from;
    int spatial = dy->shape.rank - 2;
    for (int a = 0; a < spatial; a++) {
        int d = a + EG_SPATIAL - spatial;
        attr.window.high[a] = (g->positions[d] - 1) * g->stride[d] + eg_window_extent(g->taps[d], g->dilation[d]) -
                              g->low[d] - eg_window_extent(g->image[d], g->spread[d]);
    }
    attr.window.kernel = 1;
    return eg_node2(EG_OP_CONV, x, dy, &attr);
}

/* dx, and the adjoint of the other operand: the kernel of a plain conv, the positions of one of the form `kernel`. */
static void vjp_conv(eg_value *y, eg_value *dout, eg_value **din) {
    eg_value *x = y->in[0], *other = y->in[1];
    int is_kernel = y->attr.window.kernel != 0;
    eg_attr plain = y->attr;
    eg_window g;
    plain.window.kernel = 0;
    if (y->attr.window.rows) return; /* made by passes, behind all differentiation */
    if (eg_window_of(y, &g) != EG_OK) return;
    if (eg_count(&x->shape)) din[0] = is_kernel ? by_image(other, dout, &g) : by_image(dout, other, &g);
    din[1] = is_kernel ? eg_node2(EG_OP_CONV, x, dout, &plain) : by_kernel(x, dout, &y->attr, &g);
    if (y->nin == 3) din[2] = dout; /* summed over the positions like every broadcast */
}

const eg_op_def eg_op_conv = { .name = "conv",
                               .arity = -2,
                               .attr = EG_ATTR_CONV,
                               .infer = infer_conv,
                               .vjp = vjp_conv,
                               .ref = ref_conv,
                               .flops = flops_conv,
                               .draw = { EG_DRAW_REAL, EG_DRAW_REAL, EG_DRAW_REAL } };

/* ---- constructors ---------------------------------------------------------------------------- */

/* A list that gives nothing for an axis repeats its first number, or is 1. */
static int64_t step_of(const int64_t *list, int a) { return list[a] ? list[a] : list[0] ? list[0] : 1; }

void eg_window_attr(const eg_value *x, const int64_t *taps, const eg_window_opt *opt, eg_attr *attr) {
    *attr = (eg_attr){ 0 };
    attr->window.groups = opt->groups ? opt->groups : 1;
    for (int a = 0; a < EG_SPATIAL && a < x->shape.rank - 2; a++) {
        int64_t stride = step_of(opt->stride, a), dilation = step_of(opt->dilation, a), n = x->shape.dim[1 + a];
        attr->window.stride[a] = stride, attr->window.dilation[a] = dilation, attr->window.spread[a] = 1;
        attr->window.size[a] = taps[a];
        attr->window.low[a] = opt->low[a], attr->window.high[a] = opt->high[a];
        if (opt->padding != EG_SAME || stride < 1) continue;
        int64_t positions = (n + stride - 1) / stride;
        int64_t missing = (positions - 1) * stride + eg_window_extent(taps[a], dilation) - n;
        if (missing < 0) missing = 0;
        attr->window.low[a] = missing / 2, attr->window.high[a] = missing - missing / 2;
    }
}

eg_value *eg_conv_(eg_value *x, eg_value *w, eg_window_opt opt) {
    eg_attr attr;
    if (eg_is_poison(x)) return x;
    if (eg_is_poison(w)) return w;
    eg_window_attr(x, w->shape.dim, &opt, &attr);
    for (int a = 0; a < EG_SPATIAL; a++) attr.window.size[a] = 0;
    return eg_node2(EG_OP_CONV, x, w, &attr);
}

/* The geometry of the conv whose image is the result. */
static eg_status read_transposed(const eg_value *x, const eg_value *w, const eg_window_opt *opt, eg_window *g) {
    int spatial = x->shape.rank - 2;
    if (spatial < 1 || spatial > EG_SPATIAL || w->shape.rank != x->shape.rank)
        return eg_fail(EG_E_SHAPE, "%s by %s: images and kernels have 3 or 4 axes", eg_shape_words(&x->shape),
                       eg_shape_words(&w->shape));
    *g = (eg_window){ .groups = opt->groups ? opt->groups : 1 };
    if (w->shape.dim[spatial + 1] != x->shape.dim[spatial + 1] || g->groups < 1 ||
        x->shape.dim[spatial + 1] % g->groups)
        return eg_fail(EG_E_SHAPE,
                       "%s by %s: the kernel's last axis is %lld, the image has %lld channels in %lld groups",
                       eg_shape_words(&x->shape), eg_shape_words(&w->shape), (long long)w->shape.dim[spatial + 1],
                       (long long)x->shape.dim[spatial + 1], (long long)g->groups);
    for (int s = 0; s < spatial; s++) {
        int d = s + EG_SPATIAL - spatial;
        g->positions[d] = x->shape.dim[1 + s], g->taps[d] = w->shape.dim[s];
        g->stride[d] = step_of(opt->stride, s), g->dilation[d] = step_of(opt->dilation, s), g->spread[d] = 1;
        int64_t extent = eg_window_extent(g->taps[d], g->dilation[d]),
                whole = (g->positions[d] - 1) * g->stride[d] + extent;
        int64_t cut = opt->padding == EG_SAME ? whole - g->positions[d] * g->stride[d] : opt->low[s] + opt->high[s];
        g->image[d] = whole - cut + opt->extra[s];
        g->low[d] = opt->padding == EG_SAME ? (cut > 0 ? cut / 2 : 0) : opt->low[s];
        if (g->positions[d] < 1 || g->image[d] < 1)
            return eg_fail(EG_E_SHAPE, "%s by %s: nothing is left of axis %d", eg_shape_words(&x->shape),
                           eg_shape_words(&w->shape), 1 + s);
    }
    return EG_OK;
}

eg_value *eg_conv_transpose_(eg_value *x, eg_value *w, eg_window_opt opt) {
    eg_window g;
    if (eg_is_poison(x)) return x;
    if (eg_is_poison(w)) return w;
    if (read_transposed(x, w, &opt, &g) != EG_OK) return eg_poison_last(x->graph, "conv_transpose");
    return by_image(x, w, &g);
}
