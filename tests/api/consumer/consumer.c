#include <kvspan/kvspan.h>

#include <string.h>

#define TEXT_OF(value)        #value
#define VERSION_TEXT(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

int main(void)
{
    /* XXH3-128 of no bytes, from the test vectors of its specification. */
    const kvspan_digest empty = kvspan_digest_bytes(NULL, 0);
    kvspan_error error = { 0 };
    kvspan_local_hub *hub = NULL;
    kvspan_comm *comm = NULL;

    if (strcmp(kvspan_version(), KVSPAN_VERSION_TEXT) != 0 ||
        strcmp(KVSPAN_VERSION_TEXT, VERSION_TEXT(KVSPAN_VERSION_MAJOR, KVSPAN_VERSION_MINOR,
                                                 KVSPAN_VERSION_PATCH)) != 0) {
        (void)fprintf(stderr, "library %s, header %s\n", kvspan_version(), KVSPAN_VERSION_TEXT);
        return 1;
    }
    if (empty.high != 0x99aa06d3014798d8u || empty.low != 0x6001c324468d497fu) {
        (void)fprintf(stderr, "not the digest of no bytes\n");
        return 1;
    }
    if (kvspan_local_hub_create(0, &hub, &error) != KVSPAN_ERR_ARGUMENT || hub != NULL) {
        (void)fprintf(stderr, "a hub of no ranks was made\n");
        return 1;
    }
    if (kvspan_local_hub_create(1, &hub, &error) != KVSPAN_OK ||
        kvspan_comm_create_local(hub, 0, &comm, &error) != KVSPAN_OK) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    (void)printf("consumer: %u rank\n", kvspan_comm_rank_count(comm));
    kvspan_comm_destroy(comm);
    kvspan_local_hub_destroy(hub);
    return 0;
}
