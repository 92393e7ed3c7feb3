/* sweep_news.h - what people are told of sweeps: as Events about the ClusterProfile. Pure. */
#ifndef CORE_SWEEP_NEWS_H
#define CORE_SWEEP_NEWS_H

#include <stddef.h>

struct access_news;
struct kube_resource;
struct stray;

/* Where they go. */
struct sweep_teller {
	void (*tell)(void *context, const struct access_news *news);
	void *context;
	const char *profile_key;
	const char *profile_uid; /* NULL: not known */
};

void sweep_news_deleted(const struct sweep_teller *teller, const struct stray *stray);
/* DELETED of them went, and LEFT have to wait. */
void sweep_news_stopped(const struct sweep_teller *teller, size_t deleted, size_t left);
/* We may not VERB ("list", "delete") RESOURCE there. */
void sweep_news_denied(const struct sweep_teller *teller, const char *verb,
		       const struct kube_resource *resource);
void sweep_news_unproven(const struct sweep_teller *teller, size_t count);
/* The hub's own lists lack what its watches show. */
void sweep_news_short_list(const struct sweep_teller *teller);

#endif
