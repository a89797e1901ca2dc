# Mutants of one C file that clang-format has laid out: operators replaced, constants one more and one
# less, negations dropped, statements deleted.
#
# usage: awk -f c_text.awk -f ptx_mutants.awk FILE        lists them: name, line, number or "alone"
#        awk -v want=NAME -f … -f ptx_mutants.awk FILE   prints the file with that one applied
#        awk -v together=1 -v skip="3 5" -f … -f ptx_mutants.awk FILE
#                                                        prints a file with all that have a number
#
# A name is FILE:FUNCTION:KIND:N, the N-th of its kind in the function, so that it outlives changes
# elsewhere. Whether a mutant compiles is for the compiler to say.
#
# Those within a function have a number. In the file of all of them each function is there once as it
# is and once per mutant, and a jump through a pointer in its place; KVSPAN_PTX_MUTANT=NUMBER makes it
# lead to that mutant. The compiler finds its errors in "mutant_NUMBER". For x86-64.

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
    unit_count = 0
    for (n = 1; n <= FNR; ++n) {
        place_note(code[n])
        unit_note(n)
        if (code[n] !~ /^#/) {
            line_scan(n)
            statement_scan(n)
        }
    }
    if (together) {
        together_print()
    } else if (want != "") {
        exit !wanted_print()
    } else {
        for (m = 1; m <= mutant_count; ++m) {
            print mutant_name[m], mutant_first[m], mutant_unit[m] ? m : "alone"
        }
    }
}

# A function, or a line that makes one that executes an instruction.
function unit_note(n,    last, open_count) {
    if (n <= unit_last[unit_count]) {
        return
    }
    if (code[n] ~ /^PTX_(UNARY|BINARY|TERNARY)\(/) {
        open_count = 0
        for (last = n; (open_count += gsub(/\(/, "(", code[last]) - gsub(/\)/, ")", code[last])); ++last) {
        }
        unit_body[unit_count + 1] = 0
    } else if (code[n] ~ /^[a-z].*[a-z0-9_]\(/) {
        for (last = n; last <= FNR && code[last] !~ /^\{|; *$/; ++last) {
        }
        if (code[last] !~ /^\{/) {
            return
        }
        unit_body[unit_count + 1] = last
        while (code[last] !~ /^}/) {
            ++last
        }
    } else {
        return
    }
    ++unit_count
    unit_first[unit_count] = n
    unit_last[unit_count] = last
    unit_name[unit_count] = place
}

function mutant(kind, first, last, replacement,    key) {
    key = place ":" kind
    ++mutant_count
    mutant_name[mutant_count] = file ":" key ":" ++seen[key]
    mutant_first[mutant_count] = first
    mutant_last[mutant_count] = last
    mutant_text[mutant_count] = replacement
    if (first > unit_first[unit_count] && last <= unit_last[unit_count] ||
        first == unit_first[unit_count] && !unit_body[unit_count]) {
        mutant_unit[mutant_count] = unit_count
    }
}

# The text of a line as a mutant has it; none is 0.
function mutated(m, n) {
    return m && n == mutant_first[m] ? mutant_text[m] \
         : m && n > mutant_first[m] && n <= mutant_last[m] ? "    ;" : text[n]
}

function wanted_print(    m, n) {
    for (m = 1; m <= mutant_count && mutant_name[m] != want; ++m) {
    }
    for (n = 1; m <= mutant_count && n <= FNR; ++n) {
        print mutated(m, n)
    }
    return m <= mutant_count
}

function together_print(    u, n, m, part) {
    n = split(skip, part, " ")
    for (m = 1; m <= n; ++m) {
        is_skipped[part[m]] = 1
    }
    n = 1
    m = 1
    for (u = 1; u <= unit_count; ++u) {
        for (; n < unit_first[u]; ++n) {
            print declaration_of(n)
        }
        n = unit_last[u] + 1
        while (m <= mutant_count && (!mutant_unit[m] || mutant_unit[m] < u)) {
            ++m
        }
        m = unit_print(u, m)
    }
    for (; n <= FNR; ++n) {
        print text[n]
    }
    printf "static const struct {\n    int number;\n    void **place;\n    void *mutant;\n} "
    printf "mutants__[] = {\n%s    { -1, (void **)0, (void *)0 },\n};\n", choices
    print "extern char *getenv(const char *);\nextern int atoi(const char *);"
    print "__attribute__((constructor)) static void mutant__choose(void)\n{"
    print "    const char *number = getenv(\"KVSPAN_PTX_MUTANT\");\n"
    print "    for (int k = 0; number && mutants__[k].place; ++k) {"
    print "        if (mutants__[k].number == atoi(number)) {"
    print "            *mutants__[k].place = mutants__[k].mutant;\n        }\n    }\n}"
}

# What is defined by a jump is not static.
function declaration_of(n,    line) {
    line = text[n]
    if (code[n] ~ /^static [^={]*\(.*\); *$/) {
        sub(/^static /, "", line)
        sub(/; *$/, " __asm__(\"mutated__" name_of(line) "\");", line)
    }
    return line
}

function name_of(line) {
    sub(/\(.*/, "", line)
    sub(/.*[^a-z0-9_]/, "", line)
    return line
}

# The functions of a unit from mutant m on, and the jump. Returns the next unit's mutant.
function unit_print(u, m,    name, head, symbol, n) {
    name = unit_name[u]
    if (unit_body[u]) {
        head = text[unit_first[u]]
        for (n = unit_first[u] + 1; n < unit_body[u]; ++n) {
            head = head " " text[n]
        }
    } else {
        head = "static void " name "(ptx_warp *warp, const ptx_instruction *i, uint32_t lanes)"
    }
    symbol = name
    if (sub(/^static (inline )?/, "", head)) {
        symbol = "mutated__" name
    }
    printf "%s __asm__(\"%s\");\n", head, symbol
    copy_print(u, 0, head)
    for (; m <= mutant_count && (!mutant_unit[m] || mutant_unit[m] == u); ++m) {
        if (mutant_unit[m] && !is_skipped[m]) {
            copy_print(u, m, head)
            choices = choices "    { " m ", &" name "__place, (void *)" name "__" m " },\n"
        }
    }
    printf "static void *%s__place __attribute__((used)) = (void *)%s__0;\n", name, name
    printf "__asm__(\".text\\n.globl %s\\n.type %s,@function\\n%s: jmp *%s__place(%%rip)\\n\"\n",
        symbol, symbol, symbol, name
    printf "        \".size %s, .-%s\\n\");\n", symbol, symbol
    return m
}

function copy_print(u, m, head,    n, line) {
    printf "# %d \"mutant_%d\"\n", unit_first[u], m
    if (unit_body[u]) {
        sub(unit_name[u] "\\(", unit_name[u] "__" m "(", head)
        print "static " head
        printf "# %d \"mutant_%d\"\n", unit_body[u], m
    }
    for (n = unit_body[u] ? unit_body[u] : unit_first[u]; n <= unit_last[u]; ++n) {
        line = mutated(m, n)
        if (!unit_body[u] && n == unit_first[u]) {
            sub(unit_name[u] ",", unit_name[u] "__" m ",", line)
        }
        print line
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
