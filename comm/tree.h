/** @file
 * The binomial tree over a group: who is my parent, who are my children.
 */
#ifndef KVSPAN_COMM_TREE_H
#define KVSPAN_COMM_TREE_H

#include "comm/comm.h"

enum {
    KVSPAN_TREE_MAX_CHILDREN = 32
};

/* Ranks are of the communicator. Depth is at most ⌈log2 count⌉; distances between neighbours are
 * powers of two within the group, counted from the root. */
typedef struct kvspan_tree {
    uint32_t parent; /* meaningless at the root */
    bool is_root;
    uint32_t child_count;
    uint32_t children[KVSPAN_TREE_MAX_CHILDREN]; /* largest subtree first */
} kvspan_tree;

/* root is a member index of the group. */
kvspan_tree kvspan_tree_make(const kvspan_group *group, uint32_t root);

#endif
