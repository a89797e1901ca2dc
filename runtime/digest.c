#include <kvspan/digest.h>

#include <xxhash.h>

kvspan_digest kvspan_digest_bytes(const void *data, size_t bytes)
{
    XXH128_hash_t hash;

    if (!data && bytes > 0) {
        return (kvspan_digest){ .low = 0 };
    }
    hash = XXH3_128bits(data, bytes);
    return (kvspan_digest){ .low = hash.low64, .high = hash.high64 };
}
