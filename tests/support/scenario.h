/* scenario.h - plays a story on the stage: tests/scenarios/README.md says how one is written. */
#ifndef SUPPORT_SCENARIO_H
#define SUPPORT_SCENARIO_H

/* Plays FILE; whatever goes otherwise fails the test and says where. Parts that it plays are found
 * in the directory "parts" beside it. */
void scenario_play(const char *file);

#endif
