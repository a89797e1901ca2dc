#include <kvspan/cuda.h>

/* Without a GPU there is no device, but an answer. */
int main(void)
{
    kvspan_error error = { 0 };
    kvspan_device *device = NULL;
    const kvspan_status status = kvspan_device_open_cuda(0, &device, &error);

    if (status != KVSPAN_OK && status != KVSPAN_ERR_UNSUPPORTED) {
        (void)fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    kvspan_device_close(device);
    return 0;
}
