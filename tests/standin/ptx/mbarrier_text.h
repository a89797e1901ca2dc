/** @file
 * PTX that tests of mbarriers and of bulk copies are made of.
 */
#ifndef KVSPAN_STANDIN_PTX_MBARRIER_TEXT_H
#define KVSPAN_STANDIN_PTX_MBARRIER_TEXT_H

#define ARRIVE "mbarrier.arrive.shared.b64 _, [B];\n"

#define AWAIT(LABEL, PLACE, PARITY)                                                                \
    LABEL ": mbarrier.try_wait.parity.shared.b64 %p30, [" PLACE "], " PARITY "; @!%p30 bra " LABEL \
          ";\n"

#define LOAD   "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
#define STORE  "cp.async.bulk.global.shared::cta.bulk_group "
#define COMMIT "cp.async.bulk.commit_group;"

/* %r3: this thread's word; %r4: that of a thread of another warp. The first thread begins an
 * mbarrier for all of a block of 64. */
#define TWO_WARPS                                                                  \
    ".shared .align 16 .b8 B[16]; .shared .align 16 .b8 S[256]; mov.u32 %r1, S;\n" \
    "shl.b32 %r2, %r0, 2; add.u32 %r3, %r1, %r2; xor.b32 %r4, %r2, 128;\n"         \
    "add.u32 %r4, %r4, %r1; setp.eq.u32 %p1, %r0, 0;\n"                            \
    "@%p1 mbarrier.init.shared.b64 [B], 64; bar.sync 0;\n"

#endif
