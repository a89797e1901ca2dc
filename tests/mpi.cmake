# Programs that run as MPI ranks. mpirun ignores CTest's SIGTERM once it is wedged, so `timeout -k`
# is the clock.
set(mpi_flags "")
if(MPI_C_LIBRARY_VERSION_STRING MATCHES "Open MPI")
    # More ranks than cores is normal in a test.
    set(mpi_flags --oversubscribe --mca mpi_yield_when_idle 1)
endif()
set(mpi_environment OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1)
if(KVSPAN_SANITIZE)
    # Open MPI leaks from plugins it has unloaded by exit, so no suppression can name them. Nor can
    # TSan see that processes share nothing.
    list(APPEND mpi_environment ASAN_OPTIONS=detect_leaks=0)
endif()

# The MPI transport straight from its objects: libkvspan_mpi would bring a second libkvspan.
add_library(test_support_mpi STATIC support/suite_mpi.c $<TARGET_OBJECTS:kvspan_comm_mpi>)
target_link_libraries(test_support_mpi PUBLIC test_support MPI::MPI_C)

# kvspan_mpi_test(FOLDER NAME RANKS... [SOURCES extra.c...]): one program, run once per number of
# ranks.
function(kvspan_mpi_test folder name)
    cmake_parse_arguments(TEST "" "" "SOURCES" ${ARGN})
    add_executable(test_${folder}_${name} test_${name}.c ${TEST_SOURCES})
    target_link_libraries(test_${folder}_${name} PRIVATE test_support_mpi)
    foreach(ranks IN LISTS TEST_UNPARSED_ARGUMENTS)
        add_test(NAME ${folder}.${name}.np${ranks}
            COMMAND timeout -k 5 60 ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks}
                    ${mpi_flags} $<TARGET_FILE:test_${folder}_${name}>)
        set_tests_properties(${folder}.${name}.np${ranks} PROPERTIES
            LABELS mpi TIMEOUT 90 PROCESSORS ${ranks} SKIP_RETURN_CODE 77
            ENVIRONMENT "${mpi_environment}")
    endforeach()
endfunction()
