# Prints the table of error_names.h from the runtime's driver_types.h.
BEGIN {
    print "#include \"standin/cudart/error_names.h\"\n"
    print "const error_name error_names[] = {"
}
/enum __device_builtin__ cudaError$/ { is_inside = 1 }
is_inside && /^ *cuda(Success|Error[A-Za-z0-9]*) *= *[0-9]+/ {
    number = $3
    sub(/,.*/, "", number)
    printf "    { %d, \"%s\" },\n", number, $1
}
/^};/ { is_inside = 0 }
END { print "    { -1, 0 },\n};" }
