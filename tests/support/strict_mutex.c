#include "support/strict_mutex.h"

#include <pthread.h>
#include <stdatomic.h>

/* The linker leads every call of these in the test and the static libraries here (--wrap). */
int __real_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_pthread_mutex_destroy(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex);

static atomic_uint violations;

static int note(int result)
{
    if (result != 0) {
        atomic_fetch_add(&violations, 1);
    }
    return result;
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes)
{
    pthread_mutexattr_t strict;
    int result;

    if (attributes) {
        return __real_pthread_mutex_init(mutex, attributes);
    }
    (void)pthread_mutexattr_init(&strict);
    (void)pthread_mutexattr_settype(&strict, PTHREAD_MUTEX_ERRORCHECK);
    result = __real_pthread_mutex_init(mutex, &strict);
    (void)pthread_mutexattr_destroy(&strict);
    return result;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    return note(__real_pthread_mutex_lock(mutex));
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    return note(__real_pthread_mutex_unlock(mutex));
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    return note(__real_pthread_mutex_destroy(mutex));
}

unsigned strict_mutex_violations(void)
{
    return atomic_load(&violations);
}
