#include <kvspan/digest.h>

#include <xxhash.h>

kvspan_digest kvspan_digest_bytes(const void *data, size_t bytes)
{
    const XXH128_hash_t hash = XXH3_128bits(data, bytes);

    return (kvspan_digest){ .low = hash.low64, .high = hash.high64 };
}
