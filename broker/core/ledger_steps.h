/* ledger_steps.h - the steps that keep the record on the hub true.
 *
 * Every write carries the resourceVersion that was read: who else wrote meanwhile is believed, and
 * what we knew besides is learnt again. */
#ifndef CORE_LEDGER_STEPS_H
#define CORE_LEDGER_STEPS_H

struct access;
struct access_steps;

/* A live read of the record of a request that ends: there is one, or there is none. */
void ledger_step_look(struct access_steps *steps, struct access *access);
/* Stores names, nonce and the first generation. A record that is already there wins. */
void ledger_step_open(struct access_steps *steps, struct access *access);
/* Stores what was learnt since. */
void ledger_step_save(struct access_steps *steps, struct access *access);
/* The same for what has to be stored before the next effect. */
void ledger_step_save_intent(struct access_steps *steps, struct access *access);
/* Counts the generation up and stores that, before an anchor of it is made. */
void ledger_step_amend(struct access_steps *steps, struct access *access);
void ledger_step_mark_revoking(struct access_steps *steps, struct access *access);
/* Stores that and why its end has to wait: the plan's cause. */
void ledger_step_record_wait(struct access_steps *steps, struct access *access);
void ledger_step_reserve_anchor(struct access_steps *steps, struct access *access);
/* Deletes the record, when nothing that it names is left. */
void ledger_step_close(struct access_steps *steps, struct access *access);

#endif
