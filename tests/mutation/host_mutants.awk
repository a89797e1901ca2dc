# Mutants of one C file of the host path: calls that order, await, ask, tell or end something, each
# taken out for its value when it succeeds. All are in one file, which chooses by name when it runs.
#
# usage: awk -f c_text.awk -f host_mutants.awk -v types=TYPES -v name=PATH FILE
#            lists them: name, line
#        awk … -v header=HEADER FILE
#            prints the file with all of them, to be compiled; HEADER is host_removal.h
#        TYPES  lines "FUNCTION TYPE" of what functions return
#        PATH   of the file, as it begins the names
#
# A name is PATH:FUNCTION:CALL:N, the N-th of that call in the function, so that it outlives changes
# elsewhere.

BEGIN {
    # What calls are mutants, by kind.
    pattern["record"] = "^record_event$|^cudaEventRecord$|_lane_(computed|end)$|_table_end$"
    pattern["follow"] = "^await_event$|^cudaStreamWaitEvent$|_lane_(begin|await)$" \
        "|_cache_(follow|close_stream)$"
    pattern["capture"] = "^is_capturing$|^cudaStreamIsCapturing$|_enter_stream$"
    pattern["await"] = "(^|_)(await|wait|settle)(_[a-z_]+)?$|_until$" \
        "|^pthread_(join|cond_timedwait)$|^(has_settled|all_gather)$"
    pattern["query"] = "^query(_event)?$|^cuda(Stream|Event)Query$|^ncclCommGetAsyncError$" \
        "|_poll$|_(comm|verb)_test$|^test_work$"
    pattern["alarm"] = "_raise$|_alarm_(serve|begin_wait|end_wait)$|_cache_spend$|^spend$" \
        "|^(send_alarm|probe|answer|probe_awaited|tick)$|_comm_watch$|_watch_(neighbours|end)$" \
        "|_comm_heard$|_(expect|note)_replays$" \
        "|_set_(progress|debtors|epoch)$"
    pattern["end"] = "^ncclComm(Abort|Finalize|Destroy)$|_nccl_(end|abort|disconnect|unregister)$" \
        "|_comm_abort$|^abort$|_cancel(_all)?$|_watchdog_(start|stop|issued)$"
    pattern["group"] = "^ncclGroup(Start|End)$"
    pattern["lock"] = "_nccl_(hold|release)$|^pthread_mutex_(lock|unlock)$"

    while ((getline line < types) > 0) {
        split(line, word, " ")
        type_of[word[1]] = word[2]
    }
    value_of["kvspan_status"] = "(kvspan_status)KVSPAN_OK"
    value_of["bool"] = "true"
    value_of["void"] = "(void)0"
    value_of["int"] = "0"
}

{
    text[FNR] = $0
    code[FNR] = blanked($0)
}

END {
    for (n = 1; n <= FNR; ++n) {
        place_note(code[n])
        if (code[n] ~ /^ /) {
            line_scan(n)
        }
    }
    if (header != "") {
        printf "enum {\n    HOST_CALLS = %d\n};\n", count
        printf "#include \"%s\"\n#line 1 \"%s\"\n", header, name
        for (n = 1; n <= FNR; ++n) {
            print chosen(n)
        }
    }
}

function kind_of(callee,    kind) {
    for (kind in pattern) {
        if (callee ~ pattern[kind]) {
            return kind
        }
    }
    return ""
}

# A line with the choice in front of each call that may be taken out, closed behind it.
function chosen(n,    column, result) {
    if (!(n in is_changed)) {
        return text[n]
    }
    for (column = 1; column <= length(text[n]); ++column) {
        result = result opening[n, column] substr(text[n], column, 1) closing[n, column]
    }
    return result
}

function line_scan(n,    at, callee, width) {
    for (at = 1;
        match(substr(code[n], at), /[A-Za-z_][A-Za-z0-9_]*((->|\.)[A-Za-z_][A-Za-z0-9_]*)*\(/);
        at += width + 1) {
        at += RSTART - 1
        width = RLENGTH - 1
        callee = substr(code[n], at, width)
        sub(/.*[.>]/, "", callee)
        if (kind_of(callee) != "") {
            mutant(n, at, width, callee, ++seen[place ":" callee])
        }
    }
}

# What a call that went well returns, of the type that it has then, too.
function success_of(callee, arguments,    part) {
    if (callee == "kvspan_cache_spend") {
        split(arguments, part, /,[ \n]*/)
        return part[2] # what it was told
    }
    if (callee ~ /^cuda/) {
        return "(cudaError_t)cudaSuccess"
    }
    if (callee ~ /^nccl/) {
        return "(ncclResult_t)ncclSuccess"
    }
    if (callee ~ /^pthread_/) {
        return "0"
    }
    return type_of[callee] == "ncclComm_t" ? "(" arguments ")->handle" : value_of[type_of[callee]]
}

# Whether something is done is answered by yes, and how it is by well.
function answered(arguments, by,    part, parts, k) {
    parts = split(arguments, part, /,[ \n]*/)
    for (k = 1; k <= parts; ++k) {
        if (part[k] ~ /^&[a-z_]*done$/) {
            by = "(" substr(part[k], 2) " = 1, " by ")"
        } else if (part[k] ~ /done_out$/) {
            by = "(*" part[k] " = 1, " by ")"
        } else if (part[k] == "&state") {
            by = "(state = ncclSuccess, " by ")"
        }
    }
    return by
}

function mutant(n, at, width, callee, number,    full, depth, last, column, arguments, c, by) {
    full = name ":" place ":" callee ":" number
    depth = 0
    column = at + width
    for (last = n; last <= FNR; ++last) {
        for (; column <= length(code[last]); ++column) {
            c = substr(code[last], column, 1)
            depth += c == "("
            depth -= c == ")"
            if (depth == 0) {
                break
            }
            arguments = arguments c
        }
        if (depth == 0) {
            break
        }
        arguments = arguments "\n"
        column = 1
    }
    arguments = substr(arguments, 2)
    by = success_of(callee, arguments)
    if (by == "") {
        print "host_mutants.awk: what does " callee " return? " name ":" n >"/dev/stderr"
        exit 2
    }
    if (kind_of(callee) == "query") {
        by = answered(arguments, by)
    }
    if (header == "") {
        print full, n
        return
    }
    is_changed[n] = is_changed[last] = 1
    opening[n, at] = opening[n, at] "(host_is_removed(" count++ ", \"" full "\") ? " by " : "
    closing[last, column] = closing[last, column] ")"
}
