# The built command from outside: each tests/cli/test_<what>.sh is one ctest case and runs in a folder of its own.
file(GLOB cli_tests CONFIGURE_DEPENDS tests/cli/test_*.sh)
foreach(script ${cli_tests})
  get_filename_component(name ${script} NAME_WE)
  eg_test(cli/${name} sh ${script} $<TARGET_FILE:elegans>)
endforeach()
# The formulas of `elegans explain` are tested from inside, too.
file(GLOB formula_sources CONFIGURE_DEPENDS cli/formula*.c)
foreach(test formula net)
  if(TARGET cli_test_explain_${test})
    target_sources(cli_test_explain_${test} PRIVATE ${formula_sources})
  endif()
endforeach()
