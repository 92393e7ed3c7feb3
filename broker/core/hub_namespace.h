/* hub_namespace.h - a namespace of the hub as the broker sees it: its labels. Pure. */
#ifndef CORE_HUB_NAMESPACE_H
#define CORE_HUB_NAMESPACE_H

struct error;
struct json;

struct hub_namespace {
	struct json *labels; /* NULL: none */
};

/* NULL (ERROR_INVALID) without a UID. The caller's. */
struct hub_namespace *hub_namespace_read(const struct json *object, struct error *err);
/* NULL is fine. Takes void * so that it serves as a store's destructor. */
void hub_namespace_free(void *pointer);

#endif
