/* SPDX-License-Identifier: MIT
 *
 * version.c: the version of the linked library, spelled from the header's macros.
 */
#include <elegans/base.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

const char *eg_version(void) { return TEXT(EG_VERSION_MAJOR) "." TEXT(EG_VERSION_MINOR) "." TEXT(EG_VERSION_PATCH); }
