# What functions return: lines "FUNCTION TYPE" from the C files given, declared or called through a
# pointer.

/^(static )?(inline )?[a-z_A-Z]+ \**[a-z_]+\(/ {
    sub(/^static /, "")
    sub(/^inline /, "")
    note_type()
}

/^ +(kvspan_status|void|bool) \(\*[a-z_]+\)\(/ {
    sub(/^ +/, "")
    sub(/\(\*/, "")
    sub(/\)/, "")
    note_type()
}

function note_type(    type, function_name) {
    type = $0
    sub(/ .*/, "", type)
    function_name = $0
    sub(/\(.*/, "", function_name)
    sub(/.* /, "", function_name)
    if (function_name !~ /^\*/) {
        print function_name, type
    }
}
