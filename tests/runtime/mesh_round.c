#include "runtime/mesh_round.h"

#include <string.h>

static int take(mesh_round *round, kvspan_device *device, uint32_t layer, uint32_t tensor)
{
    void *host = NULL;
    void *data = NULL;

    if (device->ops->allocate_pinned(device, round->tensor_bytes, &host, NULL) != KVSPAN_OK) {
        return 0;
    }
    round->host[layer][tensor] = host;
    if (!device->host_memory &&
        device->ops->allocate(device, round->tensor_bytes, &data, NULL) != KVSPAN_OK) {
        return 0;
    }
    round->device[layer][tensor] = data ? data : host;
    return 1;
}

static int open_stream(mesh_round *round, kvspan_device *device, kvspan_stream *stream_out)
{
    const int is_good = device->ops->create_stream(device, stream_out, NULL) == KVSPAN_OK;

    round->stream_count += is_good ? 1 : 0;
    return is_good;
}

int mesh_round_open(mesh_round *round, kvspan_device *device, uint64_t tensor_bytes,
                    int has_streams)
{
    int is_good;

    memset(round, 0, sizeof(*round));
    round->tensor_bytes = tensor_bytes;
    is_good = open_stream(round, device, &round->stream);
    round->attending = round->stream;
    if (is_good && has_streams) {
        is_good = open_stream(round, device, &round->attending);
    }
    for (uint32_t i = 0; is_good && i < MESH_CASE_LAYERS * MESH_TENSORS; i++) {
        is_good = take(round, device, i / MESH_TENSORS, i % MESH_TENSORS);
    }
    return is_good;
}

void mesh_round_close(mesh_round *round, kvspan_device *device)
{
    for (uint32_t i = 0; i < MESH_CASE_LAYERS * MESH_TENSORS; i++) {
        unsigned char *const host = round->host[i / MESH_TENSORS][i % MESH_TENSORS];
        unsigned char *const data = round->device[i / MESH_TENSORS][i % MESH_TENSORS];

        if (data && data != host) {
            device->ops->release(device, data, round->tensor_bytes);
        }
        if (host) {
            device->ops->release_pinned(device, host, round->tensor_bytes);
        }
    }
    if (round->stream_count > 1) {
        device->ops->destroy_stream(device, round->attending);
    }
    if (round->stream_count > 0) {
        device->ops->destroy_stream(device, round->stream);
    }
    memset(round, 0, sizeof(*round));
}

void mesh_round_begin(mesh_round *round, const kvspan_step_view *view)
{
    round->view = *view;
    memcpy(round->rows, view->rows, view->row_count * sizeof(*view->rows));
    round->view.rows = round->rows;
    round->is_used = 1;
}

static int copy(const mesh_round *round, kvspan_device *device, void *target, const void *source,
                kvspan_stream stream)
{
    return target == source || device->ops->copy(device, target, source, round->tensor_bytes,
                                                 stream, NULL) == KVSPAN_OK;
}

int mesh_round_upload(mesh_round *round, kvspan_device *device, uint32_t layer, uint32_t role)
{
    return copy(round, device, round->device[layer][role], round->host[layer][role], round->stream);
}

int mesh_round_download(mesh_round *round, kvspan_device *device, uint32_t layer, uint32_t role)
{
    return copy(round, device, round->host[layer][role], round->device[layer][role],
                round->attending);
}
