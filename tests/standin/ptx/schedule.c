#include "standin/ptx/ptx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool number_parse(const char *text, uint64_t *number_out)
{
    char *end;

    if (*text < '0' || *text > '9') { /* no sign */
        return false;
    }
    *number_out = strtoull(text, &end, 10);
    return *end == '\0';
}

static bool order_parse(ptx_schedule *schedule, const char *text)
{
    if (strcmp(text, "sequential") == 0) {
        return true; /* as it begins */
    }
    if (strcmp(text, "reversed") == 0) {
        schedule->order = PTX_ORDER_REVERSED;
        return true;
    }
    schedule->order = PTX_ORDER_RANDOM;
    return strncmp(text, "random:", 7) == 0 && number_parse(text + 7, &schedule->seed);
}

static bool copies_parse(ptx_schedule *schedule, const char *text)
{
    static const char *const names[] = {
        [PTX_COPY_LATE] = "late",
        [PTX_COPY_EARLY] = "early",
        [PTX_COPY_RANDOM] = "random",
    };

    for (uint32_t i = 0; i < sizeof names / sizeof *names; ++i) {
        if (strcmp(text, names[i]) == 0) {
            schedule->copies = (ptx_copy_time)i;
            return true;
        }
    }
    return false;
}

static bool races_parse(ptx_schedule *schedule, const char *text)
{
    schedule->finds_races = strcmp(text, "1") == 0;
    return schedule->finds_races || strcmp(text, "0") == 0;
}

static bool instructions_parse(ptx_schedule *schedule, const char *text)
{
    return number_parse(text, &schedule->max_instructions);
}

bool ptx_schedule_from_environment(ptx_schedule *schedule_out, char text_out[PTX_TEXT_BYTES])
{
    static const struct {
        const char *name;
        bool (*parse)(ptx_schedule *schedule, const char *text);
    } variables[] = {
        { "KVSPAN_PTX_ORDER", order_parse },
        { "KVSPAN_PTX_COPIES", copies_parse },
        { "KVSPAN_PTX_RACES", races_parse },
        { "KVSPAN_PTX_INSTRUCTIONS", instructions_parse },
    };
    ptx_schedule schedule = { 0 };

    for (size_t i = 0; i < sizeof variables / sizeof *variables; ++i) {
        const char *text = getenv(variables[i].name);

        if (text && !variables[i].parse(&schedule, text)) {
            (void)snprintf(text_out, PTX_TEXT_BYTES, "%s=%.200s is not understood",
                           variables[i].name, text);
            return false;
        }
    }
    *schedule_out = schedule;
    return true;
}
