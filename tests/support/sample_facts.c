#include "support/sample_facts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
	KIND_BOOL,
	KIND_INDEX,
	KIND_TIME,
	KIND_MEMBER,
	KIND_DESTINATION,
	KIND_DELIVERY,
	KIND_WAIT,
};

struct field {
	const char *name;
	size_t offset;
	enum kind kind;
};

#define FIELD(name, kind)                                                                          \
	{                                                                                          \
#name, offsetof(struct access_facts, name), kind                                   \
	}

static const struct field fields[] = {
	FIELD(now_ms, KIND_TIME),
	FIELD(request_exists, KIND_BOOL),
	FIELD(request_gone, KIND_BOOL),
	FIELD(request_deleting, KIND_BOOL),
	FIELD(release_at_ms, KIND_TIME),
	FIELD(request_valid, KIND_BOOL),
	FIELD(request_allowed, KIND_BOOL),
	FIELD(admission_proven, KIND_BOOL),
	FIELD(spec_admitted, KIND_BOOL),
	FIELD(requester_known, KIND_BOOL),
	FIELD(requester_refused, KIND_BOOL),
	FIELD(requester_asked_until_ms, KIND_TIME),
	FIELD(finalizer_present, KIND_BOOL),
	FIELD(acknowledged, KIND_BOOL),
	FIELD(profile_exists, KIND_BOOL),
	FIELD(member, KIND_MEMBER),
	FIELD(member_is_recorded_one, KIND_BOOL),
	FIELD(destination, KIND_DESTINATION),
	FIELD(delivery, KIND_DELIVERY),
	FIELD(delivery_recheck_at_ms, KIND_TIME),
	FIELD(ledger_exists, KIND_BOOL),
	FIELD(ledger_absent, KIND_BOOL),
	FIELD(denial_confirmed, KIND_BOOL),
	FIELD(identity_taken, KIND_BOOL),
	FIELD(object_surplus, KIND_INDEX),
	FIELD(object_changed, KIND_INDEX),
	FIELD(object_suspect, KIND_INDEX),
	FIELD(identity_replaced, KIND_BOOL),
	FIELD(record_outdated, KIND_BOOL),
	FIELD(revoking, KIND_BOOL),
	FIELD(undo_failed, KIND_BOOL),
	FIELD(withdrawal_failed, KIND_BOOL),
	FIELD(ending_failed, KIND_BOOL),
	FIELD(ledger_stored, KIND_BOOL),
	FIELD(ledger_saved, KIND_BOOL),
	FIELD(intent_saved, KIND_BOOL),
	FIELD(record_fresh, KIND_BOOL),
	FIELD(object_missing, KIND_INDEX),
	FIELD(object_standing, KIND_INDEX),
	FIELD(standing_is_binding, KIND_BOOL),
	FIELD(anchor_standing, KIND_INDEX),
	FIELD(anchor_superseded, KIND_INDEX),
	FIELD(secret_standing, KIND_BOOL),
	FIELD(anchor_spent, KIND_BOOL),
	FIELD(anchor_made, KIND_BOOL),
	FIELD(token_in_hand, KIND_BOOL),
	FIELD(token_proved, KIND_BOOL),
	FIELD(credential_delivered, KIND_BOOL),
	FIELD(credential_is_as_asked, KIND_BOOL),
	FIELD(delivery_outdated, KIND_BOOL),
	FIELD(credential_void, KIND_BOOL),
	FIELD(check_was_idle, KIND_BOOL),
	FIELD(check_at_ms, KIND_TIME),
	FIELD(renew_at_ms, KIND_TIME),
	FIELD(next_mint_at_ms, KIND_TIME),
	FIELD(overlap_until_ms, KIND_TIME),
	FIELD(wait, KIND_WAIT),
	FIELD(wait_recorded, KIND_BOOL),
	FIELD(tokens_dead, KIND_BOOL),
	FIELD(forgotten, KIND_BOOL),
	FIELD(abandoned, KIND_BOOL),
	FIELD(wait_due_ms, KIND_TIME),
	FIELD(retry_at_ms, KIND_TIME),
};

static const char *const members[] = {
	[MEMBER_NO_ACCESS] = "no_access",     [MEMBER_CONFLICT] = "conflict",
	[MEMBER_REFUSED] = "refused",         [MEMBER_CONNECTING] = "connecting",
	[MEMBER_UNREACHABLE] = "unreachable", [MEMBER_READY] = "ready",
};
static const char *const destinations[] = {
	[DESTINATION_UNKNOWN] = "unknown",
	[DESTINATION_OPEN] = "open",
	[DESTINATION_CLOSED] = "closed",
};
static const char *const deliveries[] = {
	[DELIVERY_UNKNOWN] = "unknown",
	[DELIVERY_MISSING] = "missing",
	[DELIVERY_OURS] = "ours",
	[DELIVERY_FOREIGN] = "foreign",
};

static const char *const waits[] = {
	[WAIT_NONE] = "none",
	[WAIT_PENDING] = "pending",
	[WAIT_UNCONFIRMED] = "unconfirmed",
};

struct words {
	const char *const *items;
	size_t count;
};

static struct words words_of(enum kind kind)
{
	if (kind == KIND_MEMBER)
		return (struct words){members, sizeof(members) / sizeof(members[0])};
	if (kind == KIND_DESTINATION)
		return (struct words){destinations, sizeof(destinations) / sizeof(destinations[0])};
	if (kind == KIND_DELIVERY)
		return (struct words){deliveries, sizeof(deliveries) / sizeof(deliveries[0])};
	if (kind == KIND_WAIT)
		return (struct words){waits, sizeof(waits) / sizeof(waits[0])};
	return (struct words){0};
}

static int64_t read_field(const struct access_facts *facts, const struct field *field)
{
	const char *place = (const char *)facts + field->offset;

	switch (field->kind) {
	case KIND_BOOL:
		return *(const bool *)place;
	case KIND_INDEX:
		return *(const int *)(const void *)place;
	case KIND_TIME:
		return *(const int64_t *)(const void *)place;
	case KIND_MEMBER:
		return (int64_t)(*(const enum member_state *)(const void *)place);
	case KIND_DESTINATION:
		return (int64_t)(*(const enum destination_state *)(const void *)place);
	case KIND_DELIVERY:
		return (int64_t)(*(const enum delivery_state *)(const void *)place);
	case KIND_WAIT:
		return (int64_t)(*(const enum wait_state *)(const void *)place);
	}
	return 0;
}

static void write_field(struct access_facts *facts, const struct field *field, int64_t value)
{
	char *place = (char *)facts + field->offset;

	switch (field->kind) {
	case KIND_BOOL:
		*(bool *)place = value != 0;
		break;
	case KIND_INDEX:
		*(int *)(void *)place = (int)value;
		break;
	case KIND_TIME:
		*(int64_t *)(void *)place = value;
		break;
	case KIND_MEMBER:
		*(enum member_state *)(void *)place = (enum member_state)value;
		break;
	case KIND_DESTINATION:
		*(enum destination_state *)(void *)place = (enum destination_state)value;
		break;
	case KIND_DELIVERY:
		*(enum delivery_state *)(void *)place = (enum delivery_state)value;
		break;
	case KIND_WAIT:
		*(enum wait_state *)(void *)place = (enum wait_state)value;
		break;
	}
}

static const struct field *field_of(const char *name, size_t size)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (strlen(fields[i].name) == size && strncmp(fields[i].name, name, size) == 0)
			return &fields[i];
	fail_msg("no fact is called %.*s", (int)size, name);
	return NULL;
}

static int64_t value_of(const struct field *field, const char *text, size_t size)
{
	struct words words = words_of(field->kind);
	char *end;
	long long number = strtoll(text, &end, 10);

	for (size_t i = 0; i < words.count; i++)
		if (strlen(words.items[i]) == size && strncmp(words.items[i], text, size) == 0)
			return (int64_t)i;
	if (words.count > 0 || end != text + size)
		fail_msg("%s cannot be %.*s", field->name, (int)size, text);
	if (field->kind == KIND_TIME && (*text == '+' || *text == '-'))
		number += SAMPLE_NOW_MS;
	return number;
}

static struct access_facts changed(struct access_facts facts, const char *changes)
{
	while (*changes) {
		size_t size = strcspn(changes, " ");
		size_t name_size = strcspn(changes, "=");
		const struct field *field = field_of(changes, name_size);

		write_field(&facts, field,
			    value_of(field, changes + name_size + 1, size - name_size - 1));
		changes += size;
		changes += strspn(changes, " ");
	}
	return facts;
}

struct access_facts sample_facts_new(const char *changes)
{
	return changed(
		(struct access_facts){
			.now_ms = SAMPLE_NOW_MS,
			.request_exists = true,
			.request_valid = true,
			.request_allowed = true,
			.admission_proven = true,
			.denial = "TemplateNotAllowed",
			.hold_up = "MemberUnreachable",
			.wait_recorded = true,
			.profile_exists = true,
			.member = MEMBER_READY,
			.member_is_recorded_one = true,
			.record_fresh = true,
			.object_missing = FACT_NONE,
			.object_standing = FACT_NONE,
			.anchor_standing = FACT_NONE,
			.anchor_superseded = FACT_NONE,
			.object_surplus = FACT_NONE,
			.object_changed = FACT_NONE,
			.object_suspect = FACT_NONE,
		},
		changes);
}

struct access_facts sample_facts_issued(const char *changes)
{
	struct access_facts facts = sample_facts_new(
		"acknowledged=1 finalizer_present=1 destination=open delivery=ours "
		"ledger_exists=1 ledger_stored=1 ledger_saved=1 intent_saved=1 object_standing=2 "
		"standing_is_binding=1 anchor_standing=0 secret_standing=1 anchor_spent=1 "
		"credential_delivered=1 credential_is_as_asked=1 renew_at_ms=+2000000 "
		"next_mint_at_ms=-1000");

	return changed(facts, changes);
}

struct access_facts sample_facts_ending(const char *changes)
{
	return changed(sample_facts_issued("request_deleting=1 release_at_ms=+600000"), changes);
}

static uint32_t draw(uint32_t *random, uint32_t count)
{
	*random = *random * 1664525U + 1013904223U;
	return (*random >> 16) % count;
}

static int64_t random_value(const struct field *field, uint32_t *random)
{
	static const int64_t times[] = {
		0, SAMPLE_NOW_MS - 1, SAMPLE_NOW_MS, SAMPLE_NOW_MS + 1, SAMPLE_NOW_MS + 70000,
	};

	switch (field->kind) {
	case KIND_BOOL:
		return draw(random, 2);
	case KIND_INDEX:
		return (int64_t)draw(random, 4) - 1;
	case KIND_TIME:
		return times[draw(random, sizeof(times) / sizeof(times[0]))];
	case KIND_MEMBER:
	case KIND_DESTINATION:
	case KIND_DELIVERY:
	case KIND_WAIT:
		break;
	}
	return (int64_t)draw(random, (uint32_t)words_of(field->kind).count);
}

static void drop_ledger(struct access_facts *facts)
{
	facts->ledger_stored = facts->ledger_saved = facts->intent_saved = false;
	facts->object_missing = facts->object_standing = FACT_NONE;
	facts->anchor_standing = facts->anchor_superseded = FACT_NONE;
	facts->object_surplus = facts->object_changed = facts->object_suspect = FACT_NONE;
	facts->record_outdated = facts->revoking = facts->identity_replaced = false;
	facts->wait = WAIT_NONE;
	facts->forgotten = false;
	facts->secret_standing = facts->anchor_spent = facts->anchor_made = false;
	facts->token_in_hand = facts->credential_delivered = facts->delivery_outdated = false;
	facts->member_is_recorded_one = true;
	facts->renew_at_ms = 0;
}

static void drop_request(struct access_facts *facts)
{
	facts->request_deleting = facts->request_valid = false;
	facts->destination = DESTINATION_UNKNOWN;
}

/* What access_view_facts() never says. */
static void make_consistent(struct access_facts *facts)
{
	if (!facts->request_exists)
		drop_request(facts);
	if (!facts->ledger_exists)
		drop_ledger(facts);
	else
		facts->ledger_absent = false;
	if (facts->ledger_exists && facts->member != MEMBER_READY)
		facts->member_is_recorded_one = false;
	if (facts->member == MEMBER_CONNECTING)
		facts->hold_up = NULL;
	if (facts->wait != WAIT_NONE)
		facts->revoking = true;
	if (facts->wait == WAIT_UNCONFIRMED)
		facts->tokens_dead = true;
	if (facts->object_standing == FACT_NONE)
		facts->standing_is_binding = false;
	if (!facts->token_in_hand)
		facts->token_proved = false;
	if (facts->delivery == DELIVERY_FOREIGN && facts->delivery_recheck_at_ms <= facts->now_ms)
		facts->delivery = DELIVERY_UNKNOWN;
	if (facts->delivery != DELIVERY_OURS && facts->delivery != DELIVERY_UNKNOWN)
		facts->credential_delivered = false;
	if (!facts->credential_delivered)
		facts->credential_is_as_asked = false;
	if (!facts->credential_delivered || facts->member != MEMBER_READY)
		facts->delivery_outdated = false;
	facts->anchor_made = facts->anchor_made && facts->anchor_spent;
	facts->intent_saved = facts->intent_saved || facts->ledger_saved;
}

struct access_facts sample_facts_random(uint32_t *random)
{
	const size_t count = sizeof(fields) / sizeof(fields[0]);
	static struct access_facts samples[4];
	struct access_facts facts;
	uint32_t changes = draw(random, 8) == 0 ? 100 : draw(random, 8);

	if (samples[0].now_ms == 0) {
		samples[0] = sample_facts_new("");
		samples[1] = sample_facts_issued("");
		samples[2] = sample_facts_ending("");
		samples[3] = sample_facts_ending("request_exists=0 request_gone=1");
	}
	facts = samples[draw(random, 4)];
	for (uint32_t i = 0; i < changes; i++) {
		const struct field *field = &fields[draw(random, (uint32_t)count)];
		write_field(&facts, field, random_value(field, random));
	}
	facts.now_ms = SAMPLE_NOW_MS;
	if (draw(random, 4) != 0)
		facts.retry_at_ms = 0; /* else most facts would say no more than to wait */
	make_consistent(&facts);
	return facts;
}

const char *sample_facts_text(const struct access_facts *facts)
{
	static char text[2048];
	size_t size = 0;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		struct words words = words_of(fields[i].kind);
		int64_t value = read_field(facts, &fields[i]);
		size_t room = sizeof(text) - size;
		int written = words.count > 0 ? snprintf(text + size, room, "%s=%s ",
							 fields[i].name, words.items[value])
					      : snprintf(text + size, room, "%s=%lld ",
							 fields[i].name, (long long)value);

		size += (size_t)written < room ? (size_t)written : room - 1;
	}
	return text;
}
