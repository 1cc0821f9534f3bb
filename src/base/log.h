/* SPDX-License-Identifier: MIT
 *
 * log.h: remarks for the user's sink (eg_set_log). Cheap when nobody listens.
 */
#ifndef EG_BASE_LOG_H
#define EG_BASE_LOG_H

#include <elegans/base.h>

void eg_remark(eg_log_level level, const char *format, ...) EG_PRINTF(2, 3);

#endif
