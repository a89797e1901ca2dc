#include "kernels/cpu/amx_permission.h"

#include <cpuid.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    REQUEST_STATE_PERMISSION = 0x1023, /* of arch_prctl(2), in no header of ours */
    TILE_DATA = 18,                    /* number of the state component */
    OS_SAVES_STATE = 1 << 27           /* CPUID 1, ecx: XGETBV may be used */
};

/* CPUID 7, edx. */
static const unsigned amx_features = 1u << 22 | 1u << 24 | 1u << 25; /* BF16, TILE, INT8 */

/* State components that the operating system saves: the registers' layout and what is in them. */
static const unsigned tile_components = 1u << 17 | 1u << 18;

static unsigned saved_components(void)
{
    unsigned low;
    unsigned high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    (void)high;
    return low;
}

int kvspan_amx_is_there(void)
{
    unsigned eax;
    unsigned ebx;
    unsigned ecx;
    unsigned edx;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & OS_SAVES_STATE) ||
        (saved_components() & tile_components) != tile_components) {
        return 0;
    }
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (edx & amx_features) == amx_features;
}

int kvspan_amx_request(void)
{
    return syscall(SYS_arch_prctl, REQUEST_STATE_PERMISSION, TILE_DATA) == 0;
}
