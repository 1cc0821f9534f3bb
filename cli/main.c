/* SPDX-License-Identifier: MIT
 *
 * main.c: the command `elegans`: finds the subcommand and runs it.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"

const cli_command *const cli_commands[] = { &cli_train, &cli_tune,    &cli_evaluate, &cli_predict,  &cli_inspect,
                                            &cli_check, &cli_explain, &cli_race,     &cli_momentum, &cli_picture,
                                            &cli_profile, &cli_help, &cli_version, NULL };

const cli_command *cli_find(const char *name) {
    for (int i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0) return cli_commands[i];
    return NULL;
}

int cli_unknown_command(const char *name) {
    const char *names[32];
    int n = 0;
    for (; cli_commands[n] && n < 32; n++) names[n] = cli_commands[n]->name;
    const char *meant = eg_did_you_mean(name, names, n);
    if (meant) return cli_error(CLI_USAGE, "unknown command '%s'; did you mean '%s'?", name, meant);
    return cli_error(CLI_USAGE, "unknown command '%s'; see: elegans help", name);
}

/* A pipe whose reader has gone, as `| head` does. */
static int reader_is_gone(void) {
    struct pollfd out = { STDOUT_FILENO, POLLOUT, 0 };
    return poll(&out, 1, 0) > 0 && out.revents & POLLERR;
}

/* A full disk behind stdout must not pass for success. A reader that has had enough is no mistake: the end is quiet,
 * by the signal that commands which do not wait for their own end get at once. */
static int finish(int code) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    if (code == CLI_OK && reader_is_gone()) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    return code ? code : cli_error(CLI_IO, "cannot write to standard output");
}

/* Where 0, 1 or 2 is closed, a file opened later would take its place, and messages would land in it. */
static int open_standard_streams(void) {
    for (int fd = 0; fd <= 2;) {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0) return 0;
        if (fd > 2) close(fd);
    }
    return 1;
}

int main(int argc, char **argv) {
    signal(SIGXFSZ, SIG_IGN); /* a file size limit is a failed write, with a message */
    if (!open_standard_streams()) return CLI_INTERNAL;
    if (argc < 2) return cli_error(CLI_USAGE, "which command? see: elegans help");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) name = "version";
    const cli_command *command = cli_find(name);
    if (!command) return cli_unknown_command(name);
    return finish(command->run(argc - 2, argv + 2));
}
