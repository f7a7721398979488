/* Small-file operations through libsmbclient, by one or more client processes at once.
 *
 *   ops BASE_URL USER PASSWORD OPERATION COUNT CLIENTS
 *
 * Client i works in BASE_URL/c<i> (list: BASE_URL/list). Prints "ready" once every client is logged in,
 * waits for a line on standard input, runs COUNT operations in each client, prints one JSON line
 * with the wall time from that line to the last client's end, and waits for end of input with
 * its connections open, so that whoever drives it can read the server's counters in between.
 */
#include <errno.h>
#include <fcntl.h>
#include <libsmbclient.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FILE_SIZE = 4096, URL_SIZE = 1024, MAX_CLIENTS = 64 };

static const char *user, *password;
static char content[FILE_SIZE];

static void login(const char *server, const char *share, char *workgroup, int workgroup_size,
                  char *name, int name_size, char *secret, int secret_size) {
    (void)server;
    (void)share;
    snprintf(workgroup, workgroup_size, "WORKGROUP");
    snprintf(name, name_size, "%s", user);
    snprintf(secret, secret_size, "%s", password);
}

static void need(int ok, const char *what, const char *url) {
    if (ok) return;
    fprintf(stderr, "%s %s: %s\n", what, url, strerror(errno));
    _exit(1);
}

static void op_create(const char *folder, int i) {
    char url[URL_SIZE];
    snprintf(url, sizeof url, "%s/f%05d", folder, i);
    int fd = smbc_open(url, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    need(fd >= 0, "create", url);
    need(smbc_write(fd, content, FILE_SIZE) == FILE_SIZE, "write", url);
    need(smbc_close(fd) == 0, "close", url);
}

static void op_stat(const char *folder, int i) {
    char url[URL_SIZE];
    struct stat st;
    snprintf(url, sizeof url, "%s/f%05d", folder, i);
    need(smbc_stat(url, &st) == 0 && st.st_size == FILE_SIZE, "stat", url);
}

static void op_read(const char *folder, int i) {
    char url[URL_SIZE], buffer[FILE_SIZE];
    snprintf(url, sizeof url, "%s/f%05d", folder, i);
    int fd = smbc_open(url, O_RDONLY, 0);
    need(fd >= 0, "open", url);
    need(smbc_read(fd, buffer, FILE_SIZE) == FILE_SIZE, "read", url);
    need(smbc_close(fd) == 0, "close", url);
}

static void op_rename(const char *folder, int i) {
    char from[URL_SIZE], to[URL_SIZE];
    snprintf(from, sizeof from, "%s/f%05d", folder, i);
    snprintf(to, sizeof to, "%s/r%05d", folder, i);
    need(smbc_rename(from, to) == 0, "rename", from);
}

static void op_unlink(const char *folder, int i) {
    char url[URL_SIZE];
    snprintf(url, sizeof url, "%s/f%05d", folder, i);
    need(smbc_unlink(url) == 0, "unlink", url);
}

static void op_list(const char *folder, int i) {
    int fd = smbc_opendir(folder), entries = 0;
    (void)i;
    need(fd >= 0, "list", folder);
    while (smbc_readdir(fd) != NULL) entries++;
    need(entries >= 2000, "list (too few entries)", folder);
    need(smbc_closedir(fd) == 0, "close list", folder);
}

typedef void (*operation)(const char *folder, int i);

static operation find_operation(const char *name) {
    static const struct { const char *name; operation run; } table[] = {
        {"create", op_create}, {"stat", op_stat},     {"read", op_read},
        {"rename", op_rename}, {"unlink", op_unlink}, {"list", op_list},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, name) == 0) return table[i].run;
    fprintf(stderr, "no operation %s\n", name);
    exit(2);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void client(const char *folder, operation run, int count, int go, int done) {
    struct stat st;
    char token = 'r';
    need(smbc_init(login, 0) == 0, "smbc_init", folder);
    need(smbc_stat(folder, &st) == 0, "first stat", folder);
    need(write(done, &token, 1) == 1 && read(go, &token, 1) == 1, "start", folder);
    for (int i = 0; i < count; i++) run(folder, i);
    need(write(done, &token, 1) == 1, "finish", folder);
    if (read(go, &token, 1) < 0) _exit(1); /* connections stay open until the parent goes */
    _exit(0);
}

static void await_tokens(int fd, int count) {
    char token;
    for (int i = 0; i < count; i++)
        if (read(fd, &token, 1) != 1) {
            fprintf(stderr, "a client failed\n");
            exit(1);
        }
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: ops BASE_URL USER PASSWORD OPERATION COUNT CLIENTS\n");
        return 2;
    }
    user = argv[2], password = argv[3];
    operation run = find_operation(argv[4]);
    int count = atoi(argv[5]), clients = atoi(argv[6]), go[2], done[2];
    if (count < 1 || clients < 1 || clients > MAX_CLIENTS || pipe(go) || pipe(done)) return 2;
    memset(content, 'x', sizeof content);
    for (int i = 0; i < clients; i++)
        if (fork() == 0) {
            char folder[URL_SIZE];
            close(go[1]), close(done[0]);
            if (run == op_list) snprintf(folder, sizeof folder, "%s/list", argv[1]);
            else snprintf(folder, sizeof folder, "%s/c%d", argv[1], i);
            client(folder, run, count, go[0], done[1]);
        }
    close(go[0]), close(done[1]);
    await_tokens(done[0], clients);
    printf("ready\n");
    fflush(stdout);
    char line[16];
    if (fgets(line, sizeof line, stdin) == NULL) return 1;
    double start = now();
    if (write(go[1], "gggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggggg", clients) != clients) return 1;
    await_tokens(done[0], clients);
    printf("{\"seconds\": %.9f, \"operations\": %d}\n", now() - start, count * clients);
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL) { /* end of input: let the clients go */ }
    close(go[1]);
    while (wait(NULL) > 0) continue;
    return 0;
}
