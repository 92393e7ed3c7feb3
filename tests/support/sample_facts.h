/* sample_facts.h - facts about a request, made from a short text.
 *
 * A text is a list of changes to a sample: "member=unreachable retry_at_ms=+500". Times with a sign
 * count from SAMPLE_NOW_MS. An unknown name or value fails the test. */
#ifndef SUPPORT_SAMPLE_FACTS_H
#define SUPPORT_SAMPLE_FACTS_H

#include <stddef.h>
#include <stdint.h>

#include "core/access_facts.h"

enum { SAMPLE_NOW_MS = 5000000 };

/* Seen for the first time: nothing is known, everything that it needs is there. */
struct access_facts sample_facts_new(const char *changes);
/* Everything is made, delivered and recorded. */
struct access_facts sample_facts_issued(const char *changes);
/* The same, and then it was deleted: all of it still stands. */
struct access_facts sample_facts_ending(const char *changes);

/* Facts as access_view_facts() could give them, drawn by *RANDOM, which moves on. */
struct access_facts sample_facts_random(uint32_t *random);

/* All of FACTS as such a text, for messages. Static. */
const char *sample_facts_text(const struct access_facts *facts);

#endif
