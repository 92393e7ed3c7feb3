#include "edge/http_line.h"

#include <stddef.h>

#include "edge/http_call.h"

static struct http_queue *queue_of(struct http_line *line, const struct http_call *call)
{
	return call->urgent ? &line->urgent : &line->ordinary;
}

void http_line_add(struct http_line *line, struct http_call *call)
{
	struct http_queue *queue = queue_of(line, call);

	call->next = NULL;
	if (queue->last)
		queue->last->next = call;
	else
		queue->first = call;
	queue->last = call;
}

struct http_call *http_line_take(struct http_line *line)
{
	struct http_call *call = line->urgent.first ? line->urgent.first : line->ordinary.first;

	if (call)
		http_line_remove(line, call);
	return call;
}

void http_line_remove(struct http_line *line, const struct http_call *call)
{
	struct http_queue *queue = queue_of(line, call);
	struct http_call *before = NULL;

	for (struct http_call *at = queue->first; at; before = at, at = at->next) {
		if (at != call)
			continue;
		if (before)
			before->next = at->next;
		else
			queue->first = at->next;
		if (queue->last == at)
			queue->last = before;
		return;
	}
}
