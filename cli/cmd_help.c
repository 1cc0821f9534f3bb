/* SPDX-License-Identifier: MIT
 *
 * cmd_help.c: `elegans help` and `elegans version`.
 */
#include <string.h>
#include "cli.h"

typedef struct help_options {
    int64_t completion;
} help_options;

static const char *const shells[] = { "bash", NULL };

static const cli_option options[] = {
    { "completion", 0, CLI_WORD, offsetof(help_options, completion), "SHELL",
      .help = "print completion for bash: eval \"$(elegans help --completion bash)\"", .words = shells },
    { 0 }
};

static void print_overview(FILE *stream) {
    int width = cli_columns(stream);
    const char *bold = cli_style(stream, "1"), *plain = cli_style(stream, "0");
    fprintf(stream,
            "elegans - train, run and inspect neural networks\n\nUsage: elegans COMMAND [options]\n\n%sCommands%s\n",
            bold, plain);
    for (int i = 0; cli_commands[i]; i++) {
        fprintf(stream, "  %-10s ", cli_commands[i]->name);
        cli_print_wrapped(stream, cli_commands[i]->summary, 13, width);
    }
    fprintf(stream, "\n%sExamples%s\n", bold, plain);
    fputs("  elegans train --data mnist --out mnist.safetensors\n"
          "  elegans predict mnist.safetensors --data mnist --show 3\n"
          "  elegans train --data iris.csv --out iris.safetensors\n"
          "  elegans predict iris.safetensors --data new.csv --proba\n"
          "\n`elegans COMMAND --help` tells about a command.\n",
          stream);
}

static int run_help(int argc, char **argv) {
    help_options o;
    const char *topic = NULL;
    cli_defaults(&cli_help, &o);
    int code = cli_parse(&cli_help, argc, argv, &o, &topic, 1);
    if (code >= 0) return code;
    const cli_command *command = topic ? cli_find(topic) : NULL;
    if (topic && !command) return cli_unknown_command(topic);
    if (o.completion != CLI_ABSENT)
        cli_print_completion(stdout);
    else if (command)
        cli_print_help(command, stdout);
    else
        print_overview(stdout);
    return CLI_OK;
}

static int run_version(int argc, char **argv) {
    int code = cli_parse(&cli_version, argc, argv, NULL, NULL, 0);
    if (code >= 0) return code;
    printf("elegans %s\n", eg_version());
    return CLI_OK;
}

const cli_command cli_help = { .name = "help",
                               .summary = "this overview, or a command's page",
                               .usage = "[COMMAND]",
                               .options = options,
                               .run = run_help,
                               .examples = "  elegans help train\n" };
const cli_command cli_version = { .name = "version", .summary = "the version", .usage = "", .run = run_version };
