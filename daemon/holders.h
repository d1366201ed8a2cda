/*
 * Which users' lists may hold an item: for each user a Bloom filter of the list written last, so
 * that when an item is withdrawn only those lists are ranked again. Sized for one false answer in
 * some fifty. A user of whom nothing is known may hold anything.
 */
#ifndef DAEMON_HOLDERS_H
#define DAEMON_HOLDERS_H

#include "model/state.h"

#include <stdbool.h>
#include <stdint.h>

struct holders; /* opaque; memory: about a byte an item of each user's list */

enum status holders_create(uint32_t list_size, struct holders **out);
void holders_destroy(struct holders *holders); /* NULL is legal */
/* The list that a user (a slot) gets: hashes of its items. Without memory the user stays unknown.
 */
void holders_note(struct holders *holders, uint32_t user, const uint64_t *items, uint32_t size);
/* Nothing is known of the user any more. */
void holders_forget(struct holders *holders, uint32_t user);
/* Whether the user's list was ever noted. */
bool holders_know(const struct holders *holders, uint32_t user);
bool holders_may_hold(const struct holders *holders, uint32_t user, uint64_t item);

enum status holders_save(const struct holders *holders, struct state_writer *writer);
/* Into new ones. Of lists of another size, or more users than `users`, nothing is taken over. */
enum status holders_load(struct holders *holders, struct state_reader *reader, uint32_t users);

#endif
