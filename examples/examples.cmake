# Every examples/NN_name.c is one program, and its opening comment says how it is tested: each "prints:" line must come out
# (# is any digit), each "command:" line must end well.
if(EG_FUZZ)
  return()
endif()
file(GLOB example_sources CONFIGURE_DEPENDS examples/[0-9][0-9]_*.c)
foreach(source ${example_sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(example_${name} ${source})
  target_link_libraries(example_${name} elegans_static)
  if(EG_TESTS)
    foreach(what prints command)
      file(STRINGS ${source} wanted REGEX "^ \\* ${what}: ")
      if(wanted)
        add_test(NAME examples/${name}_${what}
                 COMMAND sh tests/examples/${what}.sh ${source} $<TARGET_FILE:example_${name}> $<TARGET_FILE:elegans>
                 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
        set_tests_properties(examples/${name}_${what} PROPERTIES TIMEOUT ${EG_TEST_TIMEOUT})
      endif()
    endforeach()
  endif()
endforeach()
if(EG_TESTS)
  add_test(NAME examples/course COMMAND sh tests/examples/course.sh $<TARGET_FILE:elegans>
           WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endif()
