#include <kvspan/export.h>

const char *kvspan_version(void)
{
    return KVSPAN_VERSION_TEXT;
}
