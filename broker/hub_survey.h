/* hub_survey.h - reads once from the hub what decisions rest on. Writes nothing.
 *
 * Runs a loop of its own to its end: for commands that answer and are over. */
#ifndef BROKER_HUB_SURVEY_H
#define BROKER_HUB_SURVEY_H

#include <stdbool.h>

struct error;
struct hub_state;
struct json;
struct options;

/* Puts policies, templates, namespaces and ClusterProfiles into SEEN. *RET_HUB_ID, the caller's, is
 * that of the broker's namespace, NULL when it cannot be read there. What the controller, too,
 * could not read is left out, with a line in NOTES, an array. */
bool hub_survey_run(const struct options *options, struct hub_state *seen, char **ret_hub_id,
		    struct json *notes, struct error *err);

#endif
