/* SPDX-License-Identifier: MIT
 *
 * comma_locale.h: a country that writes 1,5. It is founded for the test, because few machines have one installed.
 */
#ifndef EG_TESTS_COMMA_LOCALE_H
#define EG_TESTS_COMMA_LOCALE_H

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 0 where the C library has no localedef. Only LC_NUMERIC is of any use in that country; leave by setlocale(LC_ALL, "C"). */
static inline int enter_comma_locale(void) {
    char folder[] = "/tmp/elegans-locale-XXXXXX", command[400];
    if (!mkdtemp(folder)) return 0;
    snprintf(command, sizeof command,
             "cd %s && printf 'CHARMAP\nEND CHARMAP\n' >letters && "
             "printf 'LC_NUMERIC\ndecimal_point \",\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n' >comma && "
             "localedef -c -f ./letters -i ./comma ./xx >/dev/null 2>&1",
             folder);
    int made = system(command) != -1; /* its exit code counts the letters that are not there */
    setenv("LOCPATH", folder, 1);
    int entered = made && setlocale(LC_NUMERIC, "xx") != NULL;
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command) == 0 && entered;
}

#endif
