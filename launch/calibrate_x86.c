#include "launch/calibrate_kernels.h"

#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    CHAINS =
        16, /* of multiply-adds that do not wait for each other: latency × throughput, and more */
    STREAMS = 8,
    AHEAD_BYTES = 512
};

#define AVX2   __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f")))
#define BF16   __attribute__((target("avx512f,avx512bf16")))
#define AMX    __attribute__((target("amx-tile,amx-bf16")))

/* ---- reading ----------------------------------------------------------------------------------
 */

static uint64_t read_sse(const unsigned char *data, size_t bytes)
{
    const __m128i *const words = (const void *)data;
    __m128i sums[4] = { _mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128(),
                        _mm_setzero_si128() };
    uint64_t lanes[2];

    for (size_t i = 0; i < bytes / sizeof(*words); i += 4) {
        for (size_t lane = 0; lane < 4; lane++) {
            sums[lane] = _mm_add_epi64(sums[lane], _mm_load_si128(words + i + lane));
        }
    }
    sums[0] = _mm_add_epi64(_mm_add_epi64(sums[0], sums[1]), _mm_add_epi64(sums[2], sums[3]));
    _mm_storeu_si128((__m128i *)lanes, sums[0]);
    return lanes[0] + lanes[1];
}

AVX2 static uint64_t sum_avx2(__m256i sum)
{
    uint64_t lanes[4];

    _mm256_storeu_si256((__m256i *)lanes, sum);
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

/* One stream, left to the hardware's own prefetching. */
AVX2 static uint64_t read_avx2(const unsigned char *data, size_t bytes)
{
    const __m256i *const words = (const void *)data;
    __m256i sums[4] = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                        _mm256_setzero_si256() };

    for (size_t i = 0; i < bytes / sizeof(*words); i += 4) {
        for (size_t lane = 0; lane < 4; lane++) {
            sums[lane] = _mm256_add_epi64(sums[lane], _mm256_load_si256(words + i + lane));
        }
    }
    return sum_avx2(
        _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3])));
}

/* Several streams at once, each prefetched. */
AVX2 static uint64_t read_avx2_streams(const unsigned char *data, size_t bytes)
{
    const size_t part = bytes / STREAMS;
    __m256i sums[4] = { _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                        _mm256_setzero_si256() };

    for (size_t offset = 0; offset < part; offset += 128) {
        for (size_t stream = 0; stream < STREAMS; stream++) {
            const unsigned char *const here = data + stream * part + offset;

            _mm_prefetch((const char *)here + AHEAD_BYTES, _MM_HINT_T0);
            _mm_prefetch((const char *)here + AHEAD_BYTES + 64, _MM_HINT_T0);
            for (size_t lane = 0; lane < 4; lane++) {
                sums[lane] = _mm256_add_epi64(
                    sums[lane], _mm256_load_si256((const __m256i *)(const void *)here + lane));
            }
        }
    }
    return sum_avx2(
        _mm256_add_epi64(_mm256_add_epi64(sums[0], sums[1]), _mm256_add_epi64(sums[2], sums[3])));
}

/* ---- multiplying ------------------------------------------------------------------------------
 */

AVX2 static uint32_t multiply_avx2(uint64_t repeats, float *sum_out)
{
    const __m256 left = _mm256_set1_ps(1.0f + *sum_out);
    const __m256 right = _mm256_set1_ps(*sum_out);
    __m256 sums[CHAINS];
    float lanes[8];

    for (uint32_t chain = 0; chain < CHAINS; chain++) {
        sums[chain] = _mm256_set1_ps((float)chain);
    }
    for (uint64_t i = 0; i < repeats; i++) {
        for (uint32_t chain = 0; chain < CHAINS; chain++) {
            sums[chain] = _mm256_fmadd_ps(left, sums[chain], right);
        }
    }
    for (uint32_t chain = 0; chain < CHAINS; chain++) {
        _mm256_storeu_ps(lanes, sums[chain]);
        *sum_out += lanes[0];
    }
    return CHAINS * 8 * 2;
}

AVX512 static uint32_t multiply_avx512(uint64_t repeats, float *sum_out)
{
    const __m512 left = _mm512_set1_ps(1.0f + *sum_out);
    const __m512 right = _mm512_set1_ps(*sum_out);
    __m512 sums[CHAINS];

    for (uint32_t chain = 0; chain < CHAINS; chain++) {
        sums[chain] = _mm512_set1_ps((float)chain);
    }
    for (uint64_t i = 0; i < repeats; i++) {
        for (uint32_t chain = 0; chain < CHAINS; chain++) {
            sums[chain] = _mm512_fmadd_ps(left, sums[chain], right);
        }
    }
    for (uint32_t chain = 0; chain < CHAINS; chain++) {
        *sum_out += _mm512_reduce_add_ps(sums[chain]);
    }
    return CHAINS * 16 * 2;
}

BF16 static uint32_t multiply_bf16(uint64_t repeats, float *sum_out)
{
    const __m512bh left = _mm512_cvtne2ps_pbh(_mm512_set1_ps(*sum_out), _mm512_set1_ps(*sum_out));
    const __m512bh right = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.0f), _mm512_set1_ps(1.0f));
    __m512 sums[CHAINS];

    for (uint32_t chain = 0; chain < CHAINS; chain++) {
        sums[chain] = _mm512_set1_ps((float)chain);
    }
    for (uint64_t i = 0; i < repeats; i++) {
        for (uint32_t chain = 0; chain < CHAINS; chain++) {
            sums[chain] = _mm512_dpbf16_ps(sums[chain], left, right);
        }
    }
    for (uint32_t chain = 0; chain < CHAINS; chain++) {
        *sum_out += _mm512_reduce_add_ps(sums[chain]);
    }
    return CHAINS * 32 * 2;
}

/* Four sums of 16 × 16 numbers, each of 16 × 32 products. */
AMX static uint32_t multiply_amx(uint64_t repeats, float *sum_out)
{
    struct layout {
        uint8_t palette;
        uint8_t unused[15];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } layout = { .palette = 1 };
    float lanes[16][16];

    for (uint32_t i = 0; i < 6; i++) {
        layout.rows[i] = 16;
        layout.row_bytes[i] = 64;
    }
    __asm__ volatile("ldtilecfg %0" : : "m"(layout));
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    for (uint64_t i = 0; i < repeats; i++) {
        _tile_dpbf16ps(0, 4, 5);
        _tile_dpbf16ps(1, 4, 5);
        _tile_dpbf16ps(2, 4, 5);
        _tile_dpbf16ps(3, 4, 5);
    }
    _tile_stored(0, lanes, sizeof(lanes[0]));
    _tile_release();
    *sum_out += lanes[0][0];
    return 4 * 16 * 16 * 32 * 2;
}

/* ---- what there is ----------------------------------------------------------------------------
 */

/* Whether the CPU multiplies matrices of bf16 and the operating system lets this process do so. */
static int may_use_amx(void)
{
    enum {
        REQUEST_STATE_PERMISSION = 0x1023, /* of arch_prctl(2) */
        TILE_DATA = 18,
        HAS_TILES_OF_BF16 = 1 << 22 | 1 << 24
    };
    unsigned eax;
    unsigned ebx;
    unsigned ecx;
    unsigned edx;

    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) &&
           (edx & HAS_TILES_OF_BF16) == HAS_TILES_OF_BF16 &&
           syscall(SYS_arch_prctl, REQUEST_STATE_PERMISSION, TILE_DATA) == 0;
}

kvspan_calibrate_kernels kvspan_calibrate_kernels_of_cpu(void)
{
    kvspan_calibrate_kernels kernels = { .reads = { read_sse } };

    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        kernels.reads[0] = read_avx2;
        kernels.reads[1] = read_avx2_streams;
        kernels.multiply_f32 = multiply_avx2;
    }
    if (__builtin_cpu_supports("avx512f")) {
        kernels.multiply_f32 = multiply_avx512;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bf16")) {
        kernels.multiply_bf16 = multiply_bf16;
    }
    if (may_use_amx()) {
        kernels.multiply_amx = multiply_amx;
    }
    return kernels;
}
