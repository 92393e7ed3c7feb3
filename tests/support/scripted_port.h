/* scripted_port.h - the hub and the members of a test: takes calls, and answers when and what the
 * test says.
 *
 * Knows nothing of Kubernetes: there are no objects behind it. It keeps an eye on every call all
 * the same: no token may be in it but where one belongs, and no member is called that is not ready.
 */
#ifndef SUPPORT_SCRIPTED_PORT_H
#define SUPPORT_SCRIPTED_PORT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/access_executor.h"

struct json;
struct member_clock;
struct scripted_port;
struct text;

/* A call that waits for its answer. Borrowed until it is answered or forgotten. */
struct scripted_call {
	bool on_member;
	const char *profile_key; /* with on_member */
	const char *verb;        /* as HTTP has it; an apply is "APPLY" */
	const char *path;
	const struct json *body; /* NULL: none */
	const char *bearer;      /* NULL: the broker's own identity */
	const char *accept;      /* NULL: as usual */
	bool with_managers;
	bool urgent;
};

struct scripted_port *scripted_port_new(void);
/* NULL is fine. */
void scripted_port_free(struct scripted_port *port);

/* The two faces of PORT. */
struct kube_port scripted_port_hub(struct scripted_port *port);
struct access_executor scripted_port_executor(struct scripted_port *port);

/* What the executor says of PROFILE_KEY from now on; without this word nobody gave access to it.
 * The texts are copied. */
void scripted_port_set_member(struct scripted_port *port, const char *profile_key,
			      const struct member_facts *facts);

/* Where applications find every member from now on. Copied. */
void scripted_port_set_server(struct scripted_port *port, const char *server);

/* What the time of every member that is ready is known to be from now on; without this word it is
 * not known. */
void scripted_port_set_clock(struct scripted_port *port, const struct member_clock *clock);

/* The oldest call to the hub or to a member whose verb is VERB and whose path matches the glob
 * PATH; NULL when there is none. */
const struct scripted_call *scripted_port_find(const struct scripted_port *port, bool on_member,
					       const char *verb, const char *path);
/* The oldest call of all, or NULL. */
const struct scripted_call *scripted_port_oldest(const struct scripted_port *port);
size_t scripted_port_waiting(const struct scripted_port *port);
/* All that waits, one line each, for messages. */
void scripted_port_tell(const struct scripted_port *port, struct text *text);

/* Answers CALL as an API server would: OBJECT with a STATUS of 2xx, a Status with REASON otherwise,
 * or no Status where REASON is NULL. STATUS 0 means that no answer came. */
void scripted_port_answer(struct scripted_port *port, const struct scripted_call *call, int status,
			  const char *reason, const struct json *object);

/* Answers CALL with 403, by the ValidatingAdmissionPolicy POLICY. */
void scripted_port_refuse(struct scripted_port *port, const struct scripted_call *call,
			  const char *policy);

/* The process that made them is gone: nobody waits for the answers any more. */
void scripted_port_forget(struct scripted_port *port);

#endif
