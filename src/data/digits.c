/* SPDX-License-Identifier: MIT
 *
 * digits.c: handwritten-looking digits for machines without MNIST and without a network. A digit is a few pen strokes
 * through control points. Each drawing picks one of the ways to write it, shakes the points, bends, slants, turns and
 * stretches the whole, fits it into 20x20 pixels with its centre of mass in the middle of 28x28 as MNIST does, and
 * inks it with a round pen of varying width. Not a substitute for real handwriting: it says so wherever it is named.
 */
#include <math.h>
#include <string.h>

#include "data/generate.h"

enum { MAX_POINTS = 14, MAX_STROKES = 4, STEPS = 4, MAX_PATH = MAX_STROKES * MAX_POINTS * STEPS };

static const double pi = 3.14159265358979323846;

/* One way to write a digit. Points are xxyy in hundredths of the box, y downwards; '|' lifts the pen. */
typedef struct glyph {
    int digit, share; /* share: how often this way is chosen among those of the digit */
    const char *strokes;
} glyph;

static const glyph glyphs[] = {
    { 0, 3, "5804 3008 1234 1064 2894 5697 8278 9044 7812 5203" },
    { 0, 1, "4008 2020 0850 2286 5098 8084 9248 7814 5002 3010 2420" },
    { 1, 4, "5000 5050 5099" },
    { 1, 2, "3020 5200 | 5200 5150 5099" },
    { 1, 1, "3022 5200 | 5200 5098 | 2698 7698" },
    { 2, 3, "1424 3005 5802 8018 7642 5070 1097 | 1097 5094 9295" },
    { 2, 2, "1226 3204 6405 7830 5862 2692 1088 1874 4080 6294 9486" },
    { 3, 3, "1416 4202 7612 7436 3847 | 3847 7254 8672 7294 4099 1086" },
    { 3, 1, "1405 8004 | 8004 4242 | 4242 7854 8282 4898 1286" },
    { 4, 3, "2206 1632 1454 | 1454 4656 8650 | 7406 7050 6698" },
    { 4, 2, "6402 1064 | 1064 9262 | 6402 6698" },
    { 5, 3, "8204 2806 | 2806 2046 | 2046 4836 8050 8478 5498 1288" },
    { 5, 1, "8404 5006 3014 2838 6250 8074 5497 1492" },
    { 6, 3, "7002 4020 1852 1882 4498 7488 8266 6252 3660 2080" },
    { 6, 1, "5200 3030 1866 2894 6097 7878 6258 3464 2484" },
    { 7, 3, "1010 4807 8806 | 8806 6438 4868 3899" },
    { 7, 1, "1008 4806 8606 | 8606 5848 4098 | 3452 8248" },
    { 7, 1, "1024 1606 5208 8804 | 8804 6646 5698" },
    { 8, 3, "7614 5001 2214 2836 5448 8066 7690 5099 2290 2266 5046 7432 7612" },
    { 8, 1, "5002 2612 2836 5045 7236 7412 5202 4004 3010 | 5045 2058 1886 5099 8286 8058 5245 4047 3050" },
    { 9, 3, "8020 5603 2612 1634 3650 6442 8024 8214 | 8214 7656 6699" },
    { 9, 2, "7822 5403 2214 2042 5050 7636 8016 | 8016 8258 6492 2694" },
};
enum { GLYPHS = sizeof glyphs / sizeof glyphs[0] };

/* One drawing: a path of points with pen-up marks, in pixels after `place`. */
typedef struct path {
    int n;
    double x[MAX_PATH], y[MAX_PATH];
    unsigned char starts[MAX_PATH]; /* 1: the pen comes down here */
} path;

static double uniform(eg_rng *rng, double low, double high) { return low + (high - low) * eg_rng_double(rng); }

static const glyph *choose_glyph(int digit, eg_rng *rng) {
    int total = 0;
    for (int i = 0; i < GLYPHS; i++) total += glyphs[i].digit == digit ? glyphs[i].share : 0;
    uint64_t pick = eg_rng_below(rng, (uint64_t)total);
    for (int i = 0;; i++) {
        if (glyphs[i].digit != digit) continue;
        if (pick < (unsigned)glyphs[i].share) return &glyphs[i];
        pick -= (unsigned)glyphs[i].share;
    }
}

/* Catmull-Rom: the smooth curve through p1 and p2 whose neighbours are p0 and p3. */
static double spline(double p0, double p1, double p2, double p3, double t) {
    return p1 + .5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}

/* x, y: the control points of one stroke. */
static void add_stroke(path *out, const double *x, const double *y, int n) {
    for (int i = 0; i < n - 1; i++) {
        int before = i > 0 ? i - 1 : 0, after = i + 2 < n ? i + 2 : n - 1, last = i == n - 2;
        for (int k = 0; k < STEPS + last; k++) {
            double t = (double)k / STEPS;
            out->starts[out->n] = i == 0 && k == 0;
            out->x[out->n] = spline(x[before], x[i], x[i + 1], x[after], t);
            out->y[out->n++] = spline(y[before], y[i], y[i + 1], y[after], t);
        }
    }
}

static double hundredths(const char *two_digits) { return ((two_digits[0] - '0') * 10 + two_digits[1] - '0') / 100.; }

/* Reads the next point; 0 where the stroke ends. */
static int next_point(const char **text, const char **point) {
    while (**text == ' ') ++*text;
    if (**text == '\0' || **text == '|') return 0;
    *point = *text;
    *text += 4;
    return 1;
}

/* Strokes of one hand: a point in which one stroke ends and the next begins is shaken once. */
static void trace(const glyph *from, eg_rng *rng, path *out) {
    const double shake = .035;
    const char *text = from->strokes, *point = NULL;
    double x[MAX_POINTS], y[MAX_POINTS], end_x = 0, end_y = 0;
    out->n = 0;
    for (;; text++) {
        const char *end = point;
        int n = 0;
        for (; next_point(&text, &point); n++) {
            int joined = n == 0 && end && memcmp(point, end, 4) == 0;
            x[n] = joined ? end_x : hundredths(point) - .5 + shake * eg_rng_gauss(rng);
            y[n] = joined ? end_y : hundredths(point + 2) - .5 + shake * eg_rng_gauss(rng);
        }
        add_stroke(out, x, y, n);
        if (*text == '\0') return;
        end_x = x[n - 1], end_y = y[n - 1];
    }
}

/* A slow wave through the plane, then slant, turn and stretch. */
static void deform(path *p, eg_rng *rng) {
    double wave = .05 * eg_rng_gauss(rng), phase = uniform(rng, 0, 2 * pi), swell = .05 * eg_rng_gauss(rng),
           phase2 = uniform(rng, 0, 2 * pi);
    double slant = .12 + .22 * eg_rng_gauss(rng), turn = .10 * eg_rng_gauss(rng), width = uniform(rng, .5, 1);
    for (int i = 0; i < p->n; i++) {
        double x = p->x[i] + wave * sin(pi * p->y[i] * 2 + phase),
               y = p->y[i] + swell * sin(pi * p->x[i] * 2 + phase2);
        x = width * x - slant * y;
        p->x[i] = x * cos(turn) - y * sin(turn);
        p->y[i] = x * sin(turn) + y * cos(turn);
    }
}

/* Scales the longer side to about 20 pixels and puts the mean of the path, nearly the centre of mass, into the
 * middle. */
static void place(path *p, eg_rng *rng) {
    double left = p->x[0], right = left, top = p->y[0], bottom = top, sum_x = 0, sum_y = 0;
    for (int i = 0; i < p->n; i++) {
        left = fmin(left, p->x[i]), right = fmax(right, p->x[i]);
        top = fmin(top, p->y[i]), bottom = fmax(bottom, p->y[i]);
        sum_x += p->x[i], sum_y += p->y[i];
    }
    double scale = uniform(rng, 15.5, 19) / fmax(right - left, bottom - top);
    double x0 = 13.5 + .7 * eg_rng_gauss(rng) - scale * sum_x / p->n,
           y0 = 13.5 + .7 * eg_rng_gauss(rng) - scale * sum_y / p->n;
    for (int i = 0; i < p->n; i++) {
        p->x[i] = x0 + scale * p->x[i];
        p->y[i] = y0 + scale * p->y[i];
    }
}

/* Squared distance of (x, y) to the segment from point i-1 to point i. */
static double distance2(const path *p, int i, double x, double y) {
    double dx = p->x[i] - p->x[i - 1], dy = p->y[i] - p->y[i - 1], length2 = dx * dx + dy * dy;
    double t = length2 > 0 ? ((x - p->x[i - 1]) * dx + (y - p->y[i - 1]) * dy) / length2 : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double ex = x - p->x[i - 1] - t * dx, ey = y - p->y[i - 1] - t * dy;
    return ex * ex + ey * ey;
}

static int clamp_pixel(double v) { return v < 0 ? 0 : v > EG_DIGIT_SIDE - 1 ? EG_DIGIT_SIDE - 1 : (int)v; }

/* Inks one segment with a pen of that radius; the edge fades over `soft` pixels. */
static void ink_segment(const path *p, int i, double radius, double soft, double *ink) {
    double reach = radius + soft / 2;
    int x0 = clamp_pixel(fmin(p->x[i - 1], p->x[i]) - reach), x1 = clamp_pixel(fmax(p->x[i - 1], p->x[i]) + reach);
    int y0 = clamp_pixel(fmin(p->y[i - 1], p->y[i]) - reach), y1 = clamp_pixel(fmax(p->y[i - 1], p->y[i]) + reach);
    for (int y = y0; y <= y1; y++)
        for (int x = x0; x <= x1; x++) {
            double d2 = distance2(p, i, x, y), *pixel = &ink[y * EG_DIGIT_SIDE + x];
            if (d2 >= reach * reach || *pixel >= 1) continue;
            double v = (reach - sqrt(d2)) / soft;
            *pixel = fmax(*pixel, fmin(v, 1));
        }
}

static void ink_path(const path *p, eg_rng *rng, double *ink) {
    double radius = uniform(rng, .75, 1.75), soft = uniform(rng, .9, 1.5), vary = .2 * eg_rng_double(rng),
           phase = uniform(rng, 0, 2 * pi);
    for (int i = 1; i < p->n; i++)
        if (!p->starts[i]) ink_segment(p, i, radius * (1 + vary * sin(phase + 8. * i / p->n)), soft, ink);
}

/* Nearly normal, of standard deviation 1: the sum of a random word's four bytes. Each pixel of every digit needs one.
 */
static double grain(uint32_t word) {
    const double mean = 510, deviation = 147.8; /* of four bytes: sqrt(4 (256^2 - 1) / 12) */
    uint32_t pairs = (word & 0x00FF00FF) + (word >> 8 & 0x00FF00FF);
    return ((double)((pairs & 0xFFFF) + (pairs >> 16)) - mean) / deviation;
}

void eg_draw_digit(int digit, double noise, eg_rng *rng, unsigned char *image) {
    path p;
    double ink[EG_DIGIT_SIDE * EG_DIGIT_SIDE] = { 0 };
    uint32_t words[4];
    trace(choose_glyph(digit, rng), rng, &p);
    deform(&p, rng);
    place(&p, rng);
    ink_path(&p, rng, ink);
    double darkness = uniform(rng, .85, 1);
    uint64_t block = rng->next / 4 + 1; /* the first unused block of four words */
    for (int i = 0; i < EG_DIGIT_SIDE * EG_DIGIT_SIDE; i++) {
        if (i % 4 == 0) eg_philox(rng->key, block++, words);
        double v = darkness * ink[i] + noise * grain(words[i % 4]);
        image[i] = (unsigned char)(v <= 0 ? 0 : v >= 1 ? 255 : 255 * v + .5);
    }
    rng->next = 4 * block;
}
