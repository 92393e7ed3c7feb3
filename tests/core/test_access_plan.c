#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "broker/core/access_ending.h"
#include "broker/core/access_plan.h"
#include "broker/core/access_status.h"
#include "support/sample_facts.h"

enum { NOW = SAMPLE_NOW_MS, NEVER = 0 };

/* One sentence of the specification: these facts, so this step. */
struct row {
	const char *sentence;
	struct access_facts (*sample)(const char *changes);
	const char *changes;
	enum access_step step;
	int index;
	const char *reason;
	int64_t recheck_at_ms;
};

#define NEW     sample_facts_new
#define ISSUED  sample_facts_issued
#define ENDING  sample_facts_ending
#define GONE    "request_exists=0 request_deleting=0 request_gone=1 "
#define AWAY    "member=unreachable member_is_recorded_one=0 "
#define NOTHING "object_standing=-1 standing_is_binding=0 anchor_standing=-1 secret_standing=0 "
/* Acknowledged, with destination and delivery read, and the finalizer on it. */
#define READY   "acknowledged=1 destination=open delivery=missing finalizer_present=1 "
#define OPENED  READY "ledger_exists=1 ledger_stored=1 ledger_saved=1 intent_saved=1 "
#define MADE    OPENED "object_standing=2 standing_is_binding=1 "
#define ANCHOR  MADE "anchor_spent=1 anchor_made=1 anchor_standing=0 ledger_saved=0 "
#define IN_HAND MADE "anchor_spent=1 anchor_standing=0 token_in_hand=1 secret_standing=1 "

static const struct row issuing[] = {
	{"a new request is acknowledged first", NEW, "", ACCESS_ACKNOWLEDGE, -1, "Pending", NEVER},
	{"an invalid one too", NEW, "request_valid=0 request_allowed=0 profile_exists=0",
	 ACCESS_ACKNOWLEDGE, -1, "Pending", NEVER},
	{"an invalid request is reported", NEW, "acknowledged=1 request_valid=0", ACCESS_REPORT, -1,
	 "InvalidRequest", NEVER},
	{"what is invalid is said before what is denied", NEW,
	 "acknowledged=1 request_valid=0 request_allowed=0", ACCESS_REPORT, -1, "InvalidRequest",
	 NEVER},
	{"without a policy it is denied", NEW, "acknowledged=1 request_allowed=0", ACCESS_REPORT,
	 -1, "TemplateNotAllowed", NEVER},
	{"what is denied learns nothing of profiles", NEW,
	 "acknowledged=1 request_allowed=0 profile_exists=0", ACCESS_REPORT, -1,
	 "TemplateNotAllowed", NEVER},
	{"without proof of admission nothing new is served", NEW,
	 "acknowledged=1 admission_proven=0 profile_exists=0", ACCESS_REPORT, -1,
	 "AdmissionNotProven", NEVER},
	{"what is denied is denied without that proof", NEW,
	 "acknowledged=1 admission_proven=0 request_allowed=0", ACCESS_REPORT, -1,
	 "TemplateNotAllowed", NEVER},
	{"who may not ask is asked about again", NEW,
	 "acknowledged=1 request_allowed=0 requester_known=1 requester_refused=1 "
	 "requester_asked_until_ms=+30",
	 ACCESS_REPORT, -1, "TemplateNotAllowed", NOW + 30},
	{"in time", NEW, "acknowledged=1 request_allowed=0 requester_known=1 requester_refused=1",
	 ACCESS_CHECK_REQUESTER, -1, "CheckingRequester", NEVER},
	{"who asks is asked about before anything is made", NEW,
	 "acknowledged=1 destination=open delivery=missing requester_known=1",
	 ACCESS_CHECK_REQUESTER, -1, "CheckingRequester", NEVER},
	{"a missing profile is waited for", NEW, "acknowledged=1 profile_exists=0", ACCESS_REPORT,
	 -1, "ClusterProfileNotFound", NEVER},
	{"the profile is named before its member", NEW,
	 "acknowledged=1 profile_exists=0 member=no_access", ACCESS_REPORT, -1,
	 "ClusterProfileNotFound", NEVER},
	{"a member without access is waited for", NEW, "acknowledged=1 member=no_access",
	 ACCESS_REPORT, -1, "MemberAccessNotFound", NEVER},
	{"two accesses for one profile are a conflict", NEW, "acknowledged=1 member=conflict",
	 ACCESS_REPORT, -1, "MemberAccessConflict", NEVER},
	{"an access that must not be used is said", NEW, "acknowledged=1 member=refused",
	 ACCESS_REPORT, -1, "MemberAccessRefused", NEVER},
	{"a member that is being asked is waited for", NEW, "acknowledged=1 member=connecting",
	 ACCESS_REPORT, -1, "MemberConnecting", NEVER},
	{"a member that does not answer is waited for", NEW, "acknowledged=1 member=unreachable",
	 ACCESS_REPORT, -1, "MemberUnreachable", NEVER},
	{"the destination is checked when the member is there", NEW, "acknowledged=1",
	 ACCESS_CHECK_DESTINATION, -1, "CheckingDestination", NEVER},
	{"a closed destination stops the work for a while", NEW,
	 "acknowledged=1 destination=closed", ACCESS_REPORT, -1, "DestinationNotOpened",
	 NOW + 15000},
	{"in a closed destination nothing is read", NEW,
	 "acknowledged=1 destination=closed delivery=foreign", ACCESS_REPORT, -1,
	 "DestinationNotOpened", NOW + 15000},
	{"the place of the Secret is read before anything is made", NEW,
	 "acknowledged=1 destination=open", ACCESS_READ_DELIVERY, -1, "ReadingDelivery", NEVER},
	{"a foreign Secret stops the work until it is looked at again", NEW,
	 "acknowledged=1 destination=open delivery=foreign delivery_recheck_at_ms=+30000",
	 ACCESS_REPORT, -1, "SecretConflict", NOW + 30000},
	{"the finalizer comes before the first effect", NEW,
	 "acknowledged=1 destination=open delivery=missing", ACCESS_ADD_FINALIZER, -1,
	 "AddingFinalizer", NEVER},
	{"the record is opened before the member is called", NEW, READY, ACCESS_OPEN_LEDGER, -1,
	 "OpeningLedger", NEVER},
	{"a record that the server does not have is opened, whatever is known of it", NEW,
	 OPENED "ledger_stored=0 ledger_saved=0 intent_saved=0 object_missing=0",
	 ACCESS_OPEN_LEDGER, -1, "OpeningLedger", NEVER},
	{"an intent that is not saved is saved first", NEW,
	 OPENED "ledger_saved=0 intent_saved=0 object_missing=0", ACCESS_SAVE_LEDGER, -1,
	 "RecordingIntent", NEVER},
	{"what was learnt may wait: objects are made one after the other", NEW,
	 OPENED "ledger_saved=0 object_missing=2 object_standing=0", ACCESS_CREATE_OBJECT, 2,
	 "SettingUpAccess", NEVER},
	{"the first object that is missing is made", NEW,
	 OPENED "object_missing=0 object_standing=0 standing_is_binding=1", ACCESS_CREATE_OBJECT, 0,
	 "SettingUpAccess", NEVER},
	{"what was on record a while ago may be undone by another broker: it is read again", NEW,
	 OPENED "record_fresh=0 object_missing=2", ACCESS_LOOK_FOR_LEDGER, -1, "LookingForLedger",
	 NEVER},
	{"before an anchor is made too", NEW, MADE "record_fresh=0", ACCESS_LOOK_FOR_LEDGER, -1,
	 "LookingForLedger", NEVER},
	{"and before a token is asked for", NEW, ANCHOR "record_fresh=0", ACCESS_LOOK_FOR_LEDGER,
	 -1, "LookingForLedger", NEVER},
	{"and before one is delivered", NEW, IN_HAND "token_proved=1 ledger_saved=1 record_fresh=0",
	 ACCESS_LOOK_FOR_LEDGER, -1, "LookingForLedger", NEVER},
	{"what a write can lose needs no look before", ISSUED, "record_fresh=0 renew_at_ms=-1",
	 ACCESS_RESERVE_ANCHOR, -1, "ReservingAnchor", NEVER},
	{"rights before the token that carries them", NEW, ANCHOR "object_missing=2",
	 ACCESS_CREATE_OBJECT, 2, "SettingUpAccess", NEVER},
	{"rights before the delivery of a token in hand", NEW,
	 IN_HAND "token_proved=1 object_missing=1", ACCESS_CREATE_OBJECT, 1, "SettingUpAccess",
	 NEVER},
	{"an anchor is made when all rights are there", NEW, MADE, ACCESS_CREATE_ANCHOR, -1,
	 "CreatingAnchor", NEVER},
	{"a token is asked for when its anchor stands", NEW, ANCHOR, ACCESS_MINT, -1, "Minting",
	 NEVER},
	{"a token is proved before it is recorded", NEW, IN_HAND "ledger_saved=0", ACCESS_PROVE, -1,
	 "ProvingToken", NEVER},
	{"a proved token is recorded before it is delivered", NEW,
	 IN_HAND "token_proved=1 ledger_saved=0", ACCESS_SAVE_LEDGER, -1, "RecordingToken", NEVER},
	{"a recorded token is delivered", NEW, IN_HAND "token_proved=1", ACCESS_DELIVER, -1,
	 "Delivering", NEVER},
	{"a token in hand needs no other, and no time either", NEW,
	 IN_HAND "token_proved=1 next_mint_at_ms=+60000", ACCESS_DELIVER, -1, "Delivering", NEVER},
	{"a used anchor is followed by the next generation", NEW,
	 ANCHOR "anchor_made=0 ledger_saved=1", ACCESS_RESERVE_ANCHOR, -1, "ReservingAnchor",
	 NEVER},
	{"generations are reserved before older anchors are deleted", NEW,
	 ANCHOR "anchor_made=0 anchor_superseded=0", ACCESS_RESERVE_ANCHOR, -1, "ReservingAnchor",
	 NEVER},
	{"a lost anchor is deleted before the next is made", NEW,
	 MADE "anchor_standing=0 anchor_superseded=0", ACCESS_DELETE_ANCHOR, 0, "RetiringToken",
	 NEVER},
	{"after a mint the next one waits a minute", NEW,
	 ANCHOR "anchor_made=0 next_mint_at_ms=+60000", ACCESS_REPORT, -1, "Retrying", NOW + 60000},
	{"the minute counts for an open anchor too", NEW, ANCHOR "next_mint_at_ms=+1",
	 ACCESS_REPORT, -1, "Retrying", NOW + 1},
	{"when the minute is over it goes on", NEW, ANCHOR "next_mint_at_ms=+0", ACCESS_MINT, -1,
	 "Minting", NEVER},
};

static const struct row keeping[] = {
	{"what was delivered is recorded", ISSUED, "ledger_saved=0", ACCESS_SAVE_LEDGER, -1,
	 "RecordingDelivery", NEVER},
	{"an issued credential rests until its renewal", ISSUED, "", ACCESS_REPORT, -1, "Issued",
	 NOW + 2000000},
	{"or until the older token's time is over", ISSUED, "overlap_until_ms=+120000",
	 ACCESS_REPORT, -1, "Issued", NOW + 120000},
	{"an overlap in the past is no date", ISSUED, "overlap_until_ms=-1", ACCESS_REPORT, -1,
	 "Issued", NOW + 2000000},
	{"an overlap that ends now is no date either", ISSUED, "overlap_until_ms=+0", ACCESS_REPORT,
	 -1, "Issued", NOW + 2000000},
	{"an overlap after the renewal does not move it", ISSUED, "overlap_until_ms=+3000000",
	 ACCESS_REPORT, -1, "Issued", NOW + 2000000},
	{"an older token is revoked when nobody needs it", ISSUED, "anchor_superseded=1",
	 ACCESS_DELETE_ANCHOR, 1, "RetiringToken", NEVER},
	{"what is known is recorded before an older token goes", ISSUED,
	 "anchor_superseded=1 ledger_saved=0", ACCESS_SAVE_LEDGER, -1, "RecordingDelivery", NEVER},
	{"a good credential waits for no mint", ISSUED, "next_mint_at_ms=+60000", ACCESS_REPORT, -1,
	 "Issued", NOW + 2000000},
	{"and uses no open anchor up", ISSUED, "anchor_made=1", ACCESS_REPORT, -1, "Issued",
	 NOW + 2000000},
	{"one millisecond before its time it is kept", ISSUED, "renew_at_ms=+1", ACCESS_REPORT, -1,
	 "Issued", NOW + 1},
	{"at its time the renewal begins with a generation", ISSUED, "renew_at_ms=+0",
	 ACCESS_RESERVE_ANCHOR, -1, "ReservingAnchor", NEVER},
	{"then comes the anchor", ISSUED, "renew_at_ms=-1 anchor_spent=0", ACCESS_CREATE_ANCHOR, -1,
	 "CreatingAnchor", NEVER},
	{"what was served with proof of admission is renewed without", ISSUED,
	 "renew_at_ms=-1 anchor_spent=0 admission_proven=0 spec_admitted=1", ACCESS_CREATE_ANCHOR,
	 -1, "CreatingAnchor", NEVER},
	{"but not what was changed since", ISSUED,
	 "renew_at_ms=-1 anchor_spent=0 admission_proven=0", ACCESS_REPORT, -1,
	 "AdmissionNotProven", NEVER},
	{"who asks is asked about before a renewal", ISSUED, "renew_at_ms=-1 requester_known=1",
	 ACCESS_CHECK_REQUESTER, -1, "CheckingRequester", NEVER},
	{"once", ISSUED,
	 "renew_at_ms=-1 anchor_spent=0 requester_known=1 requester_asked_until_ms=+1",
	 ACCESS_CREATE_ANCHOR, -1, "CreatingAnchor", NEVER},
	{"and before new rights", ISSUED, "record_outdated=1 requester_known=1",
	 ACCESS_CHECK_REQUESTER, -1, "CheckingRequester", NEVER},
	{"but not while a good one is kept", ISSUED, "renew_at_ms=+1 requester_known=1",
	 ACCESS_REPORT, -1, "Issued", NOW + 1},
	{"a first refusal stops the renewal", ISSUED,
	 "renew_at_ms=-1 requester_known=1 requester_refused=1 requester_asked_until_ms=+9",
	 ACCESS_REPORT, -1, "CheckingRequester", NOW + 9},
	{"until it was asked again", ISSUED, "requester_known=1 requester_refused=1",
	 ACCESS_CHECK_REQUESTER, -1, "CheckingRequester", NEVER},
	{"a renewal, too, waits for its minute", ISSUED, "renew_at_ms=-1 next_mint_at_ms=+9000",
	 ACCESS_REPORT, -1, "Retrying", NOW + 9000},
	{"one that was ended before its time says so while it waits", ISSUED,
	 "credential_is_as_asked=0 credential_void=1 next_mint_at_ms=+9000", ACCESS_REPORT, -1,
	 "CredentialVoid", NOW + 9000},
	{"the member is asked about a credential when it is time", ISSUED, "check_at_ms=+0",
	 ACCESS_CHECK_CREDENTIAL, -1, "CheckingCredential", NEVER},
	{"not before", ISSUED, "check_at_ms=+1", ACCESS_REPORT, -1, "Issued", NOW + 1},
	{"nor when it is due for renewal", ISSUED, "check_at_ms=-1 renew_at_ms=-1",
	 ACCESS_RESERVE_ANCHOR, -1, "ReservingAnchor", NEVER},
	{"an older token goes first", ISSUED, "check_at_ms=-1 anchor_superseded=0",
	 ACCESS_DELETE_ANCHOR, 0, "RetiringToken", NEVER},
	{"a check asks of no destination", ISSUED, "check_at_ms=-1 destination=unknown",
	 ACCESS_CHECK_CREDENTIAL, -1, "CheckingCredential", NEVER},
	{"and after it there is nothing to ask for", ISSUED,
	 "check_at_ms=+9 check_was_idle=1 destination=unknown", ACCESS_REPORT, -1, "Issued",
	 NOW + 9},
	{"unless there is something to do", ISSUED,
	 "check_was_idle=1 destination=unknown renew_at_ms=-1", ACCESS_CHECK_DESTINATION, -1,
	 "CheckingDestination", NEVER},
	{"a member that is away is not asked", ISSUED, "check_at_ms=-1 member=unreachable",
	 ACCESS_REPORT, -1, "MemberUnreachable", NEVER},
	{"another lifetime or audience means another token", ISSUED, "credential_is_as_asked=0",
	 ACCESS_RESERVE_ANCHOR, -1, "ReservingAnchor", NEVER},
	{"a Secret that somebody deleted is written anew", ISSUED,
	 "delivery=missing credential_delivered=0 credential_is_as_asked=0", ACCESS_RESERVE_ANCHOR,
	 -1, "ReservingAnchor", NEVER},
	{"after a restart the recorded delivery is read before all else", ISSUED,
	 "delivery=unknown credential_delivered=0 credential_is_as_asked=0 request_valid=0 "
	 "profile_exists=0 member=no_access destination=unknown "
	 "finalizer_present=0",
	 ACCESS_READ_DELIVERY, -1, "ReadingDelivery", NEVER},
	{"but the request is acknowledged even before", ISSUED,
	 "acknowledged=0 delivery=unknown credential_delivered=0", ACCESS_ACKNOWLEDGE, -1,
	 "Pending", NEVER},
	{"a member that was exchanged stops the work", ISSUED, "member_is_recorded_one=0",
	 ACCESS_REPORT, -1, "MemberChanged", NOW + 61000},
	{"also where an object is missing", ISSUED, "member_is_recorded_one=0 object_missing=0",
	 ACCESS_REPORT, -1, "MemberChanged", NOW + 61000},
	{"also when the destination is not known", ISSUED,
	 "member_is_recorded_one=0 destination=unknown", ACCESS_REPORT, -1, "MemberChanged",
	 NOW + 61000},
	{"a member that is away is no exchanged one", ISSUED, AWAY, ACCESS_REPORT, -1,
	 "MemberUnreachable", NEVER},
	{"a destination that was closed is said", ISSUED, "destination=closed", ACCESS_REPORT, -1,
	 "DestinationNotOpened", NOW + 15000},
	{"a Secret that somebody exchanged is said", ISSUED,
	 "delivery=foreign credential_delivered=0 delivery_recheck_at_ms=+1", ACCESS_REPORT, -1,
	 "SecretConflict", NOW + 1},
	{"the member's new address is delivered with the same token", ISSUED, "delivery_outdated=1",
	 ACCESS_REDELIVER, -1, "UpdatingDelivery", NEVER},
	{"also when the credential is due, and who asks is to be asked about", ISSUED,
	 "delivery_outdated=1 renew_at_ms=-1 requester_known=1", ACCESS_REDELIVER, -1,
	 "UpdatingDelivery", NEVER},
	{"a token in hand brings it", ISSUED,
	 "delivery_outdated=1 renew_at_ms=-1 token_in_hand=1 token_proved=1", ACCESS_DELIVER, -1,
	 "Delivering", NEVER},
	{"not before the Secret was read", ISSUED, "delivery_outdated=1 delivery=unknown",
	 ACCESS_READ_DELIVERY, -1, "ReadingDelivery", NEVER},
	{"nor that of another member", ISSUED, "delivery_outdated=1 member_is_recorded_one=0",
	 ACCESS_REPORT, -1, "MemberChanged", NOW + 61000},
	{"nor where no Secret may be written", ISSUED, "delivery_outdated=1 destination=closed",
	 ACCESS_REPORT, -1, "DestinationNotOpened", NOW + 15000},
	{"nor before it is on record", ISSUED, "delivery_outdated=1 ledger_stored=0",
	 ACCESS_OPEN_LEDGER, -1, "OpeningLedger", NEVER},
	{"a finalizer that was taken away is added again", ISSUED, "finalizer_present=0",
	 ACCESS_ADD_FINALIZER, -1, "AddingFinalizer", NEVER},
	{"a record that was taken away is stored again", ISSUED, "ledger_stored=0",
	 ACCESS_OPEN_LEDGER, -1, "OpeningLedger", NEVER},
	{"an identity that was taken away is made again", ISSUED, "object_missing=0",
	 ACCESS_CREATE_OBJECT, 0, "SettingUpAccess", NEVER},
	{"what was edited on the member is put back before the renewal", ISSUED,
	 "object_suspect=2 renew_at_ms=-1", ACCESS_RESTORE_OBJECT, 2, "RestoringAccess", NEVER},
	{"also where the credential cannot be delivered", ISSUED,
	 "object_suspect=1 destination=closed", ACCESS_RESTORE_OBJECT, 1, "RestoringAccess", NEVER},
	{"not on another member", ISSUED, "object_suspect=2 member_is_recorded_one=0",
	 ACCESS_REPORT, -1, "MemberChanged", NOW + 61000},
	{"nor before it is on record again", ISSUED, "object_suspect=2 ledger_stored=0",
	 ACCESS_OPEN_LEDGER, -1, "OpeningLedger", NEVER},
	{"a failed one waits for its time", ISSUED, "object_suspect=2 retry_at_ms=+500",
	 ACCESS_REPORT, -1, "Retrying", NOW + 500},
	{"nothing is minted for an identity that was replaced", ISSUED,
	 "identity_replaced=1 renew_at_ms=-1", ACCESS_REPORT, -1, "ServiceAccountReplaced", NEVER},
	{"but it is looked at when it is time", ISSUED, "identity_replaced=1 object_suspect=0",
	 ACCESS_RESTORE_OBJECT, 0, "RestoringAccess", NEVER},
	{"a failure waits for its time", ISSUED, "renew_at_ms=-1 retry_at_ms=+500", ACCESS_REPORT,
	 -1, "Retrying", NOW + 500},
	{"a failure whose time has come is over", ISSUED, "renew_at_ms=-1 retry_at_ms=+0",
	 ACCESS_RESERVE_ANCHOR, -1, "ReservingAnchor", NEVER},
	{"a failure comes even before the acknowledgement", NEW, "retry_at_ms=+500", ACCESS_REPORT,
	 -1, "Retrying", NOW + 500},
};

static const struct row ending[] = {
	{"a request without a trace is forgotten", NEW, GONE "ledger_absent=1", ACCESS_FORGET, -1,
	 "Gone", NEVER},
	{"also one of which nobody asked whether it is gone", NEW,
	 "request_exists=0 ledger_absent=1", ACCESS_FORGET, -1, "Gone", NEVER},
	{"also while a failure waits", NEW, GONE "ledger_absent=1 retry_at_ms=+500", ACCESS_FORGET,
	 -1, "Gone", NEVER},
	{"that no record is known proves nothing", NEW, GONE, ACCESS_LOOK_FOR_LEDGER, -1,
	 "LookingForLedger", NEVER},
	{"not even for a deleted one", NEW, "request_deleting=1 finalizer_present=1",
	 ACCESS_LOOK_FOR_LEDGER, -1, "LookingForLedger", NEVER},
	{"a member that does not let us revoke keeps no Secret alive", ENDING,
	 "undo_failed=1 retry_at_ms=+500", ACCESS_WITHDRAW, -1, "Revoking", NEVER},
	{"a Secret that cannot be withdrawn waits for its time", ENDING,
	 "undo_failed=1 withdrawal_failed=1 retry_at_ms=+500", ACCESS_REPORT, -1, "Retrying",
	 NOW + 500},
	{"no Secret is withdrawn of a request that may still be there", ENDING,
	 "request_exists=0 request_deleting=0 undo_failed=1", ACCESS_CONFIRM_GONE, -1,
	 "RequestGone", NEVER},
	{"a request that is there is never forgotten", NEW,
	 "request_deleting=1 finalizer_present=0 ledger_absent=1", ACCESS_REPORT, -1, "Revoked",
	 NEVER},
	{"nothing is revoked because a watch lost a request", ENDING,
	 "request_exists=0 request_deleting=0", ACCESS_CONFIRM_GONE, -1, "RequestGone", NEVER},
	{"not even its Secret while the member is away", ENDING,
	 "request_exists=0 request_deleting=0 " AWAY, ACCESS_CONFIRM_GONE, -1, "RequestGone",
	 NEVER},
	{"a failed revocation waits for its time", ENDING, "retry_at_ms=+700", ACCESS_REPORT, -1,
	 "Retrying", NOW + 700},
	{"a deleted request loses its bindings first", ENDING, "", ACCESS_DELETE_OBJECT, 2,
	 "Revoking", NEVER},
	{"so does a vanished one", ENDING, GONE, ACCESS_DELETE_OBJECT, 2, "Revoking", NEVER},
	{"then its anchors", ENDING, "object_standing=0 standing_is_binding=0 anchor_standing=1",
	 ACCESS_DELETE_ANCHOR, 1, "Revoking", NEVER},
	{"then identity and roles", ENDING,
	 "object_standing=0 standing_is_binding=0 anchor_standing=-1", ACCESS_DELETE_OBJECT, 0,
	 "Revoking", NEVER},
	{"then its Secret", ENDING, NOTHING "secret_standing=1", ACCESS_WITHDRAW, -1, "Revoking",
	 NEVER},
	{"then its record", ENDING, NOTHING, ACCESS_CLOSE_LEDGER, -1, "Revoked", NEVER},
	{"then its finalizer", ENDING, NOTHING "ledger_exists=0 ledger_absent=1",
	 ACCESS_REMOVE_FINALIZER, -1, "Revoked", NEVER},
	{"then the API server takes it away", ENDING,
	 NOTHING "ledger_exists=0 ledger_absent=1 finalizer_present=0", ACCESS_REPORT, -1,
	 "Revoked", NEVER},
	{"a vanished request has no finalizer to be removed", ENDING, GONE NOTHING,
	 ACCESS_CLOSE_LEDGER, -1, "Revoked", NEVER},
	{"revoking waits for the member's answer", ENDING,
	 "member=connecting member_is_recorded_one=0", ACCESS_REPORT, -1, "MemberConnecting",
	 NEVER},
	{"also where only anchors are left", ENDING,
	 "member=connecting member_is_recorded_one=0 object_standing=-1 standing_is_binding=0",
	 ACCESS_REPORT, -1, "MemberConnecting", NEVER},
	{"but not when there is nothing left on it", ENDING,
	 NOTHING "secret_standing=1 member=connecting member_is_recorded_one=0", ACCESS_WITHDRAW,
	 -1, "Revoking", NEVER},
	{"while the member is away the hub hands nothing out", ENDING, AWAY, ACCESS_WITHDRAW, -1,
	 "Revoking", NEVER},
	{"also when its access was taken away", ENDING, "member=no_access member_is_recorded_one=0",
	 ACCESS_WITHDRAW, -1, "Revoking", NEVER},
	{"also when it was exchanged", ENDING, "member_is_recorded_one=0", ACCESS_WITHDRAW, -1,
	 "Revoking", NEVER},
	{"then it waits for the member", ENDING, AWAY "secret_standing=0", ACCESS_REPORT, -1,
	 "RevocationPending", NOW + 600000},
	{"but not for longer than a while", ENDING, AWAY "secret_standing=0 release_at_ms=0",
	 ACCESS_REMOVE_FINALIZER, -1, "RevocationPending", NEVER},
	{"what is left is on record then", ENDING,
	 AWAY "secret_standing=0 release_at_ms=0 finalizer_present=0", ACCESS_REPORT, -1,
	 "RevocationPending", NEVER},
	{"a member that refuses is not waited for any longer either", ENDING,
	 "undo_failed=1 secret_standing=0 release_at_ms=0", ACCESS_REMOVE_FINALIZER, -1,
	 "RevocationPending", NEVER},
	{"a member that works is, however late it is", ENDING, "release_at_ms=0",
	 ACCESS_DELETE_OBJECT, 2, "Revoking", NEVER},
	{"a request that is not deleted keeps its finalizer", ISSUED,
	 AWAY "secret_standing=0 revoking=1 request_allowed=0", ACCESS_REPORT, -1,
	 "RevocationPending", NEVER},
	{"also for anchors alone", ENDING,
	 AWAY "secret_standing=0 object_standing=-1 standing_is_binding=0", ACCESS_REPORT, -1,
	 "RevocationPending", NOW + 600000},
	{"also for an identity alone", ENDING,
	 AWAY "secret_standing=0 object_standing=0 standing_is_binding=0 anchor_standing=-1",
	 ACCESS_REPORT, -1, "RevocationPending", NOW + 600000},
	{"on an exchanged member nothing is deleted", ENDING,
	 "member_is_recorded_one=0 secret_standing=0", ACCESS_REPORT, -1, "MemberChanged",
	 NOW + 61000},
	{"with nothing on it a member that is away stops nothing", ENDING, AWAY NOTHING,
	 ACCESS_CLOSE_LEDGER, -1, "Revoked", NEVER},
	{"a request that was deleted before anything was made is let go", ENDING,
	 NOTHING "ledger_exists=0 ledger_absent=1 acknowledged=0 request_valid=0 request_allowed=0 "
		 "profile_exists=0 "
		 "member=no_access destination=closed delivery=foreign",
	 ACCESS_REMOVE_FINALIZER, -1, "Revoked", NEVER},
	{"deleting is done whatever else is wrong", ENDING,
	 "acknowledged=0 request_valid=0 request_allowed=0 profile_exists=0 destination=closed "
	 "delivery=foreign credential_delivered=0 ledger_stored=0 intent_saved=0 ledger_saved=0",
	 ACCESS_DELETE_OBJECT, 2, "Revoking", NEVER},
	{"what templates give otherwise is recorded first", ISSUED,
	 "object_surplus=3 object_changed=1 record_outdated=1", ACCESS_AMEND_LEDGER, -1,
	 "RecordingIntent", NEVER},
	{"then what they no longer give is taken", ISSUED, "object_surplus=3 object_changed=1",
	 ACCESS_DELETE_OBJECT, 3, "SettingUpAccess", NEVER},
	{"then what they give otherwise is changed", ISSUED, "object_changed=1 object_missing=4",
	 ACCESS_APPLY_OBJECT, 1, "SettingUpAccess", NEVER},
	{"without proof of admission, too", ISSUED, "request_allowed=0 admission_proven=0",
	 ACCESS_CONFIRM_DENIAL, -1, "Revoking", NEVER},
	{"what is no longer allowed is confirmed first", ISSUED, "request_allowed=0",
	 ACCESS_CONFIRM_DENIAL, -1, "Revoking", NEVER},
	{"then recorded, after which there is no way back", ISSUED,
	 "request_allowed=0 denial_confirmed=1", ACCESS_MARK_REVOKING, -1, "Revoking", NEVER},
	{"also not by a policy that comes back", ISSUED, "revoking=1", ACCESS_DELETE_OBJECT, 2,
	 "Revoking", NEVER},
	{"a denied request that was guarded is looked for on record", ISSUED,
	 NOTHING "request_allowed=0 ledger_exists=0 credential_delivered=0", ACCESS_LOOK_FOR_LEDGER,
	 -1, "LookingForLedger", NEVER},
	{"then revoked, bindings first", ISSUED, "request_allowed=0 revoking=1",
	 ACCESS_DELETE_OBJECT, 2, "Revoking", NEVER},
	{"and withdrawn where its member is away", ISSUED, "request_allowed=0 revoking=1 " AWAY,
	 ACCESS_WITHDRAW, -1, "Revoking", NEVER},
	{"its record is closed", ISSUED,
	 NOTHING "request_allowed=0 revoking=1 credential_delivered=0", ACCESS_CLOSE_LEDGER, -1,
	 "Revoked", NEVER},
	{"then it says why, and keeps its finalizer", ISSUED,
	 NOTHING "request_allowed=0 ledger_exists=0 ledger_absent=1 credential_delivered=0",
	 ACCESS_REPORT, -1, "TemplateNotAllowed", NEVER},
	{"an invalid request keeps what it has", ISSUED, "request_valid=0", ACCESS_REPORT, -1,
	 "InvalidRequest", NEVER},
	{"unless it is denied", ISSUED, "request_valid=0 request_allowed=0", ACCESS_CONFIRM_DENIAL,
	 -1, "Revoking", NEVER},
	{"an invalid request that was guarded is looked for on record, too", ISSUED,
	 NOTHING "request_valid=0 request_allowed=0 ledger_exists=0 credential_delivered=0",
	 ACCESS_LOOK_FOR_LEDGER, -1, "LookingForLedger", NEVER},
	{"a long wait is recorded when nothing is left on the hub", ENDING,
	 AWAY "secret_standing=0 wait_recorded=0", ACCESS_RECORD_WAIT, -1, "RevocationPending",
	 NEVER},
	{"not before that", ENDING, AWAY "wait_recorded=0", ACCESS_WITHDRAW, -1, "Revoking", NEVER},
	{"unless that cannot be done", ENDING,
	 AWAY "wait_recorded=0 withdrawal_failed=1 retry_at_ms=-1", ACCESS_RECORD_WAIT, -1,
	 "RevocationPending", NEVER},
	{"also of a request that is gone", ENDING,
	 AWAY "request_exists=0 request_deleting=0 request_gone=1 secret_standing=0 "
	      "wait_recorded=0",
	 ACCESS_RECORD_WAIT, -1, "RevocationPending", NEVER},
	{"not on the word of a watch alone", ENDING,
	 AWAY "request_exists=0 request_deleting=0 secret_standing=0 wait_recorded=0",
	 ACCESS_CONFIRM_GONE, -1, "RequestGone", NEVER},
	{"also where the member does not let go, while its next try waits", ENDING,
	 "undo_failed=1 secret_standing=0 wait_recorded=0 retry_at_ms=+500", ACCESS_RECORD_WAIT, -1,
	 "RevocationPending", NEVER},
	{"when that failed it waits for its own time", ENDING,
	 "undo_failed=1 secret_standing=0 wait_recorded=0 ending_failed=1 retry_at_ms=+500",
	 ACCESS_REPORT, -1, "Retrying", NOW + 500},
	{"nobody is told twice", ENDING, AWAY "secret_standing=0 wait_recorded=0 wait=pending",
	 ACCESS_RECORD_WAIT, -1, "Revoking", NEVER},
	{"until no token can live", ENDING,
	 AWAY "secret_standing=0 wait_recorded=0 wait=pending tokens_dead=1", ACCESS_RECORD_WAIT,
	 -1, "ExpiredUnconfirmed", NEVER},
	{"from then on the request is free", ENDING,
	 AWAY "secret_standing=0 wait=unconfirmed tokens_dead=1", ACCESS_REMOVE_FINALIZER, -1,
	 "RevocationPending", NEVER},
	{"but one that may live on says so", ISSUED,
	 AWAY "secret_standing=0 wait=unconfirmed tokens_dead=1 revoking=1 wait_due_ms=+900",
	 ACCESS_REPORT, -1, "ExpiredUnconfirmed", NOW + 900},
	{"when its member returns it is undone all the same", ENDING,
	 "secret_standing=0 wait=unconfirmed tokens_dead=1", ACCESS_DELETE_OBJECT, 2, "Revoking",
	 NEVER},
	{"a forgotten record is closed when no token can live", ENDING,
	 AWAY "secret_standing=0 wait=unconfirmed tokens_dead=1 forgotten=1 finalizer_present=0",
	 ACCESS_CLOSE_LEDGER, -1, "Forgotten", NEVER},
	{"not before", ENDING, AWAY "secret_standing=0 wait=pending forgotten=1", ACCESS_REPORT, -1,
	 "RevocationPending", NOW + 600000},
	{"and not when its member is there", ENDING,
	 "secret_standing=0 wait=unconfirmed tokens_dead=1 forgotten=1", ACCESS_DELETE_OBJECT, 2,
	 "Revoking", NEVER},
	{"an abandoned request is withdrawn", ENDING, AWAY "abandoned=1", ACCESS_WITHDRAW, -1,
	 "Revoking", NEVER},
	{"and released at once", ENDING, AWAY "abandoned=1 secret_standing=0",
	 ACCESS_REMOVE_FINALIZER, -1, "RevocationPending", NEVER},
	{"also while its member is asked", ENDING,
	 "member=connecting member_is_recorded_one=0 abandoned=1 secret_standing=0",
	 ACCESS_REMOVE_FINALIZER, -1, "RevocationPending", NEVER},
	{"and while a step that failed waits", ENDING,
	 "undo_failed=1 abandoned=1 secret_standing=0 retry_at_ms=+500", ACCESS_REMOVE_FINALIZER,
	 -1, "RevocationPending", NEVER},
	{"with a member that works it is simply undone", ENDING, "abandoned=1",
	 ACCESS_DELETE_OBJECT, 2, "Revoking", NEVER},
	{"one that is not deleted is not abandoned", ISSUED, AWAY "abandoned=1", ACCESS_REPORT, -1,
	 "MemberUnreachable", NEVER},
	{"what is suspect goes like everything else", ENDING, "object_suspect=1",
	 ACCESS_DELETE_OBJECT, 2, "Revoking", NEVER},
	{"a token in hand is not delivered any more", ENDING, "token_in_hand=1 token_proved=1",
	 ACCESS_DELETE_OBJECT, 2, "Revoking", NEVER},
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct access_facts facts = row->sample(row->changes);
		struct access_plan plan = access_plan_next(&facts);

		if (plan.step != row->step || plan.index != row->index ||
		    strcmp(plan.reason, row->reason) != 0 ||
		    plan.recheck_at_ms != row->recheck_at_ms)
			fail_msg("%s: got \"%s\" %d %s at %lld", row->sentence,
				 access_step_name(plan.step), plan.index, plan.reason,
				 (long long)plan.recheck_at_ms);
	}
}

static void access_plan_next__issues_in_this_order(void **state)
{
	(void)state;
	check_rows(issuing, sizeof(issuing) / sizeof(issuing[0]));
}

static void access_plan_next__keeps_and_renews_in_this_order(void **state)
{
	(void)state;
	check_rows(keeping, sizeof(keeping) / sizeof(keeping[0]));
}

static void access_plan_next__revokes_in_this_order(void **state)
{
	(void)state;
	check_rows(ending, sizeof(ending) / sizeof(ending[0]));
}

/* A member with five objects (the last two are bindings) and the steps' effects on the facts:
 * nothing fails, every reply arrives. */
struct walk {
	struct access_facts facts;
	bool standing[5];
	bool made[5];
	int anchors; /* standing: 0, 1, or 2 during an overlap */
	char story[2048];
};

static void look_at_objects(struct walk *walk)
{
	struct access_facts *facts = &walk->facts;

	facts->object_missing = facts->object_standing = FACT_NONE;
	for (int i = 4; i >= 0; i--)
		if (facts->ledger_exists && !walk->made[i])
			facts->object_missing = i;
	for (int i = 2; i >= 0; i--)
		if (walk->standing[i])
			facts->object_standing = i;
	facts->standing_is_binding = walk->standing[3] || walk->standing[4];
	if (facts->standing_is_binding)
		facts->object_standing = walk->standing[3] ? 3 : 4;
	facts->anchor_standing = walk->anchors > 0 ? 0 : FACT_NONE;
	facts->anchor_superseded =
		walk->anchors > 1 && facts->overlap_until_ms <= facts->now_ms ? 0 : FACT_NONE;
}

static void open_ledger(struct access_facts *facts)
{
	facts->ledger_exists = facts->ledger_stored = true;
	facts->ledger_saved = facts->intent_saved = facts->record_fresh = true;
}

static void deliver(struct access_facts *facts)
{
	if (facts->credential_delivered)
		facts->overlap_until_ms = facts->now_ms + 120000;
	facts->token_in_hand = facts->token_proved = false;
	facts->ledger_saved = facts->delivery == DELIVERY_OURS;
	facts->delivery = DELIVERY_OURS;
	facts->credential_delivered = facts->credential_is_as_asked = true;
	facts->renew_at_ms = facts->now_ms + 2160000;
}

static void mint(struct access_facts *facts)
{
	facts->anchor_made = false;
	facts->token_in_hand = facts->secret_standing = true;
	facts->ledger_saved = false;
	facts->next_mint_at_ms = facts->now_ms + 60000;
}

static void apply_issuing(struct walk *walk, const struct access_plan *plan)
{
	struct access_facts *facts = &walk->facts;

	if (plan->step == ACCESS_ACKNOWLEDGE)
		facts->acknowledged = true;
	else if (plan->step == ACCESS_CHECK_DESTINATION)
		facts->destination = DESTINATION_OPEN;
	else if (plan->step == ACCESS_READ_DELIVERY)
		facts->delivery = DELIVERY_MISSING;
	else if (plan->step == ACCESS_ADD_FINALIZER)
		facts->finalizer_present = true;
	else if (plan->step == ACCESS_OPEN_LEDGER || plan->step == ACCESS_SAVE_LEDGER)
		open_ledger(facts);
	else if (plan->step == ACCESS_CREATE_OBJECT)
		walk->made[plan->index] = walk->standing[plan->index] = true;
	else if (plan->step == ACCESS_RESERVE_ANCHOR)
		facts->anchor_spent = false;
	else if (plan->step == ACCESS_CREATE_ANCHOR)
		facts->anchor_spent = facts->anchor_made = ++walk->anchors > 0;
	else if (plan->step == ACCESS_MINT)
		mint(facts);
	else if (plan->step == ACCESS_PROVE)
		facts->token_proved = true;
	else if (plan->step == ACCESS_DELIVER)
		deliver(facts);
	else if (plan->step == ACCESS_REDELIVER)
		facts->delivery_outdated = false;
}

static void apply(struct walk *walk, const struct access_plan *plan)
{
	struct access_facts *facts = &walk->facts;

	apply_issuing(walk, plan);
	if (plan->step == ACCESS_DELETE_ANCHOR)
		walk->anchors--;
	else if (plan->step == ACCESS_DELETE_OBJECT)
		walk->standing[plan->index] = false;
	else if (plan->step == ACCESS_WITHDRAW)
		facts->secret_standing = false;
	else if (plan->step == ACCESS_CONFIRM_GONE)
		facts->request_gone = true;
	else if (plan->step == ACCESS_CLOSE_LEDGER)
		facts->ledger_exists = facts->ledger_stored = false, facts->ledger_absent = true;
	else if (plan->step == ACCESS_LOOK_FOR_LEDGER)
		facts->ledger_absent = !facts->ledger_exists, facts->record_fresh = true;
	else if (plan->step == ACCESS_REMOVE_FINALIZER)
		facts->finalizer_present = false;
	if (plan->step == ACCESS_CREATE_OBJECT || plan->step == ACCESS_DELETE_ANCHOR)
		facts->ledger_saved = false;
	look_at_objects(walk);
}

/* Takes steps until there is nothing to do but to wait, and tells them. */
static const char *tell(struct walk *walk)
{
	walk->story[0] = '\0';
	look_at_objects(walk);
	for (int i = 0; i < 60; i++) {
		struct access_plan plan = access_plan_next(&walk->facts);
		size_t size = strlen(walk->story);

		snprintf(walk->story + size, sizeof(walk->story) - size, "%s%s", i > 0 ? ", " : "",
			 plan.step == ACCESS_REPORT ? plan.reason : access_step_name(plan.step));
		if (plan.step == ACCESS_REPORT || plan.step == ACCESS_FORGET)
			return walk->story;
		apply(walk, &plan);
	}
	fail_msg("it does not come to an end: %s", walk->story);
	return NULL;
}

#define RENEWAL "reserve anchor, create anchor, mint, prove, save ledger, deliver, Issued"
#define UNDOING                                                                                    \
	"delete object, delete object, delete anchor, delete object, delete object, delete "       \
	"object, "                                                                                 \
	"withdraw, close ledger"

static void walk_to_issued(struct walk *walk)
{
	*walk = (struct walk){.facts = sample_facts_new("")};
	assert_string_equal(
		tell(walk),
		"acknowledge, check destination, read delivery, add finalizer, open ledger, "
		"create object, create object, create object, create object, create object, "
		"create anchor, mint, prove, save ledger, deliver, save ledger, Issued");
}

static void access_plan_next__walks_from_a_new_request_to_issued(void **state)
{
	struct walk walk;

	(void)state;
	walk_to_issued(&walk);
}

static void access_plan_next__walks_through_a_renewal(void **state)
{
	struct walk walk;
	int64_t renewed_at_ms;

	(void)state;
	walk_to_issued(&walk);
	walk.facts.now_ms = renewed_at_ms = walk.facts.renew_at_ms;
	assert_string_equal(tell(&walk), RENEWAL);
	assert_int_equal(walk.anchors, 2);
	assert_int_equal(access_plan_next(&walk.facts).recheck_at_ms, renewed_at_ms + 120000);
	walk.facts.now_ms = renewed_at_ms + 120000;
	assert_string_equal(tell(&walk), "delete anchor, save ledger, Issued");
	assert_int_equal(walk.anchors, 1);
	walk.facts.now_ms = walk.facts.renew_at_ms;
	assert_string_equal(tell(&walk), RENEWAL);
}

static void access_plan_next__walks_to_the_end_of_a_deleted_request(void **state)
{
	struct walk walk;

	(void)state;
	walk_to_issued(&walk);
	walk.facts.request_deleting = true;
	assert_string_equal(tell(&walk), UNDOING ", remove finalizer, Revoked");
}

static void access_plan_next__walks_to_the_end_of_a_vanished_request(void **state)
{
	struct walk walk;

	(void)state;
	walk_to_issued(&walk);
	walk.facts.request_exists = false;
	assert_string_equal(tell(&walk), "confirm gone, " UNDOING ", forget");
}

static void access_plan_next__walks_to_the_end_when_the_member_returns(void **state)
{
	struct walk walk;

	(void)state;
	walk_to_issued(&walk);
	walk.facts.request_deleting = true;
	walk.facts.release_at_ms = walk.facts.now_ms + 600000;
	walk.facts.member = MEMBER_UNREACHABLE;
	walk.facts.member_is_recorded_one = false;
	assert_string_equal(tell(&walk), "withdraw, RevocationPending");
	walk.facts.member = MEMBER_READY;
	walk.facts.member_is_recorded_one = true;
	assert_string_equal(
		tell(&walk),
		"delete object, delete object, delete anchor, delete object, "
		"delete object, delete object, close ledger, remove finalizer, Revoked");
}

/* Deleted after any number of steps, it ends with nothing left. */
static void access_plan_next__undoes_a_request_deleted_after_each_step(void **state)
{
	(void)state;
	for (int cut = 0; cut < 17; cut++) {
		struct walk walk = {.facts = sample_facts_new("")};

		look_at_objects(&walk);
		for (int i = 0; i < cut; i++) {
			struct access_plan plan = access_plan_next(&walk.facts);
			apply(&walk, &plan);
		}
		walk.facts.request_deleting = true;
		tell(&walk);
		assert_false(walk.facts.ledger_exists || walk.facts.secret_standing ||
			     walk.facts.finalizer_present);
		assert_int_equal(walk.anchors, 0);
		for (int i = 0; i < 5; i++)
			assert_false(walk.standing[i]);
	}
}

static bool is_on_member(enum access_step step)
{
	return step == ACCESS_CREATE_OBJECT || step == ACCESS_CREATE_ANCHOR ||
	       step == ACCESS_APPLY_OBJECT || step == ACCESS_RESTORE_OBJECT ||
	       step == ACCESS_MINT || step == ACCESS_PROVE || step == ACCESS_DELETE_ANCHOR ||
	       step == ACCESS_DELETE_OBJECT;
}

static bool is_for_the_living(enum access_step step)
{
	return step == ACCESS_ACKNOWLEDGE || step == ACCESS_ADD_FINALIZER ||
	       step == ACCESS_CHECK_DESTINATION || step == ACCESS_READ_DELIVERY ||
	       step == ACCESS_OPEN_LEDGER || step == ACCESS_SAVE_LEDGER ||
	       step == ACCESS_CREATE_OBJECT || step == ACCESS_RESERVE_ANCHOR ||
	       step == ACCESS_APPLY_OBJECT || step == ACCESS_RESTORE_OBJECT ||
	       step == ACCESS_AMEND_LEDGER || step == ACCESS_CREATE_ANCHOR || step == ACCESS_MINT ||
	       step == ACCESS_PROVE || step == ACCESS_DELIVER || step == ACCESS_REDELIVER;
}

static bool is_for_the_ending(enum access_step step)
{
	return step == ACCESS_FORGET || step == ACCESS_CONFIRM_GONE ||
	       step == ACCESS_LOOK_FOR_LEDGER || step == ACCESS_DELETE_OBJECT ||
	       step == ACCESS_WITHDRAW || step == ACCESS_CLOSE_LEDGER ||
	       step == ACCESS_REMOVE_FINALIZER || step == ACCESS_RECORD_WAIT;
}

/* With a record of what is left. */
static bool is_released_early(const struct access_facts *f)
{
	bool in_time = f->now_ms >= f->release_at_ms || f->wait == WAIT_UNCONFIRMED || f->abandoned;
	bool waits = f->member != MEMBER_READY || !f->member_is_recorded_one || f->undo_failed;
	bool withdrawal_is_tried = f->undo_failed || f->withdrawal_failed;

	return f->ledger_stored && in_time && waits && (!f->secret_standing || withdrawal_is_tried);
}

static const char *wrong_about_life(const struct access_facts *f, const struct access_plan *p)
{
	bool denied = f->revoking;
	bool ends = !f->request_exists || f->request_deleting || denied;

	if (denied && !f->request_deleting && p->step == ACCESS_REMOVE_FINALIZER)
		return "a request that is denied may be allowed again";
	if (ends && is_for_the_living(p->step))
		return "a request that ends gets nothing any more";
	if (!ends && p->step == ACCESS_DELETE_OBJECT && p->index == f->object_surplus)
		return NULL;
	if (!ends && p->step == ACCESS_LOOK_FOR_LEDGER &&
	    (!f->request_allowed || !f->record_fresh || !f->ledger_stored))
		return NULL;
	if (p->step == ACCESS_MARK_REVOKING && (f->request_allowed || !f->denial_confirmed))
		return "only a denial that was confirmed is final";
	if (!ends && is_for_the_ending(p->step))
		return "a request that lives loses nothing";
	if (!ends && p->step == ACCESS_DELETE_ANCHOR && p->index != f->anchor_superseded)
		return "a request that lives loses superseded anchors only";
	if (!f->request_exists && !f->request_gone && is_on_member(p->step))
		return "nothing is revoked before it is confirmed gone";
	if (!f->request_exists && !f->request_gone && p->step == ACCESS_WITHDRAW)
		return "nothing is withdrawn before it is confirmed gone";
	if (p->step == ACCESS_RECORD_WAIT && (!p->cause || !f->ledger_stored || f->wait_recorded))
		return "a wait is recorded once, with its reason";
	if (p->step == ACCESS_CLOSE_LEDGER && !(f->forgotten && f->wait == WAIT_UNCONFIRMED) &&
	    (f->object_standing != FACT_NONE || f->anchor_standing != FACT_NONE ||
	     f->secret_standing))
		return "a record is closed when nothing stands";
	if (p->step == ACCESS_FORGET && !f->ledger_absent)
		return "nothing is forgotten that has a record";
	if (p->step == ACCESS_REMOVE_FINALIZER && !f->ledger_absent && !is_released_early(f))
		return "the finalizer goes when a live read found no record, or its time is over";
	return NULL;
}

static const char *wrong_about_order(const struct access_facts *f, const struct access_plan *p)
{
	bool makes = p->step == ACCESS_CREATE_OBJECT || p->step == ACCESS_CREATE_ANCHOR ||
		     p->step == ACCESS_APPLY_OBJECT || p->step == ACCESS_MINT ||
		     p->step == ACCESS_DELIVER;
	bool replaces = p->step == ACCESS_CREATE_ANCHOR || p->step == ACCESS_MINT ||
			p->step == ACCESS_RESERVE_ANCHOR;
	bool good =
		f->credential_delivered && f->credential_is_as_asked && f->now_ms < f->renew_at_ms;

	if (is_on_member(p->step) && (f->member != MEMBER_READY || !f->member_is_recorded_one))
		return "a member is called only when it is there and the one on record";
	if (makes && (!f->ledger_stored || !f->intent_saved))
		return "record before effect";
	if ((p->step == ACCESS_CREATE_OBJECT || p->step == ACCESS_CREATE_ANCHOR ||
	     p->step == ACCESS_MINT) &&
	    !f->record_fresh)
		return "what is made is on record now";
	if (p->step == ACCESS_RESTORE_OBJECT && (!f->ledger_stored || !f->request_allowed))
		return "what is put back is on record, and allowed";
	if (makes && (!f->finalizer_present || !f->request_valid || !f->request_allowed))
		return "nothing is made without right and finalizer";
	if (makes && !f->admission_proven && !f->spec_admitted)
		return "nothing new is made without proof of admission";
	if (makes && (f->destination != DESTINATION_OPEN || f->delivery == DELIVERY_FOREIGN ||
		      f->delivery == DELIVERY_UNKNOWN))
		return "nothing is made that cannot be delivered";
	if (p->step != ACCESS_CREATE_OBJECT && p->step != ACCESS_APPLY_OBJECT && makes &&
	    f->object_missing != FACT_NONE)
		return "rights before the credential";
	if (p->step == ACCESS_MINT && !f->anchor_made)
		return "every token has an anchor of its own";
	if (p->step == ACCESS_CREATE_ANCHOR && f->anchor_spent)
		return "no generation is used twice";
	if (p->step == ACCESS_DELIVER &&
	    (!f->token_in_hand || !f->token_proved || !f->ledger_saved))
		return "proved and recorded before it is delivered";
	if (p->step == ACCESS_CHECK_CREDENTIAL &&
	    (!good || f->check_at_ms == 0 || f->check_at_ms > f->now_ms ||
	     f->anchor_superseded != FACT_NONE || f->delivery != DELIVERY_OURS))
		return "a credential is checked in its time, when nothing else is to be done";
	if (replaces && (good || f->token_in_hand || f->next_mint_at_ms > f->now_ms))
		return "no mint without need, and none within a minute";
	return NULL;
}

/* What wakes it up: a watch, the executor, or nothing but the end of the process. */
static bool is_woken_by_a_change(const char *reason)
{
	static const char *const woken[] = {
		"InvalidRequest",         "TemplateNotAllowed",     "AdmissionNotProven",
		"ClusterProfileNotFound", "MemberAccessNotFound",   "MemberAccessConflict",
		"MemberAccessRefused",    "MemberConnecting",       "MemberUnreachable",
		"MemberChanged",          "ServiceAccountReplaced", /* by the next look at the
								       member */
		"RevocationPending",      "ExpiredUnconfirmed",     "Revoked",
	};

	for (size_t i = 0; i < sizeof(woken) / sizeof(woken[0]); i++)
		if (strcmp(woken[i], reason) == 0)
			return true;
	return false;
}

static const char *wrong_about_waiting(const struct access_facts *f, const struct access_plan *p)
{
	if (p->recheck_at_ms != 0 && p->step != ACCESS_REPORT)
		return "only a rest has an end";
	if (p->recheck_at_ms != 0 && p->recheck_at_ms <= f->now_ms)
		return "a rest ends in the future";
	if (p->step == ACCESS_REPORT && p->recheck_at_ms == 0 && !is_woken_by_a_change(p->reason))
		return "a rest without an end is ended by a change";
	if (p->step == ACCESS_REPORT && strcmp(p->reason, "Issued") == 0 &&
	    !f->credential_delivered)
		return "issued means delivered";
	if (f->retry_at_ms > f->now_ms && p->step != ACCESS_REPORT && p->step != ACCESS_FORGET &&
	    p->step != ACCESS_WITHDRAW && p->step != ACCESS_RECORD_WAIT &&
	    !(p->step == ACCESS_REMOVE_FINALIZER && f->abandoned))
		return "a failure waits for its time";
	return NULL;
}

static const char *wrong_about_form(const struct access_facts *f, const struct access_plan *p)
{
	bool has_index = p->step == ACCESS_CREATE_OBJECT || p->step == ACCESS_DELETE_OBJECT ||
			 p->step == ACCESS_APPLY_OBJECT || p->step == ACCESS_RESTORE_OBJECT ||
			 p->step == ACCESS_DELETE_ANCHOR;

	if (has_index != (p->index != FACT_NONE))
		return "an index for the steps that say so";
	if (p->step == ACCESS_CREATE_OBJECT && p->index != f->object_missing)
		return "what is missing is made";
	if (p->step == ACCESS_APPLY_OBJECT && p->index != f->object_changed)
		return "the role that changed is applied";
	if (p->step == ACCESS_RESTORE_OBJECT && p->index != f->object_suspect)
		return "what is suspect is looked at";
	if (p->step == ACCESS_DELETE_OBJECT && p->index != f->object_standing &&
	    p->index != f->object_surplus)
		return "what stands is deleted";
	if (!isupper((unsigned char)p->reason[0]) ||
	    strspn(p->reason, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") !=
		    strlen(p->reason))
		return "a reason is one word";
	if ((p->step == ACCESS_REPORT || p->step == ACCESS_ACKNOWLEDGE) &&
	    !access_status_sentence(p->reason))
		return "what is reported has a sentence for people";
	return NULL;
}

static void access_plan_next__never_breaks_a_rule(void **state)
{
	const char *(*const rules[])(const struct access_facts *, const struct access_plan *) = {
		wrong_about_life, wrong_about_order, wrong_about_waiting, wrong_about_form};
	uint32_t random = 20240607;
	size_t seen[ACCESS_STEP_COUNT] = {0};

	(void)state;
	for (int i = 0; i < 400000; i++) {
		struct access_facts facts = sample_facts_random(&random);
		struct access_plan plan = access_plan_next(&facts);

		seen[plan.step]++;
		for (size_t k = 0; k < sizeof(rules) / sizeof(rules[0]); k++) {
			const char *wrong = rules[k](&facts, &plan);
			if (wrong)
				fail_msg("%s: \"%s\" for %s", wrong, access_step_name(plan.step),
					 sample_facts_text(&facts));
		}
	}
	for (size_t i = 0; i < ACCESS_STEP_COUNT; i++)
		if (seen[i] == 0)
			fail_msg("no facts led to \"%s\"", access_step_name((enum access_step)i));
}

/* What is told apart by it does not wait behind what is new. */
static void access_ending_is_near__before_a_denial_is_on_record(void **state)
{
	struct access_facts issued = ISSUED("");
	struct access_facts denied = ISSUED("request_allowed=0");
	struct access_facts nothing_made = ISSUED("request_allowed=0 ledger_exists=0");
	struct access_facts deleted = ENDING("");

	(void)state;
	assert_false(access_ending_is_near(&issued));
	assert_true(access_ending_is_near(&denied));
	assert_false(access_ending_is_due(&denied));
	assert_false(access_ending_is_near(&nothing_made));
	assert_true(access_ending_is_near(&deleted) && access_ending_is_due(&deleted));
}

static void access_step_name__is_unique_and_lower_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < ACCESS_STEP_COUNT; i++) {
		const char *name = access_step_name((enum access_step)i);

		assert_true(strlen(name) > 0);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz "), strlen(name));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(name, access_step_name((enum access_step)k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access_plan_next__issues_in_this_order),
		cmocka_unit_test(access_plan_next__keeps_and_renews_in_this_order),
		cmocka_unit_test(access_plan_next__revokes_in_this_order),
		cmocka_unit_test(access_plan_next__walks_from_a_new_request_to_issued),
		cmocka_unit_test(access_plan_next__walks_through_a_renewal),
		cmocka_unit_test(access_plan_next__walks_to_the_end_of_a_deleted_request),
		cmocka_unit_test(access_plan_next__walks_to_the_end_of_a_vanished_request),
		cmocka_unit_test(access_plan_next__walks_to_the_end_when_the_member_returns),
		cmocka_unit_test(access_plan_next__undoes_a_request_deleted_after_each_step),
		cmocka_unit_test(access_plan_next__never_breaks_a_rule),
		cmocka_unit_test(access_ending_is_near__before_a_denial_is_on_record),
		cmocka_unit_test(access_step_name__is_unique_and_lower_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
