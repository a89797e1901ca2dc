# The law of dependencies, as include folders: kvspan_folder() gives an object library a private
# folder of links to just what it may include.

# kvspan_folder(NAME SOURCES file... [ALLOW path...])
function(kvspan_folder name)
    cmake_parse_arguments(FOLDER "" "" "SOURCES;ALLOW" ${ARGN})
    set(allowed ${CMAKE_BINARY_DIR}/allowed/${name})
    file(REMOVE_RECURSE ${allowed})
    foreach(path IN LISTS FOLDER_ALLOW)
        get_filename_component(parent ${path} DIRECTORY)
        file(MAKE_DIRECTORY ${allowed}/${parent})
        file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${path} ${allowed}/${path} SYMBOLIC)
    endforeach()
    add_library(${name} OBJECT ${FOLDER_SOURCES})
    target_link_libraries(${name} PUBLIC kvspan_api)
    target_include_directories(${name} PRIVATE ${allowed})
    # Strict C11 hides clock_gettime and pthread_barrier_t.
    target_compile_definitions(${name} PRIVATE _POSIX_C_SOURCE=200809L)
endfunction()

# kvspan_library(NAME SHARED|STATIC object-library...)
function(kvspan_library name kind)
    add_library(${name} ${kind})
    add_library(kvspan::${name} ALIAS ${name})
    foreach(folder IN LISTS ARGN)
        target_sources(${name} PRIVATE $<TARGET_OBJECTS:${folder}>)
    endforeach()
    target_link_libraries(${name} PUBLIC kvspan_api)
    set_target_properties(${name} PROPERTIES LINKER_LANGUAGE C VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR})
endfunction()
