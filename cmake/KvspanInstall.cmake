# What `cmake --install` puts where: libraries, headers, the CMake package, pkg-config files.
# Everything refers to everything else by relative paths, so that an installed tree can be moved.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/kvspan)
set(unbuilt_headers)
if(NOT KVSPAN_HAS_MPI)
    list(APPEND unbuilt_headers PATTERN mpi.h EXCLUDE)
endif()
if(NOT KVSPAN_HAS_CUDA)
    list(APPEND unbuilt_headers PATTERN cuda.h EXCLUDE PATTERN nccl.h EXCLUDE)
endif()
install(DIRECTORY include/kvspan DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} ${unbuilt_headers})

install(TARGETS kvspan kvspan_api EXPORT kvspan-targets)
install(EXPORT kvspan-targets NAMESPACE kvspan:: DESTINATION ${package_dir})
# Sets of their own, which only callers that ask for MPI or CUDA load.
if(KVSPAN_HAS_MPI)
    install(TARGETS kvspan_mpi EXPORT kvspan_mpi-targets)
    install(EXPORT kvspan_mpi-targets NAMESPACE kvspan:: DESTINATION ${package_dir})
endif()
if(KVSPAN_HAS_CUDA)
    install(TARGETS kvspan_cuda EXPORT kvspan_cuda-targets)
    install(EXPORT kvspan_cuda-targets NAMESPACE kvspan:: DESTINATION ${package_dir})
endif()
configure_package_config_file(cmake/kvspan-config.cmake.in kvspan-config.cmake
    INSTALL_DESTINATION ${package_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(kvspan-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/kvspan-config.cmake
    ${PROJECT_BINARY_DIR}/kvspan-config-version.cmake DESTINATION ${package_dir})

file(RELATIVE_PATH pkgconfig_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pkgconfig_to_prefix "${pkgconfig_to_prefix}")
configure_file(cmake/kvspan.pc.in kvspan.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/kvspan.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
if(KVSPAN_HAS_MPI)
    # The MPI it was built with is the one that its callers have to use.
    list(TRANSFORM MPI_C_INCLUDE_DIRS PREPEND -I OUTPUT_VARIABLE mpi_cflags)
    list(JOIN mpi_cflags " " mpi_cflags)
    list(JOIN MPI_C_LIBRARIES " " mpi_libs)
    configure_file(cmake/kvspan_mpi.pc.in kvspan_mpi.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/kvspan_mpi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
if(KVSPAN_HAS_CUDA)
    # Callers that call the CUDA runtime themselves bring its flags; ours loads what it needs.
    configure_file(cmake/kvspan_cuda.pc.in kvspan_cuda.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/kvspan_cuda.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endif()
