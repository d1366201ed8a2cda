#include "model/signals.h"

#include <math.h>

static const struct signal defaults[] = {
    {"play", SIGNAL_PLAY, 1.0F},      {"click", SIGNAL_PLAIN, 1.0F},
    {"like", SIGNAL_PLAIN, 1.0F},     {"add", SIGNAL_PLAIN, 1.0F},
    {"purchase", SIGNAL_PLAIN, 1.0F}, {"rating", SIGNAL_RATING, 1.0F},
    {"view", SIGNAL_PLAIN, 0.0F},     {"skip", SIGNAL_SKIP, -1.0F},
    {"dislike", SIGNAL_PLAIN, -1.0F}, {"forget", SIGNAL_FORGET, 0.0F},
};

void signals_init(struct signals *signals)
{
    memset(signals, 0, sizeof *signals);
    memcpy(signals->at, defaults, sizeof defaults);
    signals->size = sizeof defaults / sizeof defaults[0];
    signals->skip_below = 0.3F;
    signals->scale_low = 0.5F;
    signals->scale_high = 5.0F;
    signals->rating_positive = 4.0F;
    signals->rating_negative = 2.0F;
}

/* Names are a few bytes, and most differ in the first: a call costs more. */
static bool is_named(const struct signal *signal, struct text name)
{
    for (uint32_t n = 0; n < name.size; n++)
        if (signal->name[n] != name.at[n])
            return false;
    return signal->name[name.size] == 0;
}

int signals_find(const struct signals *signals, struct text name)
{
    if (name.size == 0 || name.size > SIGNAL_NAME_MAX)
        return -1;
    for (uint32_t i = 0; i < signals->size; i++)
        if (is_named(&signals->at[i], name))
            return (int)i;
    return -1;
}

enum status signals_set(struct signals *signals, const char *name, float weight)
{
    size_t size = strlen(name);
    if (size == 0 || size > SIGNAL_NAME_MAX || !isfinite(weight))
        return STATUS_INVALID;
    int index = signals_find(signals, text_of(name));
    if (index >= 0 && signals->at[index].kind == SIGNAL_FORGET)
        return STATUS_INVALID;
    if (index < 0) {
        if (signals->size == SIGNALS_MAX)
            return STATUS_INVALID;
        index = (int)signals->size++;
        memset(&signals->at[index], 0, sizeof signals->at[index]);
        memcpy(signals->at[index].name, name, size);
        signals->at[index].kind = SIGNAL_PLAIN;
    }
    signals->at[index].weight = weight;
    return STATUS_OK;
}

/* The fraction played, `otherwise` where the event tells none; false: a value that is none. */
static bool judge_fraction(const struct event *event, float otherwise, float *fraction)
{
    if (!event->has_value) {
        *fraction = otherwise;
        return true;
    }
    if (!isfinite(event->value) || event->value < 0)
        return false;
    /* Written so that -0 becomes 0: the state must not tell them apart. */
    *fraction = event->value >= 1 ? 1.0F : event->value > 0 ? (float)event->value : 0.0F;
    return true;
}

static float skip_weight(const struct signals *signals)
{
    for (uint32_t i = 0; i < signals->size; i++)
        if (signals->at[i].kind == SIGNAL_SKIP)
            return signals->at[i].weight;
    return 0.0F;
}

static enum verdict judge_play(const struct signals *signals, const struct event *event,
                               struct action *action)
{
    if (!judge_fraction(event, 1.0F, &action->fraction))
        return VERDICT_BAD_VALUE;
    action->skipped = action->fraction < signals->skip_below;
    if (action->skipped)
        action->weight = skip_weight(signals);
    return VERDICT_ACCEPTED;
}

static enum verdict judge_skip(const struct event *event, struct action *action)
{
    if (!judge_fraction(event, 0.0F, &action->fraction))
        return VERDICT_BAD_VALUE;
    action->skipped = true;
    return VERDICT_ACCEPTED;
}

/* Compared in single precision, so that a value equal to a bound in the text of the settings is
 * equal to it here. */
static enum verdict judge_rating(const struct signals *signals, const struct event *event,
                                 struct action *action)
{
    if (!event->has_value || !isfinite(event->value))
        return VERDICT_BAD_VALUE;
    float rating = (float)event->value;
    if (!(rating >= signals->scale_low && rating <= signals->scale_high))
        return VERDICT_BAD_VALUE;
    action->rating = rating;
    if (rating < signals->rating_positive)
        action->weight = rating <= signals->rating_negative ? -action->weight : 0.0F;
    return VERDICT_ACCEPTED;
}

enum verdict signals_judge(const struct signals *signals, const struct event *event,
                           struct action *action)
{
    int index = signals_find(signals, event->name);
    bool forget = index >= 0 && signals->at[index].kind == SIGNAL_FORGET;
    if (event->item.size == 0 && !forget)
        return VERDICT_MISSING_ITEM;
    if (index < 0)
        return VERDICT_IGNORED;
    const struct signal *signal = &signals->at[index];
    *action =
        (struct action){.signal = (uint16_t)index, .kind = signal->kind, .weight = signal->weight};
    switch (signal->kind) {
    case SIGNAL_PLAY:
        return judge_play(signals, event, action);
    case SIGNAL_SKIP:
        return judge_skip(event, action);
    case SIGNAL_RATING:
        return judge_rating(signals, event, action);
    case SIGNAL_PLAIN:
    case SIGNAL_FORGET:
        break;
    }
    return VERDICT_ACCEPTED;
}
