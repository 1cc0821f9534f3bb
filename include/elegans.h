/* SPDX-License-Identifier: MIT
 *
 * elegans.h: the umbrella header, and the tour.
 */
#ifndef ELEGANS_H
#define ELEGANS_H

#include <elegans/base.h>
#include <elegans/tensor.h>
#include <elegans/graph.h>
#include <elegans/program.h>
#include <elegans/check.h>
#include <elegans/optim.h>
#include <elegans/nn.h>
#include <elegans/data.h>
#include <elegans/train.h>

#endif
