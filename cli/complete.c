/* SPDX-License-Identifier: MIT
 *
 * complete.c: `elegans help --completion bash`: completion made of the option tables. One case for each command: the
 * values of an option that has words, files after all other options, else the options.
 */
#include "cli.h"

static void print_names(const cli_command *command, FILE *stream) {
    for (const cli_option *option = command->options; option && option->name; option++)
        fprintf(stream, " --%s", option->name);
}

static void print_words(const cli_command *command, FILE *stream) {
    for (const cli_option *option = command->options; option && option->name; option++) {
        if (!option->words) continue;
        fprintf(stream, "        %s:--%s) words=\"", command->name, option->name);
        for (int i = 0; option->words[i]; i++) fprintf(stream, i ? " %s" : "%s", option->words[i]);
        fputs("\" ;;\n", stream);
    }
}

void cli_print_completion(FILE *stream) {
    fputs("# Completion of elegans for bash: eval \"$(elegans help --completion bash)\"\n_elegans() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command=${COMP_WORDS[1]} "
          "words=\n"
          "    if [ \"$COMP_CWORD\" = 1 ]; then\n        words=\"",
          stream);
    for (int i = 0; cli_commands[i]; i++) fprintf(stream, i ? " %s" : "%s", cli_commands[i]->name);
    fputs("\"\n    else\n        case $command:$before in\n", stream);
    for (int i = 0; cli_commands[i]; i++) print_words(cli_commands[i], stream);
    fputs("        esac\n        case $command:$word in\n", stream);
    for (int i = 0; cli_commands[i]; i++) {
        fprintf(stream, "        %s:-*) words=\"", cli_commands[i]->name);
        print_names(cli_commands[i], stream);
        fputs(" --help\" ;;\n", stream);
    }
    fputs("        esac\n    fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n}\n"
          "complete -o default -F _elegans elegans\n",
          stream);
}
