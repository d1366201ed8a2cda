/* How the demo's events and catalogue are written. */
#include "daemon/listeners.h"

#include <inttypes.h>
#include <stdio.h>

static const char *const first_names[] = {
    "nora", "ines",  "milan", "aiko", "jonas", "lena",  "omar", "priya", "tomas", "zoe",
    "hugo", "amara", "felix", "mina", "pavel", "sofia", "kofi", "elif",  "bruno", "yuki",
};
enum { FIRST_NAMES = sizeof first_names / sizeof first_names[0] };
static const char *const kind_names[] = {"play", "skip", "like", "dislike", "add"};
static const char *const device_names[DEVICES] = {"phone", "desktop", "speaker"};

void listeners_id(uint32_t listener, char id[LISTENER_ID_MAX])
{
    snprintf(id, LISTENER_ID_MAX, "%s-%" PRIu32, first_names[listener % FIRST_NAMES], listener);
}

int listening_json(const struct listening *listening, char json[LISTENING_JSON_MAX])
{
    char id[LISTENER_ID_MAX], value[32] = "";
    listeners_id(listening->listener, id);
    if (listening->kind == LISTENING_PLAY || listening->kind == LISTENING_SKIP)
        snprintf(value, sizeof value, ",\"value\":%.3f", listening->fraction);
    return snprintf(json, LISTENING_JSON_MAX,
                    "{\"user\":\"%s\",\"item\":%" PRIu32 ",\"event\":\"%s\",\"ts\":%" PRId64
                    "%s,\"context\":{\"device\":\"%s\"}}",
                    id, listening->track, kind_names[listening->kind], listening->ts_ms, value,
                    device_names[listening->device]);
}

int track_json(const struct music *music, uint32_t track, char json[TRACK_JSON_MAX])
{
    const struct artist *artist = &music->artists[music->tracks[track].artist];
    const struct album *album = &music->albums[music->tracks[track].album];
    char title[MUSIC_TITLE_MAX];
    music_title(music, track, title);
    return snprintf(json, TRACK_JSON_MAX,
                    "{\"item\":%" PRIu32 ",\"features\":[\"artist:%s\",\"album:%s\",\"genre:%s\"],"
                    "\"available\":true,\"title\":\"%s\"}",
                    track, artist->name, album->name, music_genre(artist->genre), title);
}
