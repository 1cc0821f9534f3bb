# The WebAssembly build in node (docs/webassembly.md): skipped where it was not made (make wasm, make check).
set(EG_WEB ${CMAKE_BINARY_DIR}/web)
eg_test(web/build tools/wasm.sh update ${EG_WEB})
eg_test(web/kernels tools/wasm.sh run ${EG_WEB} tests kernels)
eg_test(web/library tools/wasm.sh run ${EG_WEB} tests tensor graph ops compile nn optim)
eg_test(web/calls tools/wasm.sh run ${EG_WEB} calls)
eg_test(web/bits tools/wasm.sh run ${EG_WEB} bits $<TARGET_FILE:elegans>)
set_tests_properties(web/build PROPERTIES FIXTURES_SETUP web)
set_tests_properties(web/kernels web/library web/calls web/bits PROPERTIES FIXTURES_REQUIRED web)
