#include "model/event.h"

const char *verdict_text(enum verdict verdict)
{
    static const char *const texts[VERDICTS] = {
        [VERDICT_ACCEPTED] = "accepted",         [VERDICT_IGNORED] = "ignored",
        [VERDICT_REPEATED] = "repeated",         [VERDICT_UNDECODABLE] = "undecodable",
        [VERDICT_TOO_LARGE] = "too_large",       [VERDICT_MISSING_USER] = "missing_user",
        [VERDICT_MISSING_ITEM] = "missing_item", [VERDICT_MISSING_EVENT] = "missing_event",
        [VERDICT_BAD_USER] = "bad_user",         [VERDICT_BAD_ITEM] = "bad_item",
        [VERDICT_BAD_EVENT] = "bad_event",       [VERDICT_BAD_TS] = "bad_ts",
        [VERDICT_BAD_VALUE] = "bad_value",
    };
    return texts[verdict];
}
