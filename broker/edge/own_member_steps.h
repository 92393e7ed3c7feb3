/* own_member_steps.h - steps of an own credential on the member.
 *
 * Each tells steps->ended once, maybe before it returns. */
#ifndef EDGE_OWN_MEMBER_STEPS_H
#define EDGE_OWN_MEMBER_STEPS_H

struct own_steps;

void own_member_step_identify(struct own_steps *steps);
void own_member_step_check_rights(struct own_steps *steps);
void own_member_step_create_anchor(struct own_steps *steps);
void own_member_step_mint(struct own_steps *steps);
/* With the token alone, over a connection that carries no client certificate. */
void own_member_step_prove(struct own_steps *steps);
/* One stale anchor. */
void own_member_step_clear(struct own_steps *steps);

#endif
