/* SPDX-License-Identifier: MIT
 *
 * fetch.c: downloads for the library, which has no network of its own: curl or wget, whichever is installed, as a
 * child process. Non-goal: anything that a download manager does; a failed try says so in one line.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cli.h"

int cli_run_quietly(const char *const *words) {
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        int nothing = open("/dev/null", O_RDWR);
        for (int fd = 0; nothing >= 0 && fd <= 2; fd++) dup2(nothing, fd);
        execvp(words[0], (char *const *)words);
        _exit(CLI_NOT_INSTALLED);
    }
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The library words the message; this only says whether the file came. */
static eg_status fetch(void *user, const char *url, const char *path) {
    (void)user;
    const char *const curl[] = {
        "curl", "-fsSL", "--connect-timeout", "8", "--max-time", "300", "-o", path, url, NULL
    };
    const char *const wget[] = { "wget", "-q", "--tries=1", "--connect-timeout=8", "--read-timeout=60", "-O",
                                 path,   url,  NULL };
    int code = cli_run_quietly(curl);
    if (code == CLI_NOT_INSTALLED) code = cli_run_quietly(wget);
    if (cli_signal) return EG_E_STOPPED;
    return code == 0 ? EG_OK : EG_E_MISSING;
}

/* Somebody who watches is told what takes so long. */
static void remark(void *user, eg_log_level level, const char *line) {
    (void)user;
    if (level >= EG_LOG_INFO && cli_is_terminal(stderr)) fprintf(stderr, "%s\n", line);
}

void cli_allow_downloads(void) {
    eg_data_set_fetch(fetch, NULL);
    eg_set_log(remark, NULL);
}
