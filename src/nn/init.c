/* SPDX-License-Identifier: MIT
 *
 * init.c: first values of parameters. Element i of a parameter is a pure function of (seed, site of its name, i):
 * neither the order of building nor the number of threads changes it. Sources: Keras 3's initializers, PyTorch's
 * nn.init.
 */
#include <math.h>
#include <string.h>

#include <elegans/nn.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/text.h"
#include "nn/words.h"
#include "tensor/shape.h"

/* ---- names ----------------------------------------------------------------------------------- */

static const char *const names[EG_INIT_KINDS] = {
#define NAME(NAME, name) [EG_INIT_##NAME] = name,
    EG_INIT_LIST(NAME)
#undef NAME
};

static const eg_alias aliases[] = {
    { "zero", "zeros" },
    { "gaussian", "normal" },
    { "random_normal", "normal" },
    { "random_uniform", "uniform" },
    { "glorot", "glorot_uniform" },
    { "xavier", "glorot_uniform" },
    { "xavier_uniform", "glorot_uniform" },
    { "xavier_normal", "glorot_normal" },
    { "he", "he_normal" },
    { "kaiming", "he_normal" },
    { "kaiming_uniform", "he_uniform" },
    { "kaiming_normal", "he_normal" },
    { "lecun", "lecun_normal" },
    { "torch", "torch_linear" },
};

const char *eg_init_name(eg_init_kind kind) { return (unsigned)kind < EG_INIT_KINDS ? names[kind] : "?"; }

static const char *skip_blanks(const char *p) { return p + strspn(p, " "); }

/* "(.01)" or "(.01,2)" into a and b; a written 0 is really zero */
static const char *read_numbers(const char *p, const char *end, eg_init *out) {
    double *target[2] = { &out->a, &out->b };
    for (int i = 0; i < 2; i++) {
        p = eg_parse_double(skip_blanks(p + 1), end, target[i]);
        if (!p || !isfinite(*target[i])) return NULL;
        if (*target[i] == 0) *target[i] = EG_ZERO;
        p = skip_blanks(p);
        if (p < end && *p == ')') return p + 1;
        if (p >= end || *p != ',') return NULL;
    }
    return NULL;
}

eg_status eg_init_named(const char *text, eg_init *out) {
    size_t length = strcspn(text, "(");
    const char *end = text + strlen(text);
    char word[40];
    if (length >= sizeof word) return eg_fail(EG_E_NAME, "unknown initialiser '%.60s'", text);
    memcpy(word, text, length);
    word[length] = '\0';
    eg_init init = { .kind = EG_INIT_DEFAULT };
    int index;
    EG_TRY(eg_word_index("initialiser", word, names, EG_INIT_KINDS, aliases, EG_COUNT(aliases), &index));
    init.kind = (eg_init_kind)index;
    if (text[length] == '(' && read_numbers(text + length, end, &init) != end)
        return eg_fail(EG_E_DATA, "initialiser '%.60s': numbers as in normal(.01) or normal(.01,.5) are expected",
                       text);
    *out = init;
    return EG_OK;
}

/* ---- distributions --------------------------------------------------------------------------- */

typedef struct source {
    eg_rng_key key;
    int64_t n;
    double *out;
} source;

/* [-limit, limit), four numbers to a block of Philox */
static void fill_uniform(source s, double limit) {
    for (int64_t i = 0; i < s.n; i += 4) {
        uint32_t words[4];
        eg_philox(s.key, (uint64_t)i / 4, words);
        for (int64_t j = i; j < i + 4 && j < s.n; j++) s.out[j] = ((double)(words[j - i] >> 8) * 0x1p-23 - 1) * limit;
    }
}

static void fill_normal(source s, double deviation, double mean) {
    for (int64_t i = 0; i < s.n; i++) s.out[i] = eg_rng_normal(s.key, (uint64_t)i) * deviation + mean;
}

/* Within two deviations of the mean: each element draws again (the key's step counts its attempts) until it is. */
static void fill_truncated(source s, double deviation, double mean) {
    for (int64_t i = 0; i < s.n; i++) {
        eg_rng_key key = s.key;
        double z = eg_rng_normal(key, (uint64_t)i);
        while (fabs(z) > 2) {
            key.step++;
            z = eg_rng_normal(key, (uint64_t)i);
        }
        s.out[i] = z * deviation + mean;
    }
}

static void fill_constant(source s, double value) {
    for (int64_t i = 0; i < s.n; i++) s.out[i] = value;
}

/* ---- orthogonal ------------------------------------------------------------------------------ */

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

/* y -= 2 v (v.y) for a unit vector v: the Householder reflection */
static void reflect(const double *v, double *y, int64_t n) {
    double twice = 2 * dot(v, y, n);
    for (int64_t i = 0; i < n; i++) y[i] -= twice * v[i];
}

/* Turns a column, from the diagonal down, into its reflection's unit vector; returns the sign of R's diagonal. */
static double householder(double *column, int64_t n) {
    double norm = sqrt(dot(column, column, n));
    if (norm == 0) {
        column[0] = 1; /* a column of zeros: reflect along the axis */
        return -1;
    }
    double sign = column[0] < 0 ? -1 : 1;
    column[0] += sign * norm; /* R's diagonal is -sign norm */
    double length = sqrt(dot(column, column, n));
    for (int64_t i = 0; i < n; i++) column[i] /= length;
    return -sign;
}

/* The orthonormal columns q [m][n] (m >= n) of the QR decomposition of a (both column by column, a is overwritten),
 * each multiplied by the sign of R's diagonal, which makes the distribution uniform over the orthogonal matrices. */
static void orthonormal_columns(double *a, double *q, double *sign, int64_t m, int64_t n) {
    for (int64_t k = 0; k < n; k++) {
        sign[k] = householder(a + k * m + k, m - k);
        for (int64_t j = k + 1; j < n; j++) reflect(a + k * m + k, a + j * m + k, m - k);
    }
    for (int64_t j = 0; j < n; j++) {
        memset(q + j * m, 0, (size_t)m * sizeof *q);
        q[j * m + j] = sign[j];
        for (int64_t k = j; k >= 0; k--) reflect(a + k * m + k, q + j * m + k, m - k);
    }
}

/* out[rows][cols] = gain Q, from a normal matrix max(rows, cols) x min(rows, cols), transposed where rows < cols */
static eg_status fill_orthogonal(source s, int64_t rows, int64_t cols, double gain) {
    int64_t m = rows > cols ? rows : cols, n = rows > cols ? cols : rows;
    if (s.n == 0) return EG_OK;
    double *a = eg_alloc((size_t)(2 * s.n + n) * sizeof *a);
    if (!a) return EG_E_MEMORY;
    double *q = a + s.n;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) a[j * m + i] = eg_rng_normal(s.key, (uint64_t)(i * n + j));
    orthonormal_columns(a, q, q + s.n, m, n);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) s.out[i * cols + j] = gain * (rows < cols ? q[i * m + j] : q[j * m + i]);
    eg_free(a);
    return EG_OK;
}

/* ---- the kinds ------------------------------------------------------------------------------- */

typedef struct fans {
    double in, out;
} fans;

/* A kernel is (window..., in, out); a vector counts as both. */
static fans fans_of(eg_shape shape) {
    if (shape.rank == 0) return (fans){ 1, 1 };
    if (shape.rank == 1) return (fans){ (double)shape.dim[0], (double)shape.dim[0] };
    double window = 1;
    for (int i = 0; i < shape.rank - 2; i++) window *= (double)shape.dim[i];
    return (fans){ window * (double)shape.dim[shape.rank - 2], window * (double)shape.dim[shape.rank - 1] };
}

/* Variance scaling: variance s / n, with n the mean of the fans (Glorot) or fan_in (He, LeCun). */
static const struct scaling {
    eg_init_kind kind;
    double s;
    int both, uniform;
} scalings[] = {
    { EG_INIT_GLOROT_UNIFORM, 1, 1, 1 }, { EG_INIT_GLOROT_NORMAL, 1, 1, 0 }, { EG_INIT_HE_UNIFORM, 2, 0, 1 },
    { EG_INIT_HE_NORMAL, 2, 0, 0 },      { EG_INIT_LECUN_UNIFORM, 1, 0, 1 }, { EG_INIT_LECUN_NORMAL, 1, 0, 0 },
};

/* Standard deviation of a standard normal cut at +-2. */
#define CUT_DEVIATION .87962566103423978

static int fill_scaled(source s, eg_init_kind kind, fans fan, eg_dialect dialect) {
    for (int i = 0; i < EG_COUNT(scalings); i++) {
        const struct scaling *scaling = &scalings[i];
        if (scaling->kind != kind) continue;
        double n = fmax(1, scaling->both ? (fan.in + fan.out) / 2 : fan.in), variance = scaling->s / n;
        if (scaling->uniform)
            fill_uniform(s, sqrt(3 * variance));
        else if (dialect == EG_TORCH)
            fill_normal(s, sqrt(variance), 0);
        else
            fill_truncated(s, sqrt(variance) / CUT_DEVIATION, 0);
        return 1;
    }
    return 0;
}

static double given(double value, double fallback) { return value == 0 ? fallback : value == EG_ZERO ? 0 : value; }

static void uniform_of(source s, double a, double b) {
    (void)b;
    fill_uniform(s, a);
}
static void constant_of(source s, double a, double b) {
    (void)b;
    fill_constant(s, a);
}

/* Those that do not look at the shape, with the default of a. */
static const struct distribution {
    eg_init_kind kind;
    void (*fill)(source s, double a, double b);
    double a;
} distributions[] = {
    { EG_INIT_CONSTANT, constant_of, 0 },
    { EG_INIT_NORMAL, fill_normal, .05 },
    { EG_INIT_TRUNCATED_NORMAL, fill_truncated, .05 },
    { EG_INIT_UNIFORM, uniform_of, .05 },
};

static int fill_plain(source s, eg_init init) {
    for (int i = 0; i < EG_COUNT(distributions); i++) {
        const struct distribution *d = &distributions[i];
        if (d->kind != init.kind) continue;
        d->fill(s, given(init.a, d->a), given(init.b, 0));
        return 1;
    }
    return 0;
}

/* PyTorch's default for a linear layer, kernel and (given its kernel's fan_in) bias. */
static int fill_torch(source s, eg_init init, fans fan) {
    if (init.kind != EG_INIT_TORCH_LINEAR) return 0;
    fill_uniform(s, 1 / sqrt(fmax(1, fan.in)));
    return 1;
}

static int fill_zeros(source s, eg_init init) {
    if (init.kind != EG_INIT_ZEROS) return 0;
    fill_constant(s, 0);
    return 1;
}

/* Gates i f g o: only f begins open. */
static int fill_lstm_bias(source s, eg_init init) {
    if (init.kind != EG_INIT_LSTM_BIAS) return 0;
    for (int64_t i = 0; i < s.n; i++) s.out[i] = i * 4 / s.n == 1;
    return 1;
}

eg_status eg_init_fill(eg_init init, eg_dialect dialect, eg_shape shape, uint64_t seed, const char *name,
                       double *out) {
    if (init.kind == EG_INIT_DEFAULT) init.kind = shape.rank > 1 ? EG_INIT_GLOROT_UNIFORM : EG_INIT_ZEROS;
    source s = { { .seed = seed, .site = eg_site(name) }, eg_count(&shape), out };
    fans fan = fans_of(shape);
    if (fill_zeros(s, init) || fill_plain(s, init) || fill_torch(s, init, fan) ||
        fill_lstm_bias(s, init))
        return EG_OK;
    if (fill_scaled(s, init.kind, fan, dialect)) return EG_OK;
    if (init.kind != EG_INIT_ORTHOGONAL) return eg_fail(EG_E_ARGUMENT, "unknown initialiser %d", (int)init.kind);
    int64_t cols = shape.rank > 0 ? shape.dim[shape.rank - 1] : 1;
    return fill_orthogonal(s, cols > 0 ? s.n / cols : 0, cols, given(init.a, 1));
}
