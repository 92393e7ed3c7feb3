#include "core/access_schedule.h"

#include <stddef.h>

#include "core/access.h"
#include "core/ledger.h"
#include "core/renewal.h"

static const struct ledger_anchor *delivered(const struct access *access)
{
	const struct ledger_anchor *anchor =
		access->ledger ? ledger_anchor(access->ledger, access->delivery_generation) : NULL;

	return anchor && anchor->jti ? anchor : NULL;
}

/* What is left of LENGTH_S from FROM_S at NOW_MS; never more than all of it, whatever clocks say.
 */
static int64_t left_ms(int64_t from_s, int64_t length_s, int64_t now_ms)
{
	int64_t left = (from_s + length_s) * 1000 - now_ms;

	return left > length_s * 1000 ? length_s * 1000 : left;
}

void access_schedule_resume(struct access *access, const struct member_facts *member,
			    int64_t now_ms, int64_t wall_ms)
{
	const struct ledger_anchor *token = delivered(access);
	int64_t member_ms = member->clock_known ? now_ms + member->clock_offset_ms : wall_ms;
	int64_t due_ms, end_ms;

	if (!token || access->renew_at_ms > 0 || member->state != MEMBER_READY)
		return;
	due_ms = left_ms(token->issued_at, renewal_delay_s(access->uid, token), member_ms);
	end_ms = left_ms(token->issued_at, token->expires_at - token->issued_at, member_ms);
	access->renew_at_ms =
		now_ms + (due_ms > 0 ? due_ms : renewal_overdue_ms(access->uid, token, end_ms));
	access->expires_at_ms = now_ms + end_ms;
}

int64_t access_schedule_expiry_ms(const struct access *access, int64_t now_ms, int64_t wall_ms)
{
	const struct ledger_anchor *token = delivered(access);

	if (!token || access->renew_at_ms > 0)
		return token ? access->expires_at_ms : 0;
	return now_ms + left_ms(token->issued_at, token->expires_at - token->issued_at, wall_ms);
}
