# Target `docs`, where Doxygen is found: the reference of the public headers, under docs/html of the
# build folder. A warning stops it.
find_package(Doxygen QUIET)
if(DOXYGEN_FOUND)
    set(KVSPAN_VERSION ${PROJECT_VERSION})
    set(KVSPAN_HEADER_FOLDER ${PROJECT_SOURCE_DIR}/include)
    set(KVSPAN_DOCS_FOLDER ${PROJECT_BINARY_DIR}/docs)
    configure_file(${PROJECT_SOURCE_DIR}/docs/Doxyfile.in ${PROJECT_BINARY_DIR}/Doxyfile @ONLY)
    add_custom_target(docs
        COMMAND ${CMAKE_COMMAND} -E make_directory ${KVSPAN_DOCS_FOLDER}
        COMMAND Doxygen::doxygen ${PROJECT_BINARY_DIR}/Doxyfile
        VERBATIM COMMENT "Reference of include/kvspan in docs/html")
endif()
