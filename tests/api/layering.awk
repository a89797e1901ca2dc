# Judges every #include of the files given as arguments, paths relative to the top of the tree, by
# the law below. Prints FILE:LINE and what is wrong; the exit code is 1 if anything is.

BEGIN {
    # Which headers of this tree the files of a folder may include; the longest folder counts.
    law["include"] = "include/"
    law["sharding"] = "include/ sharding/"
    law["kernels"] = "include/ kernels/"
    law["comm"] = "include/ comm/"
    law["runtime"] = "include/ runtime/json.h"
    law["runtime/ledger"] = "include/ runtime/ledger/"
    law["runtime/step"] = "include/ runtime/ledger/ runtime/step/"
    law["runtime/config"] = "include/ sharding/ runtime/config/ runtime/json.h"
    law["runtime/cache"] = "include/ sharding/ kernels/ comm/ runtime/ledger/ runtime/step/" \
        " runtime/config/ runtime/cache/ runtime/json.h"
    law["runtime/scheduler"] = "include/ runtime/scheduler/"
    law["launch"] = "include/ launch/ runtime/json.h"
    law["tests"] = "include/ sharding/ kernels/ comm/ runtime/ launch/ tests/"
    law["docs"] = "include/"

    # Which files may include a library's headers, as a regular expression; all others may not.
    library["mpi.h"] = "^(comm/mpi[^/]*\\.[ch]|include/kvspan/mpi\\.h|launch/.*|tests/.*|docs/.*)$"
    library["nccl.h"] = "^(comm/nccl[^/]*\\.[ch]|include/kvspan/nccl\\.h|tests/.*)$"
    library["jansson.h"] = "^runtime/json\\.c$"
    library["xxhash.h"] = "^runtime/(digest|prefix_key)\\.c$"
    library["immintrin.h"] = "^kernels/cpu/.*$"
    library["cuda_runtime_api.h"] = "^(kernels/cuda/.*|comm/nccl[^/]*\\.[ch]|tests/.*)$"
    library["cpuid.h"] = "^(kernels/cpu/(cpu_device|amx_permission)|launch/calibrate_x86)\\.c$"
    library["check.h"] = "^tests/.*$"
    library["dlfcn.h"] = "^(tests/standin/.*|launch/gpu\\.c)$"
    library["argp.h"] = "^launch/.*$"
    library["cuda_occupancy.h"] = "^tests/gates/test_occupancy_calculator\\.c$"
    library["elf.h"] = "^tests/gates/elf_file\\.c$"
    library["immintrin.h"] = "^(kernels/cpu/.*|launch/calibrate_x86\\.c)$"

    # The C library and POSIX, which are everyone's.
    names = "assert complex ctype errno fenv float inttypes limits locale math setjmp signal" \
        " stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath" \
        " threads time wchar wctype dirent fcntl fnmatch poll pthread sched semaphore strings" \
        " unistd sys/mman sys/resource sys/stat sys/syscall sys/time sys/types sys/wait"
    count = split(names, list, " ")
    for (i = 1; i <= count; i++) {
        library[list[i] ".h"] = "."
    }
    # Callers' compilers, C++ ones too, have to get along with the public headers.
    public_names = " assert.h inttypes.h limits.h stdarg.h stdbool.h stddef.h stdint.h stdio.h" \
        " stdlib.h string.h mpi.h nccl.h "
    status = 0
}

function blame(what) {
    printf "%s:%d: %s\n", FILENAME, FNR, what
    status = 1
}

# The longest folder of the law that holds a path.
function folder_of(path,    folder) {
    folder = path
    while (sub(/\/[^\/]*$/, "", folder)) {
        if (folder in law) {
            return folder
        }
    }
    return ""
}

# A path without "." and "..".
function plain(path,    parts, count, kept, i, result) {
    count = split(path, parts, "/")
    kept = 0
    for (i = 1; i <= count; i++) {
        if (parts[i] == "..") {
            kept--
        } else if (parts[i] != "." && parts[i] != "") {
            kept_parts[++kept] = parts[i]
        }
    }
    result = ""
    for (i = 1; i <= kept; i++) {
        result = result (i > 1 ? "/" : "") kept_parts[i]
    }
    return result
}

function exists(path,    line, found) {
    if (!(path in known)) {
        found = (getline line < path) >= 0
        close(path)
        known[path] = found
    }
    return known[path]
}

# The file of this tree that an include means, or "".
function resolve(name, is_quoted,    here, path) {
    here = FILENAME
    sub(/[^\/]*$/, "", here)
    if (is_quoted && exists(path = plain(here name))) {
        return path
    }
    if (exists(path = plain("include/" name)) || exists(path = plain(name)) ||
        exists(path = plain("tests/" name))) {
        return path
    }
    return ""
}

function may_include(folder, path,    list, count, i) {
    count = split(law[folder], list, " ")
    for (i = 1; i <= count; i++) {
        if (index(path, list[i]) == 1) {
            return 1
        }
    }
    return 0
}

function judge(name, is_quoted,    folder, path) {
    folder = folder_of(FILENAME)
    path = resolve(name, is_quoted)
    if (path != "") {
        if (!may_include(folder, path)) {
            blame(folder " must not include " path)
        }
    } else if (is_quoted) {
        blame("no such header: " name)
    } else if (!(name in library)) {
        blame("not a header this project knows: " name)
    } else if (FILENAME !~ library[name]) {
        blame(name " is not for this file")
    } else if (folder == "include" && index(public_names, " " name " ") == 0) {
        blame(name " is not for public headers")
    }
}

/^[ \t]*(#|%:)[ \t]*(include|include_next|import)/ {
    text = $0
    sub(/^[ \t]*(#|%:)[ \t]*[a-z_]*[ \t]*/, "", text)
    if (match(text, /^<[^>]*>/) || match(text, /^"[^"]*"/)) {
        judge(substr(text, 2, RLENGTH - 2), substr(text, 1, 1) == "\"")
    } else {
        blame("an include that is not a plain name")
    }
}

END {
    exit status
}
