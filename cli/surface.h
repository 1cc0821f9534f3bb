/* SPDX-License-Identifier: MIT
 *
 * surface.h: the landscapes on which optimizers are watched, each one formula: of two scalars for a descent, of two
 * arrays for a map.
 */
#ifndef ELEGANS_CLI_SURFACE_H
#define ELEGANS_CLI_SURFACE_H

#include <elegans/graph.h>

static inline eg_value *surface_number(eg_value *x, double number) { return eg_const(eg_value_graph(x), number); }
static inline eg_value *surface_times(double number, eg_value *x) { return eg_mul(surface_number(x, number), x); }

/* x^2 - y^2 + y^4/4: a saddle at 0 between valleys at y = -sqrt 2 and sqrt 2 */
static inline eg_value *surface_saddle(eg_value *x, eg_value *y) {
    eg_value *y2 = eg_square(y);
    return eg_add(eg_sub(eg_square(x), y2), surface_times(.25, eg_square(y2)));
}

/* (1 - x)^2 + steep (rise y - x^2)^2: a bent valley down to (1, 1 / rise) */
static inline eg_value *surface_bend(eg_value *x, eg_value *y, double steep, double rise) {
    eg_value *off = eg_sub(surface_times(rise, y), eg_square(x));
    return eg_add(eg_square(eg_sub(surface_number(x, 1), x)), surface_times(steep, eg_square(off)));
}
static inline eg_value *surface_rosenbrock(eg_value *x, eg_value *y) { return surface_bend(x, y, 100, 1); }
/* of the article "Why Momentum Really Works" (Goh 2017) */
static inline eg_value *surface_article(eg_value *x, eg_value *y) { return surface_bend(x, y, 20, 3); }

/* Beale: sum of (c_k - x (1 - y^k))^2, c = 1.5, 2.25, 2.625: flat around a minimum at (3, .5), cliffs in the corners
 */
static inline eg_value *surface_beale(eg_value *x, eg_value *y) {
    static const double c[] = { 1.5, 2.25, 2.625 };
    eg_value *power = y, *sum = NULL;
    for (int k = 0; k < 3; k++) {
        eg_value *term = eg_sub(surface_number(x, c[k]), eg_mul(x, eg_sub(surface_number(x, 1), power)));
        sum = sum ? eg_add(sum, eg_square(term)) : eg_square(term);
        power = eg_mul(power, y);
    }
    return sum;
}

/* (x^2 + 100 y^2)/2: the quadratic with condition number 100 */
static inline eg_value *surface_ravine(eg_value *x, eg_value *y) {
    return surface_times(.5, eg_add(eg_square(x), surface_times(100, eg_square(y))));
}

/* (x^2 - 1)^2 + (y^2 - 1)^2 + .3 x + .2 y: four wells, the deepest at (-1.036, -1.024) */
static inline eg_value *surface_wells(eg_value *x, eg_value *y) {
    eg_value *one = surface_number(x, 1), *a = eg_square(eg_sub(eg_square(x), one)),
             *b = eg_square(eg_sub(eg_square(y), one));
    return eg_add(eg_add(a, b), eg_add(surface_times(.3, x), surface_times(.2, y)));
}

#endif
