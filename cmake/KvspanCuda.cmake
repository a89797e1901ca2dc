# The CUDA toolkit with NCCL, and how device code is compiled. Sets KVSPAN_HAS_CUDA, and
# KVSPAN_CUDA_TEXT for the summary.
set(KVSPAN_HAS_CUDA OFF)
set(KVSPAN_CUDA_TEXT "")
if(NOT KVSPAN_WITH_CUDA STREQUAL "AUTO" AND NOT KVSPAN_WITH_CUDA)
    return()
endif()

set(lacking)
find_package(CUDAToolkit QUIET)
if(NOT CUDAToolkit_FOUND OR NOT CUDAToolkit_NVCC_EXECUTABLE)
    list(APPEND lacking "nvcc")
elseif(NOT CUDA_CUDART)
    list(APPEND lacking "libcudart.so")
endif()
find_path(KVSPAN_NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
find_library(KVSPAN_NCCL_LIBRARY nccl HINTS ${CUDAToolkit_LIBRARY_DIR}
    ${CUDAToolkit_LIBRARY_ROOT}/lib)
mark_as_advanced(KVSPAN_NCCL_INCLUDE_DIR KVSPAN_NCCL_LIBRARY)
if(NOT KVSPAN_NCCL_INCLUDE_DIR)
    list(APPEND lacking "nccl.h")
endif()
if(NOT KVSPAN_NCCL_LIBRARY)
    list(APPEND lacking "libnccl.so")
endif()
if(lacking)
    list(JOIN lacking ", " lacking)
    if(NOT KVSPAN_WITH_CUDA STREQUAL "AUTO")
        message(FATAL_ERROR "KVSPAN_WITH_CUDA is ${KVSPAN_WITH_CUDA} but these were not found: ${lacking}")
    endif()
    set(KVSPAN_CUDA_TEXT "not found: ${lacking}")
    return()
endif()

set(KVSPAN_HAS_CUDA ON)
set(KVSPAN_CUDA_TEXT "${CUDAToolkit_VERSION}, machine code and PTX")
if(KVSPAN_CUDA_PTX_ONLY)
    set(KVSPAN_CUDA_TEXT "${CUDAToolkit_VERSION}, PTX only")
endif()

# By path, not by imported target: what callers link must not ask them for a toolkit.
add_library(kvspan_cudart INTERFACE)
target_include_directories(kvspan_cudart SYSTEM INTERFACE ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(kvspan_cudart INTERFACE ${CUDA_CUDART})
add_library(kvspan_nccl INTERFACE)
target_include_directories(kvspan_nccl SYSTEM INTERFACE ${KVSPAN_NCCL_INCLUDE_DIR}
    ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(kvspan_nccl INTERFACE ${KVSPAN_NCCL_LIBRARY})

# RUNPATH, not RPATH: a library path of the environment goes first. Installed too.
get_filename_component(nccl_folder ${KVSPAN_NCCL_LIBRARY} DIRECTORY)
set(KVSPAN_CUDA_RPATH ${CUDAToolkit_LIBRARY_DIR} ${nccl_folder})
list(REMOVE_DUPLICATES KVSPAN_CUDA_RPATH)

# kvspan_link_cuda(TARGET): a library or program that loads the CUDA runtime.
function(kvspan_link_cuda target)
    target_link_libraries(${target} PRIVATE kvspan_cudart)
    target_link_options(${target} PRIVATE LINKER:--enable-new-dtags)
    set_property(TARGET ${target} APPEND PROPERTY INSTALL_RPATH ${KVSPAN_CUDA_RPATH})
endfunction()

# Kernels are launched by their address; the stubs that nvcc makes for <<<…>>> are not called, and
# guards of their static variables would need a C++ library.
set(nvcc_flags -std=c++17 -O3 -lineinfo --no-compress -ccbin ${CMAKE_CXX_COMPILER}
    -Xcompiler=-fPIC,-fvisibility=hidden,-fno-threadsafe-statics,-Wall,-Wextra)
if(KVSPAN_WERROR)
    list(APPEND nvcc_flags -Werror all-warnings -Xcompiler=-Werror)
endif()
if(KVSPAN_CUDA_PTX_ONLY)
    list(APPEND nvcc_flags -gencode arch=compute_80,code=compute_80
        -gencode arch=compute_90,code=compute_90)
else()
    list(APPEND nvcc_flags -gencode arch=compute_80,code=[compute_80,sm_80]
        -gencode arch=compute_90,code=[compute_90,sm_90] -gencode arch=compute_100,code=sm_100
        -Xptxas=-v,-warn-spills)
    if(KVSPAN_WERROR)
        list(APPEND nvcc_flags -Xptxas=-Werror)
    endif()
endif()

# kvspan_cuda_sources(TARGET file.cu...): device code of an object library, which cannot hold the
# objects itself: kvspan_library() takes them by the property. What ptxas tells of registers and
# spills stays beside each object, as file.ptxas.
function(kvspan_cuda_sources target)
    set(objects)
    foreach(source IN LISTS ARGN)
        set(base ${CMAKE_CURRENT_BINARY_DIR}/${source})
        get_filename_component(folder ${base} DIRECTORY)
        file(MAKE_DIRECTORY ${folder})
        add_custom_command(OUTPUT ${base}.o BYPRODUCTS ${base}.ptxas
            COMMAND ${PROJECT_SOURCE_DIR}/cmake/compile_cuda.sh ${base}.ptxas
                ${CUDAToolkit_NVCC_EXECUTABLE} ${nvcc_flags} -I${PROJECT_SOURCE_DIR}/include
                -I${CMAKE_BINARY_DIR}/allowed/${target} -MD -MF ${base}.d -MT ${base}.o
                -c ${CMAKE_CURRENT_SOURCE_DIR}/${source} -o ${base}.o
            DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source} ${PROJECT_SOURCE_DIR}/cmake/compile_cuda.sh
            DEPFILE ${base}.d
            COMMENT "Building CUDA object ${source}.o" VERBATIM)
        list(APPEND objects ${base}.o)
    endforeach()
    add_custom_target(${target}_device DEPENDS ${objects})
    set_target_properties(${target} PROPERTIES KVSPAN_CUDA_OBJECTS "${objects}")
endfunction()
