# Programs that use device "cuda". They are linked against the real libraries and run on stand-ins
# of the same names where the library path says so.

# The column from its objects: libkvspan_cuda would bring a second libkvspan.
kvspan_library(kvspan_cuda_static STATIC kvspan_kernels_cuda kvspan_comm_nccl)
target_link_libraries(kvspan_cuda_static PRIVATE kvspan_nccl)

# Where the stand-ins of libcudart and libnccl are built.
set(KVSPAN_STANDIN_LIB ${CMAKE_BINARY_DIR}/tests/standin/lib)

# What a GPU may do in any order (threads, asynchronous copies, streams), which PTX is taken, and
# which of the many alike cases of a suite: together the schedules try half of them.
set(cuda_schedules sequential reversed random races)
set(cuda_schedule_sequential KVSPAN_PTX_ORDER=sequential KVSPAN_PTX_COPIES=late
    KVSPAN_STANDIN_STREAMS=eager KVSPAN_STANDIN_ARCH=80 KVSPAN_STANDIN_LEAKS=1
    KVSPAN_TEST_PART=0/8)
set(cuda_schedule_reversed KVSPAN_PTX_ORDER=reversed KVSPAN_PTX_COPIES=early
    KVSPAN_STANDIN_STREAMS=lazy KVSPAN_STANDIN_ARCH=90 KVSPAN_TEST_PART=1/8)
set(cuda_schedule_random KVSPAN_PTX_ORDER=random:1 KVSPAN_PTX_COPIES=random
    KVSPAN_STANDIN_STREAMS=random:1 KVSPAN_STANDIN_ARCH=90 KVSPAN_TEST_PART=3/8)
set(cuda_schedule_races KVSPAN_PTX_ORDER=random:2 KVSPAN_PTX_COPIES=early KVSPAN_PTX_RACES=1
    KVSPAN_STANDIN_STREAMS=random:2 KVSPAN_STANDIN_ARCH=80 KVSPAN_TEST_PART=5/8)

# kvspan_cuda_test(FOLDER NAME [SOURCES file …]): a suite on device "cuda": FOLDER.NAME.cuda.SCHEDULE
# on the stand-ins, FOLDER.NAME.gpu on the machine's GPU.
function(kvspan_cuda_test folder name)
    cmake_parse_arguments(TEST "" "" "SOURCES" ${ARGN})
    set(program test_${folder}_${name}_cuda)
    add_executable(${program} test_${name}.c ${TEST_SOURCES})
    target_link_libraries(${program} PRIVATE kvspan_cuda_static test_support)
    kvspan_link_cuda(${program})
    add_dependencies(${program} standin_cudart)
    foreach(schedule IN LISTS cuda_schedules)
        add_test(NAME ${folder}.${name}.cuda.${schedule} COMMAND ${program})
        set_tests_properties(${folder}.${name}.cuda.${schedule} PROPERTIES LABELS standin
            TIMEOUT 300 SKIP_RETURN_CODE 77
            ENVIRONMENT "KVSPAN_TEST_COLUMN=cuda;LD_LIBRARY_PATH=${KVSPAN_STANDIN_LIB};${cuda_schedule_${schedule}}")
    endforeach()
    add_test(NAME ${folder}.${name}.gpu COMMAND ${program})
    set_tests_properties(${folder}.${name}.gpu PROPERTIES LABELS gpu TIMEOUT 300
        SKIP_RETURN_CODE 77 ENVIRONMENT KVSPAN_TEST_COLUMN=cuda)
endfunction()

# kvspan_cuda_mpi_test(FOLDER NAME RANKS… [SOURCES file …] [RECORD]): the same between processes, on
# stand-ins whose streams do their work at once, when asked, and in random order:
# FOLDER.NAME.npN.STREAMS. RECORD: for the test to read what ran; not on a GPU.
function(kvspan_cuda_mpi_test folder name)
    cmake_parse_arguments(TEST "RECORD" "" "SOURCES;STREAMS" ${ARGN})
    set(program test_${folder}_${name})
    if(NOT TEST_STREAMS)
        set(TEST_STREAMS eager lazy random:7)
    endif()
    add_executable(${program} test_${name}.c ${TEST_SOURCES})
    target_link_libraries(${program} PRIVATE kvspan_cuda_static test_support_mpi kvspan_nccl)
    kvspan_link_cuda(${program})
    foreach(ranks IN LISTS TEST_UNPARSED_ARGUMENTS)
        set(command timeout -k 5 280 ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks}
            ${mpi_flags} $<TARGET_FILE:${program}>)
        foreach(streams IN LISTS TEST_STREAMS)
            string(REPLACE ":" "" suffix ${streams})
            add_test(NAME ${folder}.${name}.np${ranks}.${suffix} COMMAND ${command})
            set_tests_properties(${folder}.${name}.np${ranks}.${suffix} PROPERTIES LABELS standin
                TIMEOUT 300 PROCESSORS ${ranks} SKIP_RETURN_CODE 77
                ENVIRONMENT "${mpi_environment};LD_LIBRARY_PATH=${KVSPAN_STANDIN_LIB};KVSPAN_STANDIN_STREAMS=${streams}")
            if(TEST_RECORD)
                set(record ${CMAKE_CURRENT_BINARY_DIR}/${name}.np${ranks}.${suffix}.record)
                set_property(TEST ${folder}.${name}.np${ranks}.${suffix} APPEND PROPERTY
                    ENVIRONMENT KVSPAN_STANDIN_RECORD=${record})
            endif()
        endforeach()
        if(TEST_RECORD)
            continue()
        endif()
        add_test(NAME ${folder}.${name}.np${ranks}.gpu COMMAND ${command})
        set_tests_properties(${folder}.${name}.np${ranks}.gpu PROPERTIES LABELS gpu TIMEOUT 300
            PROCESSORS ${ranks} SKIP_RETURN_CODE 77 ENVIRONMENT "${mpi_environment}")
    endforeach()
endfunction()
