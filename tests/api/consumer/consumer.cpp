#include <kvspan/kvspan.h>

#include <iostream>

int main()
{
    kvspan_error error = {};
    kvspan_device *device = nullptr;

    if (kvspan_device_open("no such column", 0, &device, &error) != KVSPAN_ERR_ARGUMENT) {
        std::cerr << "a device was opened that does not exist\n";
        return 1;
    }
    if (kvspan_device_open("reference", 0, &device, &error) != KVSPAN_OK) {
        std::cerr << error.message << "\n";
        return 1;
    }
    kvspan_device_close(device);
    std::cout << "consumer: kvspan " << kvspan_version() << "\n";
    return 0;
}
