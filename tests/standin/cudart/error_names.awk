# Prints a table of the runtime's error codes, "{ number, "name" },", from driver_types.h.
/enum __device_builtin__ cudaError$/ { is_inside = 1 }
is_inside && /^ *cuda(Success|Error[A-Za-z0-9]*) *= *[0-9]+/ {
    number = $3
    sub(/,.*/, "", number)
    printf "{ %d, \"%s\" },\n", number, $1
}
/^};/ { is_inside = 0 }
