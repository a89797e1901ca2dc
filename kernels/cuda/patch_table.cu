#include "kernels/cuda/cuda_operations.h"

#include "kernels/cuda/cuda_device.h"

namespace kvspan
{

const uint32_t THREADS = 1024;

/* No page id has it: KVSPAN_MAX_PAGES is below. */
const uint32_t IS_CLAIM = 0x80000000u;

static __device__ uint32_t *find_cell(const kvspan_patch_table_args &args, uint32_t patch)
{
    const kvspan_table_patch *const found = &args.patches[patch];

    return args.table + (uint64_t)found->slot * args.stride + found->column;
}

/* One block. The last patch of a cell wins: first every patch claims its cell by its number, of
 * which the highest stays, then who finds his own claim writes the page. Nobody else reads the
 * table meanwhile, in the order of the stream. */
__global__
__launch_bounds__(THREADS) void patch_table(const __grid_constant__ kvspan_patch_table_args args)
{
    for (uint32_t patch = threadIdx.x; patch < args.patch_count; patch += THREADS) {
        atomicMax(find_cell(args, patch), IS_CLAIM | patch);
    }
    __syncthreads();
    for (uint32_t patch = threadIdx.x; patch < args.patch_count; patch += THREADS) {
        atomicCAS(find_cell(args, patch), IS_CLAIM | patch, args.patches[patch].page);
    }
}

} // namespace kvspan

using namespace kvspan;

kvspan_status kvspan_cuda_patch_table(kvspan_device *device, const kvspan_patch_table_args *args,
                                      kvspan_stream stream, kvspan_error *error)
{
    const uint32_t warps = (args->patch_count + 31) / 32;
    const kvspan_cuda_launch launch = { (const void *)patch_table, "patch_table",
                                        args->patch_count > 0, warps < 32 ? warps * 32 : THREADS,
                                        0 };

    return kvspan_cuda_launch_run(device, &launch, args, stream, error);
}
