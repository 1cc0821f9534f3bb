/* SPDX-License-Identifier: MIT
 *
 * mnist.h: where MNIST is on this machine, and how to get it.
 */
#ifndef EG_DATA_MNIST_H
#define EG_DATA_MNIST_H

#include <elegans/base.h>

/* The folder that holds MNIST's four files: $ELEGANS_DATA, its "mnist", ../shared/data/mnist, or the user's cache
 * ($XDG_CACHE_HOME or ~/.cache, elegans/mnist). With `allow_download` and a fetch hook it is fetched into the cache.
 * Allocated with eg_alloc; MISSING with one line that says where it was looked for. */
eg_status eg_mnist_find(int allow_download, char **folder);

#endif
