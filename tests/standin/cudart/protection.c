#include "standin/cudart/protection.h"

#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

#include "standin/cudart/complain.h"
#include "standin/cudart/settings.h"

static int key = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void key_allocate(void)
{
    if (settings_get()->has_keys) {
        key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
    }
}

bool protection_has_keys(void)
{
    pthread_once(&once, key_allocate);
    return key >= 0;
}

static void pages_set(uint64_t begin, uint64_t bytes, int protection, int page_key)
{
    const int failed = page_key < 0 ? mprotect((void *)begin, bytes, protection)
                                    : pkey_mprotect((void *)begin, bytes, protection, page_key);

    if (failed != 0) {
        complain_and_abort("protection of %llu bytes cannot be changed", (unsigned long long)bytes);
    }
}

void protection_grant(uint64_t begin, uint64_t bytes)
{
    pages_set(begin, bytes, PROT_READ | PROT_WRITE, protection_has_keys() ? 0 : -1);
}

void protection_deny(uint64_t begin, uint64_t bytes)
{
    pages_set(begin, bytes, PROT_NONE, -1);
}

void protection_lock(uint64_t begin, uint64_t bytes)
{
    if (protection_has_keys()) {
        pages_set(begin, bytes, PROT_READ | PROT_WRITE, key);
    } else {
        protection_deny(begin, bytes);
    }
}

void protection_open_key(void)
{
    pkey_set(key, 0);
}

void protection_close_key(void)
{
    pkey_set(key, PKEY_DISABLE_ACCESS);
}
