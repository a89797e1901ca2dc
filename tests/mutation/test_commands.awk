# How CTest runs a test, as a shell script of its own each: so that what starts it can end it.
#
# usage: awk -v names=FILE -v folder=OUT -f test_commands.awk BUILD/…/CTestTestfile.cmake …
#        FILE  names of tests, one a line; OUT/NAME is written for each
#
# $TEST_SECONDS is the limit and $TEST_SLOT tells records of tests that run at once apart. A line
# "FAIL REGEX" behind the script tells what must not be printed.

BEGIN {
    while ((getline name < names) > 0) {
        is_wanted[name] = 1
    }
}

/^add_test\(/ {
    split($0, part, /\[=\[|\]=\] /)
    name = part[2]
    command[name] = substr($0, index($0, "]=] ") + 4)
    sub(/\)$/, "", command[name])
    sub(/^"timeout" "-k" "5" "[0-9]+" /, "", command[name])
}

/^set_tests_properties\(/ && name in is_wanted {
    settings = property("ENVIRONMENT")
    gsub(/;/, "\" \"", settings)
    gsub(/\.record"/, ".record$TEST_SLOT\"", settings)
    place = FILENAME
    sub(/\/[^\/]*$/, "", place)
    script = folder "/" name
    printf "cd \"%s\"\n", place >script
    if (settings != "") {
        printf "export %s\n", settings >script
    }
    printf "exec timeout -k 5 \"$TEST_SECONDS\" %s\n", command[name] >script
    if (property("FAIL_REGULAR_EXPRESSION") != "") {
        printf "# FAIL %s\n", property("FAIL_REGULAR_EXPRESSION") >script
    }
    close(script)
}

# Its value in quotes, empty if the test has none.
function property(key) {
    if (!match($0, key " \"[^\"]*\"")) {
        return ""
    }
    return substr($0, RSTART + length(key) + 1, RLENGTH - length(key) - 1)
}
