/* SPDX-License-Identifier: MIT
 *
 * dead.c: drops what no root needs. Every rewrite does, so this pass is an empty one.
 * Needs: nothing. Keeps: all bits. Breaks: nothing.
 */
#include "compile/pass.h"

eg_status eg_pass_dead(eg_unit *unit) {
    return eg_rewrite_unit(unit, NULL, NULL);
}
