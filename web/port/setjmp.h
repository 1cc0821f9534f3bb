/* SPDX-License-Identifier: MIT
 *
 * setjmp.h: empty. The tests include it for cmocka, and the one beside it does without.
 */
