/* token_steps.h - the steps of a token's life on the member: anchor, mint, proof, revocation.
 *
 * A token is believed only as far as its claims name our ServiceAccount and a sane lifetime, and
 * the member itself takes it for that very identity. Each token has an anchor of its own: deleting
 * the anchor revokes that token and no other. */
#ifndef CORE_TOKEN_STEPS_H
#define CORE_TOKEN_STEPS_H

struct access;
struct access_steps;

/* An anchor that exists already, or may exist, uses its generation up. */
void token_step_create_anchor(struct access_steps *steps, struct access *access);
void token_step_mint(struct access_steps *steps, struct access *access);
void token_step_prove(struct access_steps *steps, struct access *access);
void token_step_delete_anchor(struct access_steps *steps, struct access *access);

#endif
