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

static const char *const aliases[EG_INIT_KINDS] = {
    [EG_INIT_ZEROS] = "zero",
    [EG_INIT_NORMAL] = "gaussian random_normal",
    [EG_INIT_UNIFORM] = "random_uniform",
    [EG_INIT_GLOROT_UNIFORM] = "glorot xavier xavier_uniform",
    [EG_INIT_GLOROT_NORMAL] = "xavier_normal",
    [EG_INIT_HE_UNIFORM] = "kaiming_uniform",
    [EG_INIT_HE_NORMAL] = "he kaiming kaiming_normal",
    [EG_INIT_LECUN_NORMAL] = "lecun",
    [EG_INIT_TORCH_LINEAR] = "torch",
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
    EG_TRY(eg_word_index("initialiser", word, names, EG_INIT_KINDS, aliases, EG_INIT_KINDS, &index));
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
static void fill_uniform(const source *s, double limit) {
    for (int64_t i = 0; i < s->n; i += 4) {
        uint32_t words[4];
        eg_philox(s->key, (uint64_t)i / 4, words);
        for (int64_t j = i; j < i + 4 && j < s->n; j++)
            s->out[j] = ((double)(words[j - i] >> 8) * 0x1p-23 - 1) * limit;
    }
}

/* Truncated: within two deviations of the mean. Each element draws again (the key's step counts its attempts) until
 * it is. */
static void fill_normal(const source *s, double deviation, double mean, int truncated) {
    for (int64_t i = 0; i < s->n; i++) {
        eg_rng_key key = s->key;
        double z = eg_rng_normal(key, (uint64_t)i);
        while (truncated && fabs(z) > 2) {
            key.step++;
            z = eg_rng_normal(key, (uint64_t)i);
        }
        s->out[i] = z * deviation + mean;
    }
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
static eg_status fill_orthogonal(const source *s, int64_t rows, int64_t cols, double gain) {
    int64_t m = rows > cols ? rows : cols, n = rows > cols ? cols : rows;
    if (s->n == 0) return EG_OK;
    double *a = eg_alloc((size_t)(2 * s->n + n) * sizeof *a);
    if (!a) return EG_E_MEMORY;
    double *q = a + s->n;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) a[j * m + i] = eg_rng_normal(s->key, (uint64_t)(i * n + j));
    orthonormal_columns(a, q, q + s->n, m, n);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) s->out[i * cols + j] = gain * (rows < cols ? q[i * m + j] : q[j * m + i]);
    eg_free(a);
    return EG_OK;
}

/* ---- the kinds ------------------------------------------------------------------------------- */

typedef struct fans {
    double in, out;
} fans;

/* A kernel is (window..., in, out); a vector counts as both. */
static fans fans_of(const eg_shape *shape) {
    if (shape->rank == 0) return (fans){ 1, 1 };
    if (shape->rank == 1) return (fans){ (double)shape->dim[0], (double)shape->dim[0] };
    double window = 1;
    for (int i = 0; i < shape->rank - 2; i++) window *= (double)shape->dim[i];
    return (fans){ window * (double)shape->dim[shape->rank - 2], window * (double)shape->dim[shape->rank - 1] };
}

/* Standard deviation of a standard normal cut at +-2. */
#define CUT_DEVIATION .87962566103423978

enum { NORMAL = 1, TRUNCATED, UNIFORM };
enum { FAN_IN = 1, FAN_MEAN };

/* What is drawn, and for variance scaling its variance s / n, with n the mean of the fans (Glorot) or fan_in. */
static const struct recipe {
    unsigned char draw, fan, s;
} recipes[EG_INIT_KINDS] = {
    [EG_INIT_GLOROT_UNIFORM] = { UNIFORM, FAN_MEAN, 1 },
    [EG_INIT_GLOROT_NORMAL] = { TRUNCATED, FAN_MEAN, 1 },
    [EG_INIT_HE_UNIFORM] = { UNIFORM, FAN_IN, 2 },
    [EG_INIT_HE_NORMAL] = { TRUNCATED, FAN_IN, 2 },
    [EG_INIT_LECUN_UNIFORM] = { UNIFORM, FAN_IN, 1 },
    [EG_INIT_LECUN_NORMAL] = { TRUNCATED, FAN_IN, 1 },
    [EG_INIT_NORMAL] = { .draw = NORMAL },
    [EG_INIT_TRUNCATED_NORMAL] = { .draw = TRUNCATED },
    [EG_INIT_UNIFORM] = { .draw = UNIFORM },
    [EG_INIT_TORCH_LINEAR] = { .draw = UNIFORM },
};

static double given(double value, double fallback) { return value == 0 ? fallback : value == EG_ZERO ? 0 : value; }

/* The standard deviation, of uniform numbers the limit. */
static double width_of(const eg_init *init, const eg_shape *shape, eg_dialect dialect) {
    const struct recipe *recipe = &recipes[init->kind];
    fans fan = fans_of(shape);
    if (init->kind == EG_INIT_TORCH_LINEAR) return 1 / sqrt(fmax(1, fan.in));
    if (!recipe->fan) return given(init->a, .05);
    double variance = recipe->s / fmax(1, recipe->fan == FAN_MEAN ? (fan.in + fan.out) / 2 : fan.in);
    if (recipe->draw == UNIFORM) return sqrt(3 * variance);
    return dialect == EG_TORCH ? sqrt(variance) : sqrt(variance) / CUT_DEVIATION;
}

eg_status eg_init_fill(eg_init init, eg_dialect dialect, eg_shape shape, uint64_t seed, const char *name,
                       double *out) {
    if ((unsigned)init.kind >= EG_INIT_KINDS) return eg_fail(EG_E_ARGUMENT, "unknown initialiser %d", (int)init.kind);
    if (init.kind == EG_INIT_DEFAULT) init.kind = shape.rank > 1 ? EG_INIT_GLOROT_UNIFORM : EG_INIT_ZEROS;
    source s = { { .seed = seed, .site = eg_site(name) }, eg_count(&shape), out };
    if (init.kind == EG_INIT_ORTHOGONAL) {
        int64_t cols = shape.rank > 0 ? shape.dim[shape.rank - 1] : 1;
        return fill_orthogonal(&s, cols > 0 ? s.n / cols : 0, cols, given(init.a, 1));
    }
    const struct recipe *recipe = &recipes[init.kind];
    double width = width_of(&init, &shape, dialect), constant = init.kind == EG_INIT_CONSTANT ? given(init.a, 0) : 0;
    if (recipe->draw == UNIFORM)
        fill_uniform(&s, width);
    else if (recipe->draw && recipe->fan)
        fill_normal(&s, width, 0, dialect != EG_TORCH && recipe->draw == TRUNCATED);
    else if (recipe->draw)
        fill_normal(&s, width, given(init.b, 0), recipe->draw == TRUNCATED);
    for (int64_t i = 0; i < s.n && !recipe->draw; i++) /* gates i f g o: only f begins open */
        out[i] = init.kind == EG_INIT_LSTM_BIAS ? i * 4 / s.n == 1 : constant;
    return EG_OK;
}
