#include "core/revocation.h"

#include <stddef.h>

#include <base/error.h>
#include <base/json.h>
#include <base/memory.h>
#include <base/text.h>
#include <base/timestamp.h>

#include "core/ledger.h"
#include "core/request.h"

enum {
	/* A member's clock may be five minutes behind ours, its API server takes an expired token
	 * for one minute more and remembers for some seconds that it did. The rest is for our own
	 * clock. */
	MARGIN_S = 10 * 60,
	/* Nobody wants a write for each try. */
	SHOWN_EVERY_S = 60 * 60,
	SHOWN_UNCONFIRMED_EVERY_S = 24 * 60 * 60,
	OTHER_REASON_EVERY_S = 5 * 60,
};

static int64_t later(int64_t one, int64_t other)
{
	return one > other ? one : other;
}

static int64_t began_s(const struct ledger *ledger, int64_t now_s)
{
	return ledger->revocation.since_s > 0 ? ledger->revocation.since_s : now_s;
}

int64_t revocation_last_expiry_s(const struct ledger *ledger, int64_t now_s)
{
	int64_t last_s = 0;

	for (size_t i = 0; i < ledger->anchor_count; i++) {
		int64_t expires_at = ledger->anchors[i].expires_at;

		if (expires_at == 0)
			expires_at = began_s(ledger, now_s) + REQUEST_EXPIRATION_MAX_S;
		last_s = later(last_s, expires_at);
	}
	return last_s;
}

/* Where there is no token, somebody may still want to see that there was something. */
static int64_t unconfirmed_from_s(const struct ledger *ledger, int64_t now_s)
{
	int64_t last_s = revocation_last_expiry_s(ledger, now_s);

	return (last_s > 0 ? last_s : began_s(ledger, now_s)) + MARGIN_S;
}

bool revocation_outlasts_tokens(const struct ledger *ledger, int64_t now_s)
{
	return now_s >= unconfirmed_from_s(ledger, now_s);
}

int64_t revocation_due_s(const struct ledger *ledger, const char *cause, int64_t now_s)
{
	const struct revocation *revocation = &ledger->revocation;
	int64_t ends_s = unconfirmed_from_s(ledger, now_s);
	int64_t shown_s;

	if (revocation->since_s == 0 || (now_s >= ends_s && !revocation->unconfirmed))
		return 0;
	if (!text_same(revocation->reason, cause))
		shown_s = revocation->tried_s + OTHER_REASON_EVERY_S;
	else if (revocation->unconfirmed)
		shown_s = revocation->tried_s + SHOWN_UNCONFIRMED_EVERY_S;
	else
		shown_s = revocation->tried_s + SHOWN_EVERY_S;
	return revocation->unconfirmed || shown_s < ends_s ? shown_s : ends_s;
}

void revocation_note(struct ledger *ledger, const char *cause, int64_t now_s)
{
	struct revocation *revocation = &ledger->revocation;

	revocation->unconfirmed =
		revocation->unconfirmed || revocation_outlasts_tokens(ledger, now_s);
	revocation->since_s = began_s(ledger, now_s);
	revocation->tried_s = now_s;
	memory_free(revocation->reason);
	revocation->reason = memory_text(cause);
	ledger->revoking = true;
}

const char *revocation_state(const struct ledger *ledger)
{
	if (ledger->revocation.unconfirmed)
		return "ExpiredUnconfirmed";
	if (ledger->revocation.since_s > 0)
		return "RevocationPending";
	return ledger->revoking ? "Revoking" : "Live";
}

static void add_time(struct json *object, const char *key, int64_t seconds)
{
	char text[TIMESTAMP_SIZE];

	timestamp_format(seconds, text);
	json_add_string(object, key, text);
}

void revocation_render(const struct ledger *ledger, struct json *spec)
{
	const struct revocation *revocation = &ledger->revocation;
	int64_t last_s = revocation_last_expiry_s(ledger, 0);
	struct json *object;

	json_add_string(spec, "state", revocation_state(ledger));
	/* while nothing waits, the life of a token that is not known has no beginning */
	if (last_s > REQUEST_EXPIRATION_MAX_S)
		add_time(spec, "lastExpirationTimestamp", last_s);
	if (revocation->since_s == 0)
		return;
	object = json_add_object(spec, "revocation");
	json_add_string(object, "reason", revocation->reason);
	add_time(object, "since", revocation->since_s);
	add_time(object, "lastTryTime", revocation->tried_s);
}

static int64_t read_time(const struct json *object, const char *key)
{
	const char *text = json_find_string(object, key);
	struct error ignored = {0};
	int64_t seconds = 0;

	if (text)
		timestamp_parse(text, &seconds, &ignored);
	return seconds;
}

void revocation_read(struct ledger *ledger, const struct json *spec)
{
	const struct json *object = json_find(spec, "revocation");
	struct revocation *revocation = &ledger->revocation;

	revocation->reason = memory_text(json_find_string(object, "reason"));
	revocation->since_s = read_time(object, "since");
	revocation->tried_s = read_time(object, "lastTryTime");
	revocation->unconfirmed = text_same(json_find_string(spec, "state"), "ExpiredUnconfirmed");
}
