/* label_selector.h - a LabelSelector as Kubernetes reads it.
 *
 * For rbac alone. */
#ifndef RBAC_LABEL_SELECTOR_H
#define RBAC_LABEL_SELECTOR_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct json;
struct label_requirement;

/* All requirements must hold; none: everything matches. */
struct label_selector {
	struct label_requirement *requirements;
	size_t count;
};

/* Reads {matchLabels, matchExpressions}. False (ERROR_INVALID, saying what to write instead).
 * RET_SELECTOR is set in any case, for label_selector_done(). */
bool label_selector_read(const struct json *json, struct label_selector *ret_selector,
			 struct error *err);
void label_selector_done(struct label_selector *selector);

/* LABELS is an object of strings; NULL: no labels. */
bool label_selector_matches(const struct label_selector *selector, const struct json *labels);

#endif
