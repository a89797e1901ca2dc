/** @file
 * Which query heads a rank computes, and who has to send what to whom so that out is where the call
 * wants it. Pure decisions: equal on every rank that takes part, because they follow from the mesh
 * and the call alone.
 */
#ifndef KVSPAN_CACHE_PLACEMENT_H
#define KVSPAN_CACHE_PLACEMENT_H

#include "runtime/cache/geometry.h"

typedef struct kvspan_placement {
    kvspan_range q;             /* global query heads that q has */
    bool gathers_q;             /* q of the other copies of the kv heads is needed first */
    kvspan_range compute;       /* the query heads attended here; may be none */
    kvspan_range meet_heads;    /* of these, the ones whose partial results meet here */
    kvspan_range merge_tokens;  /* of the step's tokens, those whose partial results meet here */
    kvspan_range out;           /* global query heads of out */
    kvspan_range out_tokens;    /* of the step's tokens, those of out */
    bool meets;                 /* partial results of the token group have to meet */
    bool splits_heads;          /* copies share the tokens: each gets its even heads to meet */
    bool gathers;               /* results of other ranks are needed in out */
    bool gathers_tokens;        /* … of the sequence group too */
    uint32_t first_head_member; /* gathered from head members [first, first + count) */
    uint32_t head_member_count;
} kvspan_placement;

/* ARGUMENT: q or out in even shares where Hq does not divide evenly; unknown values. */
kvspan_status kvspan_placement_make(const kvspan_geometry *geometry, uint32_t group,
                                    uint32_t q_heads, const kvspan_attention *attention,
                                    uint32_t token_count, kvspan_placement *placement_out,
                                    kvspan_error *error);

/* Member m's tokens of a split of t tokens over n members: [m·t/n, (m + 1)·t/n). */
kvspan_range kvspan_split_range(uint32_t token_count, uint32_t member_count, uint32_t member);

/* The heads that a head member contributes to a gather: its even share, or all of its kv heads on
 * their first owner where there is no even share. */
kvspan_range kvspan_head_share(const kvspan_head_shard *shard);

#endif
