# A toolchain for CMake: clang, wasm-ld and wasi-libc, with the vectors that every engine has had since 2021.
# Debian: apt-get install clang lld wasi-libc libclang-rt-14-dev-wasm32
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
set(CMAKE_C_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET wasm32-wasi)
set(CMAKE_C_FLAGS_INIT "-msimd128 -mbulk-memory")
