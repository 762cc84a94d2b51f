/* SPDX-License-Identifier: Apache-2.0 */
/** Random documents after a template, and damage. Repeatable: everything follows from the seed. */
#ifndef CP_TEST_KUBE_RANDOM_H
#define CP_TEST_KUBE_RANDOM_H
#include "buf.h"

#include <jansson.h>
#include <stdint.h>

void random_seed(uint64_t seed);
/** @return 0 <= n < below */
unsigned random_below(unsigned below);
/** Append a document shaped like @p shape: members left out, of another type, spelled with escapes,
 * with white space, with others beside them. */
void random_document(struct buf *out, const json_t *shape);
/** Change, insert, remove or cut off some bytes. */
void random_damage(struct buf *doc);
#endif
