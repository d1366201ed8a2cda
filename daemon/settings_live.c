/* Taking over new settings while the daemon runs. Values are compared, and carried over, as the
 * text that their type prints and reads back. */
#include "daemon/settings_record.h"

#include <stdio.h>
#include <string.h>

static bool differs(const struct settings *running, const struct settings *fresh,
                    struct option_slot slot)
{
    char before[OPTION_SCRATCH], after[OPTION_SCRATCH];
    const struct option_type *type = slot.option->type;
    return strcmp(type->print(running, slot, before), type->print(fresh, slot, after)) != 0;
}

static bool carry_over(struct settings *running, const struct settings *fresh,
                       struct option_slot slot)
{
    char scratch[OPTION_SCRATCH];
    struct error error;
    const char *text = slot.option->type->print(fresh, slot, scratch);
    return slot.option->type->parse(running, slot, text, &error) == STATUS_OK;
}

static const char *or_unset(const char *text)
{
    return text[0] ? text : "unset";
}

static void tell(const struct settings *running, const struct settings *fresh,
                 struct option_slot slot, void (*report)(const char *line))
{
    char before[OPTION_SCRATCH], after[OPTION_SCRATCH], line[512];
    if (!report)
        return;
    if (option_is_secret(slot))
        snprintf(line, sizeof line, "%s.%s: changed; needs a restart", slot.option->section,
                 slot.key);
    else
        snprintf(line, sizeof line, "%s.%s: stays %.100s, needs a restart to become %.100s",
                 slot.option->section, slot.key, or_unset(option_show(running, slot, before)),
                 or_unset(option_show(fresh, slot, after)));
    report(line);
}

/* True: taken over. */
static bool renew(struct settings *running, const struct settings *fresh, struct option_slot slot,
                  void (*report)(const char *line))
{
    if (!differs(running, fresh, slot))
        return false;
    if (slot.option->flags & OPTION_LIVE && carry_over(running, fresh, slot))
        return true;
    tell(running, fresh, slot, report);
    return false;
}

uint32_t settings_take_live(struct settings *running, const struct settings *fresh,
                            void (*report)(const char *line))
{
    uint32_t taken = 0;
    for (const struct setting *at = fresh->record->first; at; at = at->next) {
        if (!renew(running, fresh, at->slot, report))
            continue;
        settings_note(running, at->slot, &at->origin);
        taken++;
    }
    /* Keys of wildcard sections that are gone; all others are in `fresh`, if only by default. */
    for (const struct setting *at = running->record->first; at; at = at->next)
        if (!settings_find(fresh, at->slot.option->section, at->slot.key))
            tell(running, fresh, at->slot, report);
    return taken;
}
