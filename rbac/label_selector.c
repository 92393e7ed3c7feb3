#include "rbac/label_selector.h"

#include <string.h>

#include <base/error.h>
#include <base/json.h>
#include <base/limits.h>
#include <base/memory.h>
#include <base/text.h>

#include "rbac/fields.h"
#include "rbac/name_set.h"
#include "rbac/policy_json.h"

enum label_operator { LABEL_IN, LABEL_NOT_IN, LABEL_EXISTS, LABEL_DOES_NOT_EXIST };

struct label_requirement {
	char *key;
	enum label_operator operator;
	struct name_set values;
};

static bool read_operator(const struct json *json, enum label_operator *ret_operator,
			  struct error *err)
{
	static const char *const names[] = {
		[LABEL_IN] = "In",
		[LABEL_NOT_IN] = "NotIn",
		[LABEL_EXISTS] = "Exists",
		[LABEL_DOES_NOT_EXIST] = "DoesNotExist",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (text_same(names[i], json_find_string(json, "operator"))) {
			*ret_operator = (enum label_operator)i;
			return true;
		}
	}
	return error_set(err, ERROR_INVALID,
			 "operator must be \"In\", \"NotIn\", \"Exists\" or \"DoesNotExist\"");
}

static bool read_expression(const struct json *item, void *place, struct error *err)
{
	struct label_requirement *requirement = place;
	const char *key = NULL;

	if (!fields_are_known(item, (const char *[]){"key", "operator", "values", NULL}, err))
		return false;
	key = policy_json_name(item, "key", err);
	if (!key || !read_operator(item, &requirement->operator, err) ||
	    !name_set_read_values(item, "values", 0, &requirement->values, err))
		return false;
	requirement->key = memory_text(key);
	bool has_values = requirement->values.count > 0;
	bool wants_values =
		requirement->operator== LABEL_IN || requirement->operator== LABEL_NOT_IN;
	if (wants_values && !has_values)
		return error_set(err, ERROR_INVALID,
				 "values is empty: In and NotIn need at least one");
	if (!wants_values && has_values)
		return error_set(err, ERROR_INVALID,
				 "values must be left out: Exists and DoesNotExist take none");
	return true;
}

struct reading {
	struct label_selector *selector;
	size_t left;
	struct error *err;
};

/* A label of matchLabels is an expression with In and one value. */
static bool read_label(void *context, const char *key, const struct json *value)
{
	struct reading *reading = context;
	struct label_selector *selector = reading->selector;

	if (reading->left == 0)
		return error_set(reading->err, ERROR_INVALID,
				 "matchLabels has too many labels: write at most %d",
				 POLICY_LABELS_MAX);
	if (!policy_json_check_text(key, reading->err) ||
	    !policy_json_check_text(json_string(value), reading->err))
		return error_wrap(reading->err, "matchLabels");
	char **values = memory_new_array(1, sizeof(*values));
	values[0] = memory_text(json_string(value));
	selector->requirements[selector->count++] =
		(struct label_requirement){memory_text(key), LABEL_IN, name_set_of(values, 1)};
	reading->left--;
	return true;
}

static bool read_labels(const struct json *json, struct label_selector *selector, struct error *err)
{
	const struct json *labels = json_find(json, "matchLabels");
	struct reading reading = {selector, POLICY_LABELS_MAX, err};

	if (!labels)
		return true;
	if (!json_is_object(labels))
		return error_set(err, ERROR_INVALID, "matchLabels must be an object");
	selector->requirements =
		memory_resize(selector->requirements, selector->count + POLICY_LABELS_MAX,
			      sizeof(*selector->requirements));
	return json_each(labels, read_label, &reading);
}

bool label_selector_read(const struct json *json, struct label_selector *ret_selector,
			 struct error *err)
{
	static const char *const fields[] = {"matchLabels", "matchExpressions", NULL};
	struct policy_items requirements = {0};

	*ret_selector = (struct label_selector){0};
	if (!fields_are_known(json, fields, err))
		return false;
	bool ok = policy_json_items(json, "matchExpressions", 0, POLICY_LABELS_MAX, read_expression,
				    sizeof(struct label_requirement), &requirements, err);
	*ret_selector = (struct label_selector){requirements.items, requirements.count};
	return ok && read_labels(json, ret_selector, err);
}

void label_selector_done(struct label_selector *selector)
{
	for (size_t i = 0; i < selector->count; i++) {
		memory_free(selector->requirements[i].key);
		name_set_done(&selector->requirements[i].values);
	}
	memory_free(selector->requirements);
	*selector = (struct label_selector){0};
}

static bool holds(const struct label_requirement *requirement, const struct json *labels)
{
	const char *value = json_find_string(labels, requirement->key);

	switch (requirement->operator) {
	case LABEL_IN:
		return name_set_has(&requirement->values, value);
	case LABEL_NOT_IN:
		return !name_set_has(&requirement->values, value);
	case LABEL_EXISTS:
		return value != NULL;
	case LABEL_DOES_NOT_EXIST:
		return value == NULL;
	}
	return false;
}

bool label_selector_matches(const struct label_selector *selector, const struct json *labels)
{
	for (size_t i = 0; i < selector->count; i++)
		if (!holds(&selector->requirements[i], labels))
			return false;
	return true;
}
