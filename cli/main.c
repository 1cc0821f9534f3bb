/* SPDX-License-Identifier: MIT
 *
 * main.c: the command `elegans`: finds the subcommand and runs it.
 */
#include <signal.h>
#include <string.h>
#include "cli.h"

const cli_command *const cli_commands[] = { &cli_train, &cli_evaluate, &cli_predict, &cli_inspect,
                                            &cli_check, &cli_help,     &cli_version, NULL };

const cli_command *cli_find(const char *name) {
    for (int i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0) return cli_commands[i];
    return NULL;
}

/* ---- help, version --------------------------------------------------------------------------------------- */

static void print_overview(FILE *stream) {
    fputs("elegans - train, run and inspect neural networks\n\nUsage: elegans COMMAND [options]\n\nCommands\n",
          stream);
    for (int i = 0; cli_commands[i]; i++)
        fprintf(stream, "  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fputs("\nExamples\n"
          "  elegans train --data mnist --net 'dense 512 relu; dense 10 softmax' --out mnist.safetensors\n"
          "  elegans train --data iris.csv --target species --out iris.safetensors\n"
          "  elegans predict iris.safetensors --data new.csv\n"
          "\n`elegans COMMAND --help` tells about a command.\n",
          stream);
}

static int unknown_command(const char *name) {
    const char *names[16];
    int n = 0;
    for (; cli_commands[n] && n < 16; n++) names[n] = cli_commands[n]->name;
    const char *meant = eg_did_you_mean(name, names, n);
    if (meant) return cli_error(CLI_USAGE, "unknown command '%s'; did you mean '%s'?", name, meant);
    return cli_error(CLI_USAGE, "unknown command '%s'; see: elegans help", name);
}

static int run_help(int argc, char **argv) {
    const char *topic = NULL;
    int code = cli_parse(&cli_help, argc, argv, NULL, &topic, 1);
    if (code >= 0) return code;
    const cli_command *command = topic ? cli_find(topic) : NULL;
    if (topic && !command) return unknown_command(topic);
    if (command)
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

const cli_command cli_help = {
    .name = "help", .summary = "this overview, or a command's page", .usage = "[COMMAND]", .run = run_help
};
const cli_command cli_version = { .name = "version", .summary = "the version", .usage = "", .run = run_version };

/* ---- main ------------------------------------------------------------------------------------------------ */

/* A full disk or a closed pipe behind stdout must not pass for success. */
static int finish(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    return code ? code : cli_error(CLI_IO, "cannot write to standard output");
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_overview(stderr);
        return CLI_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
    const cli_command *command = cli_find(name);
    if (!command) return unknown_command(name);
    return finish(command->run(argc - 2, argv + 2));
}
