/* http_line.h - the calls of one peer that wait for their turn: urgent ones first, each class in
 * the order of its coming. Pure; owns nothing. */
#ifndef EDGE_HTTP_LINE_H
#define EDGE_HTTP_LINE_H

struct http_call;

struct http_queue {
	struct http_call *first;
	struct http_call *last;
};

/* Zero-initialised: empty. */
struct http_line {
	struct http_queue urgent;
	struct http_queue ordinary;
};

void http_line_add(struct http_line *line, struct http_call *call);
/* The next call, out of the line; NULL when it is empty. */
struct http_call *http_line_take(struct http_line *line);
/* Fine when CALL is not in line. */
void http_line_remove(struct http_line *line, const struct http_call *call);

#endif
