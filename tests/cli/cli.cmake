# The built command from outside: each tests/cli/test_<what>.sh is one ctest case and runs in a folder of its own.
file(GLOB cli_tests CONFIGURE_DEPENDS tests/cli/test_*.sh)
foreach(script ${cli_tests})
  get_filename_component(name ${script} NAME_WE)
  add_test(NAME cli/${name} COMMAND sh ${script} $<TARGET_FILE:elegans> WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(cli/${name} PROPERTIES TIMEOUT ${EG_TEST_TIMEOUT})
endforeach()
# The formulas of `elegans explain` are tested from inside, too.
if(TARGET cli_test_explain_formula)
  file(GLOB formula_sources CONFIGURE_DEPENDS cli/formula*.c)
  target_sources(cli_test_explain_formula PRIVATE ${formula_sources})
endif()
