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

/* The ways to write the digits. WAY: of which digit, and how often it is chosen among those of the digit. Behind it the
 * points of its strokes, xxyy in hundredths of the box, y downwards; LIFT lifts the pen. */
#define WAY(digit, share) (FIRST_WAY + 10 * (digit) + (share))
enum { FIRST_WAY = 10000, LIFT = 20000, END = 30000 };

static const uint16_t ways[] = {
    WAY(0, 3), 5804, 3008, 1234, 1064, 2894, 5697, 8278, 9044, 7812, 5203,
    WAY(0, 1), 4008, 2020, 850, 2286, 5098, 8084, 9248, 7814, 5002, 3010, 2420,
    WAY(1, 4), 5000, 5050, 5099,
    WAY(1, 2), 3020, 5200, LIFT, 5200, 5150, 5099,
    WAY(1, 1), 3022, 5200, LIFT, 5200, 5098, LIFT, 2698, 7698,
    WAY(2, 3), 1424, 3005, 5802, 8018, 7642, 5070, 1097, LIFT, 1097, 5094, 9295,
    WAY(2, 2), 1226, 3204, 6405, 7830, 5862, 2692, 1088, 1874, 4080, 6294, 9486,
    WAY(3, 3), 1416, 4202, 7612, 7436, 3847, LIFT, 3847, 7254, 8672, 7294, 4099, 1086,
    WAY(3, 1), 1405, 8004, LIFT, 8004, 4242, LIFT, 4242, 7854, 8282, 4898, 1286,
    WAY(4, 3), 2206, 1632, 1454, LIFT, 1454, 4656, 8650, LIFT, 7406, 7050, 6698,
    WAY(4, 2), 6402, 1064, LIFT, 1064, 9262, LIFT, 6402, 6698,
    WAY(5, 3), 8204, 2806, LIFT, 2806, 2046, LIFT, 2046, 4836, 8050, 8478, 5498, 1288,
    WAY(5, 1), 8404, 5006, 3014, 2838, 6250, 8074, 5497, 1492,
    WAY(6, 3), 7002, 4020, 1852, 1882, 4498, 7488, 8266, 6252, 3660, 2080,
    WAY(6, 1), 5200, 3030, 1866, 2894, 6097, 7878, 6258, 3464, 2484,
    WAY(7, 3), 1010, 4807, 8806, LIFT, 8806, 6438, 4868, 3899,
    WAY(7, 1), 1008, 4806, 8606, LIFT, 8606, 5848, 4098, LIFT, 3452, 8248,
    WAY(7, 1), 1024, 1606, 5208, 8804, LIFT, 8804, 6646, 5698,
    WAY(8, 3), 7614, 5001, 2214, 2836, 5448, 8066, 7690, 5099, 2290, 2266, 5046, 7432, 7612,
    WAY(8, 1), 5002, 2612, 2836, 5045, 7236, 7412, 5202, 4004, 3010, LIFT, 5045, 2058, 1886, 5099, 8286, 8058, 5245,
        4047, 3050,
    WAY(9, 3), 8020, 5603, 2612, 1634, 3650, 6442, 8024, 8214, LIFT, 8214, 7656, 6699,
    WAY(9, 2), 7822, 5403, 2214, 2042, 5050, 7636, 8016, LIFT, 8016, 8258, 6492, 2694,
    END,
};

/* What is drawn at random for a digit, in this order. */
enum {
    WAVE, WAVE_PHASE, SWELL, SWELL_PHASE, SLANT, TURN, WIDTH, SIZE, ACROSS, DOWN, RADIUS, SOFT, VARY, VARY_PHASE, DARKNESS,
    DRAWS
};

/* Between two numbers, in thousandths, phases in turns; or a normal deviate, from its mean with a deviation. */
static const struct {
    int16_t normal, from, to;
} draws[DRAWS] = {
    [WAVE] = { 1, 0, 50 },     [WAVE_PHASE] = { 0, 0, 1000 },
    [SWELL] = { 1, 0, 50 },    [SWELL_PHASE] = { 0, 0, 1000 },
    [SLANT] = { 1, 120, 220 }, [TURN] = { 1, 0, 100 },
    [WIDTH] = { 0, 500, 1000 }, [SIZE] = { 0, 15500, 19000 },
    [ACROSS] = { 1, 13500, 700 }, [DOWN] = { 1, 13500, 700 },
    [RADIUS] = { 0, 750, 1750 }, [SOFT] = { 0, 900, 1500 },
    [VARY] = { 0, 0, 200 },    [VARY_PHASE] = { 0, 0, 1000 },
    [DARKNESS] = { 0, 850, 1000 },
};

/* One drawing: a path of points x, y, in pixels after `place`. */
typedef struct path {
    int n;
    double at[MAX_PATH][2];
    unsigned char starts[MAX_PATH]; /* 1: the pen comes down here */
    double drawn[DRAWS];
} path;

static void draw_hand(path *p, eg_rng *rng) {
    for (int i = 0; i < DRAWS; i++) {
        double from = draws[i].from / 1000., to = draws[i].to / 1000.;
        p->drawn[i] = from + (draws[i].normal ? to * eg_rng_gauss(rng) : (to - from) * eg_rng_double(rng));
    }
}

/* How often a way of the digit is chosen if it starts with this mark; 0 for all other marks. */
static int share_of(int mark, int digit) {
    int share = mark - WAY(digit, 0);
    return share > 0 && share < 10 ? share : 0;
}

/* The points of one of the ways to write the digit. */
static const uint16_t *choose_way(int digit, eg_rng *rng) {
    int total = 0;
    const uint16_t *way = ways;
    for (; *way != END; way++) total += share_of(*way, digit);
    int pick = (int)eg_rng_below(rng, (uint64_t)total);
    for (way = ways; pick >= 0; way++) pick -= share_of(*way, digit);
    return way;
}

/* Catmull-Rom: the smooth curve through p1 and p2 whose neighbours are p0 and p3. */
static double spline(double p0, double p1, double p2, double p3, double t) {
    return p1 + .5 * t * (p2 - p0 + t * (2 * p0 - 5 * p1 + 4 * p2 - p3 + t * (3 * (p1 - p2) + p3 - p0)));
}

/* point [n]: the control points of one stroke. */
static void add_stroke(path *out, double (*point)[2], int n) {
    for (int i = 0; i < n - 1; i++) {
        int before = i > 0 ? i - 1 : 0, after = i + 2 < n ? i + 2 : n - 1, last = i == n - 2;
        for (int k = 0; k < STEPS + last; k++) {
            double t = (double)k / STEPS;
            for (int a = 0; a < 2; a++)
                out->at[out->n][a] = spline(point[before][a], point[i][a], point[i + 1][a], point[after][a], t);
            out->starts[out->n++] = i == 0 && k == 0;
        }
    }
}

/* Strokes of one hand: a point in which one stroke ends and the next begins is shaken once. */
static void trace(const uint16_t *way, eg_rng *rng, path *out) {
    const double shake = .035;
    double point[MAX_POINTS][2];
    out->n = 0;
    for (int n = 0;; way++) {
        if (*way < FIRST_WAY) {
            for (int a = 0; a < 2; a++)
                point[n][a] = (a ? *way % 100 : *way / 100) / 100. - .5 + shake * eg_rng_gauss(rng);
            n++;
            continue;
        }
        add_stroke(out, point, n);
        if (*way != LIFT) return;
        memcpy(point[0], point[n - 1], sizeof *point);
        n = way[1] == way[-1];
        way += n;
    }
}

/* A slow wave through the plane, then slant, turn and stretch. */
static void deform(path *p) {
    const double *d = p->drawn;
    for (int i = 0; i < p->n; i++) {
        double *at = p->at[i], x = at[0] + d[WAVE] * sin(pi * at[1] * 2 + 2 * pi * d[WAVE_PHASE]),
               y = at[1] + d[SWELL] * sin(pi * at[0] * 2 + 2 * pi * d[SWELL_PHASE]);
        x = d[WIDTH] * x - d[SLANT] * y;
        at[0] = x * cos(d[TURN]) - y * sin(d[TURN]);
        at[1] = x * sin(d[TURN]) + y * cos(d[TURN]);
    }
}

/* Scales the longer side to about 20 pixels and puts the mean of the path, nearly the centre of mass, into the
 * middle. */
static void place(path *p) {
    double size[2], sum[2] = { 0 };
    for (int a = 0; a < 2; a++) {
        double low = p->at[0][a], high = low;
        for (int i = 0; i < p->n; i++) {
            low = fmin(low, p->at[i][a]), high = fmax(high, p->at[i][a]);
            sum[a] += p->at[i][a];
        }
        size[a] = high - low;
    }
    double scale = p->drawn[SIZE] / fmax(size[0], size[1]);
    for (int i = 0; i < p->n; i++)
        for (int a = 0; a < 2; a++) p->at[i][a] = p->drawn[ACROSS + a] - scale * sum[a] / p->n + scale * p->at[i][a];
}

/* Squared distance of (x, y) to the segment between two points. */
static double distance2(const double *from, const double *to, double x, double y) {
    double dx = to[0] - from[0], dy = to[1] - from[1], length2 = dx * dx + dy * dy;
    double t = length2 > 0 ? ((x - from[0]) * dx + (y - from[1]) * dy) / length2 : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    double ex = x - from[0] - t * dx, ey = y - from[1] - t * dy;
    return ex * ex + ey * ey;
}

static int clamp_pixel(double v) { return v < 0 ? 0 : v > EG_DIGIT_SIDE - 1 ? EG_DIGIT_SIDE - 1 : (int)v; }

/* Inks the segment between two points with a pen of that radius; the edge fades over `soft` pixels. */
static void ink_segment(const double *from, const double *to, double radius, double soft, double *ink) {
    double reach = radius + soft / 2;
    int first[2], last[2];
    for (int a = 0; a < 2; a++) {
        first[a] = clamp_pixel(fmin(from[a], to[a]) - reach);
        last[a] = clamp_pixel(fmax(from[a], to[a]) + reach);
    }
    for (int y = first[1]; y <= last[1]; y++)
        for (int x = first[0]; x <= last[0]; x++) {
            double d2 = distance2(from, to, x, y), *pixel = &ink[y * EG_DIGIT_SIDE + x];
            if (d2 >= reach * reach || *pixel >= 1) continue;
            double v = (reach - sqrt(d2)) / soft;
            *pixel = fmax(*pixel, fmin(v, 1));
        }
}

static void ink_path(const path *p, double *ink) {
    const double *d = p->drawn;
    for (int i = 1; i < p->n; i++) {
        double radius = d[RADIUS] * (1 + d[VARY] * sin(2 * pi * d[VARY_PHASE] + 8. * i / p->n));
        if (!p->starts[i]) ink_segment(p->at[i - 1], p->at[i], radius, d[SOFT], ink);
    }
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
    trace(choose_way(digit, rng), rng, &p);
    draw_hand(&p, rng);
    deform(&p);
    place(&p);
    ink_path(&p, ink);
    uint64_t block = rng->next / 4 + 1; /* the first unused block of four words */
    for (int i = 0; i < EG_DIGIT_SIDE * EG_DIGIT_SIDE; i++) {
        if (i % 4 == 0) eg_philox(rng->key, block++, words);
        double v = p.drawn[DARKNESS] * ink[i] + noise * grain(words[i % 4]);
        image[i] = (unsigned char)(v <= 0 ? 0 : v >= 1 ? 255 : 255 * v + .5);
    }
    rng->next = 4 * block;
}
