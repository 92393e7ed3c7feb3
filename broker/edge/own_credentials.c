#include "edge/own_credentials.h"

#include <string.h>

#include <base/cleanup.h>
#include <base/memory.h>
#include <base/text.h>

#include "core/own_credential.h"
#include "core/store.h"
#include "edge/loop.h"
#include "edge/member_access.h"
#include "edge/own_keeper.h"
#include "edge/own_removal.h"

struct kept {
	struct kept *next;
	char *key; /* of the member access; NULL: the keeper is retired */
	char *profile_key;
	struct own_keeper *keeper;
};

struct removed {
	struct removed *next;
	struct own_removal *removal;
};

struct own_credentials {
	struct own_credentials_config config;
	struct store *records;
	struct kept *kept;
	struct removed *removed;
	struct loop_timer timer;
	bool begun;
};

static void look_soon(void *context);

struct own_credentials *own_credentials_new(const struct own_credentials_config *config)
{
	struct own_credentials *all = memory_new(sizeof(*all));

	all->config = *config;
	all->config.ended = look_soon;
	all->config.owner = all;
	all->records = store_new(own_credential_free);
	return all;
}

static void kept_free(struct kept *kept)
{
	own_keeper_free(kept->keeper);
	memory_free(kept->key);
	memory_free(kept->profile_key);
	memory_free(kept);
}

static void removed_free(struct removed *removed)
{
	own_removal_free(removed->removal);
	memory_free(removed);
}

void own_credentials_free(struct own_credentials *all)
{
	if (!all)
		return;
	loop_timer_clear(&all->timer);
	while (all->kept) {
		struct kept *kept = all->kept;

		all->kept = kept->next;
		kept_free(kept);
	}
	while (all->removed) {
		struct removed *removed = all->removed;

		all->removed = removed->next;
		removed_free(removed);
	}
	store_free(all->records);
	memory_free(all);
}

struct store *own_credentials_store(struct own_credentials *all)
{
	return all->records;
}

static struct kept *find_kept(const struct own_credentials *all, const char *key)
{
	struct kept *kept = all->kept;

	while (kept && !text_same(kept->key, key))
		kept = kept->next;
	return kept;
}

/* A retired one counts until its last call was answered. */
static bool is_kept(const struct own_credentials *all, const char *name)
{
	const struct kept *kept = all->kept;

	while (kept && !text_same(own_keeper_name(kept->keeper), name))
		kept = kept->next;
	return kept != NULL;
}

static bool is_being_removed(const struct own_credentials *all, const char *name)
{
	const struct removed *removed = all->removed;

	while (removed && !text_same(own_removal_name(removed->removal), name))
		removed = removed->next;
	return removed != NULL;
}

static const struct own_credential *find_record(const struct own_credentials *all, const char *name)
{
	struct text key = text_with_max(512);
	cleanup_free char *whole = NULL;

	text_appendf(&key, "%s/%s", all->config.namespace, name);
	whole = text_take(&key);
	return store_find(all->records, whole);
}

/* Removing. */

static bool remove_unkept(void *context, const char *key, void *object)
{
	struct own_credentials *all = context;
	const struct own_credential *record = object;
	struct removed *removed;

	(void)key;
	if (is_kept(all, record->name) || is_being_removed(all, record->name))
		return true;
	removed = memory_new(sizeof(*removed));
	removed->removal = own_removal_new(&all->config, record);
	removed->next = all->removed;
	all->removed = removed;
	return true;
}

/* Those whose Secret is gone, and those whose access is back. */
static void drop_removed(struct own_credentials *all)
{
	struct removed **place = &all->removed;

	while (*place) {
		struct removed *removed = *place;
		const char *name = own_removal_name(removed->removal);

		if (own_removal_is_busy(removed->removal) ||
		    (find_record(all, name) && !is_kept(all, name))) {
			place = &removed->next;
			continue;
		}
		*place = removed->next;
		removed_free(removed);
	}
}

static void drop_retired(struct own_credentials *all)
{
	struct kept **place = &all->kept;

	while (*place) {
		struct kept *kept = *place;

		if (kept->key || own_keeper_is_busy(kept->keeper)) {
			place = &kept->next;
			continue;
		}
		*place = kept->next;
		kept_free(kept);
	}
}

static void look(void *context)
{
	struct own_credentials *all = context;

	drop_retired(all);
	drop_removed(all);
	if (all->begun)
		store_each(all->records, remove_unkept, all);
}

/* From a timer, because we may stand in a callback of what is to go. */
static void look_soon(void *context)
{
	struct own_credentials *all = context;

	loop_timer_set(all->config.loop, &all->timer, 0, look, all);
}

/* Keeping. */

static void keep(struct own_credentials *all, const char *key, const struct member_access *access)
{
	struct kept *kept = memory_new(sizeof(*kept));
	const struct own_credential *record;

	kept->key = memory_text(key);
	kept->profile_key = memory_text(access->profile_key);
	kept->keeper = own_keeper_new(&all->config, access);
	kept->next = all->kept;
	all->kept = kept;
	record = find_record(all, own_keeper_name(kept->keeper));
	if (record)
		own_keeper_offer(kept->keeper, record);
	if (all->begun)
		own_keeper_begin(kept->keeper);
}

static bool has_bootstrap(const struct own_credentials *all, const struct member_access *access)
{
	return all->config.lifetime_s > 0 && access && access->uid && access->digest &&
	       !access->invalid[0];
}

static bool is_for(const struct own_credentials *all, const struct kept *kept,
		   const struct member_access *access)
{
	const struct own_bootstrap bootstrap = member_access_bootstrap(access);
	cleanup_free char *name = own_credential_name(all->config.hub_id, &bootstrap);

	return text_same(name, own_keeper_name(kept->keeper));
}

void own_credentials_access_changed(struct own_credentials *all, const char *key,
				    const struct member_access *access)
{
	struct kept *kept = find_kept(all, key);

	if (kept && has_bootstrap(all, access) && is_for(all, kept, access)) {
		own_keeper_update(kept->keeper, access);
		return;
	}
	if (kept) {
		memory_free(TAKE_PTR(kept->key));
		own_keeper_retire(kept->keeper);
	}
	if (has_bootstrap(all, access))
		keep(all, key, access);
	look_soon(all);
}

void own_credentials_changed(struct own_credentials *all, const char *key)
{
	const struct own_credential *record = store_find(all->records, key);
	const char *slash = strchr(key, '/');

	for (struct kept *kept = all->kept; kept; kept = kept->next) {
		if (!slash || !text_same(own_keeper_name(kept->keeper), slash + 1))
			continue;
		if (record)
			own_keeper_offer(kept->keeper, record);
		else
			own_keeper_doubt(kept->keeper);
	}
	look_soon(all);
}

void own_credentials_member_changed(struct own_credentials *all, const char *profile_key)
{
	for (struct kept *kept = all->kept; kept; kept = kept->next)
		if (kept->key && text_same(kept->profile_key, profile_key))
			own_keeper_wake(kept->keeper);
}

static struct kept *kept_for(const struct own_credentials *all, const struct member_access *access)
{
	struct text key = text_with_max(512);
	cleanup_free char *whole = NULL;

	text_appendf(&key, "%s/%s", all->config.namespace, access->name);
	whole = text_take(&key);
	return find_kept(all, whole);
}

void own_credentials_refused(struct own_credentials *all, const struct member_access *access)
{
	struct kept *kept = kept_for(all, access);

	if (kept)
		own_keeper_refused(kept->keeper);
}

const struct secret *own_credentials_token(const struct own_credentials *all,
					   const struct member_access *access,
					   int64_t *ret_generation)
{
	const struct kept *kept = kept_for(all, access);

	*ret_generation = kept ? own_keeper_generation(kept->keeper) : 0;
	return kept ? own_keeper_token(kept->keeper) : NULL;
}

void own_credentials_begin(struct own_credentials *all)
{
	all->begun = true;
	for (struct kept *kept = all->kept; kept; kept = kept->next)
		own_keeper_begin(kept->keeper);
	look_soon(all);
}
