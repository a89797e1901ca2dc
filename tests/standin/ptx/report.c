#include "standin/ptx/warp.h"

#include <stdarg.h>
#include <stdio.h>

void ptx_place_print(const ptx_module *module, const ptx_instruction *i, char *text,
                     size_t text_bytes)
{
    const int length = snprintf(text, text_bytes, "PTX line %u", i->line);

    if (i->source.line) {
        const char *file = i->source.file < module->file_count ? module->files[i->source.file] : "";
        const char *slash = file ? strrchr(file, '/') : NULL;

        (void)snprintf(text + length, text_bytes - (size_t)length, " (%s:%u)",
                       slash  ? slash + 1
                       : file ? file
                              : "",
                       i->source.line);
    }
}

void ptx_fault(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, const char *format, ...)
{
    ptx_block *block = warp->block;
    ptx_run *run = block->run;
    char what[PTX_TEXT_BYTES / 2];
    char place[PTX_TEXT_BYTES / 4];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    ptx_place_print(run->launch->module, i, place, sizeof place);
    ptx_run_fail(
        run, "%s at %s, block (%u, %u, %u), thread (%u, %u, %u)", what, place, block->id[0],
        block->id[1], block->id[2], (uint32_t)warp->specials[PTX_TID_X][lane],
        (uint32_t)warp->specials[PTX_TID_Y][lane], (uint32_t)warp->specials[PTX_TID_Z][lane]);
}

void ptx_run_fail(ptx_run *run, const char *format, ...)
{
    char what[PTX_TEXT_BYTES];
    va_list arguments;

    if (run->has_failed) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(run->report->text, sizeof run->report->text, "%.200s: %.800s",
                   run->launch->kernel->name, what);
    run->has_failed = true;
}
