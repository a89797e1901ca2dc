#include "standin/ptx/device_calls.h"

#include "standin/ptx/array.h"

static uint64_t argument_u64(const uint8_t *argument)
{
    uint64_t value = 0;

    memcpy(&value, argument, sizeof value);
    return value;
}

/* Generic addresses of local memory become the host's; others are. */
static const uint8_t *host_place(const ptx_warp *warp, uint32_t lane, uint64_t address)
{
    const ptx_block *block = warp->block;

    if ((address & PTX_WINDOW_MASK) == PTX_LOCAL_BASE) {
        return block->local + (size_t)(warp->index * PTX_LANES + lane) * block->local_bytes +
               (address & ~PTX_WINDOW_MASK);
    }
    return (const uint8_t *)(uintptr_t)address;
}

/* One conversion of a format, with its argument. */
static void conversion_print(const char *specification, char conversion, const uint8_t *argument,
                             bool is_long)
{
    uint64_t wide;
    uint32_t narrow;
    double number;

    switch (conversion) {
    case 'd':
    case 'i':
    case 'u':
    case 'o':
    case 'x':
    case 'X':
    case 'c':
        if (is_long) {
            memcpy(&wide, argument, sizeof wide);
            printf(specification, (unsigned long long)wide);
        } else {
            memcpy(&narrow, argument, sizeof narrow);
            printf(specification, narrow);
        }
        break;
    case 's':
    case 'p':
        memcpy(&wide, argument, sizeof wide);
        printf(specification, (const char *)(uintptr_t)wide);
        break;
    default:
        memcpy(&number, argument, sizeof number);
        printf(specification, number);
        break;
    }
}

/* Returns how many arguments it took, as the device does. */
static int32_t device_printf(const char *format, const uint8_t *arguments)
{
    int32_t count = 0;
    size_t offset = 0;

    while (*format) {
        const char *begin = format;
        bool is_long = false;

        if (*format != '%') {
            putchar(*format++);
            continue;
        }
        if (*++format == '%') {
            putchar(*format++);
            continue;
        }
        for (; *format && strchr("-+ #0123456789.lhz", *format); ++format) {
            is_long = *format == 'l' || *format == 'z'; /* lengths come last */
        }
        if (!*format) {
            break;
        }
        const char conversion = *format++;
        const size_t bytes = strchr("diuoxXc", conversion) && !is_long ? 4 : 8;
        char *specification = ptx_text_copy(begin, (size_t)(format - begin));

        offset = (offset + bytes - 1) / bytes * bytes;
        conversion_print(specification, conversion, arguments + offset, is_long);
        offset += bytes;
        ++count;
        free(specification);
    }
    return count;
}

bool ptx_device_call_is_known(const ptx_function *function)
{
    static const struct {
        const char *name;
        uint32_t result_bytes;
        uint32_t count;
        uint32_t bytes[PTX_DEVICE_ARGUMENTS];
    } calls[] = { { "vprintf", 4, 2, { 8, 8 } }, { "__assertfail", 0, 5, { 8, 8, 4, 8, 8 } } };

    for (size_t k = 0; k < sizeof calls / sizeof *calls; ++k) {
        bool is_same = strcmp(function->name, calls[k].name) == 0 &&
                       function->result.bytes == calls[k].result_bytes &&
                       function->parameter_count == calls[k].count;

        for (uint32_t j = 0; is_same && j < calls[k].count; ++j) {
            is_same = function->parameters[j].bytes == calls[k].bytes[j];
        }
        if (is_same) {
            return true;
        }
    }
    return false;
}

void ptx_device_call(ptx_warp *warp, const ptx_instruction *i, uint32_t lane, const char *name,
                     const uint8_t *const arguments[PTX_DEVICE_ARGUMENTS], uint8_t *result)
{
    if (strcmp(name, "vprintf") == 0) {
        const int32_t count =
            device_printf((const char *)host_place(warp, lane, argument_u64(arguments[0])),
                          host_place(warp, lane, argument_u64(arguments[1])));

        memcpy(result, &count, sizeof count);
    } else {
        uint32_t line;

        memcpy(&line, arguments[2], sizeof line);
        ptx_fault(warp, i, lane, "assertion '%s' of %s:%u failed",
                  (const char *)(uintptr_t)argument_u64(arguments[0]),
                  (const char *)(uintptr_t)argument_u64(arguments[1]), line);
    }
}
