#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>

#include <base/cleanup.h>
#include <base/error.h>
#include <base/secret.h>
#include <base/text.h>

#include "broker/core/access.h"
#include "broker/core/access_news.h"
#include "broker/core/access_status.h"

static struct access *access;
static struct access_news news;

static int setup(void **state)
{
	(void)state;
	access = access_new("request-1", "team-a/reader");
	news = (struct access_news){0};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	access_free(access);
	return 0;
}

/* EXPECTED is "Type Action Reason: message". */
static void assert_news(const char *expected)
{
	cleanup_text struct text got = text_with_max(1024);

	text_appendf(&got, "%s %s %s: %s", news.type, news.action, news.reason, news.message);
	assert_string_equal(text_chars(&got), expected);
	assert_ptr_equal(news.access, access);
}

static bool told_of_step(enum access_step step)
{
	access->plan.step = step;
	return access_news_of_step(access, &news);
}

static bool told_of_wait(const char *reason)
{
	const struct access_plan plan = {.step = ACCESS_REPORT, .reason = reason};

	return access_news_of_wait(access, &plan, &news);
}

static void fail_with(const char *reason, const char *text)
{
	access->failure = (struct access_failure){.reason = reason};
	error_set(&access->failure.error, ERROR_UNAVAILABLE, "%s", text);
}

static void deny(const char *reason, const char *text)
{
	access->permission.reason = reason;
	snprintf(access->permission.text, sizeof(access->permission.text), "%s", text);
}

static void access_news_of_step__tells_of_a_delivery(void **state)
{
	(void)state;
	access->delivery = DELIVERY_OURS;
	assert_true(told_of_step(ACCESS_DELIVER));
	assert_news("Normal Issue Issued: the credential was proved on the member and delivered");
	access->overlap_until_ms = 1;
	assert_true(told_of_step(ACCESS_DELIVER));
	assert_news("Normal Issue Renewed: the credential was proved on the member and delivered");
}

static void access_news_of_step__tells_of_no_delivery_that_was_not_made(void **state)
{
	(void)state;
	access->delivery = DELIVERY_FOREIGN;
	assert_false(told_of_step(ACCESS_DELIVER));
	access->delivery = DELIVERY_OURS;
	assert_false(told_of_step(ACCESS_SAVE_LEDGER));
	access->token.secret = secret_from_bytes("t", 1);
	assert_false(told_of_step(ACCESS_DELIVER));
}

static void access_news_of_step__tells_of_another_address(void **state)
{
	(void)state;
	access->delivery = DELIVERY_OURS;
	access->delivery_generation = 1;
	assert_false(told_of_step(ACCESS_REDELIVER)); /* the member went away before the write */
	snprintf(access->asked_cluster, sizeof(access->asked_cluster), "digest");
	assert_true(told_of_step(ACCESS_REDELIVER));
	assert_news("Normal Issue DeliveryUpdated: the member has another address or CA: the "
		    "Secret has it now, with the same token");
	access->delivery = DELIVERY_MISSING;
	assert_false(told_of_step(ACCESS_REDELIVER));
}

static void access_news_of_step__tells_of_a_secret_that_was_edited(void **state)
{
	(void)state;
	access->delivery = DELIVERY_OURS;
	assert_true(told_of_step(ACCESS_REDELIVER));
	assert_news("Warning Issue SecretEdited: somebody put something else in the place of the "
		    "token: it is replaced by a new one");
}

static void access_news_of_step__tells_of_a_revocation(void **state)
{
	(void)state;
	assert_false(told_of_step(ACCESS_CLOSE_LEDGER));
	access->ledger_closed = true;
	assert_true(told_of_step(ACCESS_CLOSE_LEDGER));
	assert_news("Normal Revoke Revoked: nothing of the access is left on the member");
	assert_false(told_of_step(ACCESS_REMOVE_FINALIZER));
}

/* Nothing is taken away on the word of a watch, and nobody is told so. */
static void access_news_of_step__speaks_of_no_revocation_before_it_is_certain(void **state)
{
	(void)state;
	access->ending = true;
	fail_with("HubUnavailable", "no answer");
	assert_true(told_of_step(ACCESS_CONFIRM_DENIAL));
	assert_news("Warning Issue HubUnavailable: no answer");
	assert_true(told_of_step(ACCESS_MARK_REVOKING));
	assert_news("Warning Revoke HubUnavailable: no answer");
}

static void access_news_of_step__tells_each_failure_once(void **state)
{
	(void)state;
	access->delivery = DELIVERY_OURS;
	fail_with("MemberUnavailable", "no answer");
	assert_true(told_of_step(ACCESS_DELIVER));
	assert_news("Warning Issue MemberUnavailable: no answer");
	access->reported_reason = "MemberUnavailable";
	assert_false(told_of_step(ACCESS_DELIVER));
	fail_with("GrantRefused", "no");
	access->ending = true;
	assert_true(told_of_step(ACCESS_CREATE_OBJECT));
	assert_news("Warning Revoke GrantRefused: no");
}

static void access_news_of_wait__tells_what_keeps_it(void **state)
{
	(void)state;
	assert_true(told_of_wait("MemberUnreachable"));
	assert_news("Warning Issue MemberUnreachable: the member does not answer");
	access->ending = true;
	assert_true(told_of_wait("RevocationPending"));
	assert_news("Warning Revoke RevocationPending: the member is away: what it holds is "
		    "revoked when it returns");
}

static void access_news_of_wait__is_silent_about_what_passes(void **state)
{
	static const char *const reasons[] = {"Issued", "Pending", "Retrying", "MemberConnecting",
					      "Revoked"};

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		assert_false(told_of_wait(reasons[i]));
}

static void access_news_of_wait__tells_it_once(void **state)
{
	(void)state;
	access->reported_reason = "MemberUnreachable";
	assert_false(told_of_wait("MemberUnreachable"));
	assert_true(told_of_wait("MemberChanged"));
	fail_with("MemberUnavailable", "no answer");
	assert_false(told_of_wait("MemberChanged"));
}

static void access_news_of_wait__repeats_why_it_is_denied(void **state)
{
	(void)state;
	deny("RoleNotAllowed", "binding \"admin\" is not allowed");
	assert_true(told_of_wait("RoleNotAllowed"));
	assert_news("Warning Issue RoleNotAllowed: binding \"admin\" is not allowed");
	assert_true(told_of_wait("ClusterProfileNotFound"));
	assert_news("Warning Issue ClusterProfileNotFound: the ClusterProfile does not exist yet");
}

/* Whatever waits for words has them. */
static void access_news_of_wait__has_words_for_every_denial(void **state)
{
	static const char *const reasons[] = {
		"PolicyMissing",      "IdentityNotAllowed", "TemplateNotAllowed",
		"RulesNotAllowed",    "RoleNotAllowed",     "NamespaceProtected",
		"AudienceNotAllowed", "LifetimeNotAllowed", "FormatNotAllowed",
		"TemplateNotFound",   "TemplateInvalid",    "DestinationNotAllowed",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		assert_true(told_of_wait(reasons[i]));
		assert_non_null(news.message);
		assert_string_equal(news.message, access_status_sentence(reasons[i]));
	}
}

static void access_news_stand__while_a_member_that_changed_is_asked_again(void **state)
{
	const struct access_plan connecting = {.reason = "MemberConnecting"};
	const struct access_plan unreachable = {.reason = "MemberUnreachable"};

	(void)state;
	assert_false(access_news_stand(access, &connecting));
	access->reported_reason = "MemberChanged";
	assert_true(access_news_stand(access, &connecting));
	assert_false(access_news_stand(access, &unreachable));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(access_news_of_step__tells_of_a_delivery),
		TEST(access_news_of_step__tells_of_no_delivery_that_was_not_made),
		TEST(access_news_of_step__tells_of_another_address),
		TEST(access_news_of_step__tells_of_a_secret_that_was_edited),
		TEST(access_news_of_step__tells_of_a_revocation),
		TEST(access_news_of_step__speaks_of_no_revocation_before_it_is_certain),
		TEST(access_news_of_step__tells_each_failure_once),
		TEST(access_news_of_wait__tells_what_keeps_it),
		TEST(access_news_of_wait__is_silent_about_what_passes),
		TEST(access_news_of_wait__tells_it_once),
		TEST(access_news_of_wait__repeats_why_it_is_denied),
		TEST(access_news_of_wait__has_words_for_every_denial),
		TEST(access_news_stand__while_a_member_that_changed_is_asked_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
