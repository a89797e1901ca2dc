# Judges what became of mutants. What survived must be listed with the reason why nobody can notice
# it; what is listed must be a mutant, and survive where it was tried, or be the same to a compiler.
#
# usage: awk [-F '\t'] -f equivalents.awk MUTANTS FATES EQUIVALENTS
#   MUTANTS      lines "NAME [PLACE]": all that there are
#   FATES        lines "FATE NAME …" of those that were tried: killed, survived, same (the machine
#                code), invalid (does not compile); any other fate fails
#   EQUIVALENTS  lines "NAME REASON"; # begins a comment

FILENAME == ARGV[1] {
    mutants += !($1 in place)
    place[$1] = NF > 1 ? " (at " $2 ")" : ""
    next
}

FILENAME == ARGV[2] {
    fate[$2] = $1
    next
}

/^#/ || NF == 0 {
    next
}

{
    reason[$1] = $2 != ""
}

END {
    for (name in reason) {
        if (!(name in place)) {
            complain("listed, but there is no such mutant", name)
        } else if (!reason[name]) {
            complain("listed without a reason", name)
        } else if (name in fate && fate[name] !~ /^(survived|same)$/) {
            complain("listed, but " fate[name], name)
        }
    }
    for (name in fate) {
        kind = fate[name]
        if (kind == "survived" && name in reason) {
            kind = "equivalent"
        } else if (kind !~ /^(killed|same|invalid)$/) {
            complain(kind, name)
        }
        ++count[kind]
        ++tried
    }
    printf "%d mutants of %d: %d killed, %d equivalent, %d survived", tried, mutants,
        count["killed"], count["equivalent"], count["survived"]
    for (kind in count) {
        if (kind !~ /^(killed|equivalent|survived)$/) {
            printf ", %d %s", count[kind], kind
        }
    }
    print ""
    exit failures > 0 || tried == 0
}

function complain(what, name) {
    print "FAILED: " what ": " name place[name]
    ++failures
}
