# The numeric sources of this folder are built once per instruction set. src/kernels as a layer (see CMakeLists.txt)
# is the portable build with table.c, copy.c and angle.c; the others come from here.
set(EG_ISA_SOURCES tile strip reduce convert random transpose window isa)
list(TRANSFORM EG_ISA_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/src/kernels/)
list(TRANSFORM EG_ISA_SOURCES APPEND .c)

# Loops are unrolled by hand where that gains, and vectors are written out: only products get faster by more than -Os,
# and those are faster yet where gcc does not split addresses over more registers than there are. gemm.c and pack.c are
# one for all builds; -Oz copies a row of a panel byte by byte.
set(EG_ISA_OPTIONS $<$<CONFIG:Release>:-Os> -fno-asynchronous-unwind-tables)
set(EG_TILE_OPTIONS ${EG_FAST})
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
  list(APPEND EG_TILE_OPTIONS -fno-tree-loop-im -fno-ivopts)
endif()
set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/src/kernels/pack.c PROPERTIES
                            COMPILE_OPTIONS "$<$<CONFIG:Release>:${EG_FAST}>")
set_source_files_properties(${CMAKE_CURRENT_SOURCE_DIR}/src/kernels/tile.c PROPERTIES COMPILE_OPTIONS
                            "$<$<AND:$<CONFIG:Release>,$<NOT:$<STREQUAL:$<TARGET_PROPERTY:NAME>,eg_kernels>>>:${EG_TILE_OPTIONS}>")
# The portable table is for machines without better, and for the same bits everywhere: small before fast.
target_compile_options(eg_kernels PRIVATE -fno-asynchronous-unwind-tables)

function(eg_kernels_build isa)
  string(TOUPPER ${isa} ISA)
  add_library(eg_kernels_${isa} OBJECT ${EG_ISA_SOURCES})
  target_include_directories(eg_kernels_${isa} PRIVATE include src)
  target_compile_definitions(eg_kernels_${isa} PRIVATE EG_ISA_${ISA})
  target_compile_options(eg_kernels_${isa} PRIVATE ${EG_ISA_OPTIONS} ${ARGN})
  list(APPEND EG_ALL_OBJECTS $<TARGET_OBJECTS:eg_kernels_${isa}>)
  set(EG_ALL_OBJECTS ${EG_ALL_OBJECTS} PARENT_SCOPE)
endfunction()

if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  eg_kernels_build(avx2 -mavx2 -mfma)
  eg_kernels_build(avx512 -mavx512f -mavx512dq -mavx512bw -mavx512vl -mfma -mprefer-vector-width=512)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  eg_kernels_build(neon)
endif()

# On demand: how fast they are.
add_executable(bench_kernels EXCLUDE_FROM_ALL ${CMAKE_CURRENT_SOURCE_DIR}/bench/bench_kernels.c)
target_include_directories(bench_kernels PRIVATE include src)
target_link_libraries(bench_kernels elegans_static)
