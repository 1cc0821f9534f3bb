/* SPDX-License-Identifier: MIT
 *
 * text.c: the growing string, and numbers to text and back without the locale. The C library rounds correctly both
 * ways; only its decimal point is untrustworthy. So digits are handed over without one: "123e-5" is read the same
 * everywhere, and of a printed "1,23e-03" only the digits and the exponent are taken. Formats with %f or %g in them
 * are run under the C locale of the calling thread.
 */
#include "base/text.h"

#include <ctype.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/status.h"

/* ---- the growing string ---------------------------------------------------------------------------------------- */

/* Room for `more` bytes and the NUL; 0 (and `failed`) when there is no memory. */
static int reserve(eg_text *text, size_t more) {
    size_t need;
    if (text->failed) return 0;
    if (!eg_add_size(text->length, more, &need) || !eg_add_size(need, 1, &need)) need = SIZE_MAX;
    if (need <= text->capacity) return 1;
    size_t capacity = need < SIZE_MAX / 4 && need < 2 * text->capacity ? 2 * text->capacity : need;
    char *data = eg_realloc(text->data, capacity < 64 ? 64 : capacity);
    if (!data) {
        text->failed = 1;
        return 0;
    }
    text->data = data;
    text->capacity = capacity < 64 ? 64 : capacity;
    return 1;
}

void eg_text_add_bytes(eg_text *text, const char *bytes, size_t length) {
    if (!reserve(text, length)) return;
    if (length > 0) memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void eg_text_add(eg_text *text, const char *string) { eg_text_add_bytes(text, string, strlen(string)); }

static locale_t c_locale;
static pthread_once_t c_locale_once = PTHREAD_ONCE_INIT;
static void make_c_locale(void) { c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0); }

void eg_text_formatv(eg_text *text, const char *format, va_list arguments) {
    va_list again;
    pthread_once(&c_locale_once, make_c_locale);
    locale_t users = uselocale(c_locale); /* no memory for one: c_locale is 0, which changes nothing */
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    if (length < 0) text->failed = 1;
    if (length >= 0 && reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
    uselocale(users);
}

void eg_text_format(eg_text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    eg_text_formatv(text, format, arguments);
    va_end(arguments);
}

void eg_text_free(eg_text *text) {
    eg_free(text->data);
    *text = (eg_text){ 0 };
}

/* ---- numbers to text ------------------------------------------------------------------------------------------- */

void eg_round_digits(double value, int count, char digits[20], int *point) {
    char printed[64];
    snprintf(printed, sizeof printed, "%.*e", count - 1, value);
    int n = 0;
    const char *p = printed;
    for (; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9') digits[n++] = *p;
    digits[n] = '\0';
    *point = atoi(p + 1) + 1;
}

static int reads_back(const char *digits, int point, double value, int single) {
    char token[40];
    snprintf(token, sizeof token, "%se%d", digits, point - (int)strlen(digits));
    return single ? strtof(token, NULL) == (float)value : strtod(token, NULL) == value;
}

/* The next decimal of the same number of digits. */
static void increment(char *digits, int *point) {
    int i = (int)strlen(digits) - 1;
    for (; i >= 0 && digits[i] == '9'; i--) digits[i] = '0';
    if (i >= 0) {
        digits[i]++;
        return;
    }
    digits[0] = '1'; /* 999 -> 1000, of which the last zero goes into the exponent */
    ++*point;
}

static int strip_zeros(char *digits) {
    int n = (int)strlen(digits);
    while (n > 1 && digits[n - 1] == '0') digits[--n] = '\0';
    return n;
}

/* Below a power of two the neighbours are twice as dense as above it, so there the closest decimal may miss although
 * the one above it reads back; that is the only such case. A normal number whose shortest form has few digits shows
 * it, padded with zeros, at the number of digits that the type always keeps (15, 6); denormals keep fewer. */
int eg_shortest_digits(double value, int single, char digits[20], int *point) {
    int binary_exponent, power_of_two = frexp(value, &binary_exponent) == 0.5;
    int normal = value >= (single ? (double)FLT_MIN : DBL_MIN);
    int most = single ? 9 : 17;
    for (int count = !normal ? 1 : single ? 6 : 15; count < most; count++) {
        eg_round_digits(value, count, digits, point);
        if (reads_back(digits, *point, value, single)) return strip_zeros(digits);
        increment(digits, point);
        if (power_of_two && reads_back(digits, *point, value, single)) return strip_zeros(digits);
    }
    eg_round_digits(value, most, digits, point);
    return strip_zeros(digits);
}

/* Positional for decimal exponents from -5 to 16, as most languages print; else d.ddde-30. */
static void add_digits(eg_text *text, const char *digits, int n, int point) {
    if (point < -4 || point > 17) {
        eg_text_add_bytes(text, digits, 1);
        if (n > 1) eg_text_add(text, ".");
        eg_text_add_bytes(text, digits + 1, (size_t)n - 1);
        eg_text_format(text, "e%d", point - 1);
    } else if (point <= 0) {
        eg_text_add(text, "0.");
        eg_text_add_bytes(text, "0000", (size_t)-point);
        eg_text_add_bytes(text, digits, (size_t)n);
    } else if (n > point) {
        eg_text_add_bytes(text, digits, (size_t)point);
        eg_text_add(text, ".");
        eg_text_add_bytes(text, digits + point, (size_t)(n - point));
    } else {
        eg_text_add_bytes(text, digits, (size_t)n);
        eg_text_add_bytes(text, "00000000000000000", (size_t)(point - n));
    }
}

static void add_number(eg_text *text, double value, int single) {
    char digits[20];
    int point;
    if (isnan(value)) {
        eg_text_add(text, "nan");
        return;
    }
    if (signbit(value)) eg_text_add(text, "-");
    if (isinf(value)) {
        eg_text_add(text, "inf");
    } else if (value == 0) {
        eg_text_add(text, "0");
    } else {
        int n = eg_shortest_digits(fabs(value), single, digits, &point);
        add_digits(text, digits, n, point);
    }
}

void eg_text_number(eg_text *text, double value) { add_number(text, value, 0); }
void eg_text_float(eg_text *text, float value) { add_number(text, (double)value, 1); }

/* ---- text to numbers ------------------------------------------------------------------------------------------- */

/* Enough that a double is decided by the digits kept and by whether anything follows them: the longest exact
 * midpoint between two doubles has 767 significant digits. */
enum { MAX_DIGITS = 800 };

typedef struct decimal {
    char digits[MAX_DIGITS + 32]; /* significant digits, no leading zeros; room for a sticky digit and the exponent */
    int count;
    int64_t exponent; /* the value is digits * 10^exponent */
} decimal;

static void take_digit(decimal *number, char c, int fraction) {
    if (number->count < MAX_DIGITS && (number->count > 0 || c != '0')) {
        number->digits[number->count++] = c;
        number->exponent -= fraction;
    } else if (number->count == 0) {
        number->exponent -= fraction;
    } else {
        if (c != '0') number->digits[MAX_DIGITS] = '1'; /* sticky */
        number->exponent += !fraction;
    }
}

/* [e [+-] digits]: adds to *exponent and gives the first byte after it; `p` if there is none. */
static const char *scan_exponent(const char *p, const char *end, int64_t *exponent) {
    const char *q = p;
    if (q == end || (*q != 'e' && *q != 'E')) return p;
    int negative = ++q < end && *q == '-';
    if (q < end && (*q == '-' || *q == '+')) q++;
    int64_t sum = 0;
    const char *first = q;
    for (; q < end && *q >= '0' && *q <= '9'; q++)
        if (sum < 1000000000000) sum = 10 * sum + (*q - '0');
    if (q == first) return p;
    *exponent += negative ? -sum : sum;
    return q;
}

/* digits [. digits] [e [+-] digits] -> first byte after it, NULL without a digit. */
static const char *scan_decimal(const char *p, const char *end, decimal *number) {
    int any = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++, any = 1) take_digit(number, *p, 0);
    if (p < end && *p == '.' && (any || (p + 1 < end && p[1] >= '0' && p[1] <= '9')))
        for (p++; p < end && *p >= '0' && *p <= '9'; p++, any = 1) take_digit(number, *p, 1);
    return any ? scan_exponent(p, end, &number->exponent) : NULL;
}

/* Correctly rounded by the C library. */
static double decimal_value(decimal *number) {
    int64_t e = number->exponent;
    if (number->count == 0) return 0;
    int count = number->count;
    if (number->digits[MAX_DIGITS] == '1') count++, e--;
    int exponent = e > 100000 ? 100000 : e < -100000 ? -100000 : (int)e;
    snprintf(number->digits + count, 24, "e%d", exponent);
    return strtod(number->digits, NULL);
}

static const char *scan_word(const char *p, const char *end, const char *word) {
    size_t n = strlen(word);
    return (size_t)(end - p) >= n && strncasecmp(p, word, n) == 0 ? p + n : NULL;
}

static const char *parse_word(const char *p, const char *end, double *value) {
    static const struct {
        const char *word;
        double value;
    } words[] = { { "infinity", (double)INFINITY }, { "inf", (double)INFINITY }, { "nan", (double)NAN } };
    if (p == end || !strchr("iInN", *p)) return NULL;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const char *after = scan_word(p, end, words[i].word);
        if (after) return *value = words[i].value, after;
    }
    return NULL;
}

static const char *parse_long(const char *p, const char *end, double *value) {
    decimal number;
    number.count = 0, number.exponent = 0, number.digits[MAX_DIGITS] = '\0';
    const char *after = scan_decimal(p, end, &number);
    if (after) *value = decimal_value(&number);
    return after;
}

/* mantissa * 10^exponent, correctly rounded, where that takes one operation: of operands that are exact in 53 bits
 * (Clinger), or in the 64 bits that some machines have. There a second rounding follows, to 53 bits; it is the right one
 * unless the first ended half-way between two doubles. 0: it does not. */
static int scale_exactly(uint64_t mantissa, int64_t exponent, double *value) {
    static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                     1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
    int64_t power = exponent < 0 ? -exponent : exponent;
    if (power > 22) return 0;
    if (mantissa <= UINT64_C(1) << 53) {
        *value = exponent < 0 ? (double)mantissa / powers[power] : (double)mantissa * powers[power];
        return 1;
    }
#if LDBL_MANT_DIG == 64
    long double exact = mantissa, wide = exponent < 0 ? exact / powers[power] : exact * powers[power];
    uint64_t bits;
    memcpy(&bits, &wide, sizeof bits);
    *value = (double)wide;
    return (bits & 0x7FF) != 0x400;
#else
    return 0;
#endif
}

/* What most numbers are: at most 19 digits, of a value that one operation gives. NULL: another form, or none. */
static const char *parse_short(const char *p, const char *end, double *value) {
    enum { MOST = 19 }; /* digits that 64 bits hold */
    const char *first = p;
    uint64_t mantissa = 0;
    int64_t exponent = 0;
    for (; p < end && *p >= '0' && *p <= '9'; p++) mantissa = 10 * mantissa + (uint64_t)(*p - '0');
    int64_t digits = p - first;
    if (p < end && *p == '.') {
        const char *point = p++;
        for (; p < end && *p >= '0' && *p <= '9'; p++) mantissa = 10 * mantissa + (uint64_t)(*p - '0');
        exponent = point + 1 - p;
        digits -= exponent;
    }
    if (digits == 0 || digits > MOST) return NULL;
    p = scan_exponent(p, end, &exponent);
    return scale_exactly(mantissa, exponent, value) ? p : NULL;
}

const char *eg_parse_double(const char *text, const char *end, double *value) {
    const char *p = text, *after = NULL;
    double magnitude;
    int negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    if (p < end && (*p == '.' || (*p >= '0' && *p <= '9'))) {
        after = parse_short(p, end, &magnitude);
        if (!after) after = parse_long(p, end, &magnitude);
    } else {
        after = parse_word(p, end, &magnitude);
    }
    if (after) *value = negative ? -magnitude : magnitude;
    return after;
}

const char *eg_parse_int(const char *text, const char *end, int64_t *value) {
    const char *p = text;
    int negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *first = p;
    int64_t sum = 0; /* kept negative: the range reaches one further there */
    for (; p < end && *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(sum, 10, &sum) || __builtin_sub_overflow(sum, *p - '0', &sum)) return NULL;
    if (p == first || (!negative && sum == INT64_MIN)) return NULL;
    *value = negative ? sum : -sum;
    return p;
}

int eg_utf8_length(const char *text, const char *end) {
    const unsigned char *p = (const unsigned char *)text;
    int two = p[0] >= 0xC2 && p[0] < 0xE0, three = (p[0] & 0xF0) == 0xE0, four = p[0] >= 0xF0 && p[0] < 0xF5;
    int n = p[0] < 0x80 ? 1 : two ? 2 : three ? 3 : four ? 4 : 0;
    if (n == 0 || end - text < n) return 0;
    for (int i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80) return 0;
    int overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    int outside = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F); /* surrogates, above 10FFFF */
    return overlong || outside ? 0 : n;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

enum { MAX_WORD = 63 };

static int least(int a, int b) { return a < b ? a : b; }
static int same(char a, char b) { return tolower((unsigned char)a) == tolower((unsigned char)b); }

/* Optimal string alignment: insert, delete, replace, swap neighbours; case does not count. */
static int edit_distance(const char *a, const char *b) {
    int n = (int)strlen(a), m = (int)strlen(b);
    unsigned char table[MAX_WORD + 1][MAX_WORD + 1]; /* [i][j]: from the first i letters of a to the first j of b */
    for (int i = 0; i <= n; i++)
        for (int j = 0; j <= m; j++) {
            int best = i + j;
            if (i > 0) best = least(best, table[i - 1][j] + 1);
            if (j > 0) best = least(best, table[i][j - 1] + 1);
            if (i > 0 && j > 0) best = least(best, table[i - 1][j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                best = least(best, table[i - 2][j - 2] + 1);
            table[i][j] = (unsigned char)best;
        }
    return table[n][m];
}

const char *eg_did_you_mean(const char *word, const char *const *candidates, int n) {
    const char *best = NULL;
    size_t length = strlen(word);
    if (length == 0 || length > MAX_WORD) return NULL;
    int best_distance = length < 4 ? 2 : (int)length / 3 + 2; /* one slip, and one more for every three letters */
    for (int i = 0; i < n; i++) {
        if (strlen(candidates[i]) > MAX_WORD) continue;
        int distance = edit_distance(word, candidates[i]);
        if (distance < best_distance && distance < (int)length) best = candidates[i], best_distance = distance;
    }
    return best;
}

eg_status eg_fail_unknown(const char *what, const char *word, const char *const *candidates, int n) {
    const char *meant = eg_did_you_mean(word, candidates, n);
    if (meant) return eg_fail(EG_E_NAME, "unknown %s '%.60s'; did you mean '%s'?", what, word, meant);
    eg_text list = { 0 };
    for (int i = 0; i < n && list.length < 160; i++) eg_text_format(&list, "%s%s", i > 0 ? ", " : "", candidates[i]);
    eg_status status = eg_fail(EG_E_NAME, "unknown %s '%.60s' (there are %s%s)", what, word,
                               list.data ? list.data : "none", list.length < 160 ? "" : ", ...");
    eg_text_free(&list);
    return status;
}
