#include "comm/tree.h"

#include <assert.h>

/* What a walk over the children needs: their subtrees' sizes, beside kvspan_tree.children. */
typedef struct tree_sizes {
    uint32_t members[KVSPAN_TREE_MAX_CHILDREN];
} tree_sizes;

static uint32_t rank_at(const kvspan_group *group, uint32_t root, uint32_t relative)
{
    return group->ranks[(uint32_t)(((uint64_t)root + relative) % group->count)];
}

static void insert_child(kvspan_tree *tree, tree_sizes *sizes, uint32_t rank, uint32_t members)
{
    uint32_t place = tree->child_count++;

    assert(tree->child_count <= KVSPAN_TREE_MAX_CHILDREN);
    for (; place > 0 && sizes->members[place - 1] < members; place--) {
        tree->children[place] = tree->children[place - 1];
        sizes->members[place] = sizes->members[place - 1];
    }
    tree->children[place] = rank;
    sizes->members[place] = members;
}

/* With members numbered from the root: the parent of v is v without its lowest set bit, its
 * children are v + 2^k for every 2^k below that bit, and the subtree of v + 2^k is the range
 * [v + 2^k, v + 2^(k+1)), cut at the count. */
kvspan_tree kvspan_tree_make(const kvspan_group *group, uint32_t root)
{
    const uint32_t count = group->count;
    const uint32_t relative = (uint32_t)(((uint64_t)group->member + count - root) % count);
    const uint32_t lowest_bit = relative & (0U - relative);
    kvspan_tree tree = { .is_root = relative == 0 };
    tree_sizes sizes = { .members = { 0 } };

    assert(root < count);
    assert(group->member < count);
    if (!tree.is_root) {
        tree.parent = rank_at(group, root, relative - lowest_bit);
    }
    for (uint64_t span = 1; span < (tree.is_root ? count : lowest_bit); span *= 2) {
        const uint64_t child = relative + span;

        if (child < count) {
            insert_child(&tree, &sizes, rank_at(group, root, (uint32_t)child),
                         (uint32_t)(span < count - child ? span : count - child));
        }
    }
    return tree;
}
