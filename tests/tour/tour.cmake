# The programs that elegans.h shows are taken out of its comment, compiled and run: what the tour prints is true.
foreach(n 1 2)
  set(source ${CMAKE_BINARY_DIR}/tour_${n}.c)
  add_custom_command(
    OUTPUT ${source}
    COMMAND awk -v n=${n} -f ${CMAKE_SOURCE_DIR}/tests/tour/extract.awk ${CMAKE_SOURCE_DIR}/include/elegans.h > ${source}
    DEPENDS ${CMAKE_SOURCE_DIR}/include/elegans.h ${CMAKE_SOURCE_DIR}/tests/tour/extract.awk)
  add_executable(tour_${n} ${source})
  target_link_libraries(tour_${n} elegans_static)
  add_test(NAME tour/program_${n} COMMAND tour_${n} WORKING_DIRECTORY ${CMAKE_BINARY_DIR})
endforeach()
set_tests_properties(tour/program_1 PROPERTIES PASS_REGULAR_EXPRESSION "test accuracy 0\\.9[0-9]" TIMEOUT 300)
set_tests_properties(tour/program_2 PROPERTIES PASS_REGULAR_EXPRESSION "2000 0\\.00" TIMEOUT 60)
