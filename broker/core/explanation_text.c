#include "core/explanation_text.h"

#include <stdbool.h>
#include <string.h>

#include <base/cleanup.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/yaml_text.h"

enum { TEXT_MAX = 32 << 20 };

/* Names are those that somebody wrote into a file. */
static void append_shown(struct text *text, const char *word)
{
	for (; word && *word; word++) {
		const char shown[] = {*word < ' ' || *word > '~' ? '?' : *word, '\0'};

		text_append(text, shown);
	}
}

static void append_line(struct text *text, const char *const *words)
{
	text_append(text, "# ");
	for (; *words; words++)
		append_shown(text, *words);
	text_append(text, "\n");
}

#define LINE(text, ...) append_line((text), (const char *const[]){__VA_ARGS__, NULL})

static const char *or_nothing(const char *word)
{
	return word ? word : "";
}

static void append_decision(struct text *text, const struct json *report, const char *source)
{
	const char *request = json_find_string(report, "request");
	const char *profile = json_find_string(report, "clusterProfile");
	bool allowed = json_is_true(json_find(report, "allowed"));

	LINE(text, request, " on ", profile, source ? " (" : "", or_nothing(source),
	     source ? ")" : "");
	if (json_find_string(report, "requester", "username"))
		LINE(text, "  requested by ", json_find_string(report, "requester", "username"));
	if (allowed)
		LINE(text, "  allowed by AccessPolicy ", json_find_string(report, "policy"));
	else
		LINE(text, "  not allowed: ", json_find_string(report, "reason"), ": ",
		     or_nothing(json_find_string(report, "message")));
}

static void append_opinion(struct text *text, const struct json *opinion)
{
	const char *name = json_find_string(opinion, "name");
	const char *agrees = json_find_string(opinion, "agrees");

	if (json_is_true(json_find(opinion, "allowed")))
		LINE(text, "    ", name, ": allows all of it");
	else
		LINE(text, "    ", name, ": ", agrees ? "agrees up to " : "", or_nothing(agrees),
		     agrees ? ", " : "", "stops at ", json_find_string(opinion, "refuses"), ": ",
		     or_nothing(json_find_string(opinion, "message")));
}

static void append_opinions(struct text *text, const struct json *policies)
{
	if (!policies)
		return;
	if (json_size(policies) == 0)
		LINE(text, "  there are no AccessPolicies");
	else
		LINE(text, "  what each AccessPolicy says:");
	for (size_t i = 0; i < json_size(policies); i++)
		append_opinion(text, json_item(policies, i));
}

static void append_token(struct text *text, const struct json *token_request)
{
	const struct json *spec = json_find(token_request, "spec");
	cleanup_free char *audiences = NULL;
	struct text seconds = text_with_max(24);
	int64_t expiration_s = 0;
	size_t size;

	if (!token_request)
		return;
	json_integer(json_find(spec, "expirationSeconds"), &expiration_s);
	text_appendf(&seconds, "%lld", (long long)expiration_s);
	audiences = json_dump(json_find(spec, "audiences"), &size);
	LINE(text, "  the token: ", text_chars(&seconds), " seconds, audiences ", audiences,
	     ", bound to the Secret ", json_find_string(spec, "boundObjectRef", "name"));
	text_done(&seconds);
}

static void append_renewal(struct text *text, const struct json *report)
{
	struct text percent = text_with_max(24);
	int64_t number = 0;

	if (json_integer(json_find(report, "renewAtPercent"), &number)) {
		text_appendf(&percent, "%lld", (long long)number);
		LINE(text, "  renewed at ", text_chars(&percent),
		     " % of the lifetime that is granted, give or take 10");
	}
	text_done(&percent);
}

static void append_objects(struct text *text, const struct json *objects)
{
	for (size_t i = 0; i < json_size(objects); i++) {
		cleanup_free char *document = yaml_text(json_item(objects, i));

		text_append(text, "---\n");
		text_append(text, document);
	}
}

char *explanation_text(const struct json *report, const char *source)
{
	const struct json *notes = json_find(report, "notes");
	struct text text = text_with_max(TEXT_MAX);

	append_decision(&text, report, source);
	append_opinions(&text, json_find(report, "policies"));
	append_token(&text, json_find(report, "tokenRequest"));
	append_renewal(&text, report);
	for (size_t i = 0; i < json_size(notes); i++)
		LINE(&text, "  note: ", json_string(json_item(notes, i)));
	append_objects(&text, json_find(report, "objects"));
	return text_take(&text);
}
