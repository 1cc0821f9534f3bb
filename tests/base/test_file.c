/* SPDX-License-Identifier: MIT
 *
 * file: whole reads, limits, atomic writes, and that no failure leaves anything half-written behind: missing and
 * unwritable folders, a full device, a file size limit that strikes in mid-write, failed allocations.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "fault.h"
#include "write_file.h"

static char folder[64];

static const char *in_folder(const char *name) {
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* How many entries the test's folder has: temporaries would show. */
static int entries(void) {
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static int make_test_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/elegans-test-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_test_folder(void **state) {
    (void)state;
    DIR *dir = opendir(folder);
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) remove(in_folder(e->d_name));
    closedir(dir);
    return rmdir(folder);
}

static void expect_content(const char *path, const char *expected) {
    eg_bytes bytes;
    assert_int_equal(eg_file_read(path, 0, &bytes), EG_OK);
    assert_int_equal(bytes.size, strlen(expected));
    assert_string_equal((char *)bytes.data, expected);
    eg_bytes_free(&bytes);
    assert_null(bytes.data);
}

static void test_pieces(void **state) {
    (void)state;
    char bytes[8];
    size_t got, total;
    const char *path = in_folder("ten");
    assert_int_equal(write_file(path, "0123456789", 10), EG_OK);
    assert_int_equal(eg_file_piece(path, 3, bytes, 4, &got, &total), EG_OK);
    assert_int_equal(got, 4);
    assert_int_equal(total, 10);
    assert_memory_equal(bytes, "3456", 4);
    assert_int_equal(eg_file_piece(path, 8, bytes, 8, &got, &total), EG_OK); /* the file ends */
    assert_int_equal(got, 2);
    assert_int_equal(eg_file_piece(in_folder("none"), 0, bytes, 1, &got, &total), EG_E_MISSING);
    assert_int_equal(eg_file_piece("/dev/null", 0, bytes, 1, &got, &total), EG_OK);
    assert_int_equal(total, 0);
}

static void test_write_and_read(void **state) {
    (void)state;
    const char *path = in_folder("a.txt");
    assert_int_equal(write_file(path, "first", 5), EG_OK);
    expect_content(path, "first");
    assert_int_equal(write_file(path, "second", 6), EG_OK);
    expect_content(path, "second");
    assert_int_equal(write_file(path, "", 0), EG_OK);
    expect_content(path, "");
    assert_int_equal(entries(), 1);
}

static void test_pieces_of_all_sizes(void **state) {
    (void)state;
    const char *path = in_folder("big.bin");
    enum { TOTAL = 300000 };
    unsigned char *all = malloc(TOTAL);
    for (int i = 0; i < TOTAL; i++) all[i] = (unsigned char)(i * 31 + i / 977);
    eg_file_writer *writer = eg_file_begin(path);
    assert_non_null(writer);
    size_t done = 0;
    for (size_t piece = 1; done < TOTAL; piece = piece * 3 % 100003) {
        size_t n = piece < TOTAL - done ? piece : TOTAL - done;
        assert_int_equal(eg_file_put(writer, all + done, n), EG_OK);
        done += n;
    }
    assert_false(eg_file_exists(path)); /* not before commit */
    assert_int_equal(eg_file_commit(writer), EG_OK);
    eg_bytes bytes;
    assert_int_equal(eg_file_read(path, 0, &bytes), EG_OK);
    assert_int_equal(bytes.size, TOTAL);
    assert_memory_equal(bytes.data, all, TOTAL);
    eg_bytes_free(&bytes);
    free(all);
}

static void test_limit(void **state) {
    (void)state;
    const char *path = in_folder("limit.txt");
    eg_bytes bytes;
    assert_int_equal(write_file(path, "12345", 5), EG_OK);
    assert_int_equal(eg_file_read(path, 5, &bytes), EG_OK);
    eg_bytes_free(&bytes);
    assert_int_equal(eg_file_read(path, 4, &bytes), EG_E_LIMIT);
    assert_null(bytes.data);
    assert_non_null(strstr(eg_error(), path));
    assert_int_equal(eg_file_read("/dev/zero", 100000, &bytes), EG_E_LIMIT); /* endless, and without a size */
}

static void test_unreadable(void **state) {
    (void)state;
    eg_bytes bytes;
    assert_int_equal(eg_file_read(in_folder("none"), 0, &bytes), EG_E_MISSING);
    assert_non_null(strstr(eg_error(), "none: "));
    assert_int_equal(eg_file_read(folder, 0, &bytes), EG_E_MISSING);
    assert_int_equal(eg_file_read("/proc/self/mem", 0, &bytes), EG_E_IO); /* opens, then fails to read */
}

/* Bytes that come slowly through a pipe, as standard input. */
static void test_stdin(void **state) {
    (void)state;
    int ends[2], saved = dup(STDIN_FILENO);
    assert_int_equal(pipe(ends), 0);
    if (fork() == 0) {
        for (int i = 0; i < 40000; i++)
            if (write(ends[1], "0123456789", 10) != 10) _exit(1);
        _exit(0);
    }
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    eg_bytes bytes;
    eg_status status = eg_file_read("-", 0, &bytes);
    dup2(saved, STDIN_FILENO);
    close(saved);
    assert_int_equal(status, EG_OK);
    assert_int_equal(bytes.size, 400000);
    assert_memory_equal(bytes.data + 399990, "0123456789", 11);
    eg_bytes_free(&bytes);
}

static void test_abort_leaves_the_old_file(void **state) {
    (void)state;
    const char *path = in_folder("kept.txt");
    assert_int_equal(write_file(path, "old", 3), EG_OK);
    eg_file_writer *writer = eg_file_begin(path);
    assert_int_equal(eg_file_put(writer, "new", 3), EG_OK);
    eg_file_abort(writer);
    eg_file_abort(NULL);
    expect_content(path, "old");
    assert_int_equal(entries(), 1);
}

static void test_places_that_cannot_be_written(void **state) {
    (void)state;
    assert_null(eg_file_begin("-"));
    assert_int_equal(eg_error_status(), EG_E_ARGUMENT);
    assert_null(eg_file_begin(""));
    assert_int_equal(eg_error_status(), EG_E_ARGUMENT);
    assert_int_equal(write_file(folder, "x", 1), EG_E_WRITE);
    assert_int_equal(write_file(in_folder("no/such/file"), "x", 1), EG_E_WRITE);
    assert_non_null(strstr(eg_error(), "no/such/file"));
    assert_int_equal(write_file("/proc/elegans.txt", "x", 1), geteuid() == 0 ? EG_E_WRITE : eg_error_status());
    assert_int_equal(entries(), 0);
}

/* Runs `work` as a user whom permissions bind, in a child if we are root. */
static int as_bound_user(int (*work)(void)) {
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && setuid(65534) != 0) _exit(99);
        _exit(work());
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int write_there(void) { return -(int)write_file(in_folder("x"), "x", 1); }
static int make_there(void) { return -(int)eg_make_folder(in_folder("sub/folder")); }
static int read_there(void) {
    eg_bytes bytes;
    return -(int)eg_file_read(in_folder("secret"), 0, &bytes);
}

static void test_permissions(void **state) {
    (void)state;
    assert_int_equal(write_file(in_folder("secret"), "x", 1), EG_OK);
    assert_int_equal(chmod(in_folder("secret"), 0), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    int wrote = as_bound_user(write_there), made = as_bound_user(make_there), read = as_bound_user(read_there);
    chmod(folder, 0755);
    assert_int_equal(wrote, -EG_E_PERMISSION);
    assert_int_equal(made, -EG_E_PERMISSION);
    assert_int_equal(read, -EG_E_PERMISSION);
    assert_int_equal(entries(), 1);
}

static void test_permissions_are_kept(void **state) {
    (void)state;
    const char *path = in_folder("script");
    struct stat st;
    assert_int_equal(write_file(path, "x", 1), EG_OK);
    assert_int_equal(chmod(path, 0750), 0);
    assert_int_equal(write_file(path, "y", 1), EG_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0750);
}

static void test_links_are_followed(void **state) {
    (void)state;
    char link[400];
    struct stat st;
    assert_int_equal(write_file(in_folder("target"), "x", 1), EG_OK);
    snprintf(link, sizeof link, "%s/link", folder);
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(write_file(link, "through", 7), EG_OK);
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    expect_content(in_folder("target"), "through");
}

static void test_devices_are_not_replaced(void **state) {
    (void)state;
    struct stat st;
    assert_int_equal(write_file("/dev/null", "x", 1), EG_OK);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    if (eg_file_exists("/dev/full")) {
        char block[200000] = { 0 };
        assert_int_equal(write_file("/dev/full", "x", 1), EG_E_WRITE);
        assert_int_equal(write_file("/dev/full", block, sizeof block), EG_E_WRITE);
        assert_non_null(strstr(eg_error(), "/dev/full"));
    }
}

/* The disk fills up in mid-write: every later call says so, the old file stays, the temporary goes. */
static void test_full_disk(void **state) {
    (void)state;
    const char *path = in_folder("model.bin");
    char block[50000] = { 0 };
    assert_int_equal(write_file(path, "old", 3), EG_OK);
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    small = (struct rlimit){ 100000, before.rlim_max };
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    eg_file_writer *writer = eg_file_begin(path);
    eg_status status = EG_OK;
    for (int i = 0; i < 10 && status == EG_OK; i++) status = eg_file_put(writer, block, sizeof block);
    int left = entries();
    eg_error_clear();
    eg_status again = eg_file_put(writer, "x", 1);
    char message[200];
    snprintf(message, sizeof message, "%s", eg_error());
    eg_status committed = eg_file_commit(writer);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, EG_E_WRITE);
    assert_int_equal(left, 1);
    assert_int_equal(again, EG_E_WRITE);
    assert_non_null(strstr(message, "model.bin: cannot write"));
    assert_int_equal(committed, EG_E_WRITE);
    expect_content(path, "old");
    assert_int_equal(entries(), 1);
}

static void test_paths(void **state) {
    (void)state;
    const char *const rows[][3] = { { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "", "b", "b" }, { "/", "b", "/b" } };
    for (int i = 0; i < 4; i++) {
        char *path = eg_path_join(rows[i][0], rows[i][1]);
        assert_string_equal(path, rows[i][2]);
        eg_free(path);
    }
    assert_true(eg_is_folder(folder) && eg_file_exists(folder));
    assert_false(eg_is_folder("/dev/null") || eg_file_exists(in_folder("none")));
}

static void test_make_folder(void **state) {
    (void)state;
    assert_int_equal(eg_make_folder(in_folder("one/two//three/")), EG_OK);
    assert_true(eg_is_folder(in_folder("one/two/three")));
    assert_int_equal(eg_make_folder(in_folder("one/two")), EG_OK);
    assert_int_equal(write_file(in_folder("one/file"), "x", 1), EG_OK);
    assert_int_equal(eg_make_folder(in_folder("one/file")), EG_E_WRITE);
    assert_int_equal(eg_make_folder(in_folder("one/file/deeper")), EG_E_WRITE);
    const char *const names[] = { "one/file", "one/two/three", "one/two", "one" };
    for (int i = 0; i < 4; i++) assert_int_equal(remove(in_folder(names[i])), 0);
}

static eg_status write_and_read(void *path) {
    eg_bytes bytes = { 0 };
    eg_status status = write_file(path, "content", 7);
    if (status == EG_OK) status = eg_file_read(path, 0, &bytes);
    eg_bytes_free(&bytes);
    return status;
}

static void test_failed_allocations(void **state) {
    (void)state;
    char path[400];
    snprintf(path, sizeof path, "%s", in_folder("fault.txt"));
    assert_true(fault_loop(write_and_read, path) >= 4);
    assert_int_equal(entries(), 1);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_test_folder, remove_test_folder)

/* Without a limit too: /dev/zero would be read for ever. */
static void test_devices_end(void **state) {
    (void)state;
    eg_bytes bytes;
    assert_int_equal(eg_file_read("/dev/zero", 0, &bytes), EG_E_LIMIT);
    assert_null(bytes.data);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_FOLDER(test_pieces),
        cmocka_unit_test(test_devices_end),
        IN_FOLDER(test_write_and_read),
        IN_FOLDER(test_pieces_of_all_sizes),
        IN_FOLDER(test_limit),
        IN_FOLDER(test_unreadable),
        IN_FOLDER(test_stdin),
        IN_FOLDER(test_abort_leaves_the_old_file),
        IN_FOLDER(test_places_that_cannot_be_written),
        IN_FOLDER(test_permissions),
        IN_FOLDER(test_permissions_are_kept),
        IN_FOLDER(test_links_are_followed),
        IN_FOLDER(test_devices_are_not_replaced),
        IN_FOLDER(test_full_disk),
        IN_FOLDER(test_paths),
        IN_FOLDER(test_make_folder),
        IN_FOLDER(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
