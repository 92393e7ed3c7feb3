/* tenant.h - what people do to requests, and to what they rest on. */
#ifndef SIMULATION_TENANT_H
#define SIMULATION_TENANT_H

#include <stdbool.h>

struct world;

/* Where the world begins: namespaces, policies, profiles, a template. */
void tenant_settle(struct world *world);

/* Each is for a request of SLOT, which may be free: then nothing happens. */
void tenant_create(struct world *world, int slot);
void tenant_delete(struct world *world, int slot);
void tenant_delete_by_force(struct world *world, int slot);
void tenant_change(struct world *world, int slot);

/* A policy is withdrawn, changed so that it allows nothing, or put right. */
void tenant_turn_policy(struct world *world, int team);
void tenant_turn_profile(struct world *world, int member);
void tenant_change_template(struct world *world);

/* Policies and profiles are there. */
void tenant_put_right(struct world *world);

#endif
