# What the makers of mutants need to know of a C file that clang-format has laid out.

# What is in comments and literals becomes blanks. Lines in their order.
function blanked(s,    result, c, k, next_two, quote) {
    result = ""
    quote = ""
    for (k = 1; k <= length(s); ++k) {
        c = substr(s, k, 1)
        next_two = substr(s, k, 2)
        if (in_comment) {
            if (next_two == "*/") {
                in_comment = 0
                result = result " "
                ++k
            }
            c = " "
        } else if (quote != "") {
            if (c == "\\") {
                result = result "_"
                ++k
            } else if (c == quote) {
                quote = ""
            }
            c = "_"
        } else if (next_two == "/*") {
            in_comment = 1
            result = result " "
            ++k
            c = " "
        } else if (c == "\"" || c == "'") {
            quote = c
            c = "_"
        }
        result = result c
    }
    return result
}

# Sets place to the function, or the table or macro, whose lines follow.
function place_note(s) {
    if (s ~ /^[a-z_]+:$/) {
        return # a label
    }
    if (s ~ /^[A-Z_0-9]+\(/) {
        sub(/^[A-Z_0-9]+\(/, "", s)
        place = s
        if (place ~ /^[A-Z]+, /) {
            sub(/^[A-Z]+, /, "", place)
        }
        sub(/[,)].*/, "", place)
    } else if (s ~ /^#define /) {
        split(s, part, /[ (]/)
        place = part[2]
    } else if (s ~ /^[a-z].*[a-z0-9_]\(/) {
        sub(/\(.*/, "", s)
        sub(/.*[^a-z0-9_]/, "", s)
        place = s
    } else if (s ~ /^[a-z]/) {
        sub(/ *(=|\{|;).*/, "", s)
        sub(/\[.*/, "", s)
        sub(/.*[^a-z0-9_]/, "", s)
        place = s
    } else if (s ~ /^\} [a-z]/) {
        sub(/^\} /, "", s)
        sub(/[^a-z0-9_].*/, "", s)
        place = s
    }
}
