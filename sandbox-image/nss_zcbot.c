/*
 * SPDX-License-Identifier: Apache-2.0
 *
 * An NSS module (nsswitch.conf) that tells libc the user and group of a sandbox's processes. Each
 * sandbox has its own uid, which no file in the image can list. Whatever the uid is, the process's own
 * user and group are `sandbox`, and its home is the workspace. Root is left to the files.
 */
#include <errno.h>
#include <grp.h>
#include <nss.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const char name[] = "sandbox";
static const char secret[] = "x";
static const char home[] = "/workspace";
static const char shell[] = "/bin/bash";

/* Copies a text into the caller's buffer; returns null if there is no room for it. */
static char *keep(const char *text, char **room, size_t *left) {
  size_t size = strlen(text) + 1;
  if (size > *left) {
    return NULL;
  }
  char *kept = memcpy(*room, text, size);
  *room += size;
  *left -= size;
  return kept;
}

static enum nss_status too_small(int *error) {
  *error = ERANGE;
  return NSS_STATUS_TRYAGAIN;
}

static enum nss_status user(struct passwd *found, char *room, size_t left, int *error) {
  found->pw_name = keep(name, &room, &left);
  found->pw_passwd = keep(secret, &room, &left);
  found->pw_gecos = keep("", &room, &left);
  found->pw_dir = keep(home, &room, &left);
  found->pw_shell = keep(shell, &room, &left);
  found->pw_uid = getuid();
  found->pw_gid = getgid();
  return found->pw_name && found->pw_passwd && found->pw_gecos && found->pw_dir && found->pw_shell
             ? NSS_STATUS_SUCCESS
             : too_small(error);
}

enum nss_status _nss_zcbot_getpwuid_r(uid_t uid, struct passwd *found, char *room, size_t size,
                                      int *error) {
  return uid != 0 && uid == getuid() ? user(found, room, size, error) : NSS_STATUS_NOTFOUND;
}

enum nss_status _nss_zcbot_getpwnam_r(const char *wanted, struct passwd *found, char *room,
                                      size_t size, int *error) {
  return getuid() != 0 && strcmp(wanted, name) == 0 ? user(found, room, size, error)
                                                    : NSS_STATUS_NOTFOUND;
}

static enum nss_status group(struct group *found, char *room, size_t left, int *error) {
  size_t gap = -(size_t)room % sizeof(char *);
  if (left < gap + sizeof(char *)) {
    return too_small(error);
  }
  char **members = (char **)(void *)(room + gap);
  room += gap + sizeof(char *);
  left -= gap + sizeof(char *);
  members[0] = NULL;
  found->gr_mem = members;
  found->gr_name = keep(name, &room, &left);
  found->gr_passwd = keep(secret, &room, &left);
  found->gr_gid = getgid();
  return found->gr_name && found->gr_passwd ? NSS_STATUS_SUCCESS : too_small(error);
}

enum nss_status _nss_zcbot_getgrgid_r(gid_t gid, struct group *found, char *room, size_t size,
                                      int *error) {
  return gid != 0 && gid == getgid() ? group(found, room, size, error) : NSS_STATUS_NOTFOUND;
}

enum nss_status _nss_zcbot_getgrnam_r(const char *wanted, struct group *found, char *room,
                                      size_t size, int *error) {
  return getgid() != 0 && strcmp(wanted, name) == 0 ? group(found, room, size, error)
                                                    : NSS_STATUS_NOTFOUND;
}
