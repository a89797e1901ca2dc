# Mutants of one C file that clang-format has laid out: operators replaced, constants one more and one
# less, negations dropped, statements deleted.
#
# usage: awk -f c_text.awk -f ptx_mutants.awk FILE   lists them: name, line
#        awk -v want=NAME … FILE                     prints the file with that one applied
#
# A name is FILE:FUNCTION:KIND:N, the N-th of its kind in the function, so that it outlives changes
# elsewhere. Whether a mutant compiles is for the compiler to say.

BEGIN {
    pairs = "+:- -:+ *:+ /:* %:/ <:<= <=:< >:>= >=:> ==:!= !=:== &&:|| ||:&& &:| |:& ^:| <<:>> >>:<<" \
        " ++:-- --:++ +=:-= -=:+= *=:= |=:= &=:= ^=:= true:false false:true"
    pair_count = split(pairs, pair, " ")
    for (k = 1; k <= pair_count; ++k) {
        separator = index(pair[k], ":")
        other[substr(pair[k], 1, separator - 1)] = substr(pair[k], separator + 1)
    }
}

FNR == 1 {
    file = FILENAME
    sub(/.*\//, "", file)
}

{
    text[FNR] = $0
    code[FNR] = blanked($0)
}

END {
    for (n = 1; n <= FNR; ++n) {
        place_note(code[n])
        if (code[n] !~ /^#/) {
            line_scan(n)
            statement_scan(n)
        }
    }
    if (want != "" && !applied) {
        exit 1
    }
    for (n = 1; want != "" && n <= FNR; ++n) {
        print text[n]
    }
}

function mutant(kind, first, last, replacement,    name, key, n) {
    key = place ":" kind
    name = file ":" key ":" ++seen[key]
    if (want == "") {
        print name, first
    } else if (name == want) {
        applied = 1
        text[first] = replacement
        for (n = first + 1; n <= last; ++n) {
            text[n] = ""
        }
    }
}

function replaced(n, at, width, by) {
    return substr(text[n], 1, at - 1) by substr(text[n], at + width)
}

# `*` and `&` stand next to their operand where they are unary, and in arguments of macros. An
# operator at the end of a line goes on in the next.
function is_binary(s, at, operator) {
    if (substr(s, at + length(operator), 1) ~ /^[ ]?$/) {
        return 1
    }
    return s ~ /^[ ]*[A-Z_]+[0-9]*\(/ && operator ~ /[*&]/ && substr(s, at - 2, 2) ~ /[xyXYz)] /
}

function line_scan(n,    s, at, rest, token) {
    s = code[n]
    for (at = 1; at <= length(s); at += length(token)) {
        rest = substr(s, at)
        if (match(rest, /^[A-Za-z_][A-Za-z0-9_]*/)) {
            token = substr(rest, 1, RLENGTH)
            if (token == "true" || token == "false") {
                mutant(token ":" other[token], n, n, replaced(n, at, RLENGTH, other[token]))
            }
        } else if (match(rest, /^(0[xX][0-9a-fA-F]+(p[-+]?[0-9]+)?|[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?)[uUlLf]*/)) {
            token = substr(rest, 1, RLENGTH)
            mutant(token ":+1", n, n, replaced(n, at, length(token), "(" token " + 1)"))
            if (token != "0") {
                mutant(token ":-1", n, n, replaced(n, at, length(token), "(" token " - 1)"))
            }
        } else if (match(rest, /^(<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||\+=|-=|\*=|\|=|&=|\^=)/)) {
            token = substr(rest, 1, RLENGTH)
            if (token in other) {
                mutant(token ":" other[token], n, n, replaced(n, at, length(token), other[token]))
            }
        } else {
            token = substr(rest, 1, 1)
            if (token ~ /[!~]/) {
                mutant(token ":", n, n, replaced(n, at, 1, ""))
            } else if (token in other && is_binary(s, at, token)) {
                mutant(token ":" other[token], n, n, replaced(n, at, 1, other[token]))
            } else if (token == "-") {
                mutant("-:", n, n, replaced(n, at, 1, ""))
            }
        }
    }
}

# A statement that fills its lines, from behind the end of another to its semicolon.
function statement_scan(n,    before, last) {
    for (before = n - 1; before > 0 && code[before] ~ /^ *$/; --before) {
    }
    if (code[n] !~ /^ +[a-z_+*(-]/ || code[before] !~ /[;{}:] *$/ ||
        code[n] ~ /^ +(case|default|if|for|while|switch|else|do|static|const|struct|enum)[^a-z_]/) {
        return
    }
    for (last = n; last <= FNR && code[last] !~ /; *$/; ++last) {
        if (code[last] ~ /[{}]/ && code[last] !~ /\){.*}/) {
            return
        }
    }
    mutant("delete", n, last, "    ;")
}
