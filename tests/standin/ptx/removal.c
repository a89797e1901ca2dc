#include "standin/ptx/removal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Not listed: every skip can be one. */
#define JUMP "jump"

/* What __syncthreads_or() is. */
#define REDUCTION "bar.red.or.pred "

enum {
    NAME_BYTES = 256,
    PLACE_BYTES = 96
};

/* Where the last .loc says that an instruction comes from. */
struct place {
    unsigned long file;
    unsigned long line;
    unsigned long caller_file; /* 0: not inlined */
    unsigned long caller_line;
};

static bool begins(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

static const char *line_end(const char *at)
{
    const char *end = strchr(at, '\n');

    return end == NULL ? at + strlen(at) : end;
}

static void place_read(const char *line, struct place *place)
{
    const char *end = line_end(line);
    const char *caller = strstr(line, "inlined_at ");
    char *after;
    const unsigned long file = strtoul(line + strlen(".loc"), &after, 10);
    const unsigned long number = strtoul(after, NULL, 10);

    if (number == 0) { /* the compiler's own: part of what came before */
        return;
    }
    *place = (struct place){ .file = file, .line = number };
    if (caller != NULL && caller < end) {
        place->caller_file = strtoul(caller + strlen("inlined_at "), &after, 10);
        place->caller_line = strtoul(after, NULL, 10);
    }
}

/* The base name that a .file directive gives a number. */
static void file_name(const char *text, unsigned long number, char name_out[PLACE_BYTES])
{
    char directive[32];
    const char *found;

    (void)snprintf(directive, sizeof directive, ".file\t%lu ", number);
    found = strstr(text, directive);
    (void)snprintf(name_out, PLACE_BYTES, "%lu", number);
    if (found != NULL) {
        const char *first = strchr(found, '"');
        const char *last = first == NULL ? NULL : strchr(first + 1, '"');

        if (last != NULL) {
            const char *base = last;

            while (base > first + 1 && base[-1] != '/') {
                --base;
            }
            (void)snprintf(name_out, PLACE_BYTES, "%.*s", (int)(last - base), base);
        }
    }
}

static void name_make(const char *text, const char *kind, const struct place *place,
                      char name_out[NAME_BYTES])
{
    char file[PLACE_BYTES];
    int length;

    file_name(text, place->file, file);
    length = snprintf(name_out, NAME_BYTES, "%s@%s:%lu", kind, file, place->line);
    if (place->caller_file != 0) {
        file_name(text, place->caller_file, file);
        (void)snprintf(name_out + length, (size_t)(NAME_BYTES - length), "<%s:%lu", file,
                       place->caller_line);
    }
}

/* Behind the instruction's guard, if it has one. */
static char *guard_skip(char *instruction)
{
    if (*instruction == '@') {
        instruction += strcspn(instruction, " \t\n");
        instruction += strspn(instruction, " \t");
    }
    return instruction;
}

/* Whether a branch's label comes behind it, in its function. */
static bool is_forward(const char *branch)
{
    const char *function_end = strstr(branch, "\n}");
    const char *label = strchr(branch, '$');
    char wanted[PLACE_BYTES];
    const char *found;

    if (label == NULL || label > line_end(branch)) {
        return false;
    }
    (void)snprintf(wanted, sizeof wanted, "\n%.*s:", (int)strcspn(label, ";\n"), label);
    found = strstr(branch, wanted);
    return found != NULL && (function_end == NULL || found < function_end);
}

/* The comma before the last operand. */
static char *last_comma(char *instruction)
{
    const size_t length = strcspn(instruction, ";\n");
    char *at = instruction + length;

    while (at > instruction && *at != ',') {
        --at;
    }
    return *at == ',' ? at : NULL;
}

static bool has_in_line(const char *line, const char *word)
{
    const char *found = strstr(line, word);

    return found != NULL && found < line_end(line);
}

/* NULL: the instruction is of no kind. */
static const char *kind_of(char *line)
{
    char *instruction = guard_skip(line);

    if (begins(instruction, "bar.sync") || begins(instruction, "barrier.sync") ||
        begins(instruction, REDUCTION)) {
        return "barrier";
    }
    if (begins(instruction, "bar.warp.sync")) {
        return "warp";
    }
    if (begins(instruction, "cp.async.wait")) {
        return "wait";
    }
    if (begins(instruction, "cp.async.commit_group")) {
        return "commit";
    }
    if (begins(instruction, "fence.") || begins(instruction, "membar.")) {
        return "fence";
    }
    if (begins(instruction, "selp.f32") && has_in_line(instruction, " 0fFF800000,")) {
        return "mask";
    }
    if (begins(instruction, "cp.async.c") && has_in_line(instruction, "], 16, ")) {
        return "fill";
    }
    if (begins(instruction, "cp.async.c") && has_in_line(instruction, "], 4, ")) {
        return "fill";
    }
    return instruction != line && begins(instruction, "bra") && is_forward(instruction) ? "skip"
                                                                                        : NULL;
}

static void blank(char *from, const char *to)
{
    memset(from, ' ', (size_t)(to - from));
}

/* selp.f32 d, a, b, p; of which one is −infinity, becomes mov.f32 d, the other; */
static void mask_remove(char *instruction)
{
    const size_t length = strcspn(instruction, ";\n");
    const char *const target = instruction + strlen("selp.f32 ");
    const char *const first = target + strcspn(target, ",") + 2;
    const char *const second = first + strcspn(first, ",") + 2;
    const char *const kept = begins(first, "0fFF800000") ? second : first;
    char text[NAME_BYTES];
    int made;

    made = snprintf(text, sizeof text, "mov.f32 %.*s, %.*s", (int)strcspn(target, ","), target,
                    (int)strcspn(kept, ","), kept);
    blank(instruction, instruction + length);
    memcpy(instruction, text, (size_t)made);
}

/* bar.red.or.pred d, 0, a; becomes mov.pred d, a; */
static void reduction_remove(char *instruction)
{
    const size_t length = strcspn(instruction, ";\n");
    const char *const target = instruction + strlen(REDUCTION);
    const char *const source = last_comma(instruction);
    char text[NAME_BYTES];
    int made;

    if (source == NULL) {
        return;
    }
    made = snprintf(text, sizeof text, "mov.pred %.*s%.*s", (int)strcspn(target, ","), target,
                    (int)(instruction + length - source), source);
    blank(instruction, instruction + length);
    memcpy(instruction, text, (size_t)made);
}

static void remove_one(char *line, const char *kind, const char *mutant)
{
    char *instruction = guard_skip(line);

    if (begins(mutant, JUMP)) {
        blank(line, instruction);
    } else if (strcmp(kind, "mask") == 0) {
        mask_remove(instruction);
    } else if (begins(instruction, REDUCTION)) {
        reduction_remove(instruction);
    } else if (strcmp(kind, "fill") == 0) {
        char *const size = last_comma(instruction);

        blank(size, size + strcspn(size, ";"));
    } else {
        blank(line, line + strcspn(line, ";") + 1);
    }
}

/* Whether the mutant is the one of that name, or its jump. */
static bool is_named(const char *mutant, const char *kind, const char *name)
{
    const size_t length = strlen(kind);

    return strcmp(mutant, name) == 0 || (strcmp(kind, "skip") == 0 && begins(mutant, JUMP) &&
                                         strcmp(mutant + strlen(JUMP), name + length) == 0);
}

/* The line that a mutant's name has. */
static unsigned long line_of(const char *mutant)
{
    const char *colon = strchr(mutant, ':');

    return colon == NULL ? 0 : strtoul(colon + 1, NULL, 10);
}

/* Lists the instruction's mutant, if there is one, or takes the instruction out, if its mutant is
 * wanted: whether it did. */
static bool instruction_visit(const char *text, char *line, const struct place *place,
                              const char *mutant, FILE *to)
{
    const char *const kind = kind_of(line);
    char name[NAME_BYTES];

    if (kind == NULL) {
        return false;
    }
    name_make(text, kind, place, name);
    if (mutant == NULL) {
        (void)fprintf(to, "%s\n", name);
    } else if (is_named(mutant, kind, name)) {
        remove_one(line, kind, mutant);
        return true;
    }
    return false;
}

/* Goes through the instructions. Names are long in the making: only where the line is wanted. */
static uint32_t each_mutant(char *text, const char *mutant, FILE *to)
{
    const unsigned long wanted_line = mutant == NULL ? 0 : line_of(mutant);
    struct place place = { 0 };
    uint32_t count = 0;

    for (char *line = text; *line != '\0';) {
        char *const begin = line + strspn(line, " \t");

        line = (char *)line_end(begin);
        line += *line == '\n';
        if (begins(begin, ".loc")) {
            place_read(begin, &place);
        } else if (mutant == NULL || place.line == wanted_line) {
            count += instruction_visit(text, begin, &place, mutant, to);
        }
    }
    return count;
}

uint32_t ptx_removal_apply(char *text, const char *mutant)
{
    return each_mutant(text, mutant, NULL);
}

void ptx_removal_list(char *text, FILE *to)
{
    (void)each_mutant(text, NULL, to);
}
