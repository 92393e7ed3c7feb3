/* explanation_text.h - an explanation for people: comments, then the objects as YAML.
 *
 * Pure. All of it together is a stream of YAML documents, so that a member's API server can be
 * asked what it makes of them. Nothing of it moves a terminal's cursor. */
#ifndef CORE_EXPLANATION_TEXT_H
#define CORE_EXPLANATION_TEXT_H

struct json;

/* REPORT is of explanation_render(); SOURCE, the file's name, may be NULL. The caller's. */
char *explanation_text(const struct json *report, const char *source);

#endif
