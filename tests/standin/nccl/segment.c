#include "standin/nccl/segment.h"

#include "standin/nccl/report.h"
#include "standin/nccl/settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const char name_prefix[] = "/kvspan-nccl-";

typedef struct nccl_segment {
    _Atomic int32_t rank_count; /* of the first to come; 0 before */
    _Atomic int32_t attached;
    nccl_member members[SEGMENT_RANKS_MAX];
    nccl_mailbox mailboxes[]; /* [from][to], rank_count each */
} nccl_segment;

static uint64_t text_hash(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    }
    return hash;
}

/* A process that ended but was not waited for is gone, too. */
static bool process_is_alive(int32_t process)
{
    char path[32];
    char state = 'R';
    FILE *file;

    if (kill(process, 0) != 0 && errno == ESRCH) {
        return false;
    }
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", process);
    file = fopen(path, "r");
    if (file) {
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
            state = 'R';
        }
        (void)fclose(file);
    }
    return state != 'Z' && state != 'X';
}

/* Removes segments whose ids were made by processes that are gone. */
static void stale_segments_remove(void)
{
    DIR *folder = opendir("/dev/shm");
    struct dirent *entry;

    if (!folder) {
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        int process;
        char name[sizeof(entry->d_name) + 1];

        if (sscanf(entry->d_name, "kvspan-nccl-%d-", &process) == 1 && !process_is_alive(process)) {
            (void)snprintf(name, sizeof(name), "/%s", entry->d_name);
            shm_unlink(name);
        }
    }
    closedir(folder);
}

void segment_id_make(ncclUniqueId *id_out)
{
    static atomic_uint made;
    struct timespec now;

    stale_segments_remove();
    clock_gettime(CLOCK_REALTIME, &now);
    memset(id_out, 0, sizeof(*id_out));
    (void)snprintf(id_out->internal, sizeof(id_out->internal), "%s%d-%llx-%u", name_prefix,
                   (int)getpid(),
                   (unsigned long long)now.tv_sec * 1000000000u + (unsigned long)now.tv_nsec,
                   atomic_fetch_add(&made, 1));
}

bool segment_id_name(const ncclUniqueId *id, char name_out[SEGMENT_NAME_BYTES])
{
    const char *end = memchr(id->internal, '\0', SEGMENT_NAME_BYTES / 2);

    if (!end || strncmp(id->internal, name_prefix, sizeof(name_prefix) - 1) != 0) {
        return false;
    }
    memcpy(name_out, id->internal, (size_t)(end - id->internal) + 1);
    return true;
}

static size_t segment_size(int rank_count)
{
    return sizeof(nccl_segment) + sizeof(nccl_mailbox) * (size_t)rank_count * (size_t)rank_count;
}

static nccl_segment *segment_open(const char *name, int rank_count)
{
    const size_t bytes = segment_size(rank_count);
    const int file = shm_open(name, O_CREAT | O_RDWR, 0600);
    void *mapped = MAP_FAILED;

    /* Only ever larger: a rank with another count is told so once it is attached. */
    if (file >= 0 && lseek(file, 0, SEEK_END) < (off_t)bytes && ftruncate(file, (off_t)bytes)) {
        close(file);
        return NULL;
    }
    if (file >= 0) {
        mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        close(file);
    }
    return mapped == MAP_FAILED ? NULL : mapped;
}

/* Makes this process the rank; the last rank takes the name away. Refuses what does not fit the
 * ranks that are there. */
static ncclResult_t segment_join(nccl_segment *segment, const char *name, int rank, int rank_count,
                                 int device)
{
    nccl_member *self = &segment->members[rank];
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    int32_t count = 0;
    int32_t state = MEMBER_ABSENT;

    if (!atomic_compare_exchange_strong(&segment->rank_count, &count, rank_count) &&
        count != rank_count) {
        return report_misuse(ncclInvalidUsage, rank,
                             "joins a communicator of %d ranks, others one of %d", rank_count,
                             count);
    }
    if (!atomic_compare_exchange_strong(&self->state, &state, MEMBER_ATTACHED)) {
        return report_misuse(ncclInvalidUsage, rank,
                             "process %d is this rank already: an id serves one communicator",
                             self->process);
    }
    self->device = device;
    self->visible_devices = text_hash(visible ? visible : "");
    atomic_store(&self->process, (int32_t)getpid());
    if (atomic_fetch_add(&segment->attached, 1) + 1 == rank_count) {
        shm_unlink(name);
    }
    return ncclSuccess;
}

ncclResult_t seat_attach(const char *name, int rank, int rank_count, int device,
                         nccl_seat **seat_out)
{
    nccl_segment *mapped = segment_open(name, rank_count);
    nccl_seat *self;
    ncclResult_t result;

    if (!mapped) {
        report(rank, "no shared memory %s: %s", name, strerror(errno));
        return ncclSystemError;
    }
    result = segment_join(mapped, name, rank, rank_count, device);
    if (result != ncclSuccess) {
        munmap(mapped, segment_size(rank_count));
        return result;
    }
    self = calloc(1, sizeof(*self));
    if (!self) {
        abort();
    }
    self->segment = mapped;
    self->segment_bytes = segment_size(rank_count);
    (void)snprintf(self->name, sizeof(self->name), "%s", name);
    self->hash = text_hash(name);
    self->rank = rank;
    self->rank_count = rank_count;
    self->holds = 1;
    *seat_out = self;
    return ncclSuccess;
}

static ncclResult_t devices_compare(const nccl_seat *self)
{
    for (int a = 0; a < self->rank_count; a++) {
        for (int b = a + 1; b < self->rank_count; b++) {
            const nccl_member *one = seat_member(self, a);
            const nccl_member *other = seat_member(self, b);
            const bool is_one_process = one->process == other->process;

            if (one->device == other->device && one->visible_devices == other->visible_devices &&
                (is_one_process || !settings_get()->allows_same_device)) {
                return report_misuse(ncclInvalidUsage, self->rank,
                                     "ranks %d and %d are both on device %d", a, b, one->device);
            }
        }
    }
    return ncclSuccess;
}

bool seat_is_complete(nccl_seat *self, ncclResult_t *result_out)
{
    if (atomic_load(&self->segment->attached) != self->rank_count) {
        return false;
    }
    *result_out = devices_compare(self);
    return true;
}

void seat_leave(nccl_seat *self, member_state state)
{
    nccl_member *member = seat_member(self, self->rank);

    if (atomic_load(&self->segment->attached) != self->rank_count) {
        shm_unlink(self->name); /* never to be complete */
    }
    if (atomic_load(&member->state) < (int32_t)state) {
        atomic_store(&member->state, (int32_t)state);
    }
}

void seat_take(nccl_seat *self)
{
    atomic_fetch_add(&self->holds, 1);
}

void seat_give(nccl_seat *self)
{
    if (atomic_fetch_sub(&self->holds, 1) == 1) {
        munmap(self->segment, self->segment_bytes);
        free(self);
    }
}

void seat_fail(nccl_seat *self, ncclResult_t error)
{
    int32_t expected = ncclSuccess;

    atomic_compare_exchange_strong(&self->error, &expected, (int32_t)error);
}

nccl_member *seat_member(const nccl_seat *self, int rank)
{
    return &self->segment->members[rank];
}

nccl_mailbox *seat_mailbox(const nccl_seat *self, int from, int to)
{
    return &self->segment->mailboxes[from * self->rank_count + to];
}

/* One word: kind + 1 in 8 bits, peer + 1 in 8, number in 48. */
void seat_activity_set(nccl_seat *self, operation_kind kind, int peer, uint64_t number)
{
    const uint64_t word = ((uint64_t)kind + 1) << 56 | ((uint64_t)(peer + 1) & 0xff) << 48 |
                          (number & 0xffffffffffff);

    atomic_store(&seat_member(self, self->rank)->activity, word);
}

void seat_activity_text(const nccl_seat *self, int rank, char *text, size_t text_bytes)
{
    static const char *const states[] = { "never attached", NULL, "has finalized",
                                          "has destroyed its communicator", "has aborted" };
    const nccl_member *member = seat_member(self, rank);
    const uint64_t word = atomic_load(&member->activity);
    const int32_t state = atomic_load(&member->state);
    const operation_kind kind = (operation_kind)((word >> 56) - 1);
    const int peer = (int)(word >> 48 & 0xff) - 1;
    const unsigned long long number = word & 0xffffffffffff;

    if (states[state]) {
        (void)snprintf(text, text_bytes, "rank %d %s", rank, states[state]);
    } else if (!seat_peer_is_alive(self, rank)) {
        (void)snprintf(text, text_bytes, "rank %d is dead (process %d)", rank, member->process);
    } else if (word == 0) {
        (void)snprintf(text, text_bytes, "rank %d has begun nothing", rank);
    } else if (peer < 0) {
        (void)snprintf(text, text_bytes, "rank %d is at %s, collective #%llu", rank,
                       operation_name(kind), number);
    } else {
        (void)snprintf(text, text_bytes, "rank %d is at %s with rank %d", rank,
                       operation_name(kind), peer);
    }
}

bool seat_peer_is_alive(const nccl_seat *self, int rank)
{
    const int32_t process = atomic_load(&seat_member(self, rank)->process);

    return process == 0 || process == (int32_t)getpid() || process_is_alive(process);
}
